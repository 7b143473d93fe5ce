"""Windows: times of the week in a time zone, as a plan writes them, and when one is open.

Pure: the time is an argument, and the zones are those of the pinned package tzdata, never those of the machine, so that a
decision can be recomputed elsewhere. Where clocks change, a time that comes twice begins a window the first time and ends it
the second; one that begins or ends in an hour that never comes is shorter on that day, or is not at all.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMED: Final = {
    "weekdays": frozenset(range(5)),
    "weekends": frozenset((5, 6)),
    "daily": frozenset(range(7)),
}
_WRITTEN: Final = re.compile(r"(\S+) (\d\d):(\d\d)-(\d\d):(\d\d) ([A-Za-z0-9_+/-]{1,64})")
_HOW: Final = "write the days, the time and the zone, such as weekdays 08:00-17:00 Europe/Berlin"
AHEAD: Final = 390
"""Days in which an opening is looked for."""


@dataclass(frozen=True, slots=True)
class Window:
    """`start` and `end` in minutes after midnight; an end that is not after the start is on the next day."""

    days: frozenset[int]
    start: int
    end: int
    zone: str

    @classmethod
    def parse(cls, text: str) -> "Window":
        """ValueError says how it is written."""
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no window: {_HOW}")
        days, from_hour, from_minute, to_hour, to_minute, zone = match.groups()
        start, end = _minutes(from_hour, from_minute), _minutes(to_hour, to_minute)
        if start in {24 * 60, end}:
            raise ValueError(f"{text!r} is no window: it begins before 24:00, and ends at another time")
        _zone(zone)
        return cls(_days(days), start, end, zone)

    def on(self, day: date) -> tuple[datetime, datetime]:
        """When it opens and closes that is opened on that day, in UTC."""
        overnight = self.end <= self.start
        opens = self._at(day, self.start).replace(fold=0)
        closes = self._at(day + timedelta(days=1) if overnight else day, self.end).replace(fold=1)
        return opens.astimezone(UTC), closes.astimezone(UTC)

    def _at(self, day: date, minutes: int) -> datetime:
        day += timedelta(days=minutes // (24 * 60))
        return datetime.combine(day, time(minutes // 60 % 24, minutes % 60), _zone(self.zone))


def opening(windows: Iterable[Window], closed: Collection[date], now: datetime) -> datetime | None:
    """`now` if one of them is open; else when the next one opens; None if none does in AHEAD days.

    `closed`: days on which none opens, by the calendar of each one's zone.
    """
    found = [at for window in windows if (at := _opening(window, closed, now)) is not None]
    return min(found, default=None)


def _opening(window: Window, closed: Collection[date], now: datetime) -> datetime | None:
    today = now.astimezone(_zone(window.zone)).date()
    for ahead in range(-1, AHEAD):
        day = today + timedelta(days=ahead)
        if day.weekday() not in window.days or day in closed:
            continue
        opens, closes = window.on(day)
        if now < closes and opens < closes:
            return max(now, opens)
    return None


def _minutes(hours: str, minutes: str) -> int:
    found = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or found > 24 * 60:
        raise ValueError(f"{hours}:{minutes} is no time of a day: {_HOW}")
    return found


def _days(text: str) -> frozenset[int]:
    if text in _NAMED:
        return _NAMED[text]
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last or first) not in _DAYS:
            raise ValueError(f"{text!r} are no days: write weekdays, weekends, daily, or such as mon-thu,sat")
        start, length = _DAYS.index(first), _DAYS.index(last or first) - _DAYS.index(first)
        found |= {(start + n) % 7 for n in range(length % 7 + 1)}
    return frozenset(found)


@cache
def _zone(name: str) -> ZoneInfo:
    """By its name in the IANA database. ValueError if there is none."""
    file = files("tzdata").joinpath("zoneinfo", *name.split("/"))
    if not re.fullmatch(r"[A-Za-z0-9_+/-]+", name) or not file.is_file():
        raise ValueError(f"there is no time zone {name!r}: write one such as Europe/Berlin or UTC")
    with file.open("rb") as data:
        return ZoneInfo.from_file(data, key=name)
