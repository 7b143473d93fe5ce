"""A client of Prometheus that asks for raw samples and computes nothing. Talks to its HTTP API.

It never raises for what the other side does: an answer that is late, refused, cut, malformed, partial or too large is
`Unavailable`, and never counts as data.
"""

import math
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from lockgate.verifier.native import Histogram, read_histogram
from lockgate.verifier.settings import Settings

_LABEL_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,252}")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True)
class Series:
    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    """(epoch seconds, value), oldest first."""
    histograms: tuple[tuple[float, Histogram], ...] = ()
    """Likewise, of a native histogram."""


@dataclass(frozen=True, slots=True)
class Samples:
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Unavailable:
    reason: str
    too_large: bool = False
    """Less of it may be asked for at once."""


Answer = Samples | Unavailable


def selector(
    metric: str,
    equal: Mapping[str, str],
    prefixes: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    among: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> str:
    """A plain selector: labels that equal a value, that begin with one of some prefixes, or are one of some values.

    ValueError names what is not on the allow-list: nothing else ever reaches a query.
    """
    if not _METRIC.fullmatch(metric):
        raise ValueError(f"{metric!r} is no metric's name")
    matchers = [f'{_name(label)}="{_allowed(value)}"' for label, value in sorted(equal.items())]
    for asked, end in ((prefixes, ".*"), (among, "")):
        for label, values in sorted(asked.items()):
            # [.] and not \. so that no backslash is ever needed inside of the quotes
            anyof = "|".join(_allowed(value).replace(".", "[.]") + end for value in values)
            matchers.append(f'{_name(label)}=~"{anyof}"')
    return f"{metric}{{{','.join(matchers)}}}"


def _name(label: str) -> str:
    if not label.isidentifier():
        raise ValueError(f"{label!r} is no label's name")
    return label


def _allowed(value: str) -> str:
    if not _LABEL_VALUE.fullmatch(value):
        raise ValueError(
            f"{value!r} may not be asked for: only letters, digits and . _ / - are allowed, "
            "beginning with a letter or digit"
        )
    return value


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Asks one Prometheus, over a session that belongs to whoever opened it."""

    session: aiohttp.ClientSession
    url: str
    timeout: float
    most_bytes: int

    @property
    def place(self) -> str:
        """Its address for people and events: without a password, and without what is after a question mark."""
        try:
            whole = urlsplit(self.url)
        except ValueError:
            return "its address"
        return f"{whole.scheme}://{whole.netloc.rpartition('@')[2]}{whole.path}"

    async def raw(self, chosen: str, at: float, window: float) -> Answer:
        """Every sample of the series in (at - window, at]. Times are epoch seconds, the window is seconds."""
        query = {"query": f"{chosen}[{max(round(window * 1000), 1)}ms]", "time": f"{at:.3f}"}
        limit = aiohttp.ClientTimeout(total=self.timeout)
        try:
            async with self.session.post(
                f"{self.url}/api/v1/query", data=query, timeout=limit, allow_redirects=False
            ) as answer:
                return _read(answer.status, await self._body(answer))
        except TimeoutError:
            return Unavailable(f"Prometheus at {self.place} did not answer within {self.timeout:g} s")
        except aiohttp.InvalidURL:  # its text is the whole address
            return Unavailable(f"Prometheus at {self.place} cannot be reached: that is no address")
        except (aiohttp.ClientError, OSError) as error:
            return Unavailable(
                f"Prometheus at {self.place} cannot be reached: {type(error).__name__}: {error}"
            )

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes | None:
        """The body, or None if it is larger than allowed."""
        body = bytearray()
        async for chunk in answer.content.iter_chunked(1 << 16):
            body += chunk
            if len(body) > self.most_bytes:
                return None
        return bytes(body)


def _read(status: int, body: bytes | None) -> Answer:
    if body is None:
        return Unavailable("Prometheus' answer is larger than prometheus_most_bytes allows", too_large=True)
    try:
        answer = orjson.loads(body)
        if (problem := _problem(status, answer)) is not None:
            return Unavailable(problem)
        return Samples(_matrix(answer["data"]))
    except orjson.JSONDecodeError:
        return Unavailable(f"Prometheus answered {status} with something that is not JSON")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Unavailable(f"Prometheus' answer is malformed: {type(error).__name__}: {str(error)[:200]}")


def _problem(status: int, answer: Any) -> str | None:
    """Why the answer is no data, if it says so itself."""
    if not isinstance(answer, dict):
        return f"Prometheus answered {status} with no JSON object"
    if status != 200 or answer.get("status") != "success":
        return f"Prometheus answered {status}: {str(answer.get('error', 'no reason given'))[:300]}"
    if answer.get("warnings"):
        return f"Prometheus' answer may be partial: {str(answer['warnings'])[:300]}"
    return None


def _matrix(data: Any) -> tuple[Series, ...]:
    if data["resultType"] != "matrix":
        raise ValueError(f"expected a matrix, got {str(data['resultType'])[:40]!r}")
    return tuple(_series(series) for series in data["result"])


def _series(given: Any) -> Series:
    """It has numbers, native histograms, or first those and then these."""
    histograms = given.get("histograms")
    values = given["values"] if histograms is None else given.get("values", ())
    return Series(_labels(given["metric"]), tuple(_points(values)), tuple(_histograms(histograms or ())))


def _labels(metric: Any) -> dict[str, str]:
    labels = dict(metric)
    if not all(isinstance(value, str) for value in labels.values()):
        raise ValueError(f"expected labels that are strings, got {str(labels)[:100]}")
    return labels


def _points(values: Any) -> Iterator[tuple[float, float]]:
    """A sample that is no count, such as NaN, is as if the scrape had failed."""
    for at, value in values:
        moment, count = float(at), float(value)
        if math.isfinite(moment) and math.isfinite(count) and count >= 0:
            yield moment, count


def _histograms(told: Any) -> Iterator[tuple[float, Histogram]]:
    """One that tells no numbers is as if the scrape had failed."""
    for at, given in told:
        moment, histogram = float(at), read_histogram(given)
        if math.isfinite(moment) and histogram is not None:
            yield moment, histogram


@asynccontextmanager
async def open_prometheus(settings: Settings) -> AsyncIterator[Prometheus]:
    async with aiohttp.ClientSession(headers={"Accept": "application/json"}) as session:
        yield Prometheus(
            session,
            settings.prometheus.rstrip("/"),
            settings.prometheus_timeout,
            settings.prometheus_most_bytes,
        )
