"""The database's clock, as this process knows it. Decisions get their time from here; timers are due by it."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Learns the offset between the local and the database's clock from every transaction."""

    def __init__(self) -> None:
        self._offset = timedelta(0)

    def learn(self, database_now: datetime) -> None:
        self._offset = database_now - datetime.fromtimestamp(time.time(), UTC)

    def now(self) -> datetime:
        """The time in whole milliseconds, so that what is written is what was decided with."""
        now = datetime.fromtimestamp(time.time(), UTC) + self._offset
        return now.replace(microsecond=now.microsecond // 1000 * 1000)
