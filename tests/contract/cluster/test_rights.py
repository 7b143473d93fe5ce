"""What a deployer may do: one table, the same in chart and documentation; all of it is needed, and nothing more."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lockgate.deployer.chart import ENVIRONMENT, environment_templates, templates
from lockgate.deployer.policy import policy
from lockgate.deployer.rights import IDENTITY, IN_ITS_REGION, Right, manifests, with_environments
from tests.support.controlplane import ControlPlane
from tests.support.everything import NEXT, RUNS, policed, refusals, region_of
from tests.support.places import image_of

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "lockgate"


def test_the_role_in_the_documentation_is_that_of_the_table() -> None:
    text = (
        (ROOT / "docs" / "operating.md").read_text().partition("```yaml\nkind: Role\n")[2].partition("```")[0]
    )
    told = YAML(typ="safe", pure=True).load("kind: Role\n" + text)
    assert told == next(obj for obj in manifests("deployer", "NAMESPACE") if obj["kind"] == "Role")


@pytest.mark.parametrize(("path", "text"), templates().items())
def test_the_chart_is_what_the_tables_make_of_it(path: str, text: str) -> None:
    assert (CHART / path).read_text() == text, "run `make chart`"


@pytest.mark.parametrize(("path", "text"), environment_templates().items())
def test_the_chart_of_environments_is_what_the_tables_make_of_it(path: str, text: str) -> None:
    assert (CHART.parent / ENVIRONMENT / path).read_text() == text, "run `make chart`"


def test_the_chart_says_nothing_that_helm_has_to_decide() -> None:
    assert rendered("payments", "shop") == [*manifests("payments", "shop"), *policy("payments", "shop")]
    assert rendered("payments", "trial", CHART.parent / ENVIRONMENT) == [
        *with_environments("payments", "trial", "shop"),
        *policy("payments", "trial"),
    ]


def rendered(name: str, namespace: str, chart: Path = CHART) -> list[dict[str, Any]]:
    """The chart's objects, as Helm fills them in."""
    found = []
    for path in templates():
        text = (chart / path).read_text()
        for key, value in (
            ("{{ .Values.deployer.name }}", name),
            ("{{ .Release.Namespace }}", namespace),
            ("{{ .Values.deployer.source }}", "shop"),
        ):
            text = text.replace(key, value)
        assert "{{" not in text
        found += list(YAML(typ="safe", pure=True).load_all(text))
    return found


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


@pytest.mark.cluster
@pytest.mark.timeout(120)
async def test_with_its_rights_and_under_its_policy_a_deployer_does_everything(
    control_plane: ControlPlane,
) -> None:
    async with region_of(control_plane) as place:
        await policed(control_plane, place)
        assert await refusals(place) == []
        runs = [image_of(await place.read("deployments", name)) for name in ("payments", "billing")]
        assert runs == [f"registry.example/payments@{RUNS}", f"registry.example/billing@{NEXT}"]


@pytest.mark.cluster
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("right", "verb"), EACH)
async def test_without_any_one_of_them_it_cannot(
    control_plane: ControlPlane, right: Right, verb: str
) -> None:
    async with region_of(control_plane, without(right, verb)) as place:
        refused = await refusals(place)
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
