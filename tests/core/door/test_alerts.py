"""Alertmanager's and Grafana's alerts: what fires is an incident of an application, and its end is told as well."""

import json
from dataclasses import replace
from typing import Any

import pytest

from lockgate.intake.door.answers import Code
from lockgate.intake.door.callers import Role
from lockgate.intake.door.delivery import Delivery, Draft, Options, Translated
from lockgate.intake.door.judging import judged
from lockgate.intake.door.routes import BY_PATH
from lockgate.messages.anomalies import IncidentDetected, IncidentResolved
from tests.support.cdevents import problems
from tests.support.deliveries import NOW, caller, delivered, payload, refusal

MONITORING = caller(Role.MONITORING)
SAID = "ErrorRateHigh: 5 % of the requests fail: payments answers 500 in us-east"


def alertmanager(body: Any, **options: Any) -> Any:
    return delivered("/v1/alertmanager", body, MONITORING, **options)


def one(**changes: Any) -> Any:
    """Alertmanager's group with its first alert, changed."""
    group = payload("alertmanager/firing")
    group["alerts"] = [{**group["alerts"][0], **changes}]
    return group


def test_an_alert_that_fires_is_an_incident_of_its_application_in_its_region() -> None:
    made = alertmanager(payload("alertmanager/firing"))
    (outgoing,) = made.outgoing
    assert outgoing.told.topic == "anomalies"
    assert outgoing.key == "payments"
    assert outgoing.body == IncidentDetected(
        incident="ErrorRateHigh/c6eadffa33fcdf37", service="payments", environment="us-east", description=SAID
    )
    value = json.loads(outgoing.value)
    assert value["context"]["timestamp"] == "2026-11-24T10:20:00.123Z"
    assert value["customData"]["labels"]["severity"] == "critical"
    assert problems(value) == []


def test_an_alert_about_no_application_is_ignored_and_spoils_no_other() -> None:
    (ignored,) = alertmanager(payload("alertmanager/firing")).ignored
    assert ignored.what == "DiskFull"
    assert ignored.why == "none of its labels application, service, app names an application"


def test_its_end_is_told_of_the_same_incident() -> None:
    (outgoing,) = alertmanager(payload("alertmanager/resolved")).outgoing
    assert outgoing.body == IncidentResolved(
        incident="ErrorRateHigh/c6eadffa33fcdf37", service="payments", environment="us-east", description=SAID
    )
    assert json.loads(outgoing.value)["context"]["timestamp"] == "2026-11-24T10:31:00.000Z"


def test_grafanas_alerts_are_incidents_too() -> None:
    (outgoing,) = delivered("/v1/grafana", payload("grafana/firing"), MONITORING).outgoing
    assert outgoing.body == IncidentDetected(
        incident="ErrorRateHigh/bc97ff14869b13e3", service="payments", environment="us-east", description=SAID
    )
    assert outgoing.told.source == "/lockgate/door/grafana"
    assert json.loads(outgoing.value)["context"]["timestamp"] == "2026-11-24T10:20:00.500Z"


def test_an_alert_that_is_repeated_is_the_same_event_and_one_that_comes_again_is_another() -> None:
    (first,) = alertmanager(one()).outgoing
    (repeated,) = alertmanager(one(annotations={"summary": "still"}, endsAt="2026-11-24T11:00:00Z")).outgoing
    (again,) = alertmanager(one(startsAt="2026-11-24T15:00:00Z")).outgoing
    (ended,) = alertmanager(one(status="resolved", endsAt="2026-11-24T11:00:00Z")).outgoing
    assert first.told == repeated.told
    assert len({first.told.id, again.told.id, ended.told.id}) == 3
    assert first.told.subject == again.told.subject == ended.told.subject


def test_an_alert_that_names_no_region_is_about_production() -> None:
    (outgoing,) = alertmanager(one(labels={"alertname": "Slow", "app": "payments"})).outgoing
    assert outgoing.body.environment == "production"


def test_the_settings_say_which_labels_name_application_and_region() -> None:
    labels = {"alertname": "Slow", "team_service": "payments", "cluster": "eu-west", "service": "nginx"}
    (outgoing,) = alertmanager(
        one(labels=labels), application_labels=("team_service",), region_labels=("zone", "cluster")
    ).outgoing
    assert (outgoing.body.service, outgoing.body.environment) == ("payments", "eu-west")


@pytest.mark.parametrize(
    "name", ["Payments", "pay ments", "pay/ments", "-payments", "p" * 64, "*", "payments\n"]
)
def test_what_cannot_be_an_applications_name_is_ignored(name: str) -> None:
    made = alertmanager(one(labels={"alertname": "Slow", "service": name}))
    assert made.outgoing == ()
    assert made.ignored[0].why == "no application has that name"


@pytest.mark.parametrize("time", ["", "soon", "2026-11-24T10:20:00", "9999-12-31T23:59:59-12:00"])
def test_an_alert_without_a_time_is_ignored(time: str) -> None:
    made = alertmanager(one(startsAt=time))
    assert made.outgoing == ()
    assert "no time" in made.ignored[0].why


def test_what_people_and_requests_wrote_into_an_alert_cannot_spoil_the_event() -> None:
    texts = {"summary": "a\u0000b\u001b[31m\u202e" + "x" * 5000, "description": "\ud7ff" * 3000}
    labels = {
        "alertname": "A\u0000" + "n" * 5000,
        "service": "payments",
        "region": "r" * 900,
        **{f"label{n}": "v" * 4000 for n in range(200)},
    }
    (outgoing,) = alertmanager(one(annotations=texts, labels=labels, generatorURL="u" * 99_999)).outgoing
    assert len(outgoing.value) < 64_000
    assert outgoing.body.description.isprintable()
    assert problems(json.loads(outgoing.value)) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [({"version": "3"}, "version: "), ({"alerts": None}, "alerts: "), ({"status": "odd"}, "status: ")],
)
def test_what_is_no_webhook_of_alertmanager_is_refused(change: Any, says: str) -> None:
    refused = refusal("/v1/alertmanager", {**payload("alertmanager/firing"), **change}, MONITORING)
    assert refused.code is Code.UNREADABLE
    assert refused.detail.startswith(f"this is no payload of alertmanager's webhook: {says}")


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": "f" * 65},
        {"fingerprint": ""},
        {"status": "unprocessed"},
        {"annotations": None},
        {"labels": {"application": "payments", "zone": None}},
        {"startsAt": None},
    ],
)
def test_an_alert_that_cannot_be_read_is_ignored_and_spoils_no_other(change: Any) -> None:
    group = payload("alertmanager/firing")
    good = group["alerts"][0]
    group["alerts"] = [{**good, **change}, good, "no alert"]
    made = alertmanager(group)
    assert [outgoing.key for outgoing in made.outgoing] == ["payments"]
    assert [ignored.what for ignored in made.ignored] == ["alert 1", "alert 3"]
    assert made.ignored[0].why.startswith(f"it cannot be read: {next(iter(change))}")


def test_an_incident_that_no_service_could_read_is_ignored_and_spoils_no_other() -> None:
    nowhere = json.dumps({"context": {}, "subject": {}}).encode()
    (good,) = alertmanager(one()).outgoing
    drafts = (
        Draft("anomalies", IncidentDetected.type, nowhere),
        Draft("anomalies", IncidentDetected.type, good.value),
    )
    route = replace(BY_PATH["/v1/alertmanager"], translate=lambda *_: Translated(drafts))
    made = judged(route, MONITORING, Delivery({}, b"", "somebody", NOW, "fresh"), Options())
    assert made.outgoing == (good,)
    assert [ignored.what for ignored in made.ignored] == [IncidentDetected.type]
    assert "this is no dev.cdevents.incident.detected.0.3.0 that can be read" in made.ignored[0].why


def test_of_more_alerts_than_are_read_at_once_the_first_are_incidents_and_the_rest_is_counted() -> None:
    group = payload("alertmanager/firing")
    group["alerts"] = [{**group["alerts"][0], "fingerprint": f"f{number}"} for number in range(1200)]
    made = alertmanager(group)
    assert len(made.outgoing) == 500
    assert made.outgoing[-1].told.subject == "ErrorRateHigh/f499"
    (ignored,) = made.ignored
    assert ignored.what == "700 more alerts"
    assert "500 alerts are read" in ignored.why


def test_fields_of_newer_versions_are_let_pass() -> None:
    group = one(somethingNew={"a": 1})
    group["notification_reason"] = "repeat"
    assert len(alertmanager(group).outgoing) == 1


def test_who_is_restricted_reports_its_own_applications_and_the_rest_is_ignored() -> None:
    group = payload("alertmanager/firing")
    other = {**group["alerts"][0], "labels": {"alertname": "Slow", "service": "shop"}, "fingerprint": "f2"}
    group["alerts"] = [group["alerts"][0], other]
    made = delivered("/v1/alertmanager", group, caller(Role.MONITORING, applications=frozenset({"shop"})))
    assert [each.key for each in made.outgoing] == ["shop"]
    assert "may not report incidents of payments" in made.ignored[0].why
