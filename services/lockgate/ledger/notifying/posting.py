"""One attempt to tell one receiver. Talks to its address only: follows no redirection, uses no proxy, reads no answer's body.

What it says of a failure names neither address nor secret.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp

from lockgate.ledger.notifying.notice import Notice
from lockgate.ledger.notifying.receivers import Receiver, ReceiverError
from lockgate.ledger.notifying.rendering import signature

REFUSED = frozenset({400, 413, 422})
"""The receiver cannot take this message, whatever became of it itself."""
LONGEST_ASKED = 3600.0


class Attempt(NamedTuple):
    """`trouble` is empty if it was delivered. `after`: the seconds for which the receiver asks to be left alone."""

    trouble: str = ""
    refused: bool = False
    after: float = 0.0

    @property
    def delivered(self) -> bool:
        return not self.trouble


@asynccontextmanager
async def posting(seconds: float) -> AsyncIterator[aiohttp.ClientSession]:
    """A client whose every request ends within `seconds`. It does not look at the environment's proxies and passwords."""
    session = aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=seconds), trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
    )
    try:
        yield session
    finally:
        await session.close()


async def post(session: aiohttp.ClientSession, receiver: Receiver, notice: Notice) -> Attempt:
    try:
        address, key, body = receiver.address(), receiver.key(), receiver.body(notice)
        headers = _headers(notice, key, body, int(time.time()))
        async with session.post(address, data=body, headers=headers, allow_redirects=False) as answer:
            return _judged(answer.status, answer.headers.get("Retry-After", ""))
    except ReceiverError as error:
        return Attempt(str(error))
    except Exception as error:  # noqa: BLE001  # whatever a client library raises; its words name the address
        return Attempt(f"no answer: {type(error).__name__}")


def _headers(notice: Notice, key: bytes | None, body: bytes, now: int) -> dict[str, str]:
    """Those of Standard Webhooks. The id is the same in every attempt, so that a receiver can tell a repeat."""
    headers = {"Content-Type": "application/json", "webhook-id": notice.id, "webhook-timestamp": str(now)}
    return headers if key is None else headers | {"webhook-signature": signature(key, notice.id, now, body)}


def _judged(status: int, retry_after: str) -> Attempt:
    if 200 <= status < 300:
        return Attempt()
    asked = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
    trouble = f"it answers {status}" + (
        ", a redirection, which is not followed" if 300 <= status < 400 else ""
    )
    return Attempt(trouble, status in REFUSED, min(asked, LONGEST_ASKED))
