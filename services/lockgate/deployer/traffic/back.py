"""The way back, the same however a share is given: a plan may have gained, lost or changed its route since. Pure."""

from lockgate.deployer.fencing import adoption, fence_of, fenced
from lockgate.deployer.objects import Json, annotations_of, name_of
from lockgate.deployer.strategies.given import Kind, Patch, Region, Target
from lockgate.deployer.strategies.names import service_of_clone
from lockgate.deployer.traffic import selector
from lockgate.deployer.traffic.forms import form_of
from lockgate.deployer.traffic.weights import Weights


class Back:
    """The part of a `traffic.Traffic` that does not depend on how the target's own share is given."""

    def take(self, target: Target, live: Region, keep: str | None = None) -> Patch | None:
        adopted = [weights for weights in _routes(target, live) if weights.is_adopted]
        taken = (weights.taken(keep) for weights in adopted)  # from no other was anything ever given
        first = next((patch for patch in taken if patch is not None), None)
        return first or selector.switched_back(target, live, keep)

    def reaches(self, target: Target, live: Region, clone: str) -> bool:
        service = service_of_clone(target.workload.service, clone)
        named = any(weights.names(service) for weights in _routes(target, live))
        return named or (live.service is not None and selector.is_switched_to(clone, live.service))

    def part(self, target: Target, live: Region) -> float:
        if live.service is not None and selector.is_switched_to(target.clone, live.service):
            return 1.0
        return max((weights.part() for weights in _routes(target, live)), default=0.0)

    def changed(self, target: Target, live: Region) -> str | None:
        services = [live.service] if live.service is not None else []
        shared = [(form_of(each).kind, each) for each in live.routes] + [(Kind.SERVICE, s) for s in services]
        given = [
            (f"the {kind} {name_of(obj)} in {target.region} after Lockgate had given {target.clone}", obj)
            for kind, obj in shared
            if annotations_of(obj).get(target.route_marks.given) == target.clone
        ]
        if given and not self.reaches(target, live, target.clone):
            return f"{given[0][0]} traffic there, and took it away"
        for told, obj in given:
            weights = Weights(target, obj, live.clone_services) if obj in live.routes else None
            if weights is not None and not weights.is_given():
                share = float(annotations_of(obj)[target.route_marks.share])
                return f"{told} {share:.1%} of the traffic there, and made it {weights.part():.1%}"
        return None

    def home(self, target: Target, live: Region) -> Json | None:
        return selector.home(live.service, target.route_marks) if live.service is not None else None

    def claim(self, target: Target, live: Region) -> Patch | None:
        routes = (_claimed(target, weights) for weights in _routes(target, live))
        return next((patch for patch in routes if patch is not None), None) or selector.claimed(target, live)


def _routes(target: Target, live: Region) -> list[Weights]:
    return [Weights(target, route, live.clone_services) for route in live.routes]


def _claimed(target: Target, weights: Weights) -> Patch | None:
    route, marks = weights.route, target.route_marks
    match fence_of(route, marks):
        case None if target.route != (weights.form.kind, name_of(route)):
            return None  # of no use to this plan, and no earlier one has written to it
        case None:
            operations = adoption(route, marks, {marks.application: target.application})
        case seen if seen.order < target.fence.order:
            operations = fenced(route, marks, target.fence, {}, [])
        case _:
            return None
    return Patch(weights.form.kind, name_of(route), operations)
