"""Bodies of the wrong shape: the API refuses them by name, and its controllers keep working.

With 4xx; only an apply of a wrong type is an error of the server, there as here (tests/contract/cluster).
"""

import asyncio
import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgate.sandbox import Sandbox, writes
from lockgate.sandbox.kinds import CONFIGMAPS, DEPLOYMENTS, HTTPROUTES, SERVICES, Kind
from lockgate.sandbox.objects import name_of
from lockgate.sandbox.sample import objects
from lockgate.sandbox.status import ApiError
from lockgate.sandbox.store import Store
from tests.support.sandboxes import GOOD, NAMESPACE

NOW = 1_800_000_000.0
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, 0, -1, True, "x", "", [], {}, [None], ["x"], [{}], {"x": None}, {"x": [1]}, 1.5]
)
WRONG: tuple[Any, ...] = (None, 0, "x", [], {}, [{}], ["x"])
SAMPLES: list[tuple[Kind, dict[str, Any]]] = [
    *zip((DEPLOYMENTS, SERVICES, HTTPROUTES), objects("payments", GOOD, 2), strict=True),
    (CONFIGMAPS, {"metadata": {"name": "payments"}, "data": {"a": "b"}}),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, below in inner for place in places(below, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    changed = copy.deepcopy(value)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = junk
    return changed


def request(kind: Kind) -> writes.Request:
    return writes.Request(kind, NAMESPACE, "payments", "cd", NOW, force=True)


def refusal(store: Store, kind: Kind, content_type: str, body: Any) -> ApiError | None:
    try:
        writes.patch(store, request(kind), content_type, body)
    except ApiError as error:
        return error
    return None


def is_named(error: ApiError) -> bool:
    untyped = error.code == 500 and error.message.startswith("failed to create typed patch object (")
    return untyped or 400 <= error.code < 500


@given(data=st.data())
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
def test_a_write_is_stored_or_refused_by_name(data: st.DataObject) -> None:
    kind, good = data.draw(st.sampled_from(SAMPLES))
    body = replaced(good, data.draw(st.sampled_from(places(good))), data.draw(JUNK))
    store = Store("eu", 1, 100)
    writes.create(store, request(kind), good)
    before = store.get(kind, NAMESPACE, "payments")
    for content_type in ("application/apply-patch+yaml", "application/merge-patch+json"):
        error = refusal(store, kind, content_type, body)
        after = store.get(kind, NAMESPACE, "payments")
        assert error is None or (is_named(error) and after == before)
        before = after


@pytest.mark.parametrize("kind_and_body", SAMPLES, ids=lambda pair: pair[0].name)
async def test_whatever_was_stored_the_controllers_and_the_traffic_live_with_it(
    sandbox: Sandbox, kind_and_body: tuple[Kind, dict[str, Any]]
) -> None:
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    try:
        kind, good = kind_and_body
        region = sandbox.regions["eu-west"]
        for place in places(good):
            for junk in WRONG:
                try:
                    created = writes.create(region.store, request(kind), replaced(good, place, junk))
                except ApiError:
                    continue
                await asyncio.sleep(0)
                region.routing()
                await asyncio.sleep(0)
                region.store.remove(kind, NAMESPACE, name_of(created))
    finally:
        asyncio.get_running_loop().set_exception_handler(None)
    assert failures == []
