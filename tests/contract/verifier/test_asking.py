"""Asking a check over HTTP, against a real server: what it is asked, what counts as an answer, and what never does."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from lockgate.messages.plan_check import Check
from lockgate.verifier.asking import open_asking
from lockgate.verifier.core.checks import Answered, Ask, Report, Silent
from lockgate.verifier.named_checks import NamedCheck
from lockgate.verifier.settings import Settings
from lockgate.verifier.work import open_work
from tests.support.verifier import APPLICATION, WATCH, WAVE, in_production, names

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
DIGEST = "sha256:" + "a" * 64
SOON = {"interval": 0.01, "outage": 0.05}
"""Sooner than a plan may ask for."""


def order(**check: Any) -> Ask:
    quick = {name: check.pop(name, value) for name, value in SOON.items()}
    asked = Check.model_validate({"http": "smoke", **check}).model_copy(update=quick)
    return Ask(release="6f1c9d1e-release", application="payments", stage="first", digest=DIGEST, check=asked)


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", handler)
    server = TestServer(application)
    await server.start_server(ssl=tls)
    try:
        yield str(server.make_url("/")).rstrip("/")
    finally:
        await server.close()


def answering(*statuses: int) -> Handler:
    """These one after the other; the last one for ever."""
    left = list(statuses)

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=left.pop(0) if len(left) > 1 else left[0], text="a secret")

    return handler


class Run:
    """One run of the work, and what it said before its end."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.told = asyncio.Event()

    async def report(self, body: dict[str, Any]) -> None:
        self.said.append(body)
        self.told.set()

    async def of(self, asked: Ask, checks: dict[str, Any]) -> Answered | Silent:
        settings = Settings.model_validate({"checks": checks})
        async with open_asking(settings) as asking:
            return read(await asking(asked).run(self.report))

    async def until_told(self, asked: Ask, checks: dict[str, Any]) -> Answered | Silent:
        """Its first report before its end, which it is not waited for."""
        task = asyncio.create_task(self.of(asked, checks))
        await self.told.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return read(self.said[0])


def read(body: dict[str, Any]) -> Answered | Silent:
    return Report.model_validate({"said": body}).said


async def answered(handler: Handler, asked: Ask, path: str = "/") -> Answered:
    async with serving(handler) as url:
        said = await Run().of(asked, {"smoke": {"url": url + path}})
    assert isinstance(said, Answered)
    return said


async def silence(checks: dict[str, Any], **check: Any) -> Silent:
    said = await Run().until_told(order(**check), checks)
    assert isinstance(said, Silent)
    assert not said.for_good
    assert (said.answers.right, said.answers.wrong) == (0, 0)
    return said


# --- answers ----------------------------------------------------------------------------------------------------


async def test_it_is_asked_with_get_and_with_quoted_values_where_its_template_has_them() -> None:
    seen: list[tuple[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.raw_path))
        return web.Response()

    said = await answered(handler, order(), "/{application}/{stage}?of={digest}&by={release}")
    assert said.answers.right == 1
    assert seen == [("GET", f"/payments/first?of=sha256:{'a' * 64}&by=6f1c9d1e-release")]


async def test_it_is_asked_until_so_many_answers_are_right() -> None:
    said = await answered(answering(200), order(times=3))
    assert (said.answers.right, said.answers.wrong) == (3, 0)
    assert [tried.status for tried in said.answers.tries] == [200, 200, 200]


@pytest.mark.parametrize("status", [204, 302, 404, 500, 503])
async def test_another_answer_than_expected_is_a_wrong_one_and_ends_it(status: int) -> None:
    said = await answered(answering(status), order(times=3))
    assert (said.answers.right, said.answers.wrong) == (0, 1)


async def test_so_many_wrong_answers_as_the_plan_allows_are_no_end() -> None:
    said = await answered(answering(500, 200, 500, 200), order(times=2, failures=2))
    assert (said.answers.right, said.answers.wrong) == (2, 2)


async def test_no_redirection_is_followed() -> None:
    paths: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    assert (await answered(handler, order())).answers.wrong == 1
    assert paths == ["/"]


async def test_a_body_without_end_is_not_waited_for_and_nothing_of_any_body_is_reported() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"a secret" * 8192)

    said = await answered(handler, order(within=60.0))
    assert said.answers.right == 1
    assert "secret" not in said.model_dump_json()


# --- no answers -------------------------------------------------------------------------------------------------


async def test_nobody_who_listens_is_no_answer() -> None:
    said = await silence({"smoke": {"url": f"http://127.0.0.1:{unused_port()}/key"}})
    assert said.reason == "it cannot be connected to (Connection refused)"
    assert said.answers.unanswered >= 1
    assert "127.0.0.1" not in said.model_dump_json()


async def test_one_who_answers_too_late_is_no_answer() -> None:
    async def handler(_: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        return web.Response()

    async with serving(handler) as url:
        said = await silence({"smoke": {"url": url}}, within=0.05)
    assert said.reason == "no answer within 0.05 s"


async def test_a_connection_that_is_closed_is_no_answer() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with serving(handler) as url:
        said = await silence({"smoke": {"url": url}})
    assert said.reason == "it closed the connection without an answer"


@pytest.mark.parametrize("sent", [b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000])
async def test_what_is_no_http_is_no_answer(sent: bytes) -> None:
    async def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        said = await silence({"smoke": {"url": f"http://127.0.0.1:{port}/key"}})
    assert said.reason.startswith("there is no whole answer in HTTP")
    assert "key" not in said.reason


async def test_a_certificate_that_nobody_vouches_for_is_no_answer(tmp_path: Path) -> None:
    async with serving(answering(200), _own_certificate(tmp_path)) as url:
        said = await silence({"smoke": {"url": url}})
    assert said.reason == "its TLS certificate is not trusted"


async def test_one_who_speaks_no_tls_is_no_answer() -> None:
    async with serving(answering(200)) as url:
        said = await silence({"smoke": {"url": url.replace("http:", "https:")}})
    assert said.reason == "it does not speak TLS as it should"


def _own_certificate(folder: Path) -> ssl.SSLContext:
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]),
    )
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1))
    signed = made.not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


async def test_it_is_said_once_that_there_is_no_answer_and_once_that_there_is_one_again() -> None:
    there, run = False, Run()

    async def handler(request: web.Request) -> web.Response:
        if not there:
            assert request.transport is not None
            request.transport.abort()
        return web.Response()

    async with serving(handler) as url:
        asked = order(times=2, outage=0.02)
        task = asyncio.create_task(run.of(asked, {"smoke": {"url": url}}))
        await run.told.wait()
        there = True
        last = await task
    assert [body["outcome"] for body in run.said] == ["silent", "answered"]
    assert isinstance(last, Answered)
    assert (last.answers.right, last.answers.wrong) == (2, 0)


async def test_it_says_from_time_to_time_that_it_asks_still_so_that_nobody_takes_it_for_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of the answers are missing: what was answered must not be thrown away for that."""
    monkeypatch.setattr("lockgate.verifier.asking.AGAIN", 0.0)
    run, asked = Run(), 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        if asked % 2 == 0:
            await asyncio.sleep(3600)
        return web.Response()

    async with serving(handler) as url:
        last = await run.of(order(times=3, outage=60.0, within=0.3), {"smoke": {"url": url}})
    assert isinstance(last, Answered)
    assert (last.answers.right, last.answers.unanswered) == (3, 2)
    said = [read(body) for body in run.said]
    assert [type(each) for each in said] == [Answered] * 4
    assert [each.answers.right for each in said] == [1, 1, 2, 2]


async def test_one_that_is_silent_says_so_again() -> None:
    told = list[str]()
    enough = asyncio.Event()

    async def report(body: dict[str, Any]) -> None:
        told.append(body["outcome"])
        if len(told) == 3:
            enough.set()

    checks = {"smoke": {"url": f"http://127.0.0.1:{unused_port()}/"}}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("lockgate.verifier.asking.AGAIN", 0.0)
        async with open_asking(Settings.model_validate({"checks": checks})) as asking:
            task = asyncio.create_task(asking(order(outage=0.001)).run(report))
            await enough.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert told[-1] == "silent"
    assert told.count("silent") >= 2


async def test_however_many_checks_hang_another_one_is_answered() -> None:
    """As many as there are places for slow work besides."""
    hung, hanging = 0, asyncio.Event()
    over = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        nonlocal hung
        if request.path == "/hangs":
            hung += 1
            if hung == 150:
                hanging.set()
            await over.wait()
        return web.Response()

    async with serving(handler) as url:
        checks = {"smoke": {"url": f"{url}/well"}, "hangs": {"url": f"{url}/hangs"}}
        async with open_asking(Settings.model_validate({"checks": checks})) as asking:
            slow = [
                asyncio.create_task(asking(order(http="hangs", within=60.0)).run(Run().report))
                for _ in range(150)
            ]
            async with asyncio.timeout(30):
                await hanging.wait()
            said = read(await asking(order(within=5.0)).run(Run().report))
            over.set()
            await asyncio.gather(*slow)
    assert isinstance(said, Answered)
    assert said.answers.unanswered == 0


# --- whom it may ask --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("checks", "told"),
    [({}, "it has none"), ({"load": {"url": "http://127.0.0.1/"}}, "it has load")],
)
async def test_a_name_that_the_settings_do_not_have_is_said_at_once_and_asks_nobody(
    checks: dict[str, Any], told: str
) -> None:
    said = await Run().of(order(), checks)
    assert isinstance(said, Silent)
    assert said.for_good
    assert said.reason == f"the verifier's settings (LOCKGATE_CHECKS) have no check of this name; {told}"


async def test_its_token_is_read_anew_for_each_question(tmp_path: Path) -> None:
    file, seen = tmp_path / "token", list[str]()
    file.write_text("one\n")

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        file.write_text("two")
        return web.Response()

    async with serving(handler) as url:
        check = {"url": url, "token_file": file, "plain_http": True}
        await Run().of(order(times=2), {"smoke": check})
    assert seen == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "is empty, or has a blank"),
        (b"one\ntwo", "is empty, or has a blank"),
        (b"\xff", "is no text in UTF-8"),
    ],
)
async def test_a_token_that_is_not_to_be_had_is_no_answer_and_is_not_quoted(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    check = {"url": "https://127.0.0.1/", "token_file": file}
    said = await silence({"smoke": check})
    assert said.reason.startswith(f"the token file {file} {told}")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ftp://smoke.example/", "is none"),
        ("https:///smoke", "is none"),
        ("https://smoke.example:port/", "is none"),
        ("https://smoke.example/{application", "is none"),
        ("https://smoke.example/a b", "has a blank"),
        ("https://smoke.example/ä", "has a blank"),
        ("https://ann:secret@smoke.example/", "has a user, a password or a fragment"),
        ("https://smoke.example/#{stage}", "has a user, a password or a fragment"),
        ("https://{application}.example/", "is none"),
        ("https://smoke.example:{stage}/", "is none"),
        ("https://smoke.example/{region}", "has other braces than {application}"),
        ("https://smoke.example/{digest.__class__}", "has other braces than"),
        ("https://smoke.example/{digest!r}", "has other braces than"),
        ("https://smoke.example/{digest:>80}", "has other braces than"),
        ("https://smoke.example/{}", "has other braces than"),
    ],
)
def test_an_address_that_could_lead_elsewhere_is_refused_without_being_quoted(url: str, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        NamedCheck(url=url)
    assert f"the url of a check {told}" in str(refused.value)
    assert "smoke.example" not in str(refused.value)


def test_a_token_goes_over_http_only_where_the_settings_say_so() -> None:
    with pytest.raises(ValidationError, match="would go over http"):
        NamedCheck(url="http://smoke.example/", token_file=Path("token"))
    assert NamedCheck(url="https://smoke.example/", token_file=Path("token")).plain_http is False


def test_a_value_never_leaves_its_place_in_the_address() -> None:
    check = NamedCheck(url="https://smoke.example/{release}/x?of={digest}")
    values = {"application": "a", "stage": "b", "release": "../..//evil?x#", "digest": "&y=1"}
    assert check.address(values) == "https://smoke.example/..%2F..%2F%2Fevil%3Fx%23/x?of=%26y%3D1"


async def test_what_a_stage_orders_is_asked_by_the_settings_of_the_environment_and_its_answer_lets_it_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release, seen = in_production({**WAVE, "check": {"http": "smoke"}}, WATCH), list[str]()
    release.deployed("eu-west")
    body = release.desk.work[APPLICATION, "ask first"].body

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response()

    async with serving(handler) as url:
        monkeypatch.setenv("LOCKGATE_CHECKS", f'{{"smoke": {{"url": "{url}/{{application}}"}}}}')
        async with open_work(Settings()) as work:
            answer = await work["ask"](body, Run().report)
    said = release.desk.report(APPLICATION, "ask first", answer)
    assert seen == ["/payments"]
    assert names(said)[:2] == ["VerdictReached", "StagePassed"]
