"""Lists: by labels, by fields, page by page."""

import base64

import orjson
import pytest

from tests.support.places import Place, config, route, web

ROWS = {"a": {"tier": "front"}, "b": {"tier": "back", "old": "yes"}, "c": {"tier": "back"}, "d": {}}


async def filled(place: Place) -> None:
    for name, labels in ROWS.items():
        await place.create("configmaps", config(name, labels={"lockgate.test/row": "", **labels}))


async def names(place: Place, **query: str) -> str:
    found = (await place.find("configmaps", **query)).obj()
    return "".join(each["metadata"]["name"] for each in found["items"])


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("", "abcd"),
        ("tier", "abc"),
        ("!tier", "d"),
        ("tier=back", "bc"),
        ("tier==back", "bc"),
        ("tier!=back", "ad"),
        ("tier=back,old!=yes", "c"),
        ("tier=back,old", "b"),
        ("tier in (front, back)", "abc"),
        ("tier notin (front)", "bcd"),
        ("tier in (front),old", ""),
        ("old=", ""),
    ],
)
async def test_a_selector_finds_what_it_says(place: Place, selector: str, expected: str) -> None:
    await filled(place)
    both = f"lockgate.test/row,{selector}" if selector else "lockgate.test/row"
    assert await names(place, labelSelector=both) == expected


@pytest.mark.parametrize(
    "selector", ["tier in front", "tier in (", "=", "a b", "tier>", "tier=a=b", "ti er=x"]
)
async def test_a_selector_that_is_none_is_400(place: Place, selector: str) -> None:
    refused = await place.find("configmaps", labelSelector=selector)
    assert (refused.status, refused.reason) == (400, "BadRequest")


async def test_fields_select_by_name_and_others_are_not_known(place: Place) -> None:
    await filled(place)
    assert await names(place, fieldSelector="metadata.name=b") == "b"
    assert await names(place, fieldSelector="metadata.name!=b", labelSelector="tier") == "ac"
    refused = await place.find("configmaps", fieldSelector="data.x=1")
    assert (refused.status, refused.reason) == (400, "BadRequest")


async def test_pages_follow_each_other_in_the_order_of_names(place: Place) -> None:
    await filled(place)
    seen, token = [], ""
    for _ in range(9):
        query = {"continue_": token} if token else {}
        page = (await place.find("configmaps", limit=2, labelSelector="lockgate.test/row", **query)).obj()
        seen.append("".join(each["metadata"]["name"] for each in page["items"]))
        token = page["metadata"].get("continue", "")
        if not token:
            break
    assert seen == ["ab", "cd"]


async def test_what_remains_is_counted_only_without_a_selector(place: Place) -> None:
    for name in "abc":
        await place.create("deployments", web(name=name, replicas=0))
    plain = (await place.find("deployments", limit=1)).obj()["metadata"]
    assert (plain["remainingItemCount"], bool(plain["continue"])) == (2, True)
    selected = (await place.find("deployments", limit=1, labelSelector="!none")).obj()["metadata"]
    assert "remainingItemCount" not in selected
    assert selected["continue"]


async def test_later_pages_are_of_the_moment_of_the_first(place: Place) -> None:
    for name in "ac":
        await place.create("deployments", web(name=name, replicas=0))
    first = (await place.find("deployments", limit=1)).obj()["metadata"]
    await place.create("deployments", web(name="b", replicas=0))
    second = (await place.find("deployments", limit=9, continue_=first["continue"])).obj()
    assert [each["metadata"]["name"] for each in second["items"]] == ["c"]
    assert second["metadata"]["resourceVersion"] == first["resourceVersion"]


async def test_a_page_of_a_forgotten_moment_is_410(place: Place) -> None:
    for name in "abc":
        await place.create("deployments", web(name=name, replicas=0))
    token = (await place.find("deployments", limit=1)).obj()["metadata"]["continue"]
    await place.forget()
    refused = await place.find("deployments", limit=1, continue_=of_version(token, 2))
    assert (refused.status, refused.reason) == (410, "Expired")


def of_version(token: str, version: int) -> str:
    """The same place in the list, but at another moment. Its form is Kubernetes' own."""
    said = orjson.loads(base64.urlsafe_b64decode(token + "=="))
    assert said["v"] == "meta.k8s.io/v1"
    raw = orjson.dumps({**said, "rv": version})
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


async def test_a_token_that_is_none_is_400(place: Place) -> None:
    refused = await place.find("deployments", limit=1, continue_="nonsense")
    assert (refused.status, refused.reason) == (400, "BadRequest")


async def test_a_limit_that_is_no_number_is_400(place: Place) -> None:
    for limit in ("many", "1.5"):
        refused = await place.find("deployments", limit=limit)
        assert (refused.status, refused.reason) == (400, "BadRequest")


async def test_items_of_a_list_do_not_say_their_kind_but_for_custom_resources(place: Place) -> None:
    await place.create("deployments", web(replicas=0))
    await place.create("httproutes", route(1))
    deployments = (await place.find("deployments")).obj()
    assert (deployments["kind"], deployments["apiVersion"]) == ("DeploymentList", "apps/v1")
    assert {"kind", "apiVersion"} & deployments["items"][0].keys() == set()
    routes = (await place.find("httproutes")).obj()
    assert routes["kind"] == "HTTPRouteList"
    assert routes["items"][0]["kind"] == "HTTPRoute"


async def test_an_empty_list_has_a_version_to_watch_from(place: Place) -> None:
    found = (await place.find("deployments")).obj()
    assert found["items"] == []
    assert int(found["metadata"]["resourceVersion"]) > 0
