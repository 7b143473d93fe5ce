"""What intake's core decides, with no server: on rows that the caller made up. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lockgate.intake.core import TABLE
from lockgate.messages.decision import NotLoaded, Row, RowKey, Rows, Step
from lockgate.messages.message import Message


def decided(key: str, given: Message[Any], known: Mapping[RowKey, Row], now: datetime) -> Step:
    """Rows that are not known are not there."""
    loaded: dict[RowKey, Row | None] = dict(known)
    while True:
        try:
            return TABLE.decide(Rows(key, loaded), given, now)
        except NotLoaded as more:
            loaded.update(dict.fromkeys(more.keys))
