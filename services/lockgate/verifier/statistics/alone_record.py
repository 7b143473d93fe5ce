"""The verdict without control as it is told: a sentence, and a record of which `recompute` makes the same verdict again."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from lockgate.verifier.statistics.alone import PLACEBOS, Alone, judge
from lockgate.verifier.statistics.gauges import Model
from lockgate.verifier.statistics.interrupted import Interrupted, share_of
from lockgate.verifier.statistics.numerics import Array, text
from lockgate.verifier.statistics.policy import Policy
from lockgate.verifier.statistics.record import load_policy, policy_texts

METHOD = "interrupted/1"
_MODEL = tuple(f.name for f in fields(Model))
_PER_METRIC = ("ratio", "absolute", "margin")
_PER_SCRAPE = ("d", "above")


def result(measured: Interrupted, digest: str) -> dict[str, Any]:
    """The verdict with its record. `digest`: of the evidence that it was measured in."""
    found = judge(measured)
    return {
        "verdict": found.verdict,
        "at": found.at,
        "why": found.why,
        "guilty": list(found.guilty),
        "control": "none",
        "reason": _sentence(found, measured),
        "evidence": {"method": METHOD, "sha256": digest, **_dump(measured, found.at)},
    }


def recompute(record: Mapping[str, Any]) -> dict[str, Any]:
    """The same verdict as that whose `evidence` the record is."""
    return result(_load(record), record["sha256"])


def _dump(measured: Interrupted, scrapes: int) -> dict[str, Any]:
    return {
        "policy": policy_texts(measured.policy),
        "metrics": list(measured.names),
        "models": [
            None if model is None else {name: text(getattr(model, name)) for name in _MODEL}
            for model in measured.models
        ],
        "placebos": [_column(column) for column in measured.placebos.T],
        "usual": text(measured.usual),
        "requests": _column(measured.requests[:scrapes]),
        **{name: _column(getattr(measured, name)) for name in _PER_METRIC},
        **{name: [_column(one) for one in getattr(measured, name)[:scrapes].T] for name in _PER_SCRAPE},
    }


def _load(record: Mapping[str, Any]) -> Interrupted:
    names = tuple(record["metrics"])
    policy: Policy = load_policy(record["policy"], names)
    return Interrupted(
        policy=policy,
        names=names,
        models=tuple(
            None if model is None else Model(*(float(model[name]) for name in _MODEL))
            for model in record["models"]
        ),
        placebos=np.array([_values(column) for column in record["placebos"]]).T,
        usual=float(record["usual"]),
        requests=_values(record["requests"]),
        **{name: _values(record[name]) for name in _PER_METRIC},
        **{name: np.array([_values(column) for column in record[name]]).T for name in _PER_SCRAPE},
    )


def _column(values: Array) -> list[str | None]:
    return [None if np.isnan(value) else text(value) for value in values.tolist()]


def _values(column: list[str | None]) -> Array:
    return np.array([np.nan if value is None else float(value) for value in column], float)


def _sentence(found: Alone, measured: Interrupted) -> str:
    return f"{_words(found, measured)} There is no other region to compare it with."


def _words(found: Alone, measured: Interrupted) -> str:
    match found.verdict:
        case "fail" if found.why == "silence":
            return f"The region got no request in {measured.policy.silent} scrapes, and usually gets some."
        case "fail":
            return _higher(found, measured)
        case "pass":
            return f"After {found.at} scrapes nothing has risen by more than the margins."
        case "running":
            return f"Nothing is proven after {found.at} of {measured.policy.deadline} scrapes."
        case "unmeasurable":
            return "The region could not be measured: too few scrapes had requests to it."
        case "inconclusive":
            return _undecided(found, measured)


def _higher(found: Alone, measured: Interrupted) -> str:
    now = measured.d[: found.at, measured.names.index(found.guilty[0])]
    size = share_of(float(np.nanmax(now)))
    others = f", and {', '.join(found.guilty[1:])} as well" if len(found.guilty) > 1 else ""
    return (
        f"{found.guilty[0]} is higher than before the rollout, by up to {size:.0%}, and by more than after any of "
        f"{len(measured.placebos)} moments without a deployment{others}."
    )


def _undecided(found: Alone, measured: Interrupted) -> str:
    if found.why == "placebos":
        return f"Only {len(measured.placebos)} of {PLACEBOS} moments without a deployment are known, too few to judge by."
    return f"The time is over and {found.why} is neither proven worse nor shown to be within its margin."
