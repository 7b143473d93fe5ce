"""The stage `preprod`: deploy to each region, send the plan's requests there, judge every answer."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from lockgate.messages.decision import emit
from lockgate.messages.deployments import ProbeResult, RegionDeployed, RegionProbed
from lockgate.messages.plan import PreprodStage
from lockgate.messages.plan_parts import Request
from lockgate.messages.verdicts import Action, Outcome, VerdictReached, WaitingFor
from lockgate.verifier.core.grants import done, grant
from lockgate.verifier.core.rows import RegionRow
from lockgate.verifier.core.scene import Scene, after, seconds, sentence

EVIDENCE_CHARACTERS = 48_000
"""For all regions together: a verdict's evidence stays below 64 KiB."""


def begin(scene: Scene, stage: PreprodStage) -> Scene:
    for name, region in scene.regions(tuple(stage.regions)).items():
        scene = grant(scene, name, region, Action.DEPLOY, attempt=1)
    count = len(stage.regions)
    scene = scene.then(cursor=count, outstanding=count)
    return scene.waits(
        WaitingFor.REGIONS,
        f"Deploying to {', '.join(stage.regions)} and sending {len(stage.requests)} requests to each; "
        f"the plan allows {seconds(stage.budget)} for the stage.",
        until=after(scene.release.since, stage.budget),
    )


def deployed(scene: Scene, answer: RegionDeployed, region: RegionRow) -> Scene:
    return grant(scene, answer.region, region, Action.PROBE, region.attempt)


def probed(scene: Scene, answer: RegionProbed, region: RegionRow, stage: PreprodStage) -> Scene:
    """One request that failed fails the release at once; all that passed in all regions pass the stage."""
    evidence = evidence_of(answer.results, EVIDENCE_CHARACTERS // len(stage.regions))
    if problem := first_problem(stage.requests, answer.results):
        return scene.failed(
            f"In the pre-production region {answer.region} {problem}",
            guilty=(answer.region,),
            evidence={"regions": {answer.region: evidence}},
        )
    scene = done(scene, answer.region, region.model_copy(update={"evidence": evidence}))
    if scene.release.done < len(stage.regions):
        return scene
    return _passed(scene, stage, {answer.region: evidence})


def _passed(scene: Scene, stage: PreprodStage, newest: dict[str, dict[str, Any]]) -> Scene:
    others = scene.regions(tuple(name for name in stage.regions if name not in newest))
    evidence = {name: row.evidence or {} for name, row in others.items()} | newest
    reason = (
        f"All {len(stage.requests)} requests were answered as the plan expects in {', '.join(stage.regions)}."
    )
    verdict = VerdictReached(
        **scene.about,
        outcome=Outcome.PASS,
        reason=sentence(reason),
        evidence={"regions": {name: evidence[name] for name in stage.regions}},
    )
    return scene.then(emit(verdict)).passed(reason)


def first_problem(requests: Sequence[Request], results: tuple[ProbeResult, ...]) -> str | None:
    """What is wrong with the first request that was not answered as the plan expects; None if none is."""
    for place, (request, result) in enumerate(zip_longest(requests, results), start=1):
        if request is None:
            return f"{len(results)} requests were answered, but the plan has {len(requests)}."
        named = f"the request {place} of {len(requests)} ({request.method} {request.path})"
        if result is None:
            return f"{named} was not sent."
        if not result.passed or result.status != request.expect.status:
            answer = "was not answered" if result.status is None else f"answered {result.status}"
            return f"{named} {answer}; expected {request.expect.status}. {result.reason}"
    return None


def evidence_of(results: tuple[ProbeResult, ...], characters: int) -> dict[str, Any]:
    """The answers, failed ones first, as many as fit; what was left out is counted."""
    kept: list[list[Any]] = []
    for result in sorted(results, key=lambda result: result.passed):
        line = [
            result.method,
            result.path[:200],
            result.expected,
            result.status,
            round(result.seconds, 6),
            result.passed,
        ]
        characters -= len(str(line)) + 8
        if characters < 0:
            break
        kept.append(line)
    return {
        "sent": len(results),
        "passed": sum(result.passed for result in results),
        "columns": ["method", "path", "expected", "status", "seconds", "passed"],
        "results": kept,
        "leftOut": len(results) - len(kept),
    }
