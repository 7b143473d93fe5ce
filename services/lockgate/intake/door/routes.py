"""What the door has at which path: who may ask, how they prove it, what body is read, and what translates it.

A table. A new source is a module under `sources/` and a row here; the server and the OpenAPI document follow it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel

from lockgate.intake.door.callers import WRITERS, Role, Scheme
from lockgate.intake.door.delivery import Delivery, Options, Translated
from lockgate.intake.door.sources import alerts, cloudevents, github, harbor, keys, operations, plans
from lockgate.messages.topics import ANOMALIES, ARTIFACTS, OPERATIONS, PLANS, Topic

JSON: Final = "application/json"
YAML: Final = "application/yaml"
MOST_BYTES: Final = 1 << 20
MOST_PLAN_BYTES: Final = 128 << 10  # with its envelope it stays below what a record may have

MOST_OPERATION_BYTES: Final = 16 << 10


@dataclass(frozen=True, slots=True)
class Route:
    """One path, which takes POST alone."""

    path: str
    name: str
    summary: str
    topics: tuple[Topic, ...]
    """What it may write to; whoever may write to one of them may ask."""
    bodies: Mapping[str, type[BaseModel]]
    """Media type -> what is read of it."""
    translate: Callable[[Delivery, Options], Translated]
    tokens: bool = True
    schemes: tuple[Scheme, ...] = ()
    most_bytes: int = MOST_BYTES
    partial: bool = False
    """Whether what cannot be read or may not be said is left out, instead of refusing the whole delivery."""
    thorough: bool = False
    """Whether translating it takes long enough to keep others waiting."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers that have a meaning here, with what they mean."""

    @property
    def roles(self) -> frozenset[Role]:
        return frozenset[Role]().union(*(WRITERS[topic.name] for topic in self.topics))


ROUTES: Final = (
    Route(
        path="/v1/events",
        name="events",
        summary="CDEvents in CloudEvents: artifacts that were published, incidents that were detected or resolved",
        topics=(ARTIFACTS, ANOMALIES),
        bodies={
            JSON: cloudevents.CDEvent,
            cloudevents.STRUCTURED: cloudevents.CloudEvent,
            cloudevents.BATCH: cloudevents.CloudEvent,
        },
        translate=cloudevents.translate,
    ),
    Route(
        path="/v1/github",
        name="github",
        summary="GitHub's webhooks for packages: images that were published",
        topics=(ARTIFACTS,),
        bodies={JSON: github.PackageEvent},
        translate=github.translate,
        tokens=False,
        schemes=(Scheme.GITHUB,),
        headers={"X-GitHub-Event": "what happened; `package` and `registry_package` announce artifacts"},
    ),
    Route(
        path="/v1/harbor",
        name="harbor",
        summary="Harbor's webhooks: images that were pushed",
        topics=(ARTIFACTS,),
        bodies={JSON: harbor.HarborEvent, cloudevents.STRUCTURED: harbor.HarborCloudEvent},
        translate=harbor.translate,
    ),
    Route(
        path="/v1/alertmanager",
        name="alertmanager",
        summary="Alertmanager's webhook: alerts that fire and alerts that are resolved",
        topics=(ANOMALIES,),
        bodies={JSON: alerts.AlertmanagerGroup},
        translate=alerts.alertmanager,
        partial=True,
    ),
    Route(
        path="/v1/grafana",
        name="grafana",
        summary="Grafana's webhook contact point: alerts that fire and alerts that are resolved",
        topics=(ANOMALIES,),
        bodies={JSON: alerts.GrafanaGroup},
        translate=alerts.grafana,
        schemes=(Scheme.GRAFANA,),
        partial=True,
    ),
    Route(
        path="/v1/plans",
        name="plans",
        summary="A plan that an operator publishes",
        topics=(PLANS,),
        bodies={JSON: plans.PlanObject, YAML: plans.PlanObject},
        translate=plans.translate,
        most_bytes=MOST_PLAN_BYTES,
        thorough=True,
        headers={keys.KEY: "makes the same plan, sent again, the same publication"},
    ),
    Route(
        path="/v1/operations",
        name="operations",
        summary="What an operator wants done: pause, abort, approve and so on",
        topics=(OPERATIONS,),
        bodies={JSON: operations.OperationObject},
        translate=operations.translate,
        most_bytes=MOST_OPERATION_BYTES,
        headers={keys.KEY: "makes the same operation, sent again, the same one"},
    ),
)

BY_PATH: Final[Mapping[str, Route]] = {route.path: route for route in ROUTES}

WHO: Final = "/v1/caller"
DOCUMENT: Final = "/openapi.json"
GETS: Final = (WHO, DOCUMENT)
"""Paths that take GET: who is asking, and what all this is."""


TOPICS: Final[tuple[Topic, ...]] = tuple(dict.fromkeys(topic for route in ROUTES for topic in route.topics))
"""All that is written to."""
