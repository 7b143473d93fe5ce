"""The traffic that `plan check` measures, against the sandbox's Prometheus: rates, pods, latency, and why there is none."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from lockgate.cli.power.measured import LEAST_SEEN, UnmeasuredError, measured
from lockgate.cli.power.options import ToMeasure
from lockgate.messages.plan import Plan
from lockgate.messages.plan_metrics import Metrics
from lockgate.sandbox import Sandbox
from lockgate.sandbox import Settings as SandboxSettings
from tests.support.eventually import eventually
from tests.support.previews import ORDINARY, plan

REGION = "eu-west"
SECONDS, SCRAPES = 4.0, 45
PLAN: Plan = plan(*ORDINARY).model_copy(update={"metrics": Metrics(interval=0.5)})


@pytest_asyncio.fixture(scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    """Production of 3 pods with 3,000 requests a second, of which 2 % fail."""
    settings = SandboxSettings(regions=(REGION,), scrape_seconds=0.1, usual_errors=0.02)
    async with Sandbox(settings) as running:
        running.install("payments", "sha256:" + "1" * 64, 3, rate=3_000)
        running.install("payments-api", "sha256:" + "2" * 64, 2, rate=5_000)  # another workload
        await running.settled()
        samples = running.samples.targets
        await eventually(
            lambda: min((len(one.times) for one in samples.get(REGION, {}).values()), default=0) >= SCRAPES
        )
        yield running


def asked(sandbox: Sandbox, namespace: str = "shop", since: float = SECONDS) -> ToMeasure:
    return ToMeasure(sandbox.directory()["prometheus"], namespace, since)


async def test_rates_latency_and_pods_are_those_of_the_application_alone(sandbox: Sandbox) -> None:
    found = (await measured(PLAN, [REGION], asked(sandbox)))[REGION]
    assert found.requests == pytest.approx(
        3_000, rel=0.3
    )  # its load moves by 20 %, and the other workload has 5,000
    assert found.errors == pytest.approx(0.02, rel=0.3)
    assert found.pods == 3
    assert found.bounds
    assert found.bursts < 0.2
    assert 0 < found.latency.at(0.5) < found.latency.at(0.99)


async def test_another_namespace_has_no_samples(sandbox: Sandbox) -> None:
    with pytest.raises(UnmeasuredError, match=r"eu-west: there are no samples of .*: correct the namespace"):
        await measured(PLAN, [REGION], asked(sandbox, "elsewhere"))


async def test_an_application_that_was_just_started_is_said_to_be_too_new(sandbox: Sandbox) -> None:
    with pytest.raises(
        UnmeasuredError, match=rf"only \d of 60 scrapes have samples, and {LEAST_SEEN} are needed"
    ):
        await measured(PLAN, [REGION], asked(sandbox, since=3600.0))


async def test_a_prometheus_that_does_not_answer_is_named() -> None:
    with pytest.raises(UnmeasuredError, match=r"eu-west: Prometheus at http://127.0.0.1:1 cannot be reached"):
        await measured(PLAN, [REGION], ToMeasure("http://127.0.0.1:1", "shop", SECONDS))
