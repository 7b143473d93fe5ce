"""A small core to replay. It routes artifacts under `*` to applications, which answer, set a timer and start work."""

from collections.abc import Callable
from datetime import datetime, timedelta

from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.decision import (
    Core,
    On,
    Row,
    Rows,
    ServiceStarted,
    SetTimer,
    StartWork,
    Step,
    Table,
    TimerDue,
    WorkReported,
    emit,
    put,
    remove,
)
from lockgate.messages.message import Message
from lockgate.messages.releases import ArtifactRefusal, ArtifactRefused
from lockgate.messages.rollbacks import ReleaseHalted
from lockgate.messages.values import EVERY
from lockgate.runtime.replay_deciding import Replayable


class Tally(Row):
    """Under `*`: how many artifacts came in all."""

    kind = "tally"
    count: int = 0


class Box(Row):
    kind = "box"
    words: tuple[str, ...] = ()


class Note(Row):
    kind = "note"
    text: str


def said(key: str, text: str) -> ArtifactRefused:
    code = ArtifactRefusal.UNKNOWN_PACKAGE
    return ArtifactRefused(application=key, purl="pkg:oci/a", event="e", code=code, reason=text)


def announced(rows: Rows, given: Message[ArtifactPublished], now: datetime) -> Step:
    del now
    tally = rows.get(Tally) or Tally()
    application = given.body.package.rsplit("/", 1)[1]
    return put(Tally(count=tally.count + 1)) + Step(forward=(application,))


def arrived(word: str) -> Callable[[Rows, Message[ArtifactPublished], datetime], Step]:
    def decide(rows: Rows, given: Message[ArtifactPublished], now: datetime) -> Step:
        del given
        tally = rows.shared(Tally) or Tally()
        box = rows.get(Box) or Box()
        words = (*box.words, f"{word} {tally.count}")
        timer = SetTimer("nudge", now + timedelta(seconds=5), {"about": tally.count})
        work = StartWork("look", "look", {"at": tally.count})
        both = emit(said(rows.key, words[-1]), said(rows.key, f"{len(words)} so far"))
        return put(Box(words=words)) + both + Step(timers=(timer,), work=(work,))

    return decide


def halt(word: str) -> Callable[[Rows, Message[ReleaseHalted], datetime], Step]:
    def decide(rows: Rows, given: Message[ReleaseHalted], now: datetime) -> Step:
        del now
        box = rows.get(Box) or Box()
        text = f"{word} at turn {given.body.turn} with {len(box.words)}"
        return put(Note(text=text), "halt") + emit(said(rows.key, text))

    return decide


def nudge(rows: Rows, given: TimerDue, now: datetime) -> Step:
    note = rows.get(Note, "halt")
    text = f"nudged about {given.body['about']} at {now:%H:%M:%S} after {note.text if note else 'nothing'}"
    return remove(Note, "halt") + emit(said(rows.key, text))


def look(word: str) -> Callable[[Rows, WorkReported, datetime], Step]:
    def decide(rows: Rows, given: WorkReported, now: datetime) -> Step:
        del now
        return put(Note(text=str(given.report["seen"])), "seen") + emit(said(rows.key, word))

    return decide


def started(rows: Rows, given: ServiceStarted, now: datetime) -> Step:
    del rows, now
    return put(Note(text=str(given.settings.get("deployer", "")))) + emit(said(EVERY, "started"))


def toy(word: str = "number", *, halted: str = "halted", looked: str = "looked") -> Table:
    """The core. Another word is a changed line of its source; `looked` is said in an event and kept in no row."""
    return Table(
        kinds=(Tally, Box, Note),
        shared={ArtifactPublished: On(announced)},
        events={ArtifactPublished: On(arrived(word)), ReleaseHalted: On(halt(halted))},
        timers={"nudge": On(nudge)},
        work={"look": On(look(looked))},
        started=On(started),
    )


def replayable(core: Core | None = None, version: str = "v1", service: str = "intake") -> Replayable:
    chosen = core or toy()
    return Replayable(service, version, lambda _settings: chosen)
