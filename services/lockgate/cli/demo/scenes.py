"""What the demo shows: its versions, how each behaves, and how each release must end."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from lockgate.cli.local.system import Shape
from lockgate.cli.view.model import State
from lockgate.intake.planfile import GoodPlan, check_plan

APPLICATION = "payments"
PACKAGE = "pkg:oci/payments"
REPLICAS = 4
RATE = 5_000.0  # requests a second in each region
USUAL_ERRORS = 0.01  # of them fail whatever runs: broken clients, flaky networks
ALERT_ABOVE = 0.03  # of all requests in production

SHAPE = Shape(
    {"deployer-eu": ("eu-preprod", "eu-west", "eu-north"), "deployer-world": ("us-east", "ap-south")},
    sandbox={"usual_errors": USUAL_ERRORS},
)


def digest_of(version: int) -> str:
    return "sha256:" + f"{version:02x}" * 32


@dataclass(frozen=True, slots=True)
class Scene:
    """One release: what to say, how its image behaves, how it must end, and what must run everywhere then."""

    title: str
    story: str
    version: int
    behaviour: Mapping[str, Any]
    ends: State
    runs: int
    ended: str

    @property
    def tag(self) -> str:
        return f"v{self.version}"


FOUND = 1  # the version that runs before the demo begins

SCENES = (
    Scene(
        "A good release",
        "CI announces v2, which is healthy. It passes pre-production, a pilot with 10 % of the traffic of eu-west, two waves and the watch.",
        version=2,
        behaviour={},
        ends=State.COMPLETED,
        runs=2,
        ended="v2 runs in every region and is known as good",
    ),
    Scene(
        "A release that fails in the pilot",
        "v3 answers well at first and then fails 15 % of its requests, as with a connection pool that runs dry. Pre-production's few requests are too early to see it; the pilot sees it beside production, within seconds. Nine users of ten never meet v3.",
        version=3,
        behaviour={"error_rate": 0.15, "fault_after_seconds": 2.5},
        ends=State.CLOSED,
        runs=2,
        ended="v3 was taken back from its pilot; the pods beside it and the other regions never ran it",
    ),
    Scene(
        "A release whose fault shows only at full share",
        "v4 fails 5 % of its requests, but only where it carries more than half of a region's traffic, and it needs a while for that: no pilot of 10 % can see it. Monitoring does once enough regions run it, and says so on the topic `anomalies`.",
        version=4,
        behaviour={"error_rate": 0.05, "fault_from_share": 0.5, "fault_after_seconds": 2.5},
        ends=State.CLOSED,
        runs=2,
        ended="v4 was taken back in every region",
    ),
)


def plan() -> GoodPlan:
    text = resources.files("lockgate.cli.demo").joinpath("plan.yaml").read_text()
    good = check_plan(text)
    if not isinstance(good, GoodPlan):
        raise TypeError(f"the demo's own plan is wrong: {good.problems}")
    return good
