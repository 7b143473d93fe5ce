"""What people are shown of a canary and of blue-green: a region is done when its Deployment has rolled, and not before."""

import pytest

from lockgate.cli.view.fold import View
from lockgate.cli.view.lines import line
from lockgate.cli.view.model import Mark, RegionView, State
from lockgate.messages.deployments import PilotDeployed, ProbeResult, RegionProbed
from lockgate.messages.payload import Payload
from lockgate.messages.verdicts import Action
from tests.support import history as h


def share(action: Action, part: float) -> Payload:
    given = {"region": "us-east", "share": part, "pilot_pods": "a", "baseline_pods": "b"}
    return PilotDeployed.model_validate({**ABOUT, "action": action, **given})


def asked(*, passed: bool = True) -> Payload:
    result = ProbeResult(
        method="GET", path="/", expected=200, status=200, seconds=0.1, passed=passed, reason="ok"
    )
    return RegionProbed.model_validate(
        {**ABOUT, "action": Action.GREEN, "region": "us-east", "results": (result,)}
    )


ABOUT = {
    "application": "payments",
    "release": "r2",
    "deployer": "deployer-eu",
    "fence": h.FENCE,
    "stage": "all",
    "artifact": h.ARTIFACT,
}


def region(*bodies: Payload) -> RegionView:
    view = View()
    for message in h.messages([*h.until_wave(), *bodies]):
        view.see(message)
    return view.releases["r2"].stages["all"].regions["us-east"]


@pytest.mark.parametrize(
    ("bodies", "mark", "says"),
    [
        ((h.granted("all", "us-east", Action.CANARY),), Mark.RUNNING, "canary step granted"),
        ((share(Action.CANARY, 0.25),), Mark.RUNNING, "canary has 25% of the traffic"),
        ((h.granted("all", "us-east", Action.GREEN),), Mark.RUNNING, "green side granted"),
        ((asked(),), Mark.RUNNING, "1 of 1 requests passed"),
        ((asked(passed=False),), Mark.FAILED, "0 of 1 requests passed"),
        ((share(Action.SWITCH, 1.0),), Mark.RUNNING, "green side has 100% of the traffic"),
        ((share(Action.SWITCH, 1.0), h.deployed("all", "us-east")), Mark.DONE, "deployed"),
    ],
)
def test_a_region_shows_the_step_that_it_is_at(bodies: tuple[Payload, ...], mark: Mark, says: str) -> None:
    shown = region(*bodies)
    assert (shown.mark, shown.says) == (mark, says)


def test_each_step_is_a_line_that_says_who_has_how_much() -> None:
    assert line(share(Action.CANARY, 0.5)) == "deployments us-east: the canary has 50% of the traffic"
    assert line(share(Action.SWITCH, 1.0)) == "deployments us-east: the green side has 100% of the traffic"
    assert line(share(Action.PILOT, 0.1)) == "deployments us-east: the pilot has 10% of the traffic"


def test_a_release_that_gives_way_to_a_fix_says_so_and_which_regions_stay_with_it() -> None:
    why = "ann sent the fix v3: customers are charged twice"
    view = View()
    told = [
        *h.until_wave(),
        h.preempted(why),
        h.halted(why),
        h.ordered("eu-west", h.NEW),
        h.ordered("us-east", None),
        h.back("eu-west", h.NEW),
    ]
    for message in h.messages(told):
        view.see(message)
    release = view.releases["r2"]
    assert (release.state, release.says) == (State.YIELDING, why)
    assert release.back["eu-west"] == RegionView(Mark.DONE, "stays with it")
    assert release.back["us-east"].says == "ordered: clones go"
    assert line(h.preempted(why)) == f"releases    {h.NEW[7:19]} gives way: {why}"
    assert line(h.ordered("eu-west", h.NEW)) == f"rollbacks   eu-west ordered to stay with {h.NEW[7:19]}"
