"""When windows are open: hand-written moments in several zones, across changes of clocks, year end and 29 February."""

from datetime import UTC, date, datetime

import pytest

from lockgate.messages.windows import Window, opening


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def opens(window: str, now: str, *closed: str) -> str:
    """`open`, or when it opens next, in UTC."""
    at, moment = (
        opening([Window.parse(window)], [date.fromisoformat(d) for d in closed], utc(now)),
        utc(now),
    )
    assert at is not None
    return "open" if at == moment else at.strftime("%Y-%m-%d %H:%M")


BERLIN, NEW_YORK, SYDNEY, KOLKATA = "Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata"


@pytest.mark.parametrize(
    ("window", "now", "expected"),
    [
        # Berlin is an hour ahead of UTC in winter. 2026-11-30 is a Monday.
        (f"weekdays 08:00-17:00 {BERLIN}", "2026-11-30 06:59", "2026-11-30 07:00"),
        (f"weekdays 08:00-17:00 {BERLIN}", "2026-11-30 07:00", "open"),
        (f"weekdays 08:00-17:00 {BERLIN}", "2026-11-30 15:59", "open"),
        (f"weekdays 08:00-17:00 {BERLIN}", "2026-11-30 16:00", "2026-12-01 07:00"),
        (f"weekdays 08:00-17:00 {BERLIN}", "2026-12-04 16:00", "2026-12-07 07:00"),
        # New York is five hours behind, Kolkata five and a half ahead, always; Sydney eleven ahead in November.
        (f"weekdays 09:00-17:00 {NEW_YORK}", "2026-11-30 13:00", "2026-11-30 14:00"),
        (f"mon-thu 10:00-12:00 {KOLKATA}", "2026-11-30 04:30", "open"),
        (f"mon-thu 10:00-12:00 {KOLKATA}", "2026-11-30 06:30", "2026-12-01 04:30"),
        (f"mon 00:00-24:00 {SYDNEY}", "2026-11-29 12:59", "2026-11-29 13:00"),
        (f"mon 00:00-24:00 {SYDNEY}", "2026-11-30 12:59", "open"),
        (f"mon 00:00-24:00 {SYDNEY}", "2026-11-30 13:00", "2026-12-06 13:00"),
        ("weekends 00:00-24:00 UTC", "2026-11-30 12:00", "2026-12-05 00:00"),
        ("fri-mon,wed 12:00-13:00 UTC", "2026-12-01 12:30", "2026-12-02 12:00"),
    ],
)
def test_days_times_and_zones(window: str, now: str, expected: str) -> None:
    assert opens(window, now) == expected


@pytest.mark.parametrize(
    ("window", "now", "expected"),
    [
        # Spring in Berlin, 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
        (f"daily 08:00-17:00 {BERLIN}", "2026-03-28 06:59", "2026-03-28 07:00"),
        (f"daily 08:00-17:00 {BERLIN}", "2026-03-29 05:59", "2026-03-29 06:00"),
        (f"daily 01:30-03:30 {BERLIN}", "2026-03-29 01:29", "open"),
        (f"daily 01:30-03:30 {BERLIN}", "2026-03-29 01:30", "2026-03-29 23:30"),
        # What lies in the hour that never comes is passed over on that day.
        (f"daily 02:10-02:50 {BERLIN}", "2026-03-29 00:30", "2026-03-30 00:10"),
        # Autumn in Berlin, 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC, so 02:30 comes at 00:30 and at 01:30 UTC.
        (f"daily 02:30-04:00 {BERLIN}", "2026-10-25 00:30", "open"),
        (f"daily 01:00-02:30 {BERLIN}", "2026-10-25 01:29", "open"),
        (f"daily 01:00-02:30 {BERLIN}", "2026-10-25 01:30", "2026-10-26 00:00"),
        # New York, 2026-03-08 and 2026-11-01: eight in the morning is 13:00 UTC in winter and 12:00 in summer.
        (f"daily 08:00-09:00 {NEW_YORK}", "2026-03-07 12:30", "2026-03-07 13:00"),
        (f"daily 08:00-09:00 {NEW_YORK}", "2026-03-08 11:30", "2026-03-08 12:00"),
        (f"daily 08:00-09:00 {NEW_YORK}", "2026-10-31 12:00", "open"),
        (f"daily 08:00-09:00 {NEW_YORK}", "2026-11-01 12:00", "2026-11-01 13:00"),
        # Sydney, 2026-04-05 and 2026-10-04, the other way round.
        (f"daily 08:00-09:00 {SYDNEY}", "2026-04-03 20:00", "2026-04-03 21:00"),
        (f"daily 08:00-09:00 {SYDNEY}", "2026-04-04 21:30", "2026-04-04 22:00"),
        (f"daily 08:00-09:00 {SYDNEY}", "2026-10-03 21:00", "open"),
    ],
)
def test_changes_of_clocks(window: str, now: str, expected: str) -> None:
    assert opens(window, now) == expected


@pytest.mark.parametrize(
    ("window", "now", "expected"),
    [
        # Over the end of a year, by the calendar of the zone: 2026-12-31 is a Thursday.
        (f"thu 22:00-04:00 {BERLIN}", "2026-12-31 21:00", "open"),
        (f"thu 22:00-04:00 {BERLIN}", "2027-01-01 02:59", "open"),
        (f"thu 22:00-04:00 {BERLIN}", "2027-01-01 03:00", "2027-01-07 21:00"),
        (f"fri 00:00-01:00 {SYDNEY}", "2026-12-31 12:59", "2026-12-31 13:00"),
        (f"thu 23:00-24:00 {NEW_YORK}", "2027-01-01 04:30", "open"),
        # 2028-02-29 is a Tuesday, and the next day is 1 March.
        (f"tue 08:00-17:00 {BERLIN}", "2028-02-28 20:00", "2028-02-29 07:00"),
        (f"tue 22:00-02:00 {NEW_YORK}", "2028-03-01 06:59", "open"),
        (f"wed 00:00-01:00 {KOLKATA}", "2028-02-29 18:29", "2028-02-29 18:30"),
    ],
)
def test_year_end_and_29_february(window: str, now: str, expected: str) -> None:
    assert opens(window, now) == expected


@pytest.mark.parametrize(
    ("closed", "expected"),
    [
        ((), "open"),
        (("2026-11-30",), "2026-12-01 07:00"),
        (("2026-11-30", "2026-12-01"), "2026-12-02 07:00"),
    ],
)
def test_on_days_that_are_excepted_it_does_not_open(closed: tuple[str, ...], expected: str) -> None:
    assert opens(f"weekdays 08:00-17:00 {BERLIN}", "2026-11-30 12:00", *closed) == expected


def test_of_windows_that_overlap_any_that_is_open_counts() -> None:
    windows = [Window.parse(f"daily 08:00-12:00 {BERLIN}"), Window.parse(f"daily 11:00-15:00 {BERLIN}")]
    for now in ("2026-11-30 07:00", "2026-11-30 10:30", "2026-11-30 13:59"):
        assert opening(windows, (), utc(now)) == utc(now)
    assert opening(windows, (), utc("2026-11-30 14:00")) == utc("2026-12-01 07:00")


def test_windows_of_two_zones_are_open_when_either_is() -> None:
    windows = [
        Window.parse(f"weekdays 09:00-17:00 {BERLIN}"),
        Window.parse(f"weekdays 09:00-17:00 {NEW_YORK}"),
    ]
    assert opening(windows, (), utc("2026-11-30 21:59")) == utc("2026-11-30 21:59")
    assert opening(windows, (), utc("2026-11-30 22:00")) == utc("2026-12-01 08:00")


def test_where_every_day_is_excepted_none_opens() -> None:
    days = [date(2026, 11, 30 - n) for n in range(2)] + [
        date.fromordinal(date(2026, 12, 1).toordinal() + n) for n in range(400)
    ]
    assert opening([Window.parse("daily 08:00-09:00 UTC")], days, utc("2026-11-30 12:00")) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("weekdays 08:00-17:00", "is no window"),
        ("weekdays 8:00-17:00 UTC", "is no window"),
        ("weekdays 08:00-25:00 UTC", "25:00 is no time of a day"),
        ("weekdays 08:60-09:00 UTC", "08:60 is no time of a day"),
        ("weekdays 08:00-08:00 UTC", "ends at another time"),
        ("workdays 08:00-09:00 UTC", "'workdays' are no days"),
        ("mon-someday 08:00-09:00 UTC", "are no days"),
        ("daily 08:00-09:00 Europe/Berlim", "no time zone 'Europe/Berlim'"),
        ("daily 08:00-09:00 ../../etc/passwd", "is no window"),
        ("daily 08:00-09:00 Europe", "no time zone 'Europe'"),
    ],
)
def test_what_is_no_window_is_told_what_to_write(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Window.parse(text)
