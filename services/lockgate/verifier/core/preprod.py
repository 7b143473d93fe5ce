"""The stage `preprod`: deploy to each region, or have an environment made there, and judge how the plan's requests fared."""

from typing import Any, assert_never

from lockgate.messages.decision import emit
from lockgate.messages.deployments import RegionDeployed, RegionProbed
from lockgate.messages.plan import PreprodStage
from lockgate.messages.verdicts import Action, FailCause, Outcome, VerdictReached, WaitingFor
from lockgate.verifier.core.asked import Bounds, Heard, evidence_of, heard
from lockgate.verifier.core.grants import done, grant
from lockgate.verifier.core.orders import alpha_of
from lockgate.verifier.core.rows import RegionRow
from lockgate.verifier.core.scene import Scene, after, seconds, sentence

EVIDENCE_CHARACTERS = 48_000
"""For all regions together: a verdict's evidence stays below 64 KiB."""


def begin(scene: Scene, stage: PreprodStage) -> Scene:
    made = stage.asked is not None
    action = Action.ENVIRONMENT if made else Action.DEPLOY
    for name, region in scene.regions(tuple(stage.regions)).items():
        scene = grant(scene, name, region, action, attempt=1)
    count, doing = len(stage.regions), "Making an environment in" if made else "Deploying to"
    scene = scene.then(cursor=count, outstanding=count)
    return scene.waits(
        WaitingFor.REGIONS,
        f"{doing} {', '.join(stage.regions)} and sending {sent_in(stage)} requests to each; "
        f"the plan allows {seconds(stage.budget)} for the stage.",
        until=after(scene.release.since, stage.budget),
    )


def sent_in(stage: PreprodStage) -> int:
    """How many requests are sent to each region."""
    return sum(request.times for request in stage.requests)


def deployed(scene: Scene, answer: RegionDeployed, region: RegionRow) -> Scene:
    return grant(scene, answer.region, region, Action.PROBE, region.attempt)


def probed(scene: Scene, answer: RegionProbed, region: RegionRow, stage: PreprodStage) -> Scene:
    """The first region that fails fails the release at once; all that pass pass the stage."""
    found = heard(stage.requests, answer.results, Bounds(stage.failures, alpha_of(scene)))
    match found.outcome:
        case Outcome.PASS:
            return _through(scene, answer, region, stage, found)
        case Outcome.FAIL:
            return scene.failed(
                f"In the pre-production region {answer.region} {found.reason}",
                cause=FailCause.REQUESTS,
                guilty=(answer.region,),
                evidence={"regions": {answer.region: _evidence(stage, answer, found)}},
            )
        case Outcome.INCONCLUSIVE | Outcome.UNMEASURABLE:
            return _undecided(scene, answer, region, stage, found)
        case _:
            assert_never(found.outcome)


def _evidence(stage: PreprodStage, answer: RegionProbed, found: Heard) -> dict[str, Any]:
    evidence = evidence_of(answer.results, EVIDENCE_CHARACTERS // len(stage.regions))
    return evidence if found.numbers is None else {**evidence, "judged": found.numbers}


def _through(
    scene: Scene, answer: RegionProbed, region: RegionRow, stage: PreprodStage, found: Heard
) -> Scene:
    name, evidence = answer.region, _evidence(stage, answer, found)
    scene = done(scene, name, region.model_copy(update={"evidence": evidence}))
    if scene.release.done < len(stage.regions):
        return scene
    return _passed(scene, stage, {name: evidence})


def _undecided(
    scene: Scene, answer: RegionProbed, region: RegionRow, stage: PreprodStage, found: Heard
) -> Scene:
    """The plan says what follows."""
    reason, outcome = f"In the pre-production region {answer.region} {found.reason}", found.outcome
    said = VerdictReached(
        **scene.about,
        outcome=outcome,
        reason=sentence(reason),
        evidence={"regions": {answer.region: _evidence(stage, answer, found)}},
    )
    scene = scene.then(emit(said))
    if stage.on_inconclusive == "pass":
        return _through(scene, answer, region, stage, found)
    return scene.failed(
        f"The verdict is {outcome}, and the plan asks for a rollback then. {reason}",
        cause=FailCause.UNDECIDED,
    )


def _passed(scene: Scene, stage: PreprodStage, newest: dict[str, dict[str, Any]]) -> Scene:
    others = scene.regions(tuple(name for name in stage.regions if name not in newest))
    evidence = {name: row.evidence or {} for name, row in others.items()} | newest
    count, where = len(stage.requests), ", ".join(stage.regions)
    reason = (
        f"All {count} requests were answered as the plan expects in {where}."
        if sent_in(stage) == count
        else f"Of the {sent_in(stage)} requests in {where} no more failed than the plan allows."
    )
    verdict = VerdictReached(
        **scene.about,
        outcome=Outcome.PASS,
        reason=sentence(reason),
        evidence={"regions": {name: evidence[name] for name in stage.regions}},
    )
    return scene.then(emit(verdict)).passed(reason)
