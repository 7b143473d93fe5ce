"""An artifact with the provenance that its plan demands is admitted once that is known, by the plan that holds then."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from pydantic_core import to_json
from structlog.testing import capture_logs

from lockgate.intake.core import TABLE
from lockgate.intake.core.checking import MOST_AT_ONCE
from lockgate.intake.core.unchecked import WITHIN
from lockgate.intake.provenance import checking as checking_work
from lockgate.intake.provenance.work import open_work
from lockgate.intake.settings import Settings
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.message import Message, decode
from lockgate.messages.operations import Fix, OperationRefusal
from lockgate.messages.payload import Payload
from lockgate.messages.releases import (
    ArtifactRefusal,
    ArtifactRefused,
    ArtifactVerified,
    OperationAnswered,
    ReleaseClosed,
    ReleaseQueued,
    ReleaseStarted,
)
from tests.support.desk import Desk
from tests.support.intake import APP, digest, marked, names, published, purl, settled
from tests.support.signing import (
    BOTH,
    GITHUB,
    WORKFLOW,
    Json,
    by_key,
    new_key,
    pem,
    provenance,
    statement,
    trusted,
)
from tests.support.unproven import BUILT, SIGNED, TAGS, announce, being_checked, check_all, demanding

OURS = new_key()
EDWARDS = ed25519.Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trusted().trust_root(tmp_path_factory.mktemp("trust"))


def _ours(n: int = 1) -> Json:
    return trusted().bundle(statement(digest(n)))


def _verified(at_desk: Desk, bundles: list[Any], root: Path | None) -> ArtifactVerified:
    assert announce(at_desk, *bundles) == []
    verified, queued, started = check_all(at_desk, root)
    assert isinstance(verified, ArtifactVerified)
    assert isinstance(queued, ReleaseQueued)
    assert isinstance(started, ReleaseStarted)
    assert (verified.artifact, queued.release) == (queued.artifact, started.release)
    assert not at_desk.work
    assert not at_desk.timers
    return verified


def test_an_artifact_that_is_signed_as_the_plan_demands_is_admitted(root: Path) -> None:
    verified = _verified(demanding(SIGNED), [_ours()], root)
    assert (verified.signer, verified.issuer, verified.plan_version) == (WORKFLOW, GITHUB, 1)
    assert (verified.builder, verified.source) == (None, None)


def test_one_that_was_built_as_the_plan_demands_is_admitted(root: Path) -> None:
    verified = _verified(demanding(BUILT), [trusted().bundle(provenance())], root)
    assert (verified.builder, verified.source) == (WORKFLOW, "https://github.com/acme/payments@refs/tags/v1")


@pytest.mark.parametrize("key", [OURS, EDWARDS], ids=["P-256", "Ed25519"])
@pytest.mark.parametrize("bare", [False, True], ids=["PEM", "base64"])
def test_a_key_that_the_plan_names_needs_no_trust_root(key: Any, bare: bool) -> None:
    written = pem(key)
    named = "".join(written.split("\n")[1:-2]) if bare else written
    verified = _verified(
        demanding({"signers": [{"key": pem(new_key())}, {"key": named}]}), [by_key(key, statement())], None
    )
    assert verified.signer.startswith("key ")
    assert (len(verified.signer), verified.issuer) == (68, None)


def test_an_address_is_an_identity_as_well(root: Path) -> None:
    signer = {"identity": "release@acme.example", "issuer": "https://accounts.example"}
    bundle = trusted().bundle(statement(), identity=signer["identity"], issuer=signer["issuer"])
    assert _verified(demanding({"signers": [signer]}), [bundle], root).signer == "release@acme.example"


@pytest.mark.parametrize("vouched", [BOTH[:1], BOTH[1:]])
def test_an_issuer_may_be_said_in_either_extension(vouched: tuple[str, ...], root: Path) -> None:
    bundle = trusted().bundle(statement(), vouched=vouched)
    assert _verified(demanding(SIGNED), [bundle], root).issuer == GITHUB


def test_what_a_star_stands_for_may_be_longer_than_an_event_takes(root: Path) -> None:
    tag = "v" * 3000
    bundle = trusted().bundle(provenance(ref=f"refs/tags/{tag}"), identity=TAGS.replace("*", tag))
    verified = _verified(demanding(BUILT), [bundle], root)
    assert (len(verified.signer), len(verified.source or "")) == (1024, 1024)


def test_one_good_bundle_among_bad_ones_is_enough(root: Path) -> None:
    bad = trusted().bundle(statement(), identity="https://github.com/mallory/x/y@refs/tags/v1")
    assert _verified(demanding(SIGNED), ["no bundle", bad, _ours()], root).signer == WORKFLOW


def test_provenance_is_a_signature_too_where_no_more_is_demanded(root: Path) -> None:
    assert _verified(demanding(SIGNED), [trusted().bundle(provenance())], root).source is None


@pytest.mark.parametrize(
    ("sources", "parameters", "source"),
    [
        (
            ["https://git.acme.example/pay"],
            {"source": "git+https://git.acme.example/pay@refs/heads/x"},
            "@refs/heads/x",
        ),
        (
            ["https://git.acme.example/pay"],
            {"source": {"uri": "https://git.acme.example/pay", "digest": {}}, "target": "all"},
            "",
        ),
        (
            ["https://git.acme.example/pay/*@refs/*/main"],
            {"source": "https://git.acme.example/pay/a@refs/heads/main"},
            "/a@refs/heads/main",
        ),
    ],
)
def test_other_builders_name_their_source(sources: list[str], parameters: Json, source: str) -> None:
    slsa = {
        "builders": ["https://ci.acme.example/builder"],
        "sources": sources,
        "build-types": ["https://ci.acme.example/make/v1"],
        "parameters": ["target"],
    }
    said = provenance(
        builder="https://ci.acme.example/builder",
        build_type="https://ci.acme.example/make/v1",
        parameters=parameters,
    )
    demands = {"signers": [{"key": pem(OURS)}], "slsa": slsa}
    assert (
        _verified(demanding(demands), [by_key(OURS, said)], None).source
        == f"https://git.acme.example/pay{source}"
    )


_NOTHING: list[Any] = [
    None,
    "x",
    {},
    {"lockgate": None},
    {"lockgate": {"bundles": None}},
    {"lockgate": {"bundles": []}},
]


def test_bundles_travel_in_the_custom_data_of_the_announcement() -> None:
    assert _read({"lockgate": {"bundles": [{"a": 1}, "x"]}}) == ({"a": 1}, "x")
    assert _read({"lockgate": {"bundles": {"a": 1}}}) == ({"a": 1},)
    assert [_read(nothing) for nothing in _NOTHING] == [()] * len(_NOTHING)


def _read(custom_data: Any) -> tuple[Any, ...]:
    context = {
        "specversion": "0.5.1",
        "id": "e",
        "source": "/ci",
        "type": ArtifactPublished.type,
        "timestamp": "2026-11-24T12:00:00Z",
    }
    event = {"context": context, "subject": {"id": purl(1), "content": {}}, "customData": custom_data}
    message: Message[Payload] = decode(None, {}, to_json(event))
    assert isinstance(message.body, ArtifactPublished)
    return message.body.bundles


# --- while it is checked --------------------------------------------------------------------------------------------


def test_a_plan_that_demands_nothing_looks_at_no_bundle() -> None:
    at_desk = demanding(SIGNED)
    at_desk.give(published())
    assert names(announce(at_desk, "no bundle")) == ["ReleaseQueued", "ReleaseStarted"]


def test_a_plan_that_demands_nothing_any_more_admits_what_is_being_checked() -> None:
    at_desk = demanding(SIGNED)
    announce(at_desk, "no bundle")
    at_desk.give(published())
    assert names(check_all(at_desk, None)) == ["ReleaseQueued", "ReleaseStarted"]


def test_a_plan_that_demands_something_else_meanwhile_has_it_checked_again(root: Path) -> None:
    at_desk = demanding(SIGNED)
    announce(at_desk, _ours())
    at_desk.give(published(provenance=BUILT))
    assert check_all(at_desk, root) == []
    assert len(being_checked(at_desk)) == 1
    (refused,) = check_all(at_desk, root)
    assert isinstance(refused, ArtifactRefused)
    assert refused.code is ArtifactRefusal.NO_PROVENANCE
    assert not at_desk.timers


def test_what_became_bad_while_it_was_checked_is_refused(root: Path) -> None:
    at_desk = demanding(SIGNED)
    announce(at_desk, _ours())
    at_desk.give(marked(1))
    (refused,) = check_all(at_desk, root)
    assert isinstance(refused, ArtifactRefused)
    assert refused.code is ArtifactRefusal.KNOWN_BAD
    assert not at_desk.timers


def test_each_announcement_is_checked_for_itself_and_one_is_enough(root: Path) -> None:
    """Whoever announces an image with bad bundles keeps out nobody who has good ones."""
    at_desk = demanding(SIGNED)
    announce(at_desk, "no bundle")
    announce(at_desk, _ours())
    announce(at_desk, _ours())
    said = names(check_all(at_desk, root))
    assert said == [
        "ArtifactRefused",
        "ArtifactVerified",
        "ReleaseQueued",
        "ReleaseStarted",
        "ArtifactRefused",
    ]
    last = at_desk.events[-1]
    assert isinstance(last, ArtifactRefused)
    assert last.code is ArtifactRefusal.DUPLICATE


def test_what_is_not_checked_in_time_is_refused_and_a_late_report_changes_nothing() -> None:
    at_desk = demanding(SIGNED)
    announce(at_desk, _ours())
    (name,) = being_checked(at_desk)
    work = at_desk.work[APP, name]
    began = at_desk.now
    (refused,) = at_desk.fire(APP, name)
    assert isinstance(refused, ArtifactRefused)
    assert (refused.code, at_desk.now - began) == (ArtifactRefusal.NOT_CHECKED, WITHIN)
    assert refused.reason == (
        "the provenance of v1 of payments was not checked within 10 minutes: look at intake's log, and announce it again"
    )
    assert not at_desk.work
    at_desk.work[APP, name] = work
    assert at_desk.report(APP, name, {"outcome": "verified", "signer": "x"}) == []


def test_a_timer_that_comes_after_the_answer_changes_nothing(root: Path) -> None:
    at_desk = demanding(SIGNED)
    announce(at_desk, _ours())
    ((key, timer),) = at_desk.timers.items()
    check_all(at_desk, root)
    at_desk.timers[key] = timer
    assert at_desk.fire(*key) == []


def test_no_more_than_so_many_are_checked_at_once(root: Path) -> None:
    at_desk = demanding(SIGNED)
    for n in range(1, MOST_AT_ONCE + 1):
        assert announce(at_desk, _ours(n), n=n) == []
    (refused,) = announce(at_desk, _ours(99), n=99)
    assert isinstance(refused, ArtifactRefused)
    assert refused.code is ArtifactRefusal.NOT_CHECKED
    assert refused.reason == "20 artifacts are being checked already: announce v99 again in a minute"
    check_all(at_desk, root)
    assert announce(at_desk, _ours(99), n=99) == []


# --- in which order --------------------------------------------------------------------------------------------------


def _queued(said: list[Payload]) -> list[str]:
    return [event.artifact.digest for event in said if isinstance(event, ReleaseQueued)]


@pytest.mark.parametrize("supersede", [True, False])
def test_what_was_announced_first_is_checked_first_and_queued_first(root: Path, supersede: bool) -> None:
    at_desk = demanding(SIGNED)
    at_desk.give(published(provenance=SIGNED, queue={"supersede": supersede}))
    announce(at_desk, _ours(9), n=9)
    check_all(at_desk, root)
    for n in (1, 2, 3):
        assert announce(at_desk, _ours(n), n=n) == []
    assert len(being_checked(at_desk)) == 1
    assert _queued(check_all(at_desk, root)) == [digest(1), digest(2), digest(3)]
    assert not at_desk.timers
    started = [event for event in _ends_the_first(at_desk) if isinstance(event, ReleaseStarted)]
    assert [event.artifact.digest for event in started] == [digest(3 if supersede else 1)]


def test_what_comes_behind_one_that_is_refused_or_late_is_checked_then(root: Path) -> None:
    at_desk = demanding(SIGNED)
    announce(at_desk, "no bundle", n=1)
    announce(at_desk, _ours(2), n=2)
    announce(at_desk, _ours(3), n=3)
    (first,) = being_checked(at_desk)
    at_desk.report(APP, first, {"outcome": "unproven", "code": "unsigned", "reason": "so"})
    (second,) = being_checked(at_desk)
    (refused,) = at_desk.fire(APP, second)
    assert isinstance(refused, ArtifactRefused)
    assert refused.code is ArtifactRefusal.NOT_CHECKED
    assert _queued(check_all(at_desk, root)) == [digest(3)]
    assert not at_desk.timers


def test_one_that_needs_no_check_any_more_waits_for_those_before_it(root: Path) -> None:
    """Else an older one would take its place in the queue."""
    at_desk = demanding(SIGNED)
    announce(at_desk, _ours(1), n=1)
    at_desk.give(published())
    assert announce(at_desk, n=2) == []
    assert _queued(check_all(at_desk, root)) == [digest(1), digest(2)]


def test_one_that_waited_for_others_alone_is_checked_if_the_plan_demands_it_after_all(root: Path) -> None:
    at_desk = demanding(SIGNED)
    announce(at_desk, _ours(1), n=1)
    at_desk.give(published())
    announce(at_desk, "no bundle", n=2)
    at_desk.give(published(provenance=SIGNED))
    said = check_all(at_desk, root)
    assert (_queued(said), names(said)[-1]) == ([digest(1)], "ArtifactRefused")


def test_a_fix_sends_away_what_is_being_checked(root: Path) -> None:
    at_desk = demanding(SIGNED)
    _waits(at_desk, root)
    for n in (3, 4):
        announce(at_desk, _ours(n), n=n)
    said = at_desk.give(Fix(application=APP, who="ann", why="so", artifact=purl(2)), writer="door")
    gone = [event for event in said if isinstance(event, ArtifactRefused)]
    assert [(each.purl, each.code) for each in gone] == [
        (purl(3), ArtifactRefusal.SUPERSEDED),
        (purl(4), ArtifactRefusal.SUPERSEDED),
    ]
    assert gone[0].reason == "v3 of payments was being checked when the fix v2 went first: announce it again"
    answer = said[-1]
    assert isinstance(answer, OperationAnswered)
    assert answer.reason.endswith("once that is settled it starts; 2 that were being checked gave way")
    assert not at_desk.work
    assert not at_desk.timers
    assert not {key.kind for key in at_desk.rows} & {"unchecked", "being-checked"}


# --- afterwards -----------------------------------------------------------------------------------------------------


def _waits(at_desk: Desk, root: Path) -> None:
    """The artifact 2 waits behind 1."""
    for n in (1, 2):
        announce(at_desk, _ours(n), n=n)
        check_all(at_desk, root)


def _ends_the_first(at_desk: Desk) -> list[Payload]:
    first = next(event.release for event in at_desk.events if isinstance(event, ReleaseQueued))
    return at_desk.give(settled(first))


def test_what_waits_is_withdrawn_if_the_plan_demands_something_else_when_its_turn_comes(root: Path) -> None:
    at_desk = demanding(SIGNED)
    _waits(at_desk, root)
    at_desk.give(published(provenance=BUILT))
    closed = [event for event in _ends_the_first(at_desk) if isinstance(event, ReleaseClosed)]
    assert closed[-1].reason == (
        "v2 waited, and meanwhile the plan of payments came to demand a provenance that it was not checked for: announce it "
        "again with its bundles"
    )


@pytest.mark.parametrize("provenance", [SIGNED, None])
def test_what_waits_starts_if_the_plan_demands_no_more_than_it_was_checked_for(
    provenance: Any, root: Path
) -> None:
    at_desk = demanding(SIGNED)
    _waits(at_desk, root)
    at_desk.give(
        published(**({} if provenance is None else {"provenance": provenance}), queue={"supersede": False})
    )
    started = [event for event in _ends_the_first(at_desk) if isinstance(event, ReleaseStarted)]
    assert [event.artifact.digest for event in started] == [digest(2)]


def _fix(at_desk: Desk, n: int) -> OperationAnswered:
    said = at_desk.give(Fix(application=APP, who="ann", why="so", artifact=purl(n)), writer="door")
    (answer,) = [event for event in said if isinstance(event, OperationAnswered)]
    return answer


def test_an_operator_sends_no_fix_past_the_check(root: Path) -> None:
    at_desk = demanding(SIGNED)
    answer = _fix(at_desk, 1)
    assert answer.code is OperationRefusal.UNVERIFIED
    assert answer.reason == (
        "v1 was not announced with the provenance that the plan of payments demands: announce it with its bundles and `fixes=` "
        "in its package URL, or send it as a fix once it waits"
    )
    announce(at_desk, _ours())
    assert _fix(at_desk, 1).code is OperationRefusal.UNVERIFIED
    check_all(at_desk, root)
    assert _fix(at_desk, 1).code is OperationRefusal.ALREADY_FIRST


def test_what_was_checked_and_waits_may_go_first(root: Path) -> None:
    at_desk = demanding(SIGNED)
    _waits(at_desk, root)
    assert _fix(at_desk, 2).code is None
    started = [event for event in _ends_the_first(at_desk) if isinstance(event, ReleaseStarted)]
    assert [event.artifact.digest for event in started] == [digest(2)]


def test_an_artifact_that_says_what_it_fixes_goes_first_once_it_is_checked(root: Path) -> None:
    at_desk = demanding(SIGNED)
    _waits(at_desk, root)
    body = ArtifactPublished(purl=f"{purl(3)}&fixes=v1", bundles=(_ours(3),))
    assert at_desk.give(body, writer="ci") == []
    assert names(check_all(at_desk, root)) == [
        "ArtifactVerified",
        "ReleaseQueued",
        "ReleaseSuperseded",
        "ReleasePreempted",
    ]
    started = [event for event in _ends_the_first(at_desk) if isinstance(event, ReleaseStarted)]
    assert [event.artifact.digest for event in started] == [digest(3)]


async def test_the_worker_checks_what_the_core_asks_for_with_the_trust_root_of_its_settings(
    root: Path,
) -> None:
    at_desk = demanding(SIGNED)
    announce(at_desk, _ours())
    (name,) = being_checked(at_desk)

    async def says_nothing(_report: dict[str, Any]) -> None:
        pytest.fail("a check has one report, and returns it")

    async with open_work(Settings(trust_root=root)) as functions:
        report = await functions["check"](at_desk.work[APP, name].body, says_nothing)
    assert set(functions) == set(TABLE.work)
    assert names(at_desk.report(APP, name, report)) == ["ArtifactVerified", "ReleaseQueued", "ReleaseStarted"]


async def test_a_check_that_fails_is_an_answer_and_a_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_given: Any) -> None:
        raise RuntimeError("so")

    monkeypatch.setattr(checking_work, "check", fails)
    at_desk = demanding(SIGNED)
    announce(at_desk, _ours())
    (name,) = being_checked(at_desk)

    async def says_nothing(_report: dict[str, Any]) -> None:
        pytest.fail("a check has one report, and returns it")

    with capture_logs() as lines:
        async with open_work(Settings()) as functions:
            report = await functions["check"](at_desk.work[APP, name].body, says_nothing)
    (refused,) = at_desk.report(APP, name, report)
    assert isinstance(refused, ArtifactRefused)
    assert refused.code is ArtifactRefusal.NOT_CHECKED
    assert refused.reason == (
        "v1 of payments is not admitted: the check failed (RuntimeError): look at intake's log, and announce it again"
    )
    assert [line["event"] for line in lines] == ["a check of provenance failed: its artifact is refused"]
