"""One history that the tests of tampering share, and how they look at it and judge it."""

from collections.abc import Callable
from typing import Any

from lockgate.runtime import canonical
from lockgate.runtime.batch import Place
from lockgate.runtime.replay import replay, replay_share
from lockgate.runtime.replay_findings import Finding
from lockgate.runtime.replay_report import EXIT_DIFFERS, Report
from lockgate.runtime.replay_shares import joined, shares
from tests.support.replay_core import replayable
from tests.support.replays import Shelf, a_history

HISTORY = a_history()


def judged(shelf: Shelf) -> Report:
    """Replayed as one. A replay in shares finds the same, or that something differs where that one does."""
    report = replay(shelf, [replayable()])
    divided = joined(
        [replay_share(shelf, [replayable()], share) for share in shares(shelf, [replayable()], 2)]
    )
    assert divided.exit_code == report.exit_code
    assert divided == report or report.exit_code == EXIT_DIFFERS
    return report


def kinds(report: Report) -> set[type[Finding]]:
    return {type(found) for found in report.findings.kept}


def body(place: Place, shelf: Shelf = HISTORY.shelf) -> Any:
    return canonical.loads(shelf.at(place).value or b"")


def of(kind: str, key: str) -> Place:
    """The first journal record of an input kind and key."""
    return next(p for p in HISTORY.journal if (body(p)["input"]["kind"], body(p)["key"]) == (kind, key))


Change = Callable[[dict[str, Any]], None]


def assign(*path: Any, value: Any) -> Change:
    def change(record: dict[str, Any]) -> None:
        inner: Any = record
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value

    return change
