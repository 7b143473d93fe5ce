"""Whether a pause holds an application's releases, and how what it keeps back goes on.

A pause of one application is a row of it, and its end lets go on what it kept back. A pause of all is a row of `*`, and a
decision under `*` changes no application: so whoever is kept back by it looks again, a while later.
"""

from datetime import datetime, timedelta
from typing import Final

from lockgate.intake.rows import Pause
from lockgate.messages.decision import NOTHING, Rows, SetTimer, Step

LOOK: Final = timedelta(seconds=30)

UNPAUSE: Final = "unpause"
"""The timer of a pause that has an end."""


def holding(rows: Rows) -> Pause | None:
    """The pause that holds this application: its own, or that of all."""
    return rows.get(Pause) or rows.shared(Pause)


def kept_back(rows: Rows, now: datetime) -> Step:
    """Something waits for the end of a pause."""
    return NOTHING if rows.get(Pause) is not None else look_again(now)


def look_again(now: datetime) -> Step:
    return Step(timers=(SetTimer("look", now + LOOK),))
