"""Which events have to wait, and why. Pure.

An event waits for its causes, behind an earlier event of its writer and key that waits, or for a core that can
take it. Nothing is ever decided without its cause.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.runtime.batch import ParkedRow


class Hold(StrEnum):
    SEEN = "seen"  # not held: it was handled before
    CAUSE = "cause"  # an event that it follows from has not been read yet
    ORDER = "order"  # an earlier event of its writer and key waits
    GAP = "gap"  # an earlier event of its writer and key is missing on the topic
    UNDECODABLE = "undecodable"  # a newer schema than this version reads
    DECIDE = "decide"  # the core raised


STUCK = frozenset({Hold.DECIDE, Hold.UNDECODABLE})
"""What does not go on by itself: it takes another core, or an operator who asks for another try."""


def hold(
    message: Message[Payload],
    marks: Mapping[tuple[str, str], int],
    parked: Mapping[tuple[str, str], deque[ParkedRow]],
    reads: Callable[[str], bool],
) -> Hold | None:
    """Why an internal event cannot be decided now; None if it can.

    `marks` are the numbers handled so far per (writer, key); `parked` what waits per (writer, key); `reads` says
    whether this service reads what a writer writes: the causes that it never reads are not waited for.
    """
    writer, number = message.writer or "", message.number or 0
    mark = marks.get((writer, message.key))
    waiting = parked.get((writer, message.key))
    if mark is not None and number <= mark:
        return Hold.SEEN
    if waiting and (behind := _behind(number, waiting)):
        return behind
    if mark is not None and number > mark + 1:
        return Hold.GAP
    for cause in message.after:
        if reads(cause.writer) and marks.get((cause.writer, cause.key), 0) < cause.number:
            return Hold.CAUSE
    return None


def awaited(
    message: Message[Payload], marks: Mapping[tuple[str, str], int], reads: Callable[[str], bool]
) -> Iterator[tuple[tuple[str, str], int]]:
    """For an event that `hold` holds: marks of which one has to come to this number before it can go on."""
    own, number = (message.writer or "", message.key), message.number or 0
    if number > marks.get(own, number) + 1:
        yield own, number - 1
        return
    yield own, number  # it is handled elsewhere
    for cause in message.after:
        mark = (cause.writer, cause.key)
        if reads(cause.writer) and marks.get(mark, 0) < cause.number:
            # To the greatest of this mark: an event that names thousands of its numbers is not looked at for each.
            yield mark, max(other.number for other in message.after if (other.writer, other.key) == mark)
            return


def _behind(number: int, waiting: deque[ParkedRow]) -> Hold | None:
    """Whether the event waits already, or has to wait behind what does. Mostly it comes after the last that waits."""
    last = waiting[-1].number
    if last is not None and number > last:
        return Hold.ORDER
    numbers = {row.number for row in waiting if row.number is not None}
    if number in numbers:
        return Hold.SEEN
    return Hold.ORDER if numbers and number > min(numbers) else None
