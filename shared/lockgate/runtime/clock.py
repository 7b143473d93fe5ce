"""The database's clock, as this process knows it. Decisions get their time from here; timers are due by it."""

import time
from datetime import UTC, datetime, timedelta

MOST_HELD = timedelta(seconds=5)


class Clock:
    """Learns the offset between the local and the database's clock from every transaction."""

    def __init__(self) -> None:
        self._offset = timedelta(0)
        self._last = datetime.min.replace(tzinfo=UTC)

    def learn(self, database_now: datetime) -> None:
        self._offset = database_now - datetime.fromtimestamp(time.time(), UTC)

    def now(self) -> datetime:
        """The time in whole milliseconds, so that what is written is what was decided with.

        It does not go back when what is learned differs a little; a real change of the database's clock is followed.
        """
        now = datetime.fromtimestamp(time.time(), UTC) + self._offset
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        if now < self._last < now + MOST_HELD:
            return self._last
        self._last = now
        return now
