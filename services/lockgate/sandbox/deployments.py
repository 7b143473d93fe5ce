"""The Deployment controller's core: `(deployment, its ReplicaSets, its pods, now) -> Step`. Pure.

It follows kube-controller-manager's `deployment` package: a step scales at most one side, and the loop in
`controllers` calls again after each change, as the real work queue does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lockgate.sandbox.objects import (
    Json,
    annotations_of,
    controller_reference,
    is_deleting,
    labels_of,
    name_of,
    owner_of,
    uid_of,
    with_metadata,
)
from lockgate.sandbox.rollout import (
    DESIRED,
    HASH,
    MAXIMUM,
    REVISION,
    Rollout,
    new_count,
    old_counts,
    replicas,
    rescaled,
    revision,
    scaled,
    template_hash,
    was_rescaled,
)
from lockgate.sandbox.rolloutstatus import rollout_status

_OWN = frozenset({REVISION, DESIRED, MAXIMUM, "kubectl.kubernetes.io/last-applied-configuration"})


@dataclass(frozen=True, slots=True)
class Step:
    """What to write: a ReplicaSet to create, ReplicaSets to replace or delete, the deployment itself."""

    create: Json | None = None
    update: tuple[Json, ...] = ()
    delete: tuple[str, ...] = ()
    deployment: Json | None = None  # with changed annotations
    status: Json = field(default_factory=dict)
    due: float | None = None  # look again then, if nothing happens before


def reconcile(deployment: Json, replica_sets: Sequence[Json], pods: Sequence[Json], now: float) -> Step:
    """The next step of a deployment's rollout; every argument is as observed at `now` (epoch seconds)."""
    if is_deleting(deployment):
        return Step()
    rollout = _observe(deployment, replica_sets)
    if deployment["spec"].get("paused") or was_rescaled(rollout):
        step = Step(update=_changed(rollout, rescaled(rollout)))
    elif rollout.rolling:
        step = _roll(rollout)
    else:
        step = _recreate(rollout, pods)
    step = _with_annotations(rollout, step)
    return _with_status(rollout, step, now)


def _observe(deployment: Json, replica_sets: Sequence[Json]) -> Rollout:
    ordered = sorted(replica_sets, key=lambda each: (revision(each), name_of(each)))
    wanted = template_hash(deployment)
    new = next((each for each in ordered if labels_of(each).get(HASH) == wanted), None)
    return Rollout(deployment, new, tuple(each for each in ordered if each is not new))


def _changed(rollout: Rollout, wanted: dict[str, int]) -> tuple[Json, ...]:
    return tuple(
        scaled(each, wanted[name_of(each)])
        for each in rollout.sets
        if wanted.get(name_of(each), replicas(each)) != replicas(each)
    )


# Rolling update


def _roll(rollout: Rollout) -> Step:
    if rollout.new is None:
        return Step(create=_new_set(rollout, new_count(rollout, 0)))
    count = new_count(rollout, replicas(rollout.new))
    if count != replicas(rollout.new):
        return Step(update=(scaled(rollout.new, count),))
    return Step(update=_changed(rollout, old_counts(rollout)))


# Recreate


def _recreate(rollout: Rollout, pods: Sequence[Json]) -> Step:
    active = {name_of(each): 0 for each in rollout.old if replicas(each)}
    if active:
        return Step(update=_changed(rollout, active))
    new_uid = uid_of(rollout.new) if rollout.new is not None else None
    if any(owner_of(pod) != new_uid for pod in pods):
        return Step()
    if rollout.new is None:
        return Step(create=_new_set(rollout, rollout.wanted))
    return Step(update=_changed(rollout, {name_of(rollout.new): rollout.wanted}))


# ReplicaSets: made, annotated, forgotten


def _new_set(rollout: Rollout, count: int) -> Json:
    deployment, template = rollout.deployment, rollout.deployment["spec"]["template"]
    mark = {HASH: template_hash(deployment)}
    labels = {**(template["metadata"].get("labels") or {}), **mark}
    selector = deployment["spec"]["selector"]
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{name_of(deployment)}-{mark[HASH]}",
            "namespace": deployment["metadata"]["namespace"],
            "labels": labels,
            "annotations": {REVISION: str(_next_revision(rollout))},
            "ownerReferences": [controller_reference(deployment)],
        },
        "spec": {
            "replicas": count,
            "minReadySeconds": deployment["spec"].get("minReadySeconds", 0),
            "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), **mark}},
            "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
        },
    }


def _next_revision(rollout: Rollout) -> int:
    return 1 + max((revision(each) for each in rollout.old), default=0)


def _annotated(rollout: Rollout, replica_set: Json) -> Json:
    own = annotations_of(replica_set)
    inherited = {key: value for key, value in annotations_of(rollout.deployment).items() if key not in _OWN}
    sizes = {DESIRED: str(rollout.wanted), MAXIMUM: str(rollout.wanted + rollout.limits()[0])}
    return with_metadata(replica_set, annotations={**own, **inherited, **sizes})


def _with_annotations(rollout: Rollout, step: Step) -> Step:
    """The step with revisions, sizes and inherited annotations where they are due."""
    updates = {name_of(each): each for each in step.update}
    new = updates.get(name_of(rollout.new), rollout.new) if rollout.new is not None else step.create
    if new is not None and step.create is None:
        number = max(revision(new), _next_revision(rollout))
        new = with_metadata(new, annotations={**annotations_of(new), REVISION: str(number)})
        updates[name_of(new)] = new
    updates |= {
        name_of(each): each for each in rollout.old if replicas(each) and name_of(each) not in updates
    }
    marked = tuple(_annotated(rollout, each) for each in updates.values())
    before = {name_of(each): each for each in rollout.sets}
    changed = tuple(each for each in marked if each != before[name_of(each)])
    create = _annotated(rollout, step.create) if step.create is not None else None
    return replace(step, create=create, update=changed, deployment=_numbered(rollout, new))


def _numbered(rollout: Rollout, new: Json | None) -> Json | None:
    """The deployment with its ReplicaSet's revision; None where it has it."""
    if new is None or annotations_of(rollout.deployment).get(REVISION) == str(revision(new)):
        return None
    annotations = {**annotations_of(rollout.deployment), REVISION: str(revision(new))}
    return with_metadata(rollout.deployment, annotations=annotations)


def _with_status(rollout: Rollout, step: Step, now: float) -> Step:
    created = name_of(step.create) if step.create is not None else None
    after = {name_of(each): each for each in (*rollout.sets, *step.update)}
    seen = Rollout(
        rollout.deployment,
        after.get(name_of(rollout.new)) if rollout.new is not None else None,
        tuple(after[name_of(each)] for each in rollout.old),
    )
    status, due = rollout_status(
        rollout.deployment, seen.new, seen.sets, now, max_unavailable=seen.limits()[1], created=created
    )
    return replace(step, status=status, due=due, delete=_forgotten(seen, status))


def _forgotten(rollout: Rollout, status: Json) -> tuple[str, ...]:
    """Old, empty ReplicaSets beyond the history limit, once the rollout is complete."""
    if status.get("updatedReplicas", 0) != rollout.wanted or status.get("replicas", 0) != rollout.wanted:
        return ()
    limit = int(rollout.deployment["spec"].get("revisionHistoryLimit", 10))
    empty = [
        each for each in rollout.old if not replicas(each) and not (each.get("status") or {}).get("replicas")
    ]
    return tuple(name_of(each) for each in empty[: max(0, len(empty) - limit)])
