"""`lockgate up --kubeconfig`: a good and a bad release in two regions of a real API server."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli.announce import announced
from lockgate.cli.plan import published
from lockgate.intake.planfile import GoodPlan, check_plan
from lockgate.intake.purls import purl
from lockgate.messages.deployments import DeploymentFailed
from lockgate.messages.releases import PlanAccepted, ReleaseClosed, ReleaseCompleted, ReleaseQueued
from tests.support.clusters import PATHS, installed, tenants
from tests.support.commands import Command, command
from tests.support.controlplane import Acts, ControlPlane, Tenant, digest
from tests.support.telling import Telling, Told

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

PATIENCE = 240.0
"""Seconds for a release, beside all else that the control plane has to do then."""

PACKAGE = "pkg:oci/payments"
RUNS, GOOD, BAD = digest(number=1), digest(number=2), digest(Acts.CRASHES)
PLAN = """
kind: Plan
application: payments
artifact: pkg:oci/payments
workload: {deployment: payments, container: app, service: payments, route: payments}
stages:
  - {name: first, kind: wave, regions: [west], budget: 180s}
  - {name: rest, kind: wave, regions: [east], budget: 180s}
  - {name: watch, kind: watch, for: 1s}
"""


@pytest.fixture
def regions(control_plane: ControlPlane) -> dict[str, Tenant]:
    """Two namespaces that run the application."""
    found = tenants(control_plane, ("west", "east"))
    # A bad one is seen before that, and a good one may be slow beside thousands of pods.
    installed(control_plane, found, "payments", RUNS, 2, progress_deadline=90)
    return found


@contextmanager
def serving(kubeconfig: Path, regions: dict[str, Tenant]) -> Iterator[Command]:
    typed = [f"--region={name}={name}/{tenant.namespace}" for name, tenant in regions.items()]
    with command("up", "--kubeconfig", str(kubeconfig), *typed) as up:
        up.until_said("Ctrl-C stops everything", 180.0)
        yield up
        up.process.send_signal(signal.SIGINT)
        assert up.ends() == 0, up.output


def images(control_plane: ControlPlane, regions: dict[str, Tenant]) -> dict[str, str]:
    """Region -> the digest that its Deployment names."""
    found = {}
    for name, tenant in regions.items():
        deployment = control_plane.admin.ask("GET", f"{PATHS[0].format(tenant.namespace)}/payments")
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        found[name] = container["image"].partition("@")[2]
    return found


def of_release(kind: type, release: str, told: Told) -> bool:
    return isinstance(told.body, kind) and getattr(told.body, "release", None) == release


async def released(kafka: str, wanted: str) -> str:
    answer = await announced(kafka, "lockgate.", purl(PACKAGE, wanted))
    assert isinstance(answer, ReleaseQueued)
    return answer.release


async def test_a_good_release_goes_through_and_a_bad_one_is_taken_back(
    control_plane: ControlPlane, regions: dict[str, Tenant], tmp_path: Path
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(merged(regions))
    with serving(kubeconfig, regions) as up:
        kafka = up.until_said("export LOCKGATE_KAFKA=").strip().partition("=")[2]
        plan = check_plan(PLAN)
        assert isinstance(plan, GoodPlan)
        assert isinstance(await published(kafka, "lockgate.", plan), PlanAccepted)
        async with Telling(kafka, "lockgate.") as telling:

            async def hears(kind: type, release: str) -> Any:
                try:
                    return (await telling.first(partial(of_release, kind, release), PATIENCE)).body
                except TimeoutError:
                    heard = "\n".join(map(str, telling.all))
                    raise AssertionError(
                        f"no {kind.__name__}. Heard:\n{heard}\n{up.output[-5000:]}"
                    ) from None

            await hears(ReleaseCompleted, await released(kafka, GOOD))
            assert images(control_plane, regions) == {"west": GOOD, "east": GOOD}

            bad = await released(kafka, BAD)
            failed = await hears(DeploymentFailed, bad)
            assert failed.region == "west"
            assert "CrashLoopBackOff" in failed.reason
            closed = await hears(ReleaseClosed, bad)
            assert closed.outcome == "rolled-back"
            assert images(control_plane, regions) == {"west": GOOD, "east": GOOD}


def merged(regions: dict[str, Tenant]) -> str:
    """One kubeconfig with a context for each region, named as it, of its deployer's token."""
    some = next(iter(regions.values()))
    cluster = f'{{name: plane, cluster: {{server: "{some.url}", certificate-authority: "{some.authority}"}}}}'
    users = ", ".join(f"{{name: {name}, user: {{token: {each.deployer}}}}}" for name, each in regions.items())
    contexts = ", ".join(f"{{name: {name}, context: {{cluster: plane, user: {name}}}}}" for name in regions)
    return f"clusters: [{cluster}]\nusers: [{users}]\ncontexts: [{contexts}]\n"
