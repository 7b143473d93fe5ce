"""Watches: everything from a version on, once, in order; and 410 for a version that is forgotten."""

import asyncio
import itertools
from typing import Any

import pytest

from tests.support.places import FORGETTING, MERGE, Json, Place, config, route, web

SELECTED = "lockgate.test/row"
LABELS = {SELECTED: ""}


def heard(events: list[tuple[str, Json]]) -> list[tuple[str, str]]:
    return [(kind, obj["metadata"]["name"]) for kind, obj in events]


async def version(place: Place, plural: str = "configmaps") -> str:
    return str((await place.find(plural)).obj()["metadata"]["resourceVersion"])


async def test_a_watch_without_a_version_begins_with_what_is_there(place: Place) -> None:
    await place.create("configmaps", config("a", labels=LABELS))
    await place.create("configmaps", config("b", labels=LABELS))
    events = await place.watch("configmaps", 2, labelSelector=SELECTED)
    assert sorted(heard(events)) == [("ADDED", "a"), ("ADDED", "b")]


async def test_a_watch_hears_what_comes_while_it_listens(place: Place) -> None:
    since = await version(place)
    listening = asyncio.create_task(
        place.watch("configmaps", 2, resourceVersion=since, labelSelector=SELECTED)
    )
    await place.create("configmaps", config("a", labels=LABELS))
    await place.delete("configmaps", "a")
    assert heard(await listening) == [("ADDED", "a"), ("DELETED", "a")]


async def test_a_watch_goes_on_after_the_version_it_names(place: Place) -> None:
    await place.create("configmaps", config("a", labels=LABELS))
    since = await version(place)
    await place.create("configmaps", config("b", labels=LABELS))
    await place.patch("configmaps", "a", {"data": {"x": "1"}}, MERGE)
    await place.delete("configmaps", "b")
    events = await place.watch("configmaps", 3, resourceVersion=since, labelSelector=SELECTED)
    assert heard(events) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]
    versions = [int(obj["metadata"]["resourceVersion"]) for _, obj in events]
    assert int(since) < versions[0] < versions[1] < versions[2]
    assert events[0][1]["kind"] == "ConfigMap"


async def test_what_leaves_a_selector_is_deleted_for_its_watcher(place: Place) -> None:
    await place.create("configmaps", config("a", labels={"tier": "front"}))
    await place.create("configmaps", config("b", labels={"tier": "back"}))
    since = await version(place)
    for name, tier in (("a", "back"), ("b", "front")):
        await place.patch("configmaps", name, {"metadata": {"labels": {"tier": tier}}}, MERGE)
    events = await place.watch("configmaps", 2, resourceVersion=since, labelSelector="tier=front")
    assert heard(events) == [("DELETED", "a"), ("ADDED", "b")]


async def test_a_write_that_changes_nothing_is_no_event(place: Place) -> None:
    first = (await place.create("configmaps", config("a", {"x": "1"}, labels=LABELS))).obj()
    since = await version(place)
    await place.replace("configmaps", "a", first)
    await place.patch("configmaps", "a", {"data": {"x": "1"}}, MERGE)
    await place.patch("configmaps", "a", {"data": {"x": "2"}}, MERGE)
    events = await place.watch("configmaps", 1, resourceVersion=since, labelSelector=SELECTED)
    assert [obj["data"] for _, obj in events] == [{"x": "2"}]


async def test_a_watch_ends_when_its_time_is_over(place: Place) -> None:
    assert await place.watch("deployments", 9, timeoutSeconds=1) == []


@pytest.mark.timeout(FORGETTING)
async def test_a_version_that_is_forgotten_is_410_inside_the_stream(place: Place) -> None:
    await place.create("httproutes", route(1))
    await place.forget()
    first: list[tuple[str, Json]] = []
    changes = itertools.count()
    while [kind for kind, _ in first] != ["ERROR"]:
        change = {"metadata": {"labels": {"change": f"{next(changes)}"}}}
        await place.patch("httproutes", "web", change, MERGE)
        first = await place.watch("httproutes", 1, resourceVersion="1")
    _, status = first[0]
    assert (status["kind"], status["code"], status["reason"]) == ("Status", 410, "Expired")
    assert status["message"].startswith("too old resource version: 1 (")


async def test_a_version_that_is_no_number_is_refused(place: Place) -> None:
    refused = await place.watch("configmaps", 1, resourceVersion="x")
    assert refused[0][0] == "REFUSED"
    assert (refused[0][1]["code"], refused[0][1]["message"]) == (
        500,
        'resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax',
    )


async def test_a_roll_out_is_heard_in_the_order_it_happened(place: Place) -> None:
    since = await version(place, "deployments")
    await place.create("deployments", web(replicas=2))
    seen: list[Any] = []
    async with asyncio.timeout(20):
        count = 1
        while not (seen and seen[-1][1].get("status", {}).get("availableReplicas") == 2):
            count += 1
            seen = await place.watch("deployments", count, resourceVersion=since)
    assert seen[0][0] == "ADDED"
    assert {kind for kind, _ in seen[1:]} == {"MODIFIED"}
    available = [obj.get("status", {}).get("availableReplicas", 0) for _, obj in seen]
    assert available == sorted(available)
