"""The policy of a verification: every parameter of the method with its default and its allowed range."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from lockgate.verifier.statistics.naming import METRICS, only_known, refuse_unwritable
from lockgate.verifier.statistics.refusal import EvidenceError


@dataclass(frozen=True, slots=True)
class Policy:
    """Times are in scrapes. The names are those of the evidence's `policy`."""

    alpha: float = 0.01
    beta: float = 0.05
    deadline: int = 60
    soak: int = 30
    onset0: float = 0.6
    skip: int = 2
    warm_scrapes: int = 7
    warm_max: float = 2.0
    warm_half: float = 1.0
    warm_gamma: float = 0.65
    rho0: float = 1.0
    err_ratio: float = 1.25
    err_abs: float = 0.001
    err_none: float = 0.0
    """A rate of errors that a pilot without any error may be shown to be below, instead of a ratio; 0: not asked."""
    lat_tol: float = 0.03
    lat_ratio: float = 0.07
    lat_abs: float = 0.010
    g_tol: float = 0.05
    g_ratio: float | Mapping[str, float] = 0.20
    g_abs: float | Mapping[str, float] = 0.0
    err_margin: float = 1.5
    lat_margin: float = 0.20
    g_margin: float = 0.25
    calm: float = 1.0
    share_tol: float = 0.5
    silent: int = 5
    silent_expected: float = 20.0
    min_strata: int = 10
    stale: int = 10
    kappa_default: float = 0.1
    weights: Mapping[str, float] = field(
        default_factory=lambda: {"errors": 0.34, "latency": 0.30, "gauges": 0.32, "share": 0.04}
    )
    required: tuple[str, ...] = ("errors", "latency")

    def of(self, parameter: str, gauge: str) -> float:
        """What `g_ratio` or `g_abs` is for one gauge: the default where an object does not name it."""
        value = getattr(self, parameter)
        return float(value.get(gauge, getattr(_DEFAULT, parameter)) if isinstance(value, Mapping) else value)

    def dump(self) -> dict[str, Any]:
        """In full, as a verdict carries it. `parse_policy` is the inverse."""
        plain = asdict(self)
        if not self.err_none:  # so that a record from before there was this is as it was
            del plain["err_none"]
        return plain | {"required": list(self.required), "weights": dict(self.weights)}


_DEFAULT = Policy()
_COUNTS = {f.name for f in fields(Policy) if f.type is int}
_RANGES: dict[str, tuple[float, float]] = {
    "alpha": (1e-6, 0.2),
    "beta": (0.001, 0.2),
    "deadline": (5, 1440),
    "soak": (5, math.inf),
    "onset0": (0.1, 0.9),
    "skip": (0, 30),
    "warm_scrapes": (0, 60),
    "warm_max": (0, 10),
    "warm_half": (0.5, 20),
    "warm_gamma": (0.5, 0.95),
    "rho0": (1, 2),
    "err_ratio": (1, 10),
    "err_abs": (0, 0.1),
    "err_none": (0, 0.1),
    "lat_tol": (0, 0.5),
    "lat_ratio": (0, 2),
    "lat_abs": (0, 10),
    "g_tol": (0, 1),
    "g_ratio": (0, 5),
    "g_abs": (0, 1e18),
    "calm": (0.5, 2),
    "share_tol": (0.2, 0.9),
    "silent": (2, 60),
    "silent_expected": (5, 1000),
    "min_strata": (3, math.inf),
    "stale": (3, math.inf),
    "kappa_default": (0, 5),
}
_ABOVE: dict[str, tuple[float, float]] = {
    "err_margin": (1.05, 1000),
    "lat_margin": (0.05, 100),
    "g_margin": (0.05, 100),
}
"""Beyond the first, up to the second, far more than anybody would allow, so that nothing overflows."""
_WITHIN_DEADLINE = ("soak", "min_strata", "stale")
_BY_GAUGE = ("g_ratio", "g_abs")


def parse_policy(given: Any, gauges: tuple[str, ...], *, histogram: bool) -> Policy:
    """The policy with the defaults of what is not given. EvidenceError names the parameter that is not right.

    Defaults that a short deadline would break end at the deadline; latency is not required where there is no histogram.
    """
    if not isinstance(given, dict):
        raise EvidenceError("policy", "an object of parameters", given)
    only_known("policy.", given, sorted(f.name for f in fields(Policy)))
    values: dict[str, Any] = {name: _value(name, value) for name, value in given.items()}
    deadline = values.get("deadline", _DEFAULT.deadline)
    for name in _WITHIN_DEADLINE:
        if values.setdefault(name, min(getattr(_DEFAULT, name), deadline)) > deadline:
            raise EvidenceError(f"policy.{name}", f"at most the deadline, {deadline} scrapes", values[name])
    values.setdefault("required", ("errors", "latency") if histogram else ("errors",))
    known = ("errors", *(("latency",) if histogram else ()), *gauges)
    for name in values["required"]:
        if name not in known:
            raise EvidenceError("policy.required", f"only metrics of the evidence: {', '.join(known)}", name)
    return Policy(**values)


def _value(name: str, value: Any) -> Any:
    where = f"policy.{name}"
    if name == "weights":
        return _weights(value)
    if name == "required":
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise EvidenceError(where, "a list of names of metrics", value)
        return tuple(dict.fromkeys(value))
    if name in _BY_GAUGE and isinstance(value, dict):
        for gauge in value:
            refuse_unwritable(where, gauge)
        return {gauge: _number(name, f"{where}.{gauge}", value[gauge]) for gauge in sorted(value)}
    return _number(name, where, value)


def _number(name: str, where: str, value: Any) -> float | int:
    if name in _ABOVE:
        low, high = _ABOVE[name]
        expected = f"a number above {low:g}, up to {high:g}"
        good = number(value) and low < value <= high
    else:
        low, high = _RANGES[name]
        kind = "a whole number" if name in _COUNTS else "a number"
        expected = f"{kind} of at least {low:g}" if high == math.inf else f"{kind} from {low:g} to {high:g}"
        good = number(value) and low <= value <= high and (name not in _COUNTS or value == int(value))
    if not good:
        raise EvidenceError(where, expected, value)
    return int(value) if name in _COUNTS else float(value)


def _weights(value: Any) -> dict[str, float]:
    expected = f"numbers of at least 0 for {', '.join(METRICS)} that add up to 1"
    if not isinstance(value, dict) or value.keys() != set(METRICS):
        raise EvidenceError("policy.weights", expected, value)
    if not all(number(value[name]) and value[name] >= 0 for name in METRICS):
        raise EvidenceError("policy.weights", expected, value)
    if abs(sum(value[name] for name in METRICS) - 1) > 1e-9:
        raise EvidenceError("policy.weights", expected, value)
    return {name: float(value[name]) for name in METRICS}


def number(value: Any) -> bool:
    """Whether it is a finite number of JSON; true and false are none."""
    return type(value) in {int, float} and -1e300 < value < 1e300
