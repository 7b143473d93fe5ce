"""Everything that a deployer is ever asked, in a region of a real API server, and what that refuses."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from lockgate.deployer.cluster import ClusterError
from lockgate.deployer.policy import policy
from lockgate.deployer.rights import IN_ITS_REGION, Right
from lockgate.messages.flags import Flag
from lockgate.messages.plan_parts import Request
from lockgate.messages.values import Workload
from lockgate.messages.verdicts import Action, Granted
from lockgate.sandbox.sample import objects
from tests.support.controlplane import ControlPlane
from tests.support.controlplane.behaviours import digest
from tests.support.deployer import (
    MESHED,
    ROUTELESS,
    WORKLOAD,
    artifact,
    destination,
    flags_order,
    grant,
    order,
)
from tests.support.deployer_at_work import AtWork, hurried, working
from tests.support.places import PATIENCE, Place, autoscaler, of_tenant, service, virtual_service
from tests.support.sandboxes import until

RUNS, GOOD, NEXT = (digest(number=number) for number in (1, 2, 3))
REQUESTS = tuple(
    Request.model_validate({method: "/pay", "json": {}}) for method in ("get", "post", "put", "delete")
)
TAGGED = "registry.example/billing:v1"
"""Of which only pods know the digest."""

FLAGS = (Flag(flag="new-checkout"), Flag(flag="price-model", featureflag="payments"))

LONE = WORKLOAD.model_copy(update={"service": "lone"})
"""Asked through a Service of no pods, which the API server answers by itself."""


@asynccontextmanager
async def region_of(plane: ControlPlane, rights: tuple[Right, ...] = IN_ITS_REGION) -> AsyncIterator[Place]:
    """A region whose deployer has these rights: it runs `payments`, and `billing` by its tag."""
    tenant = await asyncio.to_thread(plane.tenant, "rights", rights)
    async with of_tenant(plane, tenant) as place:
        for name in ("payments", "billing"):
            made = objects(name, RUNS, 2)
            if name == "billing":
                made[0]["spec"]["template"]["spec"]["containers"][0]["image"] = TAGGED
            for plural, obj in zip(("deployments", "services", "httproutes"), made, strict=True):
                (await place.create(plural, obj)).obj()
        (await place.create("services", service("lone"))).obj()
        meshed = virtual_service(name="payments")
        meshed["spec"]["http"][1]["route"] = [destination("payments")]
        (await place.create("virtualservices", meshed)).obj()
        (await place.create("horizontalpodautoscalers", autoscaler(1, 9))).obj()
        for plural, obj in zip(("configmaps", "featureflags"), flagged(), strict=True):
            (await place.create(plural, obj)).obj()
        yield place


def flagged() -> tuple[dict[str, Any], dict[str, Any]]:
    """A flag in a ConfigMap, and one of the OpenFeature operator."""
    flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    document = json.dumps({"flags": {FLAGS[0].flag: flag}})
    return (
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "payments-flags"},
            "data": {"flags.json": document},
        },
        {
            "apiVersion": "core.openfeature.dev/v1beta1",
            "kind": "FeatureFlag",
            "metadata": {"name": "payments"},
            "spec": {"flagSpec": {"flags": {FLAGS[1].flag: flag}}},
        },
    )


async def policed(plane: ControlPlane, place: Place) -> None:
    """Puts the policy over what the region's deployer writes, and waits until it judges."""
    for obj in policy("deployer", place.namespace):
        await asyncio.to_thread(plane.admin.apply, obj)

    async def judges() -> bool:
        path = place.path("services")
        asked = await place.ask("POST", path, service("none"), token=place.deployer, dryRun="All")
        return asked.status == 403

    await until(judges, PATIENCE)


def steps() -> Iterator[Granted]:
    """Everything that a deployer is ever asked: each strategy, and requests by every method."""

    def one(at: str, action: Action, wanted: str, workload: Workload = WORKLOAD, **more: Any) -> Granted:
        number, application = at.partition(".")[0], workload.deployment
        given = {"release": f"release-{number}", "application": application, "workload": workload}
        return grant(at, action, artifact=artifact(wanted), **given, **more)

    billing = ROUTELESS.model_copy(update={"deployment": "billing", "service": "billing"})
    yield one("7.0.1", Action.PROBE, RUNS, LONE, requests=REQUESTS)
    yield one("7.0.2", Action.PILOT, GOOD, share=0.5)
    yield one("7.0.3", Action.DEPLOY, GOOD)
    yield one("8.0.1", Action.GREEN, NEXT, billing, requests=())
    yield one("8.0.2", Action.SWITCH, NEXT, billing, share=1.0)
    yield one("8.0.3", Action.DEPLOY, NEXT, billing)
    yield one("9.0.1", Action.CANARY, NEXT, MESHED, share=0.25)
    yield one("9.0.2", Action.CANARY, NEXT, MESHED, share=0.5)


_UNANSWERED = ("answered GET /pay with 503: no endpoints available", "did not answer GET /pay")
"""Nobody answers requests in KWOK's pods, as whoever may ask the API server to pass one on is told, or finds out."""


async def refusals(place: Place) -> list[str]:
    """What the cluster refuses in all that a deployer does, as far as it comes; nothing else may go wrong."""
    async with working(hurried(place.region("eu-west"))) as west:
        try:
            return await _refusals(west)
        except ClusterError as error:
            return [str(error)]


async def _refusals(west: AtWork) -> list[str]:
    await west.register()
    for step in steps():
        # What is not allowed is asked for until the time is over: it may be allowed any moment.
        answer = await west.step(step, seconds=20.0 if step.action is Action.PROBE else 60.0)
        if answer["outcome"] == "probed":
            refused = [each["reason"] for each in answer["results"] if "forbidden" in each["reason"]]
        else:
            stopped = answer["outcome"] in {"failed", "fenced"} and not any(
                words in answer["reason"] for words in _UNANSWERED
            )
            refused = [answer["reason"]] if stopped else []
        refused += [each["reason"] for each in west.reports if "forbidden" in each.get("reason", "")][:1]
        if refused:
            return refused
    answer = await west.flags(flags_order(*FLAGS, at="9.2.1", release="release-9"))
    if answer["outcome"] != "switched":
        return [answer["reason"]]
    back = order("9.3.1", restore=FLAGS, release="release-9", digest=RUNS, bad=NEXT, workload=MESHED)
    answer = await west.order(back, touched=True)
    return [] if answer["outcome"] == "rolled-back" else [answer["reason"]]
