"""Incidents: whether monitoring's complaint is the doing of the release.

It is if the release's production steps were begun in the region that the incident names, or anywhere if it names
none (`production` means all of them). A region that the plan does not have blames nobody. An incident that was reported before the release reached its
region is remembered until it is resolved: monitoring repeats it, and it is not the release's doing then either. Of a
release that failed, and may go on, also what it may be to blame for has to be over first.
"""

from datetime import datetime
from typing import Any

from lockgate.messages.anomalies import IncidentDetected, IncidentResolved
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.decision import NOTHING, Rows, Step, put
from lockgate.messages.message import Message, derived_id
from lockgate.messages.plan import PreprodStage
from lockgate.messages.values import Name, Value
from lockgate.messages.verdicts import FailCause
from lockgate.verifier.core.rows import IncidentsRow, Phase, RegionRow
from lockgate.verifier.core.scene import Scene

MOST_REMEMBERED = 64


def newest(names: tuple[str, ...]) -> tuple[str, ...]:
    return names[-MOST_REMEMBERED:]


def without(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(each for each in names if each != name)


EVERYWHERE = frozenset({"", "production"})
"""Environments that name no region. CDEvents demands one, so an alert over all regions says `production`."""

Incident = IncidentDetected | IncidentResolved


class _Addressed(Value):
    application: Name


def route(_rows: Rows, given: Message[Incident], _now: datetime) -> Step:
    """Under `*`: the application is the last segment of the service's id; what is no valid name is for nobody."""
    try:
        addressed = _Addressed(application=last_segment(given.body.service))
    except ValueError:  # pydantic's error about the name
        return NOTHING
    return Step(forward=(addressed.application,))


def last_segment(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def detected(scene: Scene, incident: IncidentDetected) -> Scene:
    name = derived_id("incident", incident.incident)
    known = _known(scene)
    if name in known.seen or name in known.blamed:
        return scene  # whether one that it was blamed for goes away with the flags is asked when their time is over
    other = _other_artifact(scene, incident)
    guilty = None if other else _blamed(scene, incident)
    if guilty is None and (other or not _may_be_to_blame(scene, incident)):
        return scene.then(put(known.model_copy(update={"seen": newest((*known.seen, name))})))
    blamed = {"blamed": newest((*known.blamed, name)), "over": without(known.over, name)}
    noted = scene.then(put(known.model_copy(update=blamed)))
    if guilty is None or scene.release.phase is Phase.FAILED:
        return noted
    return _failed(noted, incident, guilty)


def resolved(scene: Scene, incident: IncidentResolved) -> Scene:
    """If it comes again, it is a new one."""
    name = derived_id("incident", incident.incident)
    known = _known(scene)
    if name not in known.seen and name not in known.blamed:
        return scene
    left = {"seen": without(known.seen, name), "blamed": without(known.blamed, name)}
    over = {"over": newest((*known.over, name))} if name in known.blamed else {}
    return scene.then(put(known.model_copy(update={**left, **over})))


def unresolved(scene: Scene) -> int:
    """How many incidents that the release was blamed for are not resolved."""
    return len(_known(scene).blamed)


def _known(scene: Scene) -> IncidentsRow:
    known, release = scene.rows.get(IncidentsRow), scene.release.release
    return known if known is not None and known.release == release else IncidentsRow(release=release)


def _other_artifact(scene: Scene, incident: IncidentDetected) -> bool:
    """Whether it names another digest. What names no digest may mean any version."""
    if not incident.artifact_id:
        return False
    version = ArtifactPublished(purl=incident.artifact_id).version
    return version.startswith("sha256:") and version != scene.plan.artifact.digest


def _blamed(scene: Scene, incident: IncidentDetected) -> tuple[str, ...] | None:
    """The guilty regions; empty if it names none; None if the release is nowhere that it names."""
    named = last_segment(incident.environment)
    row = scene.rows.get(RegionRow, named)
    if row is None and named in EVERYWHERE:
        return () if scene.release.exposed else None
    here = row is not None and row.release == scene.release.release and row.exposed
    return (named,) if here else None


def _may_be_to_blame(scene: Scene, incident: IncidentDetected) -> bool:
    """Whether a grant from before the halt may have brought the release there: its deployer may say so later than monitoring
    complains. So it has to be resolved before the release goes on.
    """
    release, named = scene.release, last_segment(incident.environment)
    if release.phase not in {Phase.FAILED, Phase.SETTLING} or isinstance(scene.stage, PreprodStage):
        return False
    row = scene.rows.get(RegionRow, named)
    if row is None:
        return named in EVERYWHERE and release.cursor > 0
    return (row.release, row.number) == (release.release, release.entered)


def _failed(scene: Scene, incident: IncidentDetected, guilty: tuple[str, ...]) -> Scene:
    exposed = scene.release.exposed
    where = f"in the region {guilty[0]}" if guilty else "without naming a region"
    runs = "there" if guilty else f"in {exposed} region{'' if exposed == 1 else 's'}"
    said = f" It says: {incident.description[:1000]}" if incident.description else ""
    return scene.failed(
        f"Monitoring reported the incident {incident.incident} {where}, while the release "
        f"{scene.plan.artifact.label} runs {runs}.{said}",
        cause=FailCause.INCIDENT,
        guilty=guilty,
        evidence=evidence_of(incident),
    )


def evidence_of(incident: IncidentDetected) -> dict[str, Any]:
    return {
        "incident": incident.incident,
        "service": incident.service,
        "environment": incident.environment,
        "artifactId": incident.artifact_id,
        "description": incident.description,
    }
