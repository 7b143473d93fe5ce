"""Core and work together, without Kafka: what is decided is done, and what was done is said."""

import orjson

from lockgate.deployer.core import table
from lockgate.messages.deployments import (
    DeploymentStarted,
    PilotDeployed,
    RegionDeployed,
    RegionProbed,
    RegionRegistered,
    RegionRolledBack,
)
from lockgate.messages.payload import Payload
from lockgate.messages.verdicts import Action
from lockgate.sandbox import Sandbox
from tests.support.deployer import OLD, fence, grant, halt, order
from tests.support.deployer_at_work import AtWork, settings_for
from tests.support.desk import Desk


async def worked(desk: Desk, west: AtWork) -> list[Payload]:
    """Does all the work that the desk holds, and hands its reports back; what was said of it."""
    before = len(desk.events)
    for key, name in list(desk.work):
        work = desk.work[key, name]
        west.reports.clear()
        final = await west.work[work.kind](orjson.loads(orjson.dumps(work.body)), west._report)
        for report in west.reports:
            desk.report(key, name, report, final=False)
        desk.report(key, name, final)
    return desk.events[before:]


async def test_a_release_goes_through_a_region_and_is_taken_back(sandbox: Sandbox, west: AtWork) -> None:
    settings = settings_for(sandbox)
    desk = Desk(table(settings.name, settings.namespaces))
    desk.start(settings.facts)
    (registered,) = await worked(desk, west)
    assert isinstance(registered, RegionRegistered)
    cluster = registered.place.cluster

    desk.now = west.now()  # a real cluster is asked in real time
    desk.give(grant("7.0.1", Action.PILOT, cluster=cluster))
    said = await worked(desk, west)
    assert isinstance(said[0], DeploymentStarted)
    assert said[0].found == OLD
    assert isinstance(said[-1], PilotDeployed)

    desk.give(grant("7.0.2", cluster=cluster))
    assert isinstance((await worked(desk, west))[-1], RegionDeployed)

    desk.give(grant("7.0.3", Action.PROBE, cluster=cluster))
    (probed,) = await worked(desk, west)
    assert isinstance(probed, RegionProbed)
    assert [result.passed for result in probed.results] == [True]

    assert desk.give(halt(7, 1)) == []
    desk.give(order("7.2.1", cluster=cluster))
    (back,) = await worked(desk, west)
    assert isinstance(back, RegionRolledBack)
    assert (back.digest, back.fence) == (OLD, fence("7.2.1"))
    assert await west.weights() == [("payments", 1)]
