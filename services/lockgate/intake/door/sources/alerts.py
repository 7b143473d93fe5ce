"""Alertmanager's webhook (version 4) and Grafana's, which has the same skeleton: alerts become incidents. Pure.

Source: prometheus.io, "Alerting: Configuration", `webhook_config`; grafana.com, "Configure webhook notifications"
(contact points; without a custom payload). Both repeat what fires, and group alerts of several applications: so each
alert is an event of its own, known again by its fingerprint, the time it began and whether it fires, and one from which
no event can be made spoils none of the others. Of a delivery so many are read; to read more would keep others waiting.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lockgate.intake.door.answers import Code, Ignored, Refused
from lockgate.intake.door.delivery import (
    Delivery,
    Draft,
    Options,
    Translated,
    cdevent,
    draft,
    first_problem,
    is_name,
    moment,
    parsed,
    plain,
)
from lockgate.messages.anomalies import IncidentDetected, IncidentResolved
from lockgate.messages.message import derived_id

EVERYWHERE: Final = "production"
"""The environment of an alert that names no region; to the verifier it means all of them."""

MOST_ALERTS: Final = 500
"""Of one delivery."""

_DESCRIPTION: Final = 2000
_LABELS: Final = 64
_LABEL: Final = 256


class _Payload(BaseModel):
    """What is read of it; all the rest is let pass."""

    model_config = ConfigDict(extra="allow")


class Alert(_Payload):
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: str  # noqa: N815  # the product's name
    endsAt: str = ""  # noqa: N815  # as above
    generatorURL: str = ""  # noqa: N815  # as above
    fingerprint: str = Field(min_length=1, max_length=64, description="stands for the labels")


class AlertmanagerGroup(_Payload):
    """Alertmanager's webhook payload."""

    version: Literal["4"]
    status: Literal["firing", "resolved"]
    alerts: tuple[Alert, ...]


class GrafanaGroup(_Payload):
    """The webhook payload of Grafana Alerting."""

    status: Literal["firing", "resolved"]
    alerts: tuple[Alert, ...]


def _translate(
    delivery: Delivery, options: Options, *, model: type[AlertmanagerGroup | GrafanaGroup], route: str
) -> Translated:
    """An incident for each alert."""
    found = list(_found(_read(model, parsed(delivery.body), route), options, route))
    return Translated(
        tuple(dict.fromkeys(each for each in found if isinstance(each, Draft))),
        tuple(each for each in found if isinstance(each, Ignored)),
    )


alertmanager = partial(_translate, model=AlertmanagerGroup, route="alertmanager")
grafana = partial(_translate, model=GrafanaGroup, route="grafana")


def _read(model: type[AlertmanagerGroup | GrafanaGroup], body: Any, route: str) -> list[Any]:
    """What it names as alerts. Refused if all around them is no payload of the product."""
    alerts = body.get("alerts") if isinstance(body, dict) else None
    try:
        model.model_validate({**body, "alerts": ()} if isinstance(alerts, list) else body)
    except ValidationError as error:
        detail = f"this is no payload of {route}'s webhook: {first_problem(error)}"
        raise Refused(Code.UNREADABLE, detail) from None
    return alerts if isinstance(alerts, list) else []


def _found(alerts: list[Any], options: Options, route: str) -> Iterator[Draft | Ignored]:
    """Each alert is read alone."""
    for number, given in enumerate(alerts[:MOST_ALERTS], 1):
        try:
            yield _incident(Alert.model_validate(given), options, route)
        except ValidationError as error:
            yield Ignored(what=f"alert {number}", why=f"it cannot be read: {first_problem(error)}")
    if (more := len(alerts) - MOST_ALERTS) > 0:
        why = (
            f"of one delivery {MOST_ALERTS} alerts are read: group by application, so that fewer come at once"
        )
        yield Ignored(what=f"{more} more alerts", why=why)


def _incident(alert: Alert, options: Options, route: str) -> Draft | Ignored:
    """What the verifier is told: which application, in which region, and in whose words."""
    name = plain(alert.labels.get("alertname", "alert"), 200)
    application = _first(alert.labels, options.application_labels)
    if not is_name(application):
        labels = ", ".join(options.application_labels)
        why = (
            f"none of its labels {labels} names an application"
            if not application
            else "no application has that name"
        )
        return Ignored(what=f"{name} {plain(application, 80)}".strip(), why=why)
    kind: type[IncidentDetected | IncidentResolved] = (
        IncidentDetected if alert.status == "firing" else IncidentResolved
    )
    try:
        began = moment(alert.startsAt)
        at = began if alert.status == "firing" else moment(alert.endsAt)
    except ValueError as error:
        return Ignored(what=name, why=f"it says no time when it began or ended: {error}")
    incident = f"{name}/{plain(alert.fingerprint, 64)}"
    id_ = derived_id("door", route, alert.status, application, incident, began.isoformat())
    region = plain(_first(alert.labels, options.region_labels), 200) or EVERYWHERE
    content = {
        "environment": {"id": region},
        "service": {"id": application},
        "description": _words(alert, name),
    }
    event = cdevent(kind.type, id_, route, at, {"id": incident, "content": content})
    event["customData"] = dict(_custom(alert, began))
    event["customDataContentType"] = "application/json"
    return draft(kind.topic, kind.type, event)


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def _words(alert: Alert, name: str) -> str:
    """What people wrote about it; nobody interprets it."""
    said = (alert.annotations.get(key) for key in ("summary", "description", "message"))
    return plain(f"{name}: {': '.join(text for text in said if text) or 'no summary'}", _DESCRIPTION)


def _custom(alert: Alert, began: datetime) -> Iterator[tuple[str, Any]]:
    """For people who look into it later; within bounds, so that no alert is lost because it says much."""
    yield "labels", {plain(k, _LABEL): plain(v, _LABEL) for k, v in list(alert.labels.items())[:_LABELS]}
    yield "startsAt", began.isoformat()
    if alert.generatorURL:
        yield "generatorURL", plain(alert.generatorURL, 2000)
