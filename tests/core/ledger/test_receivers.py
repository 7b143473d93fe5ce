"""How receivers are told, as the settings say: Slack's escapes, signatures, templates, addresses by reference."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lockgate.ledger.notifying.notice import Kind, Notice
from lockgate.ledger.notifying.notifier import retry_delay
from lockgate.ledger.notifying.posting import Attempt, _judged
from lockgate.ledger.notifying.receivers import Receiver, ReceiverError
from lockgate.ledger.notifying.rendering import signature, signing_key
from lockgate.ledger.settings import Settings

NOTICE = Notice(
    id="n-1", kind=Kind.APPROVAL, application="payments", release="r-1", version="v3", stage="first",
    regions=("eu-west", "us-east"), what="payments v3 waits for an approval before the stage first",
    why="The plan asks for it.", says="An operator says whether it may begin:",
    commands=('lockgate approve payments --why "..."',), at=datetime(2026, 11, 24, 10, 0, tzinfo=UTC), event="e-1",
)  # fmt: skip
SECRET_URL = "https://hooks.example.com/services/T000/B000/hunter2"


def slack(**changes: Any) -> Receiver:
    return Receiver.model_validate({"name": "ops", "type": "slack", "url_env": "OPS_URL", **changes})


def webhook(**changes: Any) -> Receiver:
    return slack(**{"type": "webhook", **changes})


def section(notice: Notice, **changes: Any) -> str:
    return str(json.loads(slack(**changes).body(notice))["blocks"][0]["text"]["text"])


def test_slack_is_told_in_one_section_and_a_phone_shows_what_happened() -> None:
    assert json.loads(slack().body(NOTICE)) == {
        "text": "payments v3 waits for an approval before the stage first",
        "blocks": [
            {
                "type": "section",
                "text": {
                    "type": "mrkdwn",
                    "verbatim": True,
                    "text": "*payments v3 waits for an approval before the stage first* (eu-west, us-east)\n"
                    "The plan asks for it.\n"
                    "An operator says whether it may begin:\n"
                    '`lockgate approve payments --why "..."`',
                },
            }
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def test_nothing_that_an_event_says_is_a_mention_or_a_link_for_slack() -> None:
    nasty = "<!channel> <https://evil.example|click> & <@U1>"
    body = json.loads(slack().body(NOTICE.model_copy(update={"why": nasty, "what": nasty})))
    shown = "&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; &lt;@U1&gt;"
    assert body["text"] == shown
    assert body["blocks"][0]["text"]["text"].startswith(f"*{shown}* (eu-west, us-east)\n{shown}\n")
    assert body["blocks"][0]["text"]["verbatim"] is True


def test_a_long_reason_leaves_room_for_what_comes_next() -> None:
    text = section(NOTICE.model_copy(update={"why": "<" * 2000}))
    assert len(text) <= 3000
    assert text.endswith('`lockgate approve payments --why "..."`')
    assert text.split("\n")[1] == "&lt;" * 300 + "…"


def test_of_many_regions_a_text_names_ten() -> None:
    many = NOTICE.model_copy(update={"regions": tuple(f"r{n}" for n in range(100))})
    assert "(r0, r1, r2, r3, r4, r5, r6, r7, r8, r9 and 90 more)" in section(many)
    assert json.loads(webhook().body(many))["regions"] == [f"r{n}" for n in range(100)]


def test_a_webhook_gets_every_field_and_one_text_of_them() -> None:
    assert json.loads(webhook().body(NOTICE)) == {
        "id": "n-1", "kind": "approval", "application": "payments", "release": "r-1", "version": "v3",
        "stage": "first", "regions": ["eu-west", "us-east"],
        "what": "payments v3 waits for an approval before the stage first", "why": "The plan asks for it.",
        "says": "An operator says whether it may begin:", "commands": ['lockgate approve payments --why "..."'],
        "at": "2026-11-24T10:00:00Z", "event": "e-1",
        "text": "payments v3 waits for an approval before the stage first (eu-west, us-east)\n"
        "The plan asks for it.\n"
        "An operator says whether it may begin:\n"
        'lockgate approve payments --why "..."',
    }  # fmt: skip


def test_a_template_of_the_settings_chooses_the_words() -> None:
    template = "<!subteam^S1> ${application} ${version} ${kind}: ${why} [$$5]"
    sly = NOTICE.model_copy(update={"why": "<!here> ${id} $what"})
    assert (
        section(sly, template=template)
        == "<!subteam^S1> payments v3 approval: &lt;!here&gt; ${id} $what [$5]"
    )


def test_a_signature_is_that_of_standard_webhooks() -> None:
    key = signing_key("whsec_" + base64.b64encode(b"0123456789abcdef").decode())
    assert key == b"0123456789abcdef"
    expected = hmac.new(b"0123456789abcdef", b'n-1.1764000000.{"a":1}', hashlib.sha256).digest()
    assert signature(key, "n-1", 1_764_000_000, b'{"a":1}') == "v1," + base64.b64encode(expected).decode()
    assert signing_key("any text that is long enough") == b"any text that is long enough"


# --- settings -----------------------------------------------------------------------------------------------------


def test_an_address_is_read_from_its_file_each_time(tmp_path: Path) -> None:
    file = tmp_path / "url"
    receiver = slack(url_env=None, url_file=file)
    file.write_text(f"{SECRET_URL}\n")
    assert receiver.address() == SECRET_URL
    file.write_text(f"{SECRET_URL}3\n")
    assert receiver.address() == f"{SECRET_URL}3"


def test_an_address_may_be_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_URL", SECRET_URL)
    assert slack().address() == SECRET_URL
    monkeypatch.delenv("OPS_URL")
    with pytest.raises(ReceiverError, match=r"^the variable OPS_URL is not set$"):
        slack().address()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "is empty"),
        ("hooks.example.com/hunter2", "is none: write https://HOST/PATH"),
        ("ftp://hooks.example.com/hunter2", "is none"),
        ("file:///etc/hunter2", "is none"),
        ("https://hooks.example.com:hunter2/", "is none"),
        ("https://me:hunter2@hooks.example.com/", "has a user"),
        ("https://hooks.example.com/#hunter2", "a fragment"),
        ("https://hooks.example.com/ hunter2", "has a blank"),
        ("http://hooks.example.com/hunter2", "is http: and not on this machine"),
        ("http://169.254.169.254/hunter2", "is http: and not on this machine"),
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_said_without_quoting_it(
    monkeypatch: pytest.MonkeyPatch, url: str, problem: str
) -> None:
    monkeypatch.setenv("OPS_URL", url)
    with pytest.raises(ReceiverError) as refused:
        slack().address()
    assert problem in str(refused.value)
    assert "the variable OPS_URL" in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "http://[::1]:8080/x", "http://localhost/x"])
def test_on_this_machine_an_address_may_be_http(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OPS_URL", url)
    assert slack().address() == url


def test_elsewhere_http_has_to_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_URL", "http://pager.monitoring:8080/x")
    assert slack(plain_http=True).address() == "http://pager.monitoring:8080/x"


def test_a_secret_that_is_short_or_no_base64_is_said_without_quoting_it(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    for text, says in (("hunter2", "has fewer than 16 bytes"), ("whsec_hunter-2", "is no base64")):
        file.write_text(text)
        with pytest.raises(ReceiverError) as refused:
            webhook(secret_file=file).key()
        assert says in str(refused.value)
        assert "hunter" not in str(refused.value)
    with pytest.raises(ReceiverError, match=r"cannot be read \(No such file or directory\)"):
        webhook(secret_file=tmp_path / "none").key()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"url_env": None}, "needs either url_file or url_env"),
        ({"url_file": "/x"}, "needs either url_file or url_env"),
        ({"url": SECRET_URL}, "Extra inputs are not permitted"),
        ({"secret_env": "A", "secret_file": "/x", "type": "webhook"}, "has secret_file and secret_env"),
        ({"secret_env": "A"}, "is Slack, which takes no secret but its address"),
        ({"kinds": ["failures"]}, "Input should be 'failure', 'hold'"),
        ({"template": "${whta}"}, "names whta, and may name application, at, id"),
        ({"template": "5 $"}, "has a $ that begins no name"),
    ],
)
def test_settings_that_are_not_right_are_refused_with_what_to_write(
    changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        slack(**changes)
    assert says in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_the_ledger_takes_receivers_as_json_and_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"name": "ops", "type": "slack", "url_env": "OPS_URL", "kinds": ["failure", "hold"]}
    monkeypatch.setenv("LOCKGATE_NOTIFY", json.dumps([one]))
    monkeypatch.setenv("LOCKGATE_NOTIFY_WITHIN", "2h")
    settings = Settings()
    assert (settings.notify, settings.notify_within) == ((slack(kinds=["failure", "hold"]),), 7200.0)
    monkeypatch.setenv("LOCKGATE_NOTIFY", json.dumps([one, one]))
    with pytest.raises(ValidationError, match="the receiver ops is listed twice"):
        Settings()


# --- what an answer means -----------------------------------------------------------------------------------------


def test_only_what_is_in_the_two_hundreds_is_delivered() -> None:
    assert [_judged(status, "").delivered for status in (200, 204, 302, 404, 500)] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert _judged(302, "").trouble == "it answers 302, a redirection, which is not followed"
    assert [_judged(status, "").refused for status in (400, 413, 422, 404, 410, 429, 500)] == [True] * 3 + [
        False
    ] * 4


def test_who_asks_to_be_left_alone_is_for_an_hour_at_most() -> None:
    assert _judged(429, "30").after == 30.0
    assert _judged(429, "999999").after == 3600.0
    assert _judged(429, "Wed, 21 Oct 2026 07:28:00 GMT").after == 0.0


def test_each_attempt_waits_twice_as_long_up_to_five_minutes() -> None:
    failed = Attempt("it answers 500")
    assert [retry_delay(n, failed) for n in (0, 1, 2, 8, 9, 1000)] == [1.0, 2.0, 4.0, 256.0, 300.0, 300.0]
    assert retry_delay(0, Attempt("it answers 429", after=30.0)) == 30.0
