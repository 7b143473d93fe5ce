"""A share by the weights of the route that the plan names: a Gateway API HTTPRoute or an Istio VirtualService. Pure."""

import math
from dataclasses import replace

from lockgate.deployer.strategies.given import Patch, Region, Target, no_route
from lockgate.deployer.traffic.back import Back
from lockgate.deployer.traffic.weights import MOST, Weights


class Routed(Back):
    """A `traffic.Traffic`."""

    by_route = True

    def missing(self, target: Target, live: Region) -> str | None:
        if live.route is None:
            return no_route(target)
        weights, service = _present(target, live), target.workload.service
        homes = weights.homes()
        if not homes:
            return (
                f"The {weights.called} in {target.region} sends nothing to the Service {service}: have one of its "
                f"rules send something there (spec.{weights.form.rules}[].{weights.form.refs}), or correct the plan's "
                f"workload."
            )
        if max(homes) > 1:
            return (
                f"A rule of the {weights.called} in {target.region} sends traffic to the Service {service} by "
                f"{max(homes)} references, and a share is taken from one: join them to one."
            )
        if not weights.has_room:
            return (
                f"The weights of the {weights.called} in {target.region} leave no room for a share: "
                f"make them smaller in the same proportion (the largest there may be is {MOST})."
            )
        return None

    def owned(self, target: Target, live: Region, *, apart: bool) -> str | None:
        del apart
        return _present(target, live).owned()

    def replicas(self, share: float, production: int) -> int:
        return max(1, min(production, math.ceil(share * production)))

    def share(self, target: Target, live: Region) -> float:
        return _present(target, live).share()

    def give(self, target: Target, live: Region) -> Patch | None:
        return _present(target, live).given()

    def lower(self, target: Target, live: Region) -> Patch | None:
        weights = _present(target, live)
        return weights.given() if weights.is_above() else None

    def switch(self, target: Target, live: Region) -> Patch | None:
        return self.give(replace(target, share=1.0), live)


def _present(target: Target, live: Region) -> Weights:
    if live.route is None:
        raise LookupError("a share was asked for without a route: `missing` was not asked first")
    return Weights(target, live.route, live.clone_services)
