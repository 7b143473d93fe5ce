"""Dead letters: what could not be read, with its original bytes, its place and a reason from a closed list."""

from dataclasses import dataclass
from enum import StrEnum

from lockgate.messages.message import Headers
from lockgate.runtime.checks import Record


class Reason(StrEnum):
    """Why a record is a dead letter. A public contract: codes are only added."""

    EMPTY = "empty"  # no value
    TOO_LARGE = "too-large"
    NUL = "nul"
    TOO_DEEP = "too-deep"
    DUPLICATE_KEY = "duplicate-key"
    NOT_JSON = "not-json"
    HEADERS = "headers"  # too many, doubled, null or not text
    KEY = "key"  # not text, or not the key that the event says
    INVALID = "invalid"  # JSON, but not as the event's schema says
    UNKNOWN_TYPE = "unknown-type"  # an event type that is not read here
    WRONG_TOPIC = "wrong-topic"  # an event type that does not belong on this topic
    WRONG_WRITER = "wrong-writer"  # a writer that may not write this topic, or not about that region
    BATCH = "batch"  # in a compressed batch that cannot be inflated or is too large; the value is that batch
    FORGED = "forged"  # an id that does not follow from writer, key and number


PREFIX = "lg_"
_THEIRS = f"{PREFIX}header_"
_MOST_HEADERS = 64
_MOST_OF_A_NAME = 1000  # written as escapes, 1 MiB of it would be more than the topic takes


def dead_letter(record: Record, reason: Reason, detail: str) -> tuple[Headers, bytes | None]:
    """Headers and value of the dead letter: the original value as it was, the rest in headers.

    Original headers keep their names behind `lg_header_`, so that none of them acts on a reader of dead letters;
    a record with more of them, or with longer names, than can be kept is still on its topic.
    """
    place = {
        "reason": reason.value,
        "detail": detail[:1000],
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
    }
    ours = tuple((f"{PREFIX}{name}", text.encode()) for name, text in place.items())
    theirs = tuple(
        (f"{_THEIRS}{name[:_MOST_OF_A_NAME]}", value)
        for name, value in record.headers[:_MOST_HEADERS]
        if value is not None
    )
    if record.key is None and record.value is None:  # which no client can send
        return (*ours, (f"{PREFIX}value", b"null"), *theirs), b""
    return ours + theirs, record.value


@dataclass(frozen=True, slots=True)
class Original:
    """What a dead letter says of the record that could not be read. `place` is TOPIC/PARTITION/OFFSET."""

    place: str
    reason: str
    detail: str
    key: bytes | None
    headers: Headers
    value: bytes | None


def original(letter: Record) -> Original:
    """The opposite of `dead_letter`. Whatever may lie on the topic, it does not raise."""
    ours = {name: value or b"" for name, value in reversed(letter.headers) if not name.startswith(_THEIRS)}

    def said(name: str) -> str:
        return ours.get(PREFIX + name, b"?").decode("utf-8", "replace")

    return Original(
        "/".join(said(name) for name in ("topic", "partition", "offset")),
        said("reason"),
        said("detail"),
        letter.key,
        tuple(
            (name.removeprefix(_THEIRS), value or b"")
            for name, value in letter.headers
            if name.startswith(_THEIRS)
        ),
        None if said("value") == "null" else letter.value,
    )
