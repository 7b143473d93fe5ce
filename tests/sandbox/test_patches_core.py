"""JSON Patch, merge patch, field ownership and selectors as pure functions."""

import pytest

from lockgate.sandbox.fields import decode, encode, flatten
from lockgate.sandbox.flags import flag_is_on
from lockgate.sandbox.patches import json_patch, merge_patch, strategic_patch
from lockgate.sandbox.selectors import label_selector
from lockgate.sandbox.status import ApiError


def test_json_patch_does_what_its_operations_say_and_leaves_the_original() -> None:
    original = {"a": {"b": [1, 2, 3]}, "c": 1}
    operations: list[dict[str, object]] = [
        {"op": "add", "path": "/a/b/1", "value": 9},
        {"op": "add", "path": "/a/b/-", "value": 4},
        {"op": "remove", "path": "/a/b/0"},
        {"op": "copy", "from": "/c", "path": "/d"},
        {"op": "move", "from": "/c", "path": "/e~1f"},
    ]
    assert json_patch(original, operations) == {"a": {"b": [9, 2, 3, 4]}, "d": 1, "e/f": 1}
    assert original == {"a": {"b": [1, 2, 3]}, "c": 1}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "test", "path": "/a", "value": True},
        {"op": "test", "path": "/x", "value": 1},
        {"op": "replace", "path": "/x/y", "value": 1},
        {"op": "remove", "path": "/list/3"},
        {"op": "add", "path": "/list/01", "value": 1},
        {"op": "add", "path": "/x/y", "value": 1},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/a"},
    ],
)
def test_a_json_patch_that_does_not_fit_is_422(operation: dict[str, object]) -> None:
    with pytest.raises(ApiError) as refusal:
        json_patch({"a": 1, "list": [0]}, [operation])
    assert refusal.value.code == 422


def test_a_test_for_null_holds_where_there_is_nothing() -> None:
    assert json_patch({"a": 1}, [{"op": "test", "path": "/x", "value": None}]) == {"a": 1}


def test_a_merge_patch_follows_the_examples_of_its_rfc() -> None:
    target = {"title": "Goodbye!", "author": {"given": "John", "family": "Doe"}, "tags": ["x", "y"]}
    patch = {"title": "Hello!", "phone": "1", "author": {"family": None}, "tags": ["x"]}
    assert merge_patch(target, patch) == {
        "title": "Hello!",
        "author": {"given": "John"},
        "tags": ["x"],
        "phone": "1",
    }


def test_a_strategic_patch_deletes_a_list_item_by_its_key() -> None:
    pod = {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]}}
    patch = {"spec": {"containers": [{"name": "a", "$patch": "delete"}, {"name": "b", "image": "3"}]}}
    assert strategic_patch(pod, patch) == {"spec": {"containers": [{"name": "b", "image": "3"}]}}


def test_fields_survive_the_way_through_fields_v1() -> None:
    obj = {
        "metadata": {"name": "x", "labels": {"a.b/c": "1"}},
        "spec": {
            "containers": [{"name": "app", "ports": [{"containerPort": 80}], "args": ["x"]}],
            "empty": {},
        },
    }
    paths = frozenset(flatten(obj))
    assert frozenset(decode(encode(paths))) == paths
    assert ("f:spec", "f:containers", 'k:{"name":"app"}', "f:args") in paths
    assert not any("f:name" in path for path in paths if path[0] == "f:metadata")


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier!=back", True),
        ("app in (api, web),!gone", True),
        ("tier notin (back),app", True),
        ("app=api", False),
        ("tier", False),
        ("app notin (web)", False),
    ],
)
def test_a_label_selector_fits(selector: str, fits: bool) -> None:
    assert label_selector(selector)({"app": "web", "zone": "1"}) is fits


@pytest.mark.parametrize("selector", ["a=b=c", "a in b", "in (a)"])
def test_a_selector_that_is_none_is_400(selector: str) -> None:
    with pytest.raises(ApiError) as refusal:
        label_selector(selector)
    assert refusal.value.code == 400


def test_a_flag_is_on_as_flagd_has_it() -> None:
    def document(state: str, default: str, targeting: str = "{}") -> dict[str, str]:
        variants = '{"on":true,"off":false}'
        flag = f'{{"state":"{state}","variants":{variants},"defaultVariant":"{default}","targeting":{targeting}}}'
        return {"flags.json": f'{{"flags":{{"new":{flag}}}}}'}

    here = '{"if":[{"in":[{"var":"region"},["eu-west"]]},"on","off"]}'
    assert flag_is_on(document("ENABLED", "on"), "new", "eu-west")
    assert not flag_is_on(document("ENABLED", "off"), "new", "eu-west")
    assert not flag_is_on(document("DISABLED", "on"), "new", "eu-west")
    assert flag_is_on(document("ENABLED", "off", here), "new", "eu-west")
    assert not flag_is_on(document("ENABLED", "on", here), "new", "us-east")
    assert flag_is_on({"new": "true"}, "new", "eu-west")
    assert not flag_is_on({"new": "no", "flags.json": "not json"}, "new", "eu-west")
