"""The check of a stage on the whole system, asked of a real server: right, wrong, not at all, and by a verifier that is killed."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

from lockgate.messages.verdicts import (
    FailCause,
    Outcome,
    StagePassed,
    StageWaiting,
    VerdictReached,
    WaitingFor,
)
from tests.support.eventually import eventually
from tests.support.plans import REST, Stage, watch, wave
from tests.support.story import Story
from tests.support.whole import Whole

Asked = list[tuple[str, str]]
"""The path and the query of each question."""


def checked(**check: object) -> Stage:
    asked = {"http": "smoke", "interval": "1s", "within": "2s", **check}
    return wave("rest", *REST, check=asked, **{"max-parallel": 2})


@asynccontextmanager
async def smoke(whole: Whole, status: Callable[[], int | None]) -> AsyncIterator[Asked]:
    """What is asked while it is there. A status of None is no answer."""
    seen: Asked = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.path, request.query["of"]))
        if (said := status()) is None:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=said or 200, text="a secret")

    application = web.Application()
    application.router.add_get("/{application}/{stage}", handler)
    server = TestServer(application, port=whole.check_port)
    await server.start_server()
    try:
        yield seen
    finally:
        await server.close()


def verdicts(story: Story, release: str) -> list[VerdictReached]:
    return [each for each in story.heard(VerdictReached, release=release) if "check" in each.evidence]


async def test_a_stage_passes_once_its_check_answered_so_often_as_the_plan_asks(whole: Whole) -> None:
    story = whole.story("checked")
    async with smoke(whole, lambda: 200) as seen:
        await story.begins(checked(times=2), watch())
        release = await story.announces("v2")
        await story.completes(release)
    assert seen == [(f"/{story.application}/rest", story.digest("v2"))] * 2
    (verdict,) = verdicts(story, release)
    assert (verdict.outcome, verdict.evidence["check"]["right"]) == (Outcome.PASS, 2)
    assert "secret" not in verdict.model_dump_json()
    assert story.digests() == story.everywhere("v2")


async def test_a_wrong_answer_takes_the_release_back_everywhere(whole: Whole) -> None:
    story = whole.story("checked")
    async with smoke(whole, lambda: 500):
        await story.begins(checked(), watch())
        release = await story.announces("v2")
        await story.is_taken_back(release)
    (verdict,) = verdicts(story, release)
    assert (verdict.outcome, verdict.cause) == (Outcome.FAIL, FailCause.CHECK)
    assert not story.heard(StagePassed, release=release, stage="rest")
    assert story.digests() == story.everywhere("v1")


async def test_no_answer_holds_the_release_which_goes_on_by_itself_when_there_is_one(whole: Whole) -> None:
    story, answers = whole.story("checked"), False
    async with smoke(whole, lambda: 200 if answers else None):
        await story.begins(checked(outage="2s"), watch())
        release = await story.announces("v2")
        await story.hears(StageWaiting, release=release, waiting_for=WaitingFor.HELD)
        assert not story.heard(StagePassed, release=release, stage="rest")
        answers = True
        await story.completes(release)
    assert [each.outcome for each in verdicts(story, release)] == [Outcome.UNMEASURABLE, Outcome.PASS]


async def test_a_verifier_that_is_killed_while_it_asks_begins_to_count_anew(whole: Whole) -> None:
    """As nobody knows what it was answered last."""
    story = whole.story("checked")
    async with smoke(whole, lambda: 200) as seen:
        await story.begins(checked(times=30), watch())
        release = await story.announces("v2")
        await eventually(lambda: len(seen) >= 2)
        await whole.kill("verifier")
        before = len(seen)
        assert not verdicts(story, release)
        await whole.restart("verifier")
        await story.completes(release, within=150.0)
    assert len(seen) - before >= 30
    (verdict,) = verdicts(story, release)
    assert verdict.evidence["check"]["right"] == 30
