"""What a strategy is given, and what it may answer with: closed unions."""

from dataclasses import dataclass
from enum import StrEnum

from lockgate.deployer.fencing import Marks, Operation, shared_marks
from lockgate.deployer.objects import Json
from lockgate.deployer.reports import Deployed, Failed, Fenced, Piloted, Prepared, RolledBack, Untouched
from lockgate.deployer.strategies.names import Role, clone_name, service_of_clone
from lockgate.messages.values import Fence, Workload


class Kind(StrEnum):
    """The kinds of objects that are written."""

    DEPLOYMENT = "Deployment"
    SERVICE = "Service"
    ROUTE = "HTTPRoute"
    VIRTUAL_SERVICE = "VirtualService"
    AUTOSCALER = "HorizontalPodAutoscaler"
    NETWORK_POLICY = "NetworkPolicy"


@dataclass(frozen=True, slots=True)
class Target:
    """The step: in which region, under which fence, and to which digest (None: only clones go)."""

    application: str
    release: str
    region: str
    workload: Workload
    fence: Fence
    digest: str | None
    share: float = 0.0
    bad: str | None = None
    touched: bool = False
    role: Role = Role.PILOT
    """What the release's clone is called by: what it was made for, or is about to be."""
    start: float | None = None
    """Seconds that the release's pods took to get ready elsewhere, if it is known."""
    surge: int | None = None
    """The maxSurge with which production's roll-out fits its time; None: the Deployment's own."""

    @property
    def route_marks(self) -> Marks:
        """Of what others may share: the route, and the Service whose selector is switched."""
        return shared_marks(self.application)

    @property
    def clone(self) -> str:
        """A release has one clone in a region, whatever for: pilot, canary and green side take it over."""
        return clone_name(self.workload.deployment, self.role, self.fence.number)

    @property
    def clone_service(self) -> str:
        return service_of_clone(self.workload.service, self.clone)

    @property
    def route(self) -> "tuple[Kind, str] | None":
        """Kind and name of the plan's route."""
        return named_route(self.workload.route) if self.workload.route is not None else None


def named_route(route: str) -> tuple[Kind, str]:
    """Kind and name of a route as a plan, or a clone's Service, names it: `payments`, or `virtualservice/payments`."""
    kind, _, name = route.rpartition("/")
    return Kind.VIRTUAL_SERVICE if kind else Kind.ROUTE, name


def no_route(target: Target) -> str:
    """The sentence on a plan's route that is not there."""
    kind, name = target.route or (Kind.ROUTE, "")
    return f"There is no {kind} {name} in {target.region}: create it, or take it from the plan."


@dataclass(frozen=True, slots=True)
class Region:
    """What is live: the workload's objects, and the clones that carry the application's label.

    `former`: another route than the plan's, by which a clone that is left over may have its traffic. `policies`: the
    NetworkPolicies of environments.
    """

    deployment: Json | None
    service: Json | None = None
    route: Json | None = None
    clones: tuple[Json, ...] = ()
    clone_services: tuple[Json, ...] = ()
    pods: tuple[Json, ...] = ()
    replicasets: tuple[Json, ...] = ()
    former: Json | None = None
    autoscaler: Json | None = None
    policies: tuple[Json, ...] = ()

    @property
    def routes(self) -> tuple[Json, ...]:
        return tuple(route for route in (self.route, self.former) if route is not None)


@dataclass(frozen=True, slots=True)
class Patch:
    """A JSON Patch. `drains`: what was taken out of traffic gets a moment before anything follows."""

    kind: Kind
    name: str
    operations: list[Operation]
    drains: bool = False


@dataclass(frozen=True, slots=True)
class Create:
    kind: Kind
    body: Json


@dataclass(frozen=True, slots=True)
class Delete:
    """Void unless the object still is what was read: a newer step may have taken it over since."""

    kind: Kind
    name: str
    uid: str
    version: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again later. `watched`: the Deployment whose pods say why, should it take too long."""

    updated: int
    wanted: int
    reason: str
    watched: Json | None = None


@dataclass(frozen=True, slots=True)
class Stuck:
    """A roll-out failed; its pods say why."""

    reason: str
    watched: Json


Write = Patch | Create | Delete
Final = Deployed | Piloted | Prepared | RolledBack | Untouched | Failed | Fenced
Next = Write | Wait | Stuck | Final
