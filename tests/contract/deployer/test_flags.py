"""Flags switched off in a region and put back, over a real API's HTTP, and read as an application reads them."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext

from lockgate.deployer.fencing import Operation
from lockgate.deployer.flags.switching import CONFIGMAPS, FEATURE_FLAGS
from lockgate.messages.flags import Flag
from lockgate.sandbox import Sandbox
from tests.support.deployer import flags_order, order
from tests.support.deployer_at_work import AtWork, settings_for, working

TARGETING = '{"if": [{"in": [{"var": "region"}, ["eu-west"]]}, "on", "off"]}'
DOCUMENT = (
    """{
  "$schema": "https://flagd.dev/schema/v0/flags.json",
  "flags": {
    "boolean": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off", "targeting": T},
    "string":  {"state": "ENABLED", "variants": {"on": "new", "off": "old"}, "defaultVariant": "on", "targeting": T},
    "number":  {"state": "ENABLED", "variants": {"on": 2.50, "off": 1}, "defaultVariant": "on", "targeting": T},
    "object":  {"state": "ENABLED", "variants": {"on": {"a": [1, 2]}, "off": {}}, "defaultVariant": "on", "targeting": T},
    "silent":  {"state": "DISABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"},
    "other":   {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on", "targeting": T}
  }
}
"""
).replace("T}", TARGETING + "}")
FLAGS = tuple(Flag(flag=name) for name in ("boolean", "string", "number", "object", "silent"))
ON = {"boolean": True, "string": "new", "number": 2.5, "object": {"a": [1, 2]}, "silent": True, "other": True}
OFF = {"boolean": False, "string": "old", "number": 1, "object": {}, "silent": False, "other": True}


async def with_flags(west: AtWork, document: str = DOCUMENT) -> None:
    await west.cluster.create(
        CONFIGMAPS,
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "payments-flags"},
            "data": {"flags.json": document},
        },
    )


async def with_flags_twice(west: AtWork) -> None:
    """Somebody adds a second document, so that nobody can say which of the two is meant."""
    twice: Operation = {"op": "add", "path": "/data/more.json", "value": DOCUMENT}
    await west.cluster.patch(CONFIGMAPS, "payments-flags", [twice])


async def document(west: AtWork) -> str:
    return str((await west.object(CONFIGMAPS, "payments-flags"))["data"]["flags.json"])


def evaluated(text: str, folder: Path) -> dict[str, Any]:
    """What an application in eu-west gets of each flag. Each has a default of its own that is on."""
    file = folder / "flags.json"
    file.write_text(text)
    provider = FlagdProvider(resolver_type=ResolverType.FILE, offline_flag_source_path=str(file))
    here = EvaluationContext("somebody", {"region": "eu-west"})
    try:
        provider.initialize(here)
        return {
            "boolean": provider.resolve_boolean_details("boolean", True, here).value,
            "string": provider.resolve_string_details("string", "new", here).value,
            "number": provider.resolve_float_details("number", 2.5, here).value,
            "object": provider.resolve_object_details("object", {"a": [1, 2]}, here).value,
            "silent": _or_default(provider.resolve_boolean_details("silent", True, here)),
            "other": provider.resolve_boolean_details("other", True, here).value,
        }
    finally:
        provider.shutdown()


def _or_default(details: Any) -> Any:
    """What OpenFeature gives for a flag that has no value: the default of the application's own code."""
    return True if details.value is None else details.value


async def test_the_next_evaluation_after_the_switch_is_off_for_every_type_with_targeting_present(
    west: AtWork, tmp_path: Path
) -> None:
    await with_flags(west)
    assert evaluated(await document(west), tmp_path) == ON
    answer = await west.flags(flags_order(*FLAGS))
    assert answer["outcome"] == "switched"
    assert answer["flags"] == ["boolean", "string", "number", "object", "silent"]
    assert evaluated(await document(west), tmp_path) == OFF


async def test_going_back_puts_them_back_byte_for_byte(west: AtWork, tmp_path: Path) -> None:
    await with_flags(west)
    await west.flags(flags_order(*FLAGS))
    assert (await west.order(order("7.5.1", restore=FLAGS)))["outcome"] == "untouched"
    assert await document(west) == DOCUMENT
    assert evaluated(await document(west), tmp_path) == ON


async def test_the_same_order_again_writes_nothing_more(west: AtWork) -> None:
    await with_flags(west)
    first = await west.flags(flags_order(*FLAGS))
    version = (await west.object(CONFIGMAPS, "payments-flags"))["metadata"]["resourceVersion"]
    assert await west.flags(flags_order(*FLAGS)) == first
    assert (await west.object(CONFIGMAPS, "payments-flags"))["metadata"]["resourceVersion"] == version


async def test_an_older_order_finds_the_newer_fence_and_writes_nothing(west: AtWork) -> None:
    await with_flags(west)
    await west.flags(flags_order(FLAGS[0], at="9.2.1"))
    answer = await west.flags(flags_order(FLAGS[1]))
    assert (answer["outcome"], answer["live"]["number"]) == ("fenced", 9)


async def test_without_the_configmap_it_fails_with_what_to_do(west: AtWork) -> None:
    answer = await west.flags(flags_order(FLAGS[0]))
    assert answer["outcome"] == "failed"
    assert answer["reason"].startswith(
        "There is no ConfigMap payments-flags in the namespace shop: make it, or name"
    )


async def test_without_the_configmap_going_back_has_nothing_to_put_back(west: AtWork) -> None:
    assert (await west.flags(flags_order(FLAGS[0])))["outcome"] == "failed"
    answer = await west.order(order("7.3.1", restore=FLAGS))
    assert (answer["outcome"], answer.get("flags_left")) == ("untouched", None)


async def test_flags_that_cannot_be_put_back_are_named_and_the_region_is_back_all_the_same(
    west: AtWork,
) -> None:
    await with_flags(west)
    await west.flags(flags_order(*FLAGS))
    await with_flags_twice(west)
    elsewhere = Flag(flag="elsewhere", configmap="no-such")
    answer = await west.order(order("7.5.1", restore=(*FLAGS, elsewhere)))
    assert (answer["outcome"], answer["flags_left"]) == ("untouched", [flag.flag for flag in FLAGS])


async def test_only_those_that_were_on_are_said_to_have_been(west: AtWork) -> None:
    await with_flags(west)
    assert (await west.flags(flags_order(FLAGS[0])))["were_on"] == ["boolean"]
    assert (await west.flags(flags_order(*FLAGS[:2], at="9.2.1")))["were_on"] == ["string"]


async def test_a_resource_of_the_openfeature_operator_is_switched_too(west: AtWork, tmp_path: Path) -> None:
    flags = json.loads(DOCUMENT)["flags"]
    await west.cluster.create(
        FEATURE_FLAGS,
        {
            "apiVersion": "core.openfeature.dev/v1beta1",
            "kind": "FeatureFlag",
            "metadata": {"name": "payments"},
            "spec": {"flagSpec": {"flags": flags}},
        },
    )
    theirs = tuple(flag.model_copy(update={"featureflag": "payments"}) for flag in FLAGS)
    assert (await west.flags(flags_order(*theirs)))["outcome"] == "switched"
    spec = (await west.object(FEATURE_FLAGS, "payments"))["spec"]["flagSpec"]
    assert evaluated(json.dumps(spec), tmp_path) == OFF
    await west.order(order("7.5.1", restore=theirs))
    assert (await west.object(FEATURE_FLAGS, "payments"))["spec"]["flagSpec"]["flags"] == flags


@dataclass
class Flagd:
    """Says by OFREP of each flag what `served` has."""

    url: str
    served: dict[str, str]


@pytest_asyncio.fixture
async def flagd() -> AsyncIterator[Flagd]:
    served: dict[str, str] = {}

    async def evaluate(request: web.Request) -> web.Response:
        key = request.match_info["key"]
        return web.json_response({"key": key, "variant": served[key], "reason": "STATIC"})

    app = web.Application()
    app.router.add_post("/ofrep/v1/evaluate/flags/{key}", evaluate)
    async with TestServer(app) as server:
        yield Flagd(str(server.make_url("")).rstrip("/"), served)


async def asked(sandbox: Sandbox, flagd: Flagd, variant: str, seconds: float) -> dict[str, Any]:
    settings = settings_for(sandbox)
    here = settings.regions[0].model_copy(update={"flagd": flagd.url})
    flagd.served["boolean"] = variant
    async with working(settings.model_copy(update={"regions": (here,)})) as west:
        await with_flags(west)
        return await west.flags(flags_order(FLAGS[0]), seconds)


async def test_where_flagd_is_known_it_is_switched_once_flagd_says_so(sandbox: Sandbox, flagd: Flagd) -> None:
    answer = await asked(sandbox, flagd, "off", 20)
    assert answer["outcome"] == "switched"
    assert answer["reason"].endswith("flagd gives everybody these variants.")


async def test_where_flagd_gives_another_variant_until_the_end_it_has_failed(
    sandbox: Sandbox, flagd: Flagd
) -> None:
    answer = await asked(sandbox, flagd, "on", 1)
    assert answer["outcome"] == "failed"
    assert answer["reason"].endswith("flagd still gives the variant on of boolean.")
