"""The verifier's other slow work: asking the check of a stage over HTTP. Talks to the addresses of the settings only.

A check is asked with GET, each time by a question of its own with its time. No redirect is followed, no proxy is used, and
no answer's body is read: its status is all that counts. A run that was killed begins anew, and counts from nothing.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from lockgate.verifier.core.checks import Answered, Answers, Ask, Silent, Try, judged
from lockgate.verifier.named_checks import VALUES, NamedCheck, TokenError
from lockgate.verifier.settings import Settings

AGAIN = 300.0
"""Seconds after which it says that it asks still, so that the core does not take it for lost, and begin it from nothing."""


@asynccontextmanager
async def open_asking(settings: Settings) -> AsyncIterator[Callable[[Ask], "Asking"]]:
    """What asks, for each order. As many at once as there are places for slow work: none waits for another's connection, and
    takes that for an answer that did not come.
    """
    async with aiohttp.ClientSession(
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "lockgate"},
        connector=aiohttp.TCPConnector(limit=0),
    ) as session:
        yield lambda order: Asking(order, settings.checks, session)


@dataclass(slots=True)
class Asking:
    """One run of one order."""

    order: Ask
    checks: Mapping[str, NamedCheck]
    session: aiohttp.ClientSession
    answers: Answers = field(default_factory=Answers)
    silent: bool = False
    """It was reported that there is no answer, and there is none yet."""
    heard: float = field(default_factory=time.monotonic)
    """When there was an answer last."""
    told: float = field(default_factory=time.monotonic)
    """When something was reported last."""

    async def run(self, report: Callable[[dict[str, Any]], Awaitable[None]]) -> dict[str, Any]:
        """Returns the answers that decide, however long they take; reports when there is none for too long, when there is one
        again, and every `AGAIN` seconds.
        """
        check = self.order.check
        found = self.checks.get(check.http)
        if found is None:
            return self._unknown()
        while True:
            tried = await self._try(found)
            self.answers = self.answers.then(check, tried)
            if judged(check, self.answers) is not None:
                return self._answered()
            if (news := self._news(tried)) is not None:
                self.told = time.monotonic()
                await report(news)
            await asyncio.sleep(check.interval)

    def _news(self, tried: Try) -> dict[str, Any] | None:
        """What there is to report after this question; None if nothing is."""
        before, now = self.silent, time.monotonic()
        if tried.status is not None:
            self.heard, self.silent = now, False
        elif now - self.heard > self.order.check.outage:
            self.silent = True
        if self.silent == before and now - self.told < AGAIN:
            return None
        return self._silence(tried.problem) if self.silent else self._answered()

    def _answered(self) -> dict[str, Any]:
        return Answered(answers=self.answers).model_dump(mode="json")

    def _silence(self, reason: str) -> dict[str, Any]:
        return Silent(answers=self.answers, reason=reason).model_dump(mode="json")

    def _unknown(self) -> dict[str, Any]:
        named = f"it has {', '.join(sorted(self.checks)[:20])}" if self.checks else "it has none"
        reason = f"the verifier's settings (LOCKGATE_CHECKS) have no check of this name; {named}"
        return Silent(answers=self.answers, reason=reason, for_good=True).model_dump(mode="json")

    async def _try(self, found: NamedCheck) -> Try:
        begun, within = time.monotonic(), self.order.check.within
        status, problem = None, ""
        try:
            async with self.session.get(
                found.address({name: getattr(self.order, name) for name in VALUES}),
                headers=found.headers(),
                timeout=aiohttp.ClientTimeout(total=within),
                allow_redirects=False,
            ) as answer:
                status = answer.status
        except TimeoutError:
            problem = f"no answer within {within:g} s"
        except TokenError as error:
            problem = str(error)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            problem = _told(error)
        return Try(status=status, seconds=time.monotonic() - begun, problem=problem[:300])


def _told(error: Exception) -> str:
    """What went wrong, without the words of the client, which may name the address."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "its TLS certificate is not trusted"
        case aiohttp.ClientConnectorSSLError():
            return "it does not speak TLS as it should"
        case aiohttp.ClientConnectorDNSError():
            return "the name of its host is not known"
        case aiohttp.ClientConnectorError(os_error=reason) if reason.errno:
            return f"it cannot be connected to ({os.strerror(reason.errno)})"
        case aiohttp.ServerDisconnectedError() | ConnectionError():
            return "it closed the connection without an answer"
        case _:
            return f"there is no whole answer in HTTP ({type(error).__name__})"
