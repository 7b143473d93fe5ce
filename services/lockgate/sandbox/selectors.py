"""Label and field selectors as the Kubernetes API takes them. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from lockgate.sandbox.status import bad_request

Labels = Mapping[str, str]
Predicate = Callable[[Mapping[str, Any]], bool]

_SET = re.compile(r"^(?P<key>[^\s!=,()<>]+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s!=,()<>]+)\s*(?P<op>==|!=|=)\s*(?P<value>[^\s!=,()<>]*)$")
_EXISTS = re.compile(r"^(?P<no>!?)\s*(?P<key>[^\s!=,()<>]+)$")


def _parts(text: str) -> list[str]:
    """Split at the commas that are not inside parentheses."""
    return [part.strip() for part in re.split(r",(?![^()]*\))", text) if part.strip()]


def _requirement(text: str) -> Callable[[Labels], bool]:
    if found := _SET.match(text):
        key = found["key"]
        values = frozenset(value.strip() for value in found["values"].split(","))
        if found["op"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if found := _EQUAL.match(text):
        key, wanted = found["key"], found["value"]
        if found["op"] == "!=":
            return lambda labels: labels.get(key) != wanted
        return lambda labels: labels.get(key) == wanted
    if found := _EXISTS.match(text):
        key, absent = found["key"], bool(found["no"])
        return lambda labels: (key in labels) != absent
    raise bad_request(f"unable to parse requirement: {text!r} is no label selector")


def label_selector(text: str) -> Callable[[Labels], bool]:
    """`a=b,c!=d,e in (f,g),!h`. Raises `ApiError` 400 for anything else."""
    requirements = [_requirement(part) for part in _parts(text)]
    return lambda labels: all(holds(labels) for holds in requirements)


def _field(text: str) -> Predicate:
    found = _EQUAL.match(text)
    if not found:
        raise bad_request(f"invalid field selector: {text!r}")
    path, wanted, negated = found["key"], found["value"], found["op"] == "!="
    if path not in {"metadata.name", "metadata.namespace", "status.phase"}:
        raise bad_request(f"field label not supported: {path}")
    outer, inner = path.split(".")
    return lambda obj: ((obj.get(outer) or {}).get(inner, "") == wanted) != negated


def object_selector(labels: str, fields: str) -> Predicate:
    """Both selectors of a list or a watch as one predicate over objects."""
    by_label = label_selector(labels)
    by_field = [_field(part) for part in _parts(fields)]
    return lambda obj: by_label(obj["metadata"].get("labels") or {}) and all(holds(obj) for holds in by_field)


def matches(selector: Mapping[str, str] | None, labels: Labels) -> bool:
    """A Service's selector: every pair, and an empty one selects nothing."""
    return bool(selector) and all(labels.get(key) == value for key, value in (selector or {}).items())


def matches_label_selector(selector: Mapping[str, Any], labels: Labels) -> bool:
    """A LabelSelector object (`matchLabels`, `matchExpressions`)."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(entry, labels) for entry in selector.get("matchExpressions") or ())


def _expression(entry: Mapping[str, Any], labels: Labels) -> bool:
    key, values = entry["key"], entry.get("values") or ()
    match entry["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
