"""What a seed comes to: applications with their plans, regions, deployers, versions that CI announces, and faults."""

import hashlib
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.simulation.artifacts import Kind
from tests.simulation.comparing import apart, compared

PREPROD = "eu-preprod"
PRODUCTION = ("eu-west", "eu-north", "us-east", "ap-south")
REGIONS = (PREPROD, *PRODUCTION)
SERVICES = ("intake", "verifier", "rollback")
READS = {
    "intake": ("artifacts", "plans", "operations", "deployments", "verdicts", "rollbacks"),
    "verifier": ("releases", "deployments", "rollbacks", "anomalies", "operations"),
    "rollback": ("releases", "verdicts", "deployments"),
    "deployer": ("verdicts", "rollbacks"),
}
FLAG = "new-checkout"
"""The flag of each application, if its plan declares one."""

CHAOS = 4 * 3600.0
"""Seconds; after that no fault begins, and each ends."""

MOST_SKEW = 2.0
"""Seconds that a deployer's clock is off."""

_KINDS = {
    Kind.GOOD: 50,
    Kind.BAD_LATE: 10,
    Kind.BAD_FLAG: 12,
    Kind.BAD_PILOT: 12,
    Kind.NEVER_READY: 8,
    Kind.BAD_PREPROD: 8,
    Kind.UNDECIDED: 5,
    Kind.UNMEASURED: 5,
}


PLACES = (*PRODUCTION, "", "production", "no-such-region")
"""What monitoring may name."""

_STRATEGIES: tuple[Any, ...] = (
    "rolling",
    {"canary": ["25%", "50%"], "wait": "1m"},
    {"blue-green": {"keep": "2m", "requests": [{"get": "/"}]}},
)


@dataclass(frozen=True, slots=True)
class Fault:
    """`what`: down (the process), cut (no broker), slow (one topic's reading), away (a region's cluster),
    other (the cluster is another one from then on), metrics.
    """

    what: str
    subject: str
    start: float
    end: float
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Announcement:
    at: float
    application: str
    purl: str
    id: str
    bundles: tuple[str, ...] = ()
    """Who signed it."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """`region` is empty if none is named; `times`: so often it comes and goes."""

    at: float
    application: str
    region: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    applications: tuple[str, ...]
    deployers: dict[str, tuple[str, ...]]
    plans: tuple[tuple[float, dict[str, Any]], ...]
    announcements: tuple[Announcement, ...]
    kinds: dict[str, Kind]
    faults: tuple[Fault, ...]
    alarms: tuple["Alarm", ...]
    """Incidents that have no cause."""
    crashes: float
    """How often a process crashes between a commit and its publication."""
    former: int
    """The fence number that the clusters carry from an installation of Lockgate before this one; mostly none."""
    untagged: frozenset[tuple[str, str]]
    """(region, application) whose first version is named by a tag only."""

    def kind_of(self, digest: str | None) -> Kind:
        return self.kinds.get(digest or "", Kind.GOOD)


def digest_of(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def drawn(random: Random) -> Scenario:
    watching = apart(random)
    applications = ("payments", "orders")[: 1 + (random.random() < 0.3)]
    kinds: dict[str, Kind] = {}
    announcements = tuple(a for name in applications for a in _announcements(random, name, kinds))
    good = [digest for digest, kind in kinds.items() if kind is Kind.GOOD]
    kinds.update({digest: Kind.BAD_WATCH for digest in good if watching.random() < 0.15})
    deployers = _deployers(random)
    return Scenario(
        applications=applications,
        deployers=deployers,
        plans=tuple(plan for name in applications for plan in _plans(random, watching, name)),
        announcements=announcements,
        kinds=kinds,
        faults=_faults(random, tuple(deployers)),
        alarms=tuple(_alarms(random, applications)),
        crashes=random.choice((0.0, 0.004, 0.02)),
        former=random.choice((3, 6)) if random.random() < 0.08 else 0,
        untagged=frozenset((r, a) for r in REGIONS for a in applications if random.random() < 0.1),
    )


def _deployers(random: Random) -> dict[str, tuple[str, ...]]:
    names = [f"deployer-{n}" for n in range(1, random.choice((2, 3)) + 1)]
    served: dict[str, list[str]] = {name: [] for name in names}
    for region in REGIONS:
        served[random.choice(names)].append(region)
    if random.random() < 0.15:  # somebody else's settings name a region that is served already
        rival, region = random.choice(names), random.choice(REGIONS)
        served[rival] = list(dict.fromkeys((*served[rival], region)))
    return {name: tuple(regions) for name, regions in served.items() if regions}


# --- plans and versions ---------------------------------------------------------------------------------------


def _plans(random: Random, watching: Random, application: str) -> list[tuple[float, dict[str, Any]]]:
    first = compared(watching, _plan(random, application, application))
    plans = [(90.0, first), (random.uniform(200, 1500), first), (3600.0, first)]
    if random.random() < 0.4:
        package = f"{application}-next" if random.random() < 0.3 else application
        plans.append((random.uniform(3700, CHAOS), compared(watching, _plan(random, application, package))))
    return plans


def _plan(random: Random, application: str, package: str) -> dict[str, Any]:
    return {
        "kind": "Plan",
        "application": application,
        "artifact": f"pkg:oci/{package}",
        "workload": {
            "deployment": application,
            "container": "app",
            "service": application,
            "route": application,
        },
        "metrics": {"interval": "30s"},
        "stages": _stages(random),
        "remediation": {
            "to": random.choice(("previous", "good")),
            "flags": _flags(random),
            **_recovers(random),
        },
        "queue": {"supersede": random.random() < 0.5},
    }


def _recovers(random: Random) -> dict[str, str]:
    """Drawn apart, so that all else of a seed is as without."""
    apart = Random(f"recovers {random.getstate()[1][:8]}")
    return {"recovers-within": apart.choice(("2m", "14m", "1h"))} if apart.random() < 0.5 else {}


def _flags(random: Random) -> list[dict[str, Any]]:
    return [{"flag": FLAG, "wait": random.choice(("0s", "2m", "10m"))}] if random.random() < 0.6 else []


def _stages(random: Random) -> list[dict[str, Any]]:
    regions = list(PRODUCTION)
    random.shuffle(regions)
    regions = regions[: random.randint(2, 4)]
    cut = random.randint(1, len(regions))
    stages: list[dict[str, Any]] = []
    if random.random() < 0.75:
        stages.append(
            {
                "name": "preprod",
                "kind": "preprod",
                "regions": [PREPROD],
                "requests": [{"get": "/"}, {"get": "/pay"}],
            }
        )
    if random.random() < 0.6:
        stages.append(_pilot(random, regions))
    for n, part in enumerate(part for part in (regions[:cut], regions[cut:]) if part):
        stages.append(_wave(random, f"wave-{n}", part))
    return [*stages, {"name": "watch", "kind": "watch", "for": random.choice(("1m", "15m"))}]


def _pilot(random: Random, regions: list[str]) -> dict[str, Any]:
    undecided = {"extend": random.choice(("0s", "10m")), "then": random.choice(("rollback", "pass"))}
    after = {"verify": random.choice(("5m", "15m")), "on-inconclusive": undecided}
    return {
        "name": "pilot",
        "kind": "pilot",
        "regions": regions[: random.choice((1, 2))],
        "share": "10%",
        "after": after,
    }


def _wave(random: Random, name: str, regions: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "wave",
        "regions": regions,
        "strategy": random.choices(_STRATEGIES, (60, 25, 15))[0],
        "max-parallel": random.randint(1, 3),
        "retry": random.choice((0, 1, 2)),
        "budget": random.choice(("5m", "15m")),
        "after": {"bake": random.choice(("0s", "5m"))},
    }


def _announcements(random: Random, application: str, kinds: dict[str, Kind]) -> list[Announcement]:
    found: list[Announcement] = []
    digests: list[str] = []
    for n in range(random.randint(3, 5)):
        digest = digest_of(f"{application} {n}")
        if digests and random.random() < 0.15:
            digest = random.choice(digests)
        kinds.setdefault(digest, random.choices(list(_KINDS), list(_KINDS.values()))[0])
        digests.append(digest)
        package = f"{application}-next" if random.random() < 0.05 else application
        version = digest.replace(":", "%3A") if random.random() > 0.03 else "latest"
        at = random.uniform(300, CHAOS)
        of_one_build = n if random.random() > 0.1 else 0  # some CI gives one id to all images of a build
        purl = f"pkg:oci/{package}@{version}?tag=v{n}"
        found.append(Announcement(at, application, purl, f"{application}-{of_one_build}"))
    return found


# --- what goes wrong ------------------------------------------------------------------------------------------


def _length(random: Random) -> float:
    """Mostly short, seldom for hours."""
    return random.choice((2.0, 20.0, 200.0, 2000.0, 9000.0)) * random.uniform(0.5, 1.5)


def _slowed(name: str) -> list[str]:
    """The topics that it may read slowly; not `operations`, so that a seed is the same with operators and without."""
    read = READS[name if name in SERVICES else "deployer"]
    return [topic for topic in read if topic != "operations"]


def _faults(random: Random, deployers: tuple[str, ...]) -> tuple[Fault, ...]:
    wildness = random.choice((0.0, 0.5, 1.0, 2.0))
    faults: list[Fault] = []

    def some(most: float) -> range:
        return range(int(random.uniform(0, most * wildness) + 0.5))

    def add(what: str, subject: str, topic: str = "") -> None:
        start = random.uniform(0, CHAOS)
        faults.append(Fault(what, subject, start, start + _length(random), topic))

    for name in (*SERVICES, *deployers):
        for _ in some(2.0):
            add("down", name)
        for _ in some(1.2):
            add("cut", name)
        for _ in some(2.0):
            add("slow", name, random.choice(_slowed(name)))
    for region in REGIONS:
        for what in ("away",) * len(some(1.2)) + ("other",) * (wildness > 0 and random.random() < 0.03):
            add(what, region)
    for _ in some(2.0):
        add("metrics", "prometheus")
    return tuple(faults)


def _alarms(random: Random, applications: tuple[str, ...]) -> list[Alarm]:
    """None, one, one that comes and goes, or two at nearly the same time."""
    alarms: list[Alarm] = []
    for _ in range(random.choice((0, 0, 1, 2))):
        at, application = random.uniform(600, CHAOS), random.choice(applications)
        alarms.append(Alarm(at, application, random.choice(PLACES), random.choice((1, 1, 1, 5))))
        if random.random() < 0.3:
            alarms.append(Alarm(at + random.uniform(0, 5), application, random.choice(PLACES)))
    return alarms
