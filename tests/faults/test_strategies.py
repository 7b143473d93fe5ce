"""Services killed in the middle of a canary and of blue-green: they go on with the clone that is there, and grant nothing twice."""

from typing import Any

from lockgate.messages.deployments import DeploymentStarted, PilotDeployed, RegionDeployed
from lockgate.messages.verdicts import Action, Granted, RegionFailed, StageWaiting, WaitingFor
from tests.support.plans import PILOTED, watch, wave
from tests.support.story import Story
from tests.support.whole import Whole

CANARY = {"canary": ["50%", "100%"], "wait": "200ms"}


async def begun(story: Story, strategy: dict[str, Any]) -> str:
    """A release is on its way through one region."""
    story.image("v2", start_seconds=1.5)
    await story.begins(wave("first", PILOTED, strategy=strategy), watch())
    return await story.announces("v2")


def assert_each_step_once(story: Story, *actions: Action) -> None:
    assert [grant.action for grant in story.heard(Granted)] == list(actions)
    assert story.heard(RegionFailed) == []
    assert story.changes() == {PILOTED: 1}
    assert story.digests() == story.everywhere("v2")
    assert story.clones() == []
    assert list(story.shares(PILOTED)) == [story.application]


async def test_a_deployer_killed_while_a_canary_grows_goes_on_with_the_same_clone(whole: Whole) -> None:
    story = whole.story("canary-killed")
    release = await begun(story, CANARY)
    await story.hears(Granted, share=1.0)
    await whole.kill("deployer-eu")
    assert story.heard(PilotDeployed, share=1.0) == []
    assert story.shares(PILOTED) != {}
    await whole.restart("deployer-eu")
    await story.completes(release)
    assert_each_step_once(story, Action.CANARY, Action.CANARY, Action.DEPLOY)


async def test_a_deployer_killed_while_green_gets_ready_prepares_it_and_switches_after_its_start(
    whole: Whole,
) -> None:
    story = whole.story("green-killed")
    release = await begun(story, {"blue-green": {"keep": "500ms", "requests": [{"get": "/healthz"}]}})
    await story.hears(DeploymentStarted, action=Action.GREEN)
    await whole.kill("deployer-eu")
    assert list(story.shares(PILOTED)) == [story.application]
    await whole.restart("deployer-eu")
    await story.completes(release)
    assert_each_step_once(story, Action.GREEN, Action.SWITCH, Action.DEPLOY)


async def test_a_verifier_killed_while_the_old_side_is_kept_grants_the_roll_out_after_its_start(
    whole: Whole,
) -> None:
    story = whole.story("keep-killed")
    release = await begun(story, {"blue-green": {"keep": "3s"}})
    await story.hears(StageWaiting, waiting_for=WaitingFor.STEP)
    await whole.kill("verifier")
    assert story.heard(RegionDeployed) == []
    await whole.restart("verifier")
    await story.completes(release)
    assert_each_step_once(story, Action.GREEN, Action.SWITCH, Action.DEPLOY)
