"""Asks flagd by OFREP what everybody gets for a flag: whether a switch took effect.

The address is of the region's settings alone; a flag's key has passed the plan's allow-list. The answer is read up to a
bound, no redirect is followed, and each request has its time.
"""

from typing import Any, Final
from urllib.parse import quote

import aiohttp
import orjson

from lockgate.messages.flags import Flag

_MOST: Final = 64 << 10


class Ofrep:
    def __init__(self, url: str, timeout: float) -> None:
        self._url, self._timeout = url.rstrip("/"), timeout

    async def problem(self, flag: Flag) -> str | None:
        """None if flagd gives the variant that is off; a sentence otherwise."""
        url = f"{self._url}/ofrep/v1/evaluate/flags/{quote(flag.flag, safe='')}"
        try:
            async with (
                aiohttp.ClientSession(trust_env=False) as session,
                session.post(
                    url,
                    json={"context": {}},
                    timeout=aiohttp.ClientTimeout(total=self._timeout),
                    allow_redirects=False,
                ) as answer,
            ):
                status, raw = answer.status, await _bounded(answer)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return f"flagd at {self._url} did not answer about {flag.flag}: {str(error)[:200] or 'no answer in time'}."
        if status != 200:
            return f"flagd at {self._url} answered {status} about {flag.flag}."
        variant = _variant(raw)
        return None if variant == flag.off else f"flagd still gives the variant {variant} of {flag.flag}."


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    read = b""
    async for part in answer.content.iter_chunked(_MOST):
        read += part
        if len(read) > _MOST:
            break
    return read[:_MOST]


def _variant(raw: bytes) -> str:
    """What it gives; `none` where there is nothing to read."""
    try:
        answer: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return "none"
    found = answer.get("variant") if isinstance(answer, dict) else None
    return found[:100] if isinstance(found, str) else "none"
