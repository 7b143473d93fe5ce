"""Registration: on each start every region is looked at again, and said to be served."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from lockgate.deployer.bodies import RegisterBody
from lockgate.deployer.core.floors import Served
from lockgate.deployer.core.rows import ServedPlace
from lockgate.deployer.reports import Registered
from lockgate.messages.decision import NOTHING, Rows, ServiceStarted, StartWork, Step, WorkReported, emit, put
from lockgate.messages.deployments import RegionRegistered
from lockgate.messages.values import Place


def started(rows: Rows, given: ServiceStarted, now: datetime) -> Step:
    del rows, now
    regions: dict[str, Any] = given.settings["regions"]
    bodies = {region: RegisterBody(region=region, namespace=regions[region]) for region in sorted(regions)}
    return Step(
        work=tuple(
            StartWork(f"register {name}", "register", body.json_body()) for name, body in bodies.items()
        )
    )


def registered(served: Served) -> Callable[[Rows, WorkReported, datetime], Step]:
    def decide(rows: Rows, given: WorkReported, now: datetime) -> Step:
        del rows, now
        body, report = RegisterBody.read(given.body), Registered.model_validate(given.report)
        if served.namespaces.get(body.region) != body.namespace:
            return NOTHING  # the settings changed while the cluster was being asked
        place = Place(
            region=body.region, deployer=served.name, cluster=report.cluster, namespace=body.namespace
        )
        return put(ServedPlace(place=place), body.region) + emit(
            RegionRegistered(place=place, live=report.live)
        )

    return decide
