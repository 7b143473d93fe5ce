"""A cluster in memory for strategies: JSON Patches with their tests, uids, and roll-outs that are over at once."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lockgate.deployer.objects import CLONE_LABEL, labels_of, name_of
from lockgate.deployer.strategies.given import Create, Delete, Kind, Next, Patch, Region, Stuck, Target, Wait
from tests.support.deployer import deployment, patched, route, service

Strategy = Callable[[Target, Region], Next]


@dataclass
class Held:
    """The objects of one namespace."""

    objects: dict[tuple[Kind, str], dict[str, Any]] = field(
        default_factory=lambda: {
            (Kind.DEPLOYMENT, "payments"): deployment(),
            (Kind.SERVICE, "payments"): service(),
            (Kind.ROUTE, "payments"): route(("payments", 1)),
        }
    )
    made: int = 0
    routes: tuple[Kind, ...] = (Kind.ROUTE, Kind.VIRTUAL_SERVICE)
    """The plan's before another."""

    def live(self) -> Region:
        def clones(kind: Kind) -> tuple[dict[str, Any], ...]:
            return tuple(o for (k, _), o in self.objects.items() if k is kind and CLONE_LABEL in labels_of(o))

        held = copy.deepcopy(self.objects)
        routes = [held[kind, "payments"] for kind in self.routes if (kind, "payments") in held]
        return Region(
            held.get((Kind.DEPLOYMENT, "payments")),
            held.get((Kind.SERVICE, "payments")),
            routes[0] if routes else None,
            copy.deepcopy(clones(Kind.DEPLOYMENT)),
            copy.deepcopy(clones(Kind.SERVICE)),
            former=routes[1] if routes[1:] else None,
            autoscaler=held.get((Kind.AUTOSCALER, "payments")),
        )

    def do(self, write: Next) -> bool:
        """Whether the write was done; not if a test or precondition does not hold."""
        match write:
            case Patch(kind=kind, name=name, operations=operations):
                return self._patch((kind, name), operations)
            case Create(kind=kind, body=body):
                return self._create((kind, name_of(body)), body)
            case Delete(kind=kind, name=name, uid=uid, version=version):
                metadata = self.objects.get((kind, name), {"metadata": {}})["metadata"]
                if (metadata.get("uid"), metadata.get("resourceVersion")) != (uid, version):
                    return False
                del self.objects[kind, name]
                return True
            case other:
                raise AssertionError(other)

    def _patch(self, key: tuple[Kind, str], operations: list[dict[str, Any]]) -> bool:
        try:
            changed = patched(self.objects[key], operations)
        except (AssertionError, KeyError, IndexError):
            return False
        metadata = changed["metadata"]
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
        if key[0] is Kind.DEPLOYMENT and changed["spec"]["replicas"] != self.objects[key]["spec"]["replicas"]:
            changed["status"] |= _counted(changed["spec"]["replicas"])
        self.objects[key] = changed
        return True

    def _create(self, key: tuple[Kind, str], body: dict[str, Any]) -> bool:
        if key in self.objects:
            return False
        self.made += 1
        made = copy.deepcopy(body)
        made["metadata"] |= {"uid": f"uid-{self.made}", "resourceVersion": "1", "generation": 1}
        if key[0] is Kind.DEPLOYMENT:
            made["status"] = {"observedGeneration": 1, **_counted(made["spec"]["replicas"])}
        self.objects[key] = made
        return True

    def carry_out(self, strategy: Strategy, target: Target) -> Next:
        """The answer of a step that nobody disturbs."""
        for _ in range(40):
            match strategy(target, self.live()):
                case Patch() | Create() | Delete() as write:
                    assert self.do(write), write
                case answer:
                    return answer
        raise AssertionError("40 writes and no answer")

    @property
    def image(self) -> str:
        found = self.objects[Kind.DEPLOYMENT, "payments"]
        return str(found["spec"]["template"]["spec"]["containers"][1]["image"])

    @property
    def weights(self) -> list[tuple[str, int]]:
        refs = self.objects[Kind.ROUTE, "payments"]["spec"]["rules"][0]["backendRefs"]
        return [(ref["name"], ref["weight"]) for ref in refs]

    @property
    def names(self) -> list[str]:
        return sorted(f"{kind} {name}" for kind, name in self.objects)


class Worker:
    """One step, whose look and whose write are apart: anything may happen in between."""

    def __init__(self, held: Held, strategy: Strategy, wanted: Target) -> None:
        self.held, self.strategy, self.wanted = held, strategy, wanted
        self.planned: Next | None = None
        self.answer: Next | None = None

    def move(self) -> None:
        if self.answer is not None:
            return
        if self.planned is None:
            self.planned = self.strategy(self.wanted, self.held.live())
            return
        match self.planned:
            case Patch() | Create() | Delete() as write:
                self.held.do(write)
            case Wait() | Stuck():
                pass
            case final:
                self.answer = final
        self.planned = None


def _counted(pods: int) -> dict[str, int]:
    """The status of a roll-out that is over."""
    return dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), pods)
