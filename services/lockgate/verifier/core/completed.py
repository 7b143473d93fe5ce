"""The version that was completed last: an incident that names its digest blames it, also when its release is long over.

One that names no version does not: what runs for weeks is to blame for little of what goes wrong beside it. It is judged once, also
while the next release is under way; the coordinator says what follows.
"""

from typing import ClassVar

from lockgate.messages.anomalies import IncidentDetected
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.decision import NOTHING, Row, Rows, Step, emit, put, remove
from lockgate.messages.releases import ReleaseClosed, ReleaseCompleted, ReleaseEntered
from lockgate.messages.rollbacks import ReleaseSettled
from lockgate.messages.values import Artifact
from lockgate.messages.verdicts import FailCause, Outcome, VerdictReached
from lockgate.verifier.core.anomalies import EVERYWHERE, evidence_of, last_segment
from lockgate.verifier.core.rows import Phase, PlanRow, ReleaseRow
from lockgate.verifier.core.scene import sentence


class CompletedRow(Row):
    """Id: ''."""

    kind: ClassVar[str] = "completed"
    release: str
    artifact: Artifact
    stage: str
    """Its last one: the watch."""
    regions: tuple[str, ...]
    completed: bool = False
    """Whether intake has said so: only then the coordinator knows it as well."""


def passed(release: str, plan: PlanRow) -> Step:
    """Its last stage passed: it takes the place of the one before. An operator may have ended it meanwhile."""
    return put(
        CompletedRow(
            release=release,
            artifact=plan.artifact,
            stage=plan.plan.stages[-1].name,
            regions=tuple(plan.plan.production),
        )
    )


def ended(rows: Rows, body: ReleaseCompleted | ReleaseSettled | ReleaseClosed) -> Step:
    row = rows.get(CompletedRow)
    if row is None or row.release != body.release:
        return NOTHING
    if isinstance(body, ReleaseCompleted):
        return put(row.model_copy(update={"completed": True}))
    return remove(CompletedRow)


def left(rows: Rows, entered: ReleaseEntered) -> Step:
    """It is taken back, for whatever reason: there is nothing to be said of it any more."""
    row = rows.get(CompletedRow)
    return remove(CompletedRow) if row is not None and row.release == entered.recovers else NOTHING


def blamed(rows: Rows, incident: IncidentDetected) -> Step:
    row, newest = rows.get(CompletedRow), rows.get(ReleaseRow)
    if row is None or not row.completed or newest is None or _again(rows, newest, row.artifact):
        return NOTHING
    named = last_segment(incident.environment)
    here = named in row.regions
    if not _names(incident, row.artifact) or not (here or named in EVERYWHERE):
        return NOTHING
    where = f"in the region {named}" if here else "without naming a region"
    said = f" It says: {incident.description[:1000]}" if incident.description else ""
    verdict = VerdictReached(
        application=rows.key,
        release=row.release,
        stage=row.stage,
        outcome=Outcome.FAIL,
        cause=FailCause.INCIDENT,
        reason=sentence(
            f"Monitoring reported the incident {incident.incident} {where}, and names {row.artifact.label}, "
            f"which was completed.{said}"
        ),
        guilty=(named,) if here else (),
        evidence=evidence_of(incident),
    )
    return remove(CompletedRow) + emit(verdict)


def _again(rows: Rows, newest: ReleaseRow, artifact: Artifact) -> bool:
    """Whether just that version is being released again: it is judged as the release that is under way."""
    plan = rows.get(PlanRow, newest.release) if newest.phase is not Phase.OVER else None
    return plan is not None and plan.artifact.digest == artifact.digest


def _names(incident: IncidentDetected, artifact: Artifact) -> bool:
    return ArtifactPublished(purl=incident.artifact_id or "").version == artifact.digest
