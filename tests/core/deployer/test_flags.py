"""Flags that are switched off in the objects that define them: the text that is written, and under which condition."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from lockgate.deployer.fencing import Operation
from lockgate.deployer.flags.definitions import FlagError, located, switched_off
from lockgate.deployer.flags.objects import Newer, off, restored, switched_for, written
from lockgate.deployer.objects import Json
from lockgate.messages.flags import Flag
from lockgate.messages.values import Fence

CHECKOUT = """{
      "state":  "ENABLED", "variants": {"on": true, "off": false},
      "defaultVariant": "on",
      "targeting": {"if": [{"in": [{"var": "region"}, ["eu-west"]]}, "on", "off"]}, "metadata": {"é": 1.50}
    }"""
PRICE = '{"state": "DISABLED", "variants": {"new": 1e2, "classic": 90.0}, "defaultVariant": "new"}'
DOCUMENT = f'{{\n  "flags": {{\n    "new-checkout": {CHECKOUT},\n    "price-model" : {PRICE}\n  }},\n  "x": [1, 2 ]\n}}\n'
NEW, MODEL = Flag(flag="new-checkout"), Flag(flag="price-model", off="classic")
SHARED, KEPT = "payments.lockgate.dev/fence", "payments.lockgate.dev/flags"


def fence(number: int = 8, turn: int = 2, grant: int = 1) -> Fence:
    return Fence(number=number, turn=turn, grant=grant)


def configmap(document: str = DOCUMENT, **annotations: str) -> Json:
    return {
        "kind": "ConfigMap",
        "metadata": {
            "name": "payments-flags",
            "uid": "u-1",
            "resourceVersion": "17",
            "annotations": {SHARED: "0.0.0", **annotations},
        },
        "data": {"README": "no JSON", "flags.json": document},
    }


def applied(obj: Json, operations: Sequence[Operation] | Newer) -> Json:
    """The object after a JSON Patch of tests, additions and replacements; fails if a test does not hold."""
    assert not isinstance(operations, Newer)
    new: Json = json.loads(json.dumps(obj))
    for operation in operations:
        *path, last = [p.replace("~1", "/").replace("~0", "~") for p in str(operation["path"])[1:].split("/")]
        place: Any = new
        for part in path:
            place = place[part]
        if operation["op"] == "test":
            assert place[last] == operation["value"]
        else:
            place[last] = operation["value"]
    return new


def turned_off(obj: Json, *flags: Flag, by: Fence | None = None) -> Json:
    by = by or fence()
    return applied(obj, written(obj, "payments", by, [(flag, off(flag, by.number)) for flag in flags]))


def put_back(obj: Json, *flags: Flag, by: Fence) -> Json:
    return applied(obj, written(obj, "payments", by, [(flag, restored(flag, by.number)) for flag in flags]))


def test_off_is_the_variant_for_everybody_without_targeting_and_enabled() -> None:
    assert json.loads(switched_off(CHECKOUT, "off", "new-checkout")) == {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "off",
        "metadata": {"é": 1.5},
    }


def test_a_disabled_flag_is_enabled_because_its_callers_get_the_default_of_their_own_code_else() -> None:
    text = switched_off(PRICE, "classic", "price-model")
    assert (json.loads(text)["state"], json.loads(text)["defaultVariant"]) == ("ENABLED", "classic")
    assert '"variants": {"new": 1e2, "classic": 90.0}' in text


def test_what_is_off_is_written_the_same_again() -> None:
    once = switched_off(CHECKOUT, "off", "new-checkout")
    assert switched_off(once, "off", "new-checkout") == once


def test_a_variant_that_the_flag_does_not_have_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(FlagError, match="The flag price-model has no variant off, only classic, new"):
        switched_off(PRICE, "off", "price-model")


def test_a_flag_is_found_by_its_place_in_the_text() -> None:
    span = located(DOCUMENT, "price-model")
    assert span is not None
    assert span.of(DOCUMENT) == PRICE


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"flags": []}', '{"flags": {}}', "[" * 100_000])
def test_what_is_no_document_defines_no_flag(text: str) -> None:
    assert located(text, "new-checkout") is None


def test_a_flag_that_is_defined_twice_in_one_document_is_refused() -> None:
    with pytest.raises(FlagError, match="two fields new-checkout"):
        located(f'{{"flags": {{"new-checkout": {PRICE}, "new-checkout": {PRICE}}}}}', "new-checkout")


def test_everything_else_in_the_document_stays_as_it_was_byte_for_byte() -> None:
    after = turned_off(configmap(), NEW)["data"]
    assert after["README"] == "no JSON"
    head, tail = DOCUMENT.split(CHECKOUT)
    assert after["flags.json"].startswith(head)
    assert after["flags.json"].endswith(tail)


def test_the_write_is_void_if_fence_or_document_changed_meanwhile() -> None:
    operations = written(configmap(), "payments", fence(), [(NEW, off(NEW, 8))])
    assert isinstance(operations, list)
    tests = {str(o["path"]): o["value"] for o in operations if o["op"] == "test"}
    assert tests == {
        "/metadata/uid": "u-1",
        "/metadata/annotations/payments.lockgate.dev~1fence": "0.0.0",
        "/data/flags.json": DOCUMENT,
    }


def test_at_first_contact_the_object_gets_a_fence_and_nothing_else() -> None:
    obj = configmap()
    del obj["metadata"]["annotations"]
    operations = written(obj, "payments", fence(), [(NEW, off(NEW, 8))])
    assert operations == [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "17"},
        {"op": "add", "path": "/metadata/annotations", "value": {SHARED: "0.0.0"}},
    ]


def test_a_newer_fence_is_obeyed() -> None:
    obj = configmap(**{SHARED: "9.0.1"})
    assert written(obj, "payments", fence(), [(NEW, off(NEW, 8))]) == Newer(fence(9, 0, 1))


def test_the_fence_of_another_application_on_the_same_object_is_not_ones_own() -> None:
    after = turned_off(configmap(**{"orders.lockgate.dev/fence": "90.0.1"}), NEW)
    annotations = after["metadata"]["annotations"]
    assert (annotations[SHARED], annotations["orders.lockgate.dev/fence"]) == ("8.2.1", "90.0.1")


def test_once_it_is_done_nothing_is_written() -> None:
    done = turned_off(configmap(), NEW, MODEL)
    assert written(done, "payments", fence(), [(NEW, off(NEW, 8)), (MODEL, off(MODEL, 8))]) == []


def test_both_flags_of_a_document_are_restored_byte_for_byte() -> None:
    done = turned_off(configmap(), NEW, MODEL)
    assert done["data"]["flags.json"] != DOCUMENT
    back = put_back(done, NEW, MODEL, by=fence(turn=5))
    assert back["data"]["flags.json"] == DOCUMENT
    assert back["metadata"]["annotations"][KEPT] == "{}"


def test_what_somebody_wrote_since_then_is_not_overwritten() -> None:
    done = turned_off(configmap(), NEW)
    mine = done["data"]["flags.json"].replace('"metadata": {"é": 1.50}', '"metadata": {"é": 2}')
    done["data"]["flags.json"] = mine
    assert put_back(done, NEW, by=fence(turn=5))["data"]["flags.json"] == mine


def test_a_flag_that_was_off_before_the_release_stays_off_when_that_is_taken_back() -> None:
    first = turned_off(configmap(), NEW)
    second = turned_off(first, NEW, by=fence(9))
    back = put_back(second, NEW, by=fence(9, 5))
    assert back["data"] == first["data"]


def test_a_late_order_can_write_nothing_after_the_flags_were_put_back() -> None:
    seen = configmap()
    late = written(seen, "payments", fence(), [(NEW, off(NEW, 8))])
    back = put_back(seen, NEW, by=fence(turn=5))
    with pytest.raises(AssertionError):
        applied(back, late)


def test_a_damaged_note_of_what_it_was_restores_nothing() -> None:
    done = turned_off(configmap(), NEW)
    done["metadata"]["annotations"][KEPT] = '{"new-checkout": 7}'
    assert put_back(done, NEW, by=fence(turn=5))["data"] == done["data"]


def test_a_flag_in_two_documents_of_a_configmap_is_refused() -> None:
    obj = configmap()
    obj["data"]["more.json"] = DOCUMENT
    with pytest.raises(FlagError, match=r"in flags\.json and more\.json: keep one of them"):
        written(obj, "payments", fence(), [(NEW, off(NEW, 8))])


def test_a_flag_that_is_not_defined_is_refused_with_what_to_do() -> None:
    other = Flag(flag="other")
    with pytest.raises(FlagError, match="The ConfigMap payments-flags defines no flag other"):
        written(configmap(), "payments", fence(), [(other, off(other, 8))])


def featureflag(definition: Json) -> Json:
    return {
        "kind": "FeatureFlag",
        "metadata": {"name": "payments", "uid": "u-2", "annotations": {SHARED: "0.0.0"}},
        "spec": {"flagSpec": {"flags": {"new-checkout": definition, "other": {"state": "ENABLED"}}}},
    }


def sorted_as_a_cluster_does(obj: Json) -> Json:
    sorted_: Json = json.loads(json.dumps(obj, sort_keys=True))
    return sorted_


def test_a_resource_without_a_default_is_restored_although_the_cluster_sorts_its_fields() -> None:
    definition = json.loads(CHECKOUT)
    del definition["defaultVariant"]
    obj = featureflag(definition)
    done = sorted_as_a_cluster_does(turned_off(obj, NEW))
    assert done["spec"] != obj["spec"]
    assert put_back(done, NEW, by=fence(turn=5))["spec"] == obj["spec"]


def test_what_is_off_in_a_resource_is_not_written_again_because_the_cluster_sorts_its_fields() -> None:
    done = sorted_as_a_cluster_does(turned_off(featureflag(json.loads(CHECKOUT)), NEW))
    assert written(done, "payments", fence(), [(NEW, off(NEW, 8))]) == []


def test_a_document_is_tested_and_replaced_once_however_many_of_its_flags_are_switched() -> None:
    operations = written(configmap(), "payments", fence(), [(NEW, off(NEW, 8)), (MODEL, off(MODEL, 8))])
    assert isinstance(operations, list)
    assert [o["op"] for o in operations if o["path"] == "/data/flags.json"] == ["test", "replace"]


def test_a_flag_that_was_never_switched_has_nothing_to_put_back_wherever_it_is() -> None:
    twice = configmap()
    twice["data"]["more.json"] = DOCUMENT
    other = Flag(flag="other")
    back = put_back(twice, NEW, other, by=fence(turn=5))
    assert back["data"] == twice["data"]


def test_a_flag_that_somebody_removed_since_then_is_not_missed() -> None:
    done = turned_off(configmap(), NEW)
    del done["data"]["flags.json"]
    back = put_back(done, NEW, by=fence(turn=5))
    assert (back["data"], back["metadata"]["annotations"][KEPT]) == ({"README": "no JSON"}, "{}")


def test_those_that_were_on_are_told_from_those_that_were_off_already() -> None:
    first = turned_off(configmap(), NEW)
    second = turned_off(first, NEW, MODEL, by=fence(9))
    assert switched_for(first, "payments", 8) == ("new-checkout",)
    assert switched_for(second, "payments", 9) == ("price-model",)


def test_annotations_that_would_be_larger_than_kubernetes_takes_are_refused_by_their_bytes() -> None:
    obj = configmap(**{"last-applied": "é" * 119_990})
    with pytest.raises(FlagError, match="240000 are the most: define the flags in an object of their own"):
        written(obj, "payments", fence(), [(NEW, off(NEW, 8))])


def test_a_resource_of_the_operator_is_switched_and_restored_alike() -> None:
    obj = featureflag(json.loads(CHECKOUT))
    done = turned_off(obj, NEW)
    flags = done["spec"]["flagSpec"]["flags"]
    assert (flags["new-checkout"]["defaultVariant"], "targeting" in flags["new-checkout"]) == ("off", False)
    assert flags["other"] == {"state": "ENABLED"}
    assert put_back(done, NEW, by=fence(turn=5))["spec"] == obj["spec"]
