"""What a deployer may do: one table, the same in chart and documentation; all of it is needed, and nothing more."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lockgate.deployer.chart import TEMPLATE, template
from lockgate.deployer.cluster import ClusterError
from lockgate.deployer.rights import IDENTITY, IN_ITS_REGION, Right, manifests
from lockgate.messages.plan_parts import Request
from lockgate.messages.values import Workload
from lockgate.messages.verdicts import Action, Granted
from lockgate.sandbox.sample import objects
from tests.support.controlplane import ControlPlane
from tests.support.controlplane.behaviours import digest
from tests.support.deployer import ROUTELESS, WORKLOAD, artifact, grant, order
from tests.support.deployer_at_work import AtWork, hurried, working
from tests.support.places import of_tenant, service

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "lockgate"
RUNS, GOOD, NEXT = (digest(number=number) for number in (1, 2, 3))
REQUESTS = tuple(
    Request.model_validate({method: "/pay", "json": {}}) for method in ("get", "post", "put", "delete")
)
TAGGED = "registry.example/billing:v1"
"""Of which only pods know the digest."""

LONE = WORKLOAD.model_copy(update={"service": "lone"})
"""Asked through a Service of no pods, which the API server answers by itself."""


def test_the_role_in_the_documentation_is_that_of_the_table() -> None:
    text = (
        (ROOT / "docs" / "operating.md").read_text().partition("```yaml\nkind: Role\n")[2].partition("```")[0]
    )
    told = YAML(typ="safe", pure=True).load("kind: Role\n" + text)
    assert told == next(obj for obj in manifests("deployer", "NAMESPACE") if obj["kind"] == "Role")


def test_the_chart_is_what_the_table_makes_of_it() -> None:
    assert (CHART / TEMPLATE).read_text() == template(), "run `make chart`"


def test_the_chart_says_nothing_that_helm_has_to_decide() -> None:
    assert rendered("payments", "shop") == manifests("payments", "shop")


def rendered(name: str, namespace: str) -> list[dict[str, Any]]:
    """The chart's objects, as Helm fills them in."""
    text = (CHART / TEMPLATE).read_text()
    text = text.replace("{{ .Values.deployer.name }}", name).replace("{{ .Release.Namespace }}", namespace)
    assert "{{" not in text
    return list(YAML(typ="safe", pure=True).load_all(text))


def without(right: Right, verb: str) -> tuple[Right, ...]:
    """All rights but this one."""
    left = replace(right, verbs=tuple(each for each in right.verbs if each != verb))
    rights = [left if each is right else each for each in IN_ITS_REGION]
    return tuple(each for each in rights if each.verbs)


EACH = [
    pytest.param(right, verb, id=f"{verb} {right.resource}")
    for right in IN_ITS_REGION
    for verb in right.verbs
]


@asynccontextmanager
async def serving(plane: ControlPlane, rights: tuple[Right, ...]) -> AsyncIterator[AtWork]:
    """A deployer with these rights, of a region that runs two applications."""
    tenant = await asyncio.to_thread(plane.tenant, "rights", rights)
    async with of_tenant(plane, tenant) as place:
        for name in ("payments", "billing"):
            made = objects(name, RUNS, 2)
            if name == "billing":
                made[0]["spec"]["template"]["spec"]["containers"][0]["image"] = TAGGED
            for plural, obj in zip(("deployments", "services", "httproutes"), made, strict=True):
                (await place.create(plural, obj)).obj()
        (await place.create("services", service("lone"))).obj()
        async with working(hurried(place.region("eu-west"))) as west:
            yield west


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


async def refusals(west: AtWork) -> list[str]:
    """What the cluster refused in all that a deployer does, as far as it comes; nothing else may go wrong."""
    try:
        await west.register()
        for step in steps():
            answer = await west.step(step)
            if answer["outcome"] == "probed":
                refused = [each["reason"] for each in answer["results"] if "forbidden" in each["reason"]]
            else:
                refused = [answer["reason"]] if answer["outcome"] == "failed" else []
            if refused:
                return refused
        answer = await west.order(order("7.2.1", digest=RUNS, bad=GOOD), touched=True)
        return [answer["reason"]] if answer["outcome"] == "failed" else []
    except ClusterError as error:
        return [str(error)]


@pytest.mark.cluster
@pytest.mark.timeout(120)
async def test_with_its_rights_a_deployer_does_everything(control_plane: ControlPlane) -> None:
    async with serving(control_plane, IN_ITS_REGION) as west:
        assert await refusals(west) == []
        assert await west.image() == f"registry.example/payments@{RUNS}"
        assert await west.image("billing") == f"registry.example/billing@{NEXT}"


@pytest.mark.cluster
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("right", "verb"), EACH)
async def test_without_any_one_of_them_it_cannot(
    control_plane: ControlPlane, right: Right, verb: str
) -> None:
    async with serving(control_plane, without(right, verb)) as west:
        refused = await refusals(west)
    assert refused
    what = f'cannot {verb} resource "{right.resource}" in API group "{right.group}"'
    assert all(what in reason for reason in refused), refused


@pytest.mark.cluster
def test_of_the_whole_cluster_it_reads_what_it_is_known_by(control_plane: ControlPlane) -> None:
    assert IDENTITY.verbs == ("get",)
    admin, tenant = control_plane.admin, control_plane.tenant("rights")
    own = type(admin)(tenant.url, tenant.authority, tenant.deployer)
    kube_system = "/api/v1/namespaces/kube-system"
    assert own.ask("GET", kube_system)["metadata"]["uid"]
    admin.ask("DELETE", f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{tenant.namespace}-deployer")
    gone = time.monotonic() + 20
    while own.answers(kube_system):
        assert time.monotonic() < gone
        time.sleep(0.05)


@pytest.mark.cluster
def test_an_api_server_takes_the_chart_as_it_is(control_plane: ControlPlane) -> None:
    namespace = control_plane.tenant("rights").namespace
    for obj in rendered("charted", namespace):
        control_plane.admin.apply(obj)
