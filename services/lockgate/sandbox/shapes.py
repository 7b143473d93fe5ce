"""Which type each field has that a deployer writes: what the API server finds out while it decodes a body. Pure.

A field that is not listed here may hold anything.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lockgate.sandbox.kinds import CONFIGMAPS, DEPLOYMENTS, SERVICES, Kind

Check = Callable[[Any, str], Iterator[tuple[str, str, Any]]]
"""(value, its path) -> (path, the type wanted there, the value found) of whatever has another one."""


def mistyped(kind: Kind, obj: Any) -> tuple[str, str, Any] | None:
    """The first field of a wrong type: (path, the type wanted, the value found). None where all is well."""
    return next(_BY_KIND.get(kind, _OBJECT)(obj, ""), None)


def decoding_error(kind: Kind, wrong: tuple[str, str, Any]) -> str:
    """As Go's JSON library says it."""
    path, wanted, found = wrong
    return (
        f"json: cannot unmarshal {_json_name(found)} into Go struct field {kind.name}{path} of type {wanted}"
    )


def _json_name(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _leaf(name: str, *types: type) -> Check:
    def check(value: Any, path: str) -> Iterator[tuple[str, str, Any]]:
        if value is not None and type(value) not in types:
            yield path, name, value

    return check


def _struct(**fields: Check) -> Check:
    def check(value: Any, path: str) -> Iterator[tuple[str, str, Any]]:
        if value is None:
            return
        if not isinstance(value, dict):
            yield path, "struct", value
            return
        for field, of in fields.items():
            yield from of(value.get(field), f"{path}.{field}")

    return check


def _list(of: Check) -> Check:
    def check(value: Any, path: str) -> Iterator[tuple[str, str, Any]]:
        if value is None:
            return
        if not isinstance(value, list):
            yield path, "slice", value
            return
        for item in value:
            yield from of(item, path)

    return check


def _map(of: Check) -> Check:
    def check(value: Any, path: str) -> Iterator[tuple[str, str, Any]]:
        if value is None:
            return
        if not isinstance(value, dict):
            yield path, "map[string]string", value
            return
        for key, item in value.items():
            yield from of(item, f"{path}.{key}")

    return check


_TEXT, _NUMBER, _TRUTH = _leaf("string", str), _leaf("int32", int), _leaf("bool", bool)
_NUMBER_OR_TEXT = _leaf("intstr.IntOrString", int, str)
_METADATA = _struct(
    name=_TEXT,
    generateName=_TEXT,
    namespace=_TEXT,
    uid=_TEXT,
    resourceVersion=_TEXT,
    labels=_map(_TEXT),
    annotations=_map(_TEXT),
)
_SELECTOR = _struct(
    matchLabels=_map(_TEXT),
    matchExpressions=_list(_struct(key=_TEXT, operator=_TEXT, values=_list(_TEXT))),
)
_CONTAINER = _struct(
    name=_TEXT,
    image=_TEXT,
    command=_list(_TEXT),
    args=_list(_TEXT),
    env=_list(_struct(name=_TEXT, value=_TEXT)),
    ports=_list(_struct(name=_TEXT, containerPort=_NUMBER, protocol=_TEXT)),
)
_POD = _struct(
    containers=_list(_CONTAINER),
    initContainers=_list(_CONTAINER),
    nodeSelector=_map(_TEXT),
    volumes=_list(_struct(name=_TEXT)),
)
_DEPLOYMENT = _struct(
    replicas=_NUMBER,
    paused=_TRUTH,
    minReadySeconds=_NUMBER,
    progressDeadlineSeconds=_NUMBER,
    revisionHistoryLimit=_NUMBER,
    selector=_SELECTOR,
    strategy=_struct(
        type=_TEXT, rollingUpdate=_struct(maxSurge=_NUMBER_OR_TEXT, maxUnavailable=_NUMBER_OR_TEXT)
    ),
    template=_struct(metadata=_METADATA, spec=_POD),
)
_SERVICE = _struct(
    type=_TEXT,
    clusterIP=_TEXT,
    selector=_map(_TEXT),
    ports=_list(_struct(name=_TEXT, port=_NUMBER, protocol=_TEXT, targetPort=_NUMBER_OR_TEXT)),
)
_OBJECT = _struct(metadata=_METADATA)
_BY_KIND: Mapping[Kind, Check] = {
    DEPLOYMENTS: _struct(metadata=_METADATA, spec=_DEPLOYMENT),
    SERVICES: _struct(metadata=_METADATA, spec=_SERVICE),
    CONFIGMAPS: _struct(metadata=_METADATA, data=_map(_TEXT)),
}
