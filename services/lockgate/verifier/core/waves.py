"""The stage `wave`: region after region, at most `max-parallel` at once, then a time in which it is left alone.

Within a region the strategy's steps follow each other, a grant each; `steps` is their table. An answer costs the same in a
wave of two regions and of two thousand: a cursor walks through the plan's list.
"""

from collections.abc import Mapping
from typing import assert_never

from lockgate.messages.decision import CancelTimer, SetTimer, Step, put, remove
from lockgate.messages.deployments import PilotDeployed, RegionDeployed, RegionProbed
from lockgate.messages.plan import WaveStage
from lockgate.messages.strategies import BlueGreen, Canary, Strategy
from lockgate.messages.verdicts import Action, FailCause, WaitingFor
from lockgate.verifier.core import gates, orders
from lockgate.verifier.core.asked import evidence_of, first_problem
from lockgate.verifier.core.grants import done, grant, granted_anew, left_alone, said_what_follows
from lockgate.verifier.core.holding import lit
from lockgate.verifier.core.preprod import EVIDENCE_CHARACTERS
from lockgate.verifier.core.rows import PartRow, Phase, RegionRow, RegionState, VerificationRow
from lockgate.verifier.core.scene import Scene, after, seconds
from lockgate.verifier.core.steps import again_from, parts_of, percent, what_happens
from lockgate.verifier.core.terms import Terms


def begin(scene: Scene, stage: WaveStage) -> Scene:
    return _fill(scene, stage).waits(
        WaitingFor.REGIONS,
        f"Deploying to {_regions(stage)}{_manner(stage.strategy)}, at most {stage.max_parallel} at once.",
    )


def _fill(scene: Scene, stage: WaveStage) -> Scene:
    """Grants until `max-parallel` regions are at work or no region is left. None once a fence was met, in a pause, or while
    a step is held, or a region that failed.
    """
    release = scene.release
    if release.fenced or release.held or release.failed or release.cursor == len(stage.regions):
        return scene
    if pause := gates.paused(scene):
        return gates.waits(scene, pause)
    room = stage.max_parallel - release.outstanding
    names = tuple(stage.regions[release.cursor : release.cursor + room])
    for name, region in scene.regions(names).items():
        scene = _granted(scene, stage, name, region.model_copy(update={"step": 0, "attempt": 1}))
    return scene.then(cursor=release.cursor + len(names), outstanding=release.outstanding + len(names))


def failed(scene: Scene) -> dict[str, RegionRow]:
    """The regions that failed, have no attempt left, and hold the release. While it waits for its flags none does: it goes
    on there by itself.
    """
    stage = scene.stage
    if not (scene.release.failed and scene.release.phase is Phase.REGIONS and isinstance(stage, WaveStage)):
        return {}
    rows = scene.regions(tuple(stage.regions[: scene.release.cursor]))
    return {name: row for name, row in rows.items() if row.state is RegionState.FAILED}


def tried_again(scene: Scene, stage: WaveStage, failed: Mapping[str, RegionRow]) -> Scene:
    """Where an operator says so; the rest of the wave goes on with them."""
    scene = granted_anew(scene, failed)
    if len(parts_of(stage.strategy)) == 1:
        names = ", ".join(failed)
        scene = scene.waits(
            WaitingFor.REGIONS, f"The wave goes on: deploying to {names} once more.", subject=f"again {names}"
        )
    return _fill(scene, stage)


def filled(scene: Scene, stage: WaveStage) -> Scene:
    """After a pause. What is at work goes on as ever."""
    more = _fill(scene, stage)
    if more.release.cursor == scene.release.cursor:
        return more
    return more.waits(WaitingFor.REGIONS, f"Deploying to {_regions(stage)} goes on.")


def _granted(scene: Scene, stage: WaveStage, name: str, region: RegionRow) -> Scene:
    """The step of the strategy that the row names."""
    return grant(scene, name, region, parts_of(stage.strategy)[region.step].action, region.attempt)


def stepped(scene: Scene, name: str, region: RegionRow, stage: WaveStage, share: float = 0.0) -> Scene:
    """A step that is not the last one is done: the next follows at once, or when the region was left alone for a while.

    Whatever must hold before the next step is granted is asked in `_next`.
    """
    part = parts_of(stage.strategy)[region.step]
    if part.verified and (terms := scene.terms) is not None and not scene.release.fenced:
        return _measured(scene, terms, name, region)
    if part.wait <= 0 or scene.release.fenced:
        return _next(scene, stage, name, region)
    until, paused = after(scene.now, part.wait), region.model_copy(update={"state": RegionState.PAUSED})
    body = {"release": region.release, "region": name, "grant": region.grant}
    timers = (CancelTimer(f"deadline {name}"), SetTimer(f"step {name}", until, body))
    return scene.then(put(paused, name), Step(timers=timers)).waits(
        WaitingFor.STEP, _between(stage, name, region, share), until=until, subject=name
    )


def shared(scene: Scene, answer: PilotDeployed, region: RegionRow, stage: WaveStage) -> Scene:
    """The clone has the share of its step."""
    pods = {"pilot_pods": answer.pilot_pods, "baseline_pods": answer.baseline_pods, "share": answer.share}
    return stepped(scene, answer.region, region.model_copy(update=pods), stage, answer.share)


def _measured(scene: Scene, terms: Terms, name: str, region: RegionRow) -> Scene:
    measured = region.model_copy(update={"state": RegionState.MEASURED})
    quiet = Step(timers=(CancelTimer(f"deadline {name}"),))
    return orders.begin_step(scene.then(put(measured, name), quiet), terms, name, measured)


def measured_anew(scene: Scene, terms: Terms, held: Mapping[str, VerificationRow]) -> Scene:
    """A verification of its own of each step that is held."""
    regions = scene.regions(tuple(held))
    for name, row in held.items():
        scene, _ = lit(scene, name, row)
        gone = [remove(PartRow, PartRow.named(name, number)) for number in range(row.parts)]
        scene = _measured(scene.then(*gone), terms, name, regions[name])
    return scene


def proven(scene: Scene, name: str) -> Scene:
    """What the step brought is no worse than production: the next one."""
    region, stage = scene.region(name), scene.stage
    if not isinstance(stage, WaveStage) or region.state is not RegionState.MEASURED:
        return scene
    return _fill(_next(scene, stage, name, region), stage)


def rested(scene: Scene, name: str, grant_number: int) -> Scene:
    """The time after a step is over."""
    region, stage = scene.region(name), scene.stage
    expected = (Phase.REGIONS, RegionState.PAUSED, stage.name, grant_number)
    if (scene.release.phase, region.state, region.stage, region.grant) != expected:
        return scene
    return _next(scene, stage, name, region) if isinstance(stage, WaveStage) else scene


def _next(scene: Scene, stage: WaveStage, name: str, region: RegionRow) -> Scene:
    """The next step, unless a fence was met meanwhile: then nothing is granted any more."""
    if scene.release.fenced:
        return scene.then(left_alone(name, region))
    following = region.model_copy(update={"step": region.step + 1})
    return said_what_follows(_granted(scene, stage, name, following), name, following)


def probed(scene: Scene, answer: RegionProbed, region: RegionRow, stage: WaveStage) -> Scene:
    """The green side was sent the plan's requests. One that failed fails the release, before anybody else was served."""
    requests = parts_of(stage.strategy)[region.step].requests
    if problem := first_problem(requests, answer.results):
        evidence = evidence_of(answer.results, EVIDENCE_CHARACTERS)
        return scene.failed(
            f"In the region {answer.region}, before its green side got any traffic, {problem}",
            cause=FailCause.REQUESTS,
            guilty=(answer.region,),
            evidence={"regions": {answer.region: evidence}},
        )
    return stepped(scene, answer.region, region, stage)


def deployed(scene: Scene, answer: RegionDeployed, region: RegionRow, stage: WaveStage) -> Scene:
    scene = _fill(done(scene, answer.region, region), stage)
    if scene.release.done < len(stage.regions):
        return _some_done(scene, stage)
    return _all_done(scene, stage)


def _all_done(scene: Scene, stage: WaveStage) -> Scene:
    """The regions are compared with those of later waves, where the plan asks for it; then they are left alone."""
    if (terms := Terms.of_wave(scene.plan.plan, stage)) is not None:
        return orders.begin(scene, terms, scene.regions(terms.regions))
    return _left_alone(scene, stage)


def shown(scene: Scene, stage: WaveStage, reason: str) -> Scene:
    """The wave holds the release back no more, for the reason that is given."""
    return _left_alone(scene, stage) if stage.after.bake > 0 else scene.passed(reason)


def _left_alone(scene: Scene, stage: WaveStage) -> Scene:
    if stage.after.bake <= 0:
        return _passed(scene, stage)
    until = after(scene.now, stage.after.bake)
    body = {"release": scene.release.release, "stage": stage.name}
    return scene.then(Step(timers=(SetTimer("bake", until, body),)), phase=Phase.BAKE, since=scene.now).waits(
        WaitingFor.BAKE,
        f"The release runs in {_regions(stage)} and is left alone for {seconds(stage.after.bake)}.",
        until=until,
    )


def again(scene: Scene, stage: WaveStage) -> Scene:
    """The wave goes on after a halt: what its regions have done counts, and what was open there is granted anew."""
    names = tuple(stage.regions[: scene.release.cursor])
    left = {name: row for name, row in scene.regions(names).items() if row.state is not RegionState.DONE}
    for name, region in left.items():
        if region.state in {RegionState.PAUSED, RegionState.MEASURED}:
            scene = stepped(scene, name, region, stage)
        else:
            step = again_from(stage.strategy, region.step)
            anew = region.model_copy(update={"step": step})
            scene = said_what_follows(_granted(scene, stage, name, anew), name, anew)
    scene = _fill(scene.then(outstanding=len(left)), stage)
    if scene.release.done == len(stage.regions):
        return _all_done(scene, stage)
    if len(parts_of(stage.strategy)) > 1:
        return scene  # what follows in each region is said already
    return scene.waits(WaitingFor.REGIONS, f"Going on with the deployment to {_regions(stage)}.")


def baked(scene: Scene, stage: WaveStage) -> Scene:
    return _passed(scene, stage) if scene.release.phase is Phase.BAKE else scene


def _passed(scene: Scene, stage: WaveStage) -> Scene:
    baked = f" and {seconds(stage.after.bake)} went by without a complaint" if stage.after.bake else ""
    return scene.passed(f"The release runs in {_regions(stage)}{baked}.")


def _regions(stage: WaveStage) -> str:
    """The names of a few, the number of many."""
    names, count = stage.regions, len(stage.regions)
    return ", ".join(names) if count <= 4 else f"all {count} regions of the wave"


def _manner(strategy: Strategy) -> str:
    """How each region changes version, where it is in several steps."""
    match strategy:
        case "rolling":
            return ""
        case Canary(canary=shares, wait=wait, verify=length):
            steps = ", ".join(percent(share) for share in shares)
            if length > 0:
                return f" by a canary of {steps}, each compared with production for {seconds(length)}"
            return f" by a canary of {steps} with {seconds(wait)} after each step"
        case BlueGreen(blue_green=side):
            return f" by blue-green, the old side kept for {seconds(side.keep)}"
        case _:
            assert_never(strategy)


def _between(stage: WaveStage, name: str, region: RegionRow, share: float) -> str:
    """What a region has by now, for how long it is left so, and what comes then."""
    part, following = parts_of(stage.strategy)[region.step : region.step + 2]
    wait, then = seconds(part.wait), what_happens(following)
    if part.action is Action.SWITCH:
        return f"The green side has all traffic of {name}. The old side is kept for {wait} to go back to, then {then}."
    return f"The release has {percent(share)} of the traffic of {name}. It is left alone for {wait}, then {then}."


def _some_done(scene: Scene, stage: WaveStage) -> Scene:
    """What was said of the region that is done is over, where its steps were said."""
    release = scene.release
    held = release.cursor < len(stage.regions) and gates.paused(scene) is not None
    if len(parts_of(stage.strategy)) == 1 or release.fenced or held:
        return scene
    so_far, count = scene.release.done, len(stage.regions)
    return scene.waits(
        WaitingFor.REGIONS,
        f"The release runs in {so_far} of {count} regions of the wave.",
        subject=f"{so_far} done",
    )
