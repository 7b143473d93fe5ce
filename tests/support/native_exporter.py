"""A pod that tells its latency as a native histogram, in the only exposition format that has those: protobuf.

The few messages of Prometheus' metrics.proto are written here by hand, so that what is scraped depends on no client library.
"""

import struct
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from aiohttp import web

NAME = "http_server_request_duration_seconds"
DELIMITED = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
_HISTOGRAM = 4
"""Of the types of a family."""


def family(name: str, histograms: Mapping[str, bytes]) -> bytes:
    """One family of histograms, by status code."""
    metrics = (_bytes(4, _label(code) + _bytes(7, one)) for code, one in histograms.items())
    whole = _bytes(1, name.encode()) + _number(3, _HISTOGRAM) + b"".join(metrics)
    return _varint(len(whole)) + whole


def histogram(
    schema: int,
    buckets: Mapping[int, int],
    *,
    zero: int = 0,
    no_number: int = 0,
    total: float = 1.0,
    classic: Sequence[tuple[float, int]] = (),
) -> bytes:
    """Positive buckets by their index, and what is too near to 0 for one. `classic`: buckets by their bounds, cumulative."""
    spans, deltas, end, before = [], [], 0, 0
    for start, length in _runs(sorted(buckets)):
        spans.append(_bytes(12, _number(1, _zigzag(start - end)) + _number(2, length)))
        end = start + length
        for index in range(start, end):
            deltas.append(_number(13, _zigzag(buckets[index] - before)))
            before = buckets[index]
    count = sum(buckets.values()) + zero + no_number
    bounds = (_bytes(3, _number(1, many) + _double(2, bound)) for bound, many in classic)
    return b"".join(
        (
            _number(1, count),
            _double(2, float("nan") if no_number else total),
            *bounds,
            _number(5, _zigzag(schema)),
            _double(6, 1e-9),
            _number(7, zero),
            *spans,
            *deltas,
        )
    )


def _runs(indices: Iterable[int]) -> Iterable[tuple[int, int]]:
    """(first, how many) of those that follow one another."""
    for _, run in groupby(enumerate(indices), lambda one: one[1] - one[0]):
        found = [index for _, index in run]
        yield found[0], len(found)


def _label(code: str) -> bytes:
    return _bytes(1, _bytes(1, b"http_response_status_code") + _bytes(2, code.encode()))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _number(place: int, value: int) -> bytes:
    return _varint(place << 3) + _varint(value)


def _double(place: int, value: float) -> bytes:
    return _varint(place << 3 | 1) + struct.pack("<d", value)


def _bytes(place: int, value: bytes) -> bytes:
    return _varint(place << 3 | 2) + _varint(len(value)) + value


@dataclass
class NativePod:
    """Counts so many requests a second, whoever reads them, drawn from its own seed; half of them take 80 ms and more."""

    pod: str
    rate: int
    errors: float = 0.02
    slower: float = 1.0
    schema: int = 3
    classic: bool = False
    """Whether it tells classic buckets too."""
    counts: dict[str, Counter[int]] = field(default_factory=lambda: {"200": Counter(), "500": Counter()})
    draws: np.random.Generator = field(init=False)
    read: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.draws = np.random.default_rng([*self.pod.encode()])

    def answer(self) -> web.Response:
        now = time.monotonic()
        seconds, self.read = now - self.read, now
        for code, share in (("200", 1 - self.errors), ("500", self.errors)):
            took = (
                0.08
                * self.slower
                * self.draws.lognormal(0.0, 0.5, self.draws.poisson(self.rate * share * seconds))
            )
            self.counts[code].update(np.ceil(np.log2(took) * 2**self.schema).astype(int).tolist())
        body = family(NAME, {code: self._told(counts) for code, counts in self.counts.items()})
        return web.Response(body=body, headers={"Content-Type": DELIMITED})

    def _told(self, counts: Counter[int]) -> bytes:
        bounds = (0.01, 0.025, 0.05, 0.1, 0.25) if self.classic else ()
        classic = [
            (bound, sum(many for index, many in counts.items() if 2 ** (index / 2**self.schema) <= bound))
            for bound in bounds
        ]
        return histogram(self.schema, counts, classic=classic)
