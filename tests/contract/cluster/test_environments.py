"""Pre-production on demand: made beside what is live and without touching it, sent the plan's requests, and gone afterwards."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from lockgate.deployer.bodies import RegisterBody, StepBody
from lockgate.deployer.cluster import ClusterError
from lockgate.deployer.policy import policy
from lockgate.deployer.rights import OF_THE_SOURCE, WITH_ENVIRONMENTS, Right
from lockgate.messages.environments import Environment
from lockgate.messages.plan_parts import Request
from lockgate.messages.verdicts import Granted
from tests.support.controlplane import ControlPlane
from tests.support.controlplane.behaviours import Acts, digest
from tests.support.deployer import order
from tests.support.deployer_at_work import AtWork, hurried, working
from tests.support.environments import (
    RUNS,
    Ground,
    asked,
    leftover,
    sandboxed_ground,
    served_ground,
    trying,
)
from tests.support.places import PATIENCE
from tests.support.sandboxes import until

GOOD = digest(number=2)
NOTHING: dict[str, list[str]] = {"deployments": [], "services": [], "networkpolicies": []}
REAL = pytest.param("real", marks=[pytest.mark.cluster, pytest.mark.timeout(120)])


@pytest_asyncio.fixture(params=["sandbox", REAL])
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    if request.param == "sandbox":
        async with sandboxed_ground() as found:
            yield found
    else:
        async with served_ground(request.getfixturevalue("control_plane")) as found:
            yield found


@pytest_asyncio.fixture
async def west(ground: Ground) -> AsyncIterator[AtWork]:
    async with working(hurried(ground.region)) as worker:
        yield worker


async def removed(west: AtWork, given: Granted) -> dict[str, Any]:
    body = StepBody(grant=given, until=west.now())
    return await west.work["remove"](body.json_body(), _unheard)


async def _unheard(report: dict[str, Any]) -> None:
    del report


async def test_an_environment_is_made_beside_what_is_live_and_goes_without_a_trace(
    ground: Ground, west: AtWork
) -> None:
    before, given = await ground.versions(), trying(GOOD, environment=asked(replicas=2))
    answer = await west.step(given)
    assert (answer["outcome"], len(answer["results"])) == ("probed", 1)
    assert await ground.made() == {
        "deployments": ["payments-env-7"],
        "services": ["payments-env-7"],
        "networkpolicies": ["payments-env-7"],
    }
    clone = await ground.tried.read("deployments", "payments-env-7")
    container = clone["spec"]["template"]["spec"]["containers"][0]
    assert container["image"].endswith(f"@{GOOD}")
    assert container["envFrom"] == [{"secretRef": {"name": "keys-preprod"}}]
    assert clone["status"]["availableReplicas"] == clone["spec"]["replicas"] == 2
    held = await ground.tried.read("networkpolicies", "payments-env-7")
    assert held["spec"]["policyTypes"] == ["Egress"]
    assert (await removed(west, given))["outcome"] == "untouched"
    assert await ground.made() == NOTHING
    assert await ground.versions() == before


async def test_a_step_that_is_begun_again_makes_nothing_twice(ground: Ground, west: AtWork) -> None:
    given = trying(GOOD)
    await west.step(given)
    first = await ground.tried.read("deployments", "payments-env-7")
    await west.step(given)
    again = await ground.tried.read("deployments", "payments-env-7")
    assert again["metadata"]["uid"] == first["metadata"]["uid"]


async def test_a_version_that_does_not_come_up_is_said_in_its_pods_own_words(
    ground: Ground, west: AtWork
) -> None:
    await ground.gives_up_after(5)
    given = trying(digest(Acts.CRASHES))
    answer = await west.step(given)
    assert answer["outcome"] == "failed"
    assert "Crash" in answer["reason"]
    await removed(west, given)
    assert await ground.made() == NOTHING


async def test_a_reference_without_an_override_is_refused_and_nothing_is_written(
    ground: Ground, west: AtWork
) -> None:
    answer = await west.step(trying(GOOD, environment=Environment()))
    assert answer["outcome"] == "failed"
    assert "write overrides: {secrets: {keys: ITS-NAME}} into the stage" in answer["reason"]
    assert await ground.made() == NOTHING
    assert west.reports == []


async def test_the_next_release_takes_the_place_of_an_environment_that_is_left(
    ground: Ground, west: AtWork
) -> None:
    await west.step(trying(GOOD))
    await west.step(trying(GOOD, "8.0.1", release="release-8"))
    assert (await ground.made())["deployments"] == ["payments-env-8"]
    late = await west.step(trying(GOOD, "7.0.2"))
    assert (late["outcome"], late["live"]["number"]) == ("fenced", 8)


async def test_an_order_to_go_back_takes_the_environment_and_leaves_what_is_live(
    ground: Ground, west: AtWork
) -> None:
    before = await ground.versions()
    await west.step(trying(GOOD))
    answer = await west.order(order("7.2.1", region="eu-preprod", digest=RUNS), touched=True)
    assert answer["outcome"] == "untouched"
    assert await ground.made() == NOTHING
    assert await ground.versions() == before


async def test_what_a_deployer_did_not_live_to_remove_is_swept_at_the_next_start(
    ground: Ground, west: AtWork
) -> None:
    for name, when in (
        ("old", "2020-01-01T00:00:00+00:00"),
        ("new", "2120-01-01T00:00:00+00:00"),
        ("other", None),
    ):
        (await ground.tried.create("services", leftover(name, when))).obj()
    body = RegisterBody(region="eu-preprod", namespace=ground.tried.namespace)
    assert (await west.work["register"](body.json_body(), _unheard))["live"] == {}
    assert (await ground.made())["services"] == ["new", "other"]


async def test_a_region_without_a_source_makes_no_environments(ground: Ground) -> None:
    async with working(hurried(ground.region.model_copy(update={"source": None}))) as west:
        answer = await west.step(trying(GOOD))
        assert "as `source` that of the live workload" in answer["reason"]
        assert (await removed(west, trying(GOOD)))["outcome"] == "untouched"
    assert await ground.made() == NOTHING


# --- rights, on a real API server ---------------------------------------------------------------------------

METHODS = tuple(
    Request.model_validate({method: "/", "json": {}, "within": 0.2})
    for method in ("get", "post", "put", "delete")
)
EACH = [
    pytest.param(
        right, verb, id=f"{verb} {right.resource}{' of the source' if right in OF_THE_SOURCE else ''}"
    )
    for right in (*WITH_ENVIRONMENTS, *OF_THE_SOURCE)
    for verb in right.verbs
]


def without(rights: tuple[Right, ...], right: Right, verb: str) -> tuple[Right, ...]:
    left = replace(right, verbs=tuple(each for each in right.verbs if each != verb))
    changed = (left if each is right else each for each in rights)
    return tuple(each for each in changed if each.verbs)


async def said(ground: Ground) -> list[str]:
    """Everything that a deployer says while it does all that it is asked for environments."""
    async with working(hurried(ground.region)) as west:
        words: list[str] = []
        try:
            await ground.gives_up_after(1)
            bad = await west.step(trying(digest(Acts.NEVER_READY), "6.0.1"), seconds=60.0)
            await ground.gives_up_after(600)
            good = await west.step(trying(GOOD, requests=METHODS), seconds=60.0)
            words = [
                bad["reason"],
                good.get("reason", ""),
                *(each["reason"] for each in good.get("results", ())),
            ]
            await removed(west, trying(GOOD))
        except ClusterError as error:
            words.append(str(error))
        return [*words, *(report.get("reason", "") for report in west.reports)]


def forbidden(words: list[str]) -> list[str]:
    return [each for each in words if "is forbidden" in each]


@pytest.mark.cluster
@pytest.mark.timeout(120)
async def test_with_its_rights_and_under_its_policy_a_deployer_makes_and_removes_environments(
    control_plane: ControlPlane,
) -> None:
    async with served_ground(control_plane) as ground:
        for obj in policy("deployer", ground.tried.namespace):
            control_plane.admin.apply(obj)

        async def judges() -> bool:
            body = leftover("bare", None)
            del body["metadata"]["annotations"]
            path = ground.tried.path("services")
            asked_for = await ground.tried.ask("POST", path, body, token=ground.tried.deployer, dryRun="All")
            return asked_for.status == 403

        await until(judges, PATIENCE)
        assert forbidden(await said(ground)) == []
        assert await ground.made() == NOTHING


@pytest.mark.cluster
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("right", "verb"), EACH)
async def test_without_any_one_of_them_it_cannot(
    control_plane: ControlPlane, right: Right, verb: str
) -> None:
    rights, of_source = without(WITH_ENVIRONMENTS, right, verb), without(OF_THE_SOURCE, right, verb)
    async with served_ground(control_plane, rights, of_source) as ground:
        refused = forbidden(await said(ground))
    what = f'cannot {verb} resource "{right.resource}" in API group "{right.group}"'
    assert refused
    assert all(what in each for each in refused), refused
