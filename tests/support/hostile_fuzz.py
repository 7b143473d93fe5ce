"""A fuzzer that knows the structure: good events of every type, with parts, bytes, headers and keys changed.

Deterministic by its Random. What becomes of a record is what `read` says of it: that this is carried through by the
services, record by record, is what the run shows. For changes that leave no event, it must be a dead letter.
"""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from lockgate.messages.message import event_id
from lockgate.messages.releases import AllPaused, ReleaseEntered, ReleaseStarted
from lockgate.messages.rollbacks import FlagsOrdered, ReleaseHalted, RollbackOrdered
from lockgate.messages.verdicts import Granted
from lockgate.runtime.checks import Record
from lockgate.runtime.deadletter import Reason
from lockgate.runtime.reading import OUR_DEFECT, Readable, Rejected, read
from lockgate.runtime.record_hash import printable
from tests.support.hostile_drafts import ANYWHERE, INLETS, INTERNAL, WRITERS, Draft, Raw, draft
from tests.support.hostile_kind import Ends, Fate

SCHEMAS = Path(__file__).parents[2] / "schemas"

COMMANDS = (ReleaseStarted, ReleaseEntered, AllPaused, Granted, RollbackOrdered, ReleaseHalted, FlagsOrdered)
"""What a service would act upon for good reasons; only their unreadable forms are sent."""

POOL: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 7.5, 2**31, 2**53 + 1, 2**62, -(2**63), 1e308, -0.0),
    *(
        "",
        " ",
        "x",
        "*",
        "..",
        "../../etc/passwd",
        "$(reboot)",
        "`id`",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "a" * 300,
    ),
    *(
        "x" * 5000,
        "\u202eabc",
        "\U0001f4a3",
        "e\u0301",
        "\r\n",
        "'; drop table rows; --",
        "sha256:" + "0" * 64,
    ),
    *(
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
        "10%",
        "-5m",
        "1e9d",
        "pkg:oci/payments",
        "pkg:oci/@?#",
    ),
    *([], {}, [[]], [None] * 300, {"": None}, {"a": {"b": {"c": []}}}, ["x"] * 40),
)

UNDECODABLE = 0.2
"""Of so many events that are parked: whoever may write as a service can park what it likes, and there it stays."""

Node = tuple[Any, Any]  # a list or an object, and a place in it


@cache
def examples(topic: str) -> tuple[dict[str, Any], ...]:
    """The published example of every event type of a topic."""
    files = sorted((SCHEMAS / topic).glob("*.example.json"))
    return tuple(json.loads(file.read_bytes()) for file in files)


def base(topic: str, chance: Random) -> Draft:
    """A good event of any type of the topic, under a name that nothing else has."""
    good = draft(topic, chance)
    if topic in INLETS:
        return good
    event = json.loads(json.dumps(chance.choice(examples(topic))))
    origin = event["customData"]["lockgate"]
    origin["after"] = []
    for said in (event["subject"]["content"], event["customData"].get("payload", {})):
        for place in (said, said.get("place", {})):
            if topic == "deployments" and "deployer" in place:
                place["deployer"] = WRITERS[topic]
    return replace(good, event=event).of(WRITERS[topic])


# --- changes of what it says --------------------------------------------------------------------------------------


def _nodes(value: Any) -> Iterator[Node]:
    if isinstance(value, dict):
        for name in value:
            yield value, name
            yield from _nodes(value[name])
    elif isinstance(value, list):
        for at in range(len(value)):
            yield value, at
            yield from _nodes(value[at])


def _any(chance: Random) -> Any:
    """A copy, since what is in an event is changed further."""
    return copy.deepcopy(chance.choice(POOL))


def _put(chance: Random, node: Node) -> None:
    node[0][node[1]] = _any(chance)


def _drop(_: Random, node: Node) -> None:
    del node[0][node[1]]


def _add(chance: Random, node: Node) -> None:
    if isinstance(node[0], dict):
        node[0][chance.choice(["more", "Type", "__proto__", "", "x" * 200])] = _any(chance)
    else:
        node[0].append(_any(chance))


def _rename(chance: Random, node: Node) -> None:
    if isinstance(node[0], dict):
        name = str(node[1])
        node[0][chance.choice([name.upper(), name + "_", name[:-1], name[::-1]])] = node[0].pop(node[1])


def _many(chance: Random, node: Node) -> None:
    node[0][node[1]] = [copy.deepcopy(node[0][node[1]]) for _ in range(chance.choice([0, 1, 2, 50]))]


def _text(chance: Random, node: Node) -> None:
    text = str(node[0][node[1]])
    changed = [
        text.upper(),
        text[::-1],
        text[:-1],
        text + "x",
        text * 3,
        f" {text}",
        f"{text}\n",
        text + "\u0000",
    ]
    node[0][node[1]] = chance.choice(changed)


def _wrap(chance: Random, node: Node) -> None:
    for _ in range(chance.choice([1, 5, 40])):
        node[0][node[1]] = {"a": node[0][node[1]]}


PARTS: tuple[Callable[[Random, Node], None], ...] = (
    _put,
    _put,
    _put,
    _drop,
    _add,
    _rename,
    _many,
    _text,
    _wrap,
)


def _changed(chance: Random, good: Draft) -> Draft:
    event = json.loads(good.value)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        nodes = list(_nodes(event))
        if nodes:
            chance.choice(PARTS)(chance, chance.choice(nodes))
    return replace(good, event=event)


def _signed(good: Draft) -> Draft:
    """With the id that follows from where it says it stands, if it says so at all."""
    match good.event:
        case {
            "customData": {"lockgate": {"writer": str(writer), "key": str(key), "number": int(number)}},
            "context": {},
        }:
            good.event["context"]["id"] = event_id(writer, key, number)
        case _:
            return good
    return good


# --- changes of its bytes, and around them ------------------------------------------------------------------------


def _flip(chance: Random, good: Draft) -> Raw:
    value = bytearray(good.value)
    for _ in range(chance.choice([1, 1, 2, 10])):
        value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
    return good.raw(value=bytes(value))


def _slice(chance: Random, good: Draft) -> Raw:
    value = good.value
    first, last = sorted(chance.randrange(len(value)) for _ in range(2))
    other = chance.choice([b"", value[first:last] * 2, chance.randbytes(last - first)])
    return good.raw(value=value[:first] + other + value[last:])


def _headers(chance: Random, good: Draft) -> Raw:
    names = (
        b"content-type",
        b"ce_type",
        b"ce_id",
        b"reply_to",
        b"correlation_id",
        b"x",
        b"\xc3\xa4",
        b"\xfe",
        b"",
    )
    values = (None, b"", b"\xff", b"a\0", b"application/cloudevents+json", b"x" * 20_000, b"text")
    more = tuple((chance.choice(names), chance.choice(values)) for _ in range(chance.choice([1, 2, 5, 70])))
    return good.raw(headers=chance.choice([more, (*good.headers, *more)]))


def _key(chance: Random, good: Draft) -> Raw:
    return good.raw(key=chance.choice([None, b"", b"*", b"\xff", b"a\0", b"k" * 600, chance.randbytes(8)]))


def _elsewhere(chance: Random, good: Draft) -> Raw:
    return good.raw(topic=chance.choice(ANYWHERE))


AROUND: tuple[Callable[[Random, Draft], Raw], ...] = (_flip, _slice, _headers, _key, _elsewhere)

# --- changes after which it is no event ---------------------------------------------------------------------------

BROKEN: tuple[Callable[[Random, Draft], Raw], ...] = (
    lambda chance, good: good.raw(value=good.value[: chance.randrange(len(good.value))]),
    lambda chance, good: good.raw(value=good.value + chance.choice([b"{}", b"x", b"\0", b",", b"\xff"])),
    lambda chance, good: good.replaced(
        b"{", b'{"twice": 1, "twice": ' + str(chance.random()).encode() + b", "
    ),
    lambda chance, good: good.raw(
        value=chance.choice([b"[", b'{"a":', b'[{"":']) * chance.randrange(40, 5000)
    ),
    lambda chance, good: good.raw(value=chance.randbytes(chance.randrange(1, 400)) + b"\xff"),
    lambda chance, good: good.headed((b"null", None), (b"x", chance.randbytes(4))),
    lambda chance, good: good.raw(key=b"\xff" + chance.randbytes(4)),
)


def fuzzed(chance: Random) -> Iterator[tuple[str, list[tuple[Raw, Ends]]]]:
    """Names of what was done with a record, and the record with its fate, without an end."""
    while True:
        good = base(chance.choice(ANYWHERE), chance)
        sort = chance.choice(("part", "part", "part", "around", "both", "broken"))
        if sort == "broken":
            raw = chance.choice(BROKEN)(chance, good)
        else:
            said = good if sort == "around" else _changed(chance, good)
            if sort != "around" and said.topic in INTERNAL and chance.random() < 0.5:
                said = _signed(said)
            raw = (
                said.raw()
                if sort == "part"
                else chance.choice(AROUND)(chance, said)
                if said.event
                else good.raw()
            )
        fate = fate_of(raw, good)
        if sort == "broken":
            assert isinstance(fate, Reason), raw
        if fate is None or (fate is Fate.UNDECODABLE and chance.random() > UNDECODABLE):
            continue
        yield f"{sort} of {raw.topic}", [(raw, fate)]


def fate_of(raw: Raw, good: Draft) -> Ends | None:
    """What must become of it; None if that depends on more than the record."""
    headers = tuple(
        (printable(name.decode("utf-8", "surrogateescape")), value) for name, value in raw.headers
    )
    match read(Record(raw.topic, 0, 0, raw.key, headers, raw.value)):
        case Rejected(detail=detail) if OUR_DEFECT in detail:
            raise AssertionError(f"{detail}\n{raw}")
        case Rejected(writer=str(), key=key):
            return Fate.UNDECODABLE if key == good.name else None
        case Rejected(reason=reason):
            return reason
        case Readable(message=message) if message.number is None:
            return Fate.HANDLED if message.id == good.id else None
        case Readable(message=message):
            calm = not message.after and not isinstance(message.body, COMMANDS)
            return Fate.HANDLED if calm and message.key == good.name else None
