"""The verdict without control as it is told: a sentence, and a record of which `recompute` makes the same verdict again."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from lockgate.verifier.statistics.alone import PLACEBOS, Alone, judge
from lockgate.verifier.statistics.gauges import Model
from lockgate.verifier.statistics.interrupted import MOST_APART, Interrupted, Usual, followed, share_of
from lockgate.verifier.statistics.numerics import Array, text
from lockgate.verifier.statistics.record import load_policy, policy_texts

METHOD = "interrupted/1"
_MODEL = tuple(f.name for f in fields(Model))
_PER_METRIC = ("ratio", "absolute", "margin")


def result(measured: Interrupted, digest: str) -> dict[str, Any]:
    """The verdict with its record. `digest`: of the evidence that it was measured in."""
    found = judge(measured)
    seen = (one[: found.at] for one in (measured.requests, measured.d, measured.above))
    return {
        "verdict": found.verdict,
        "at": found.at,
        "why": found.why,
        "guilty": list(found.guilty),
        "control": "none",
        "reason": _sentence(found, measured),
        "evidence": {"method": METHOD, "sha256": digest, **settled(measured), **told(*seen)},
    }


def recompute(record: Mapping[str, Any]) -> dict[str, Any]:
    """The same verdict as that whose `evidence` the record is."""
    return result(load(record, [record]), record["sha256"])


def settled(usual: Usual) -> dict[str, Any]:
    """What is settled at the start: the policy in full, and what the history says."""
    return {
        "policy": policy_texts(usual.policy),
        "metrics": list(usual.names),
        "models": [
            None if model is None else {name: text(getattr(model, name)) for name in _MODEL}
            for model in usual.models
        ],
        "placebos": [_column(column) for column in usual.placebos.T],
        "usual": text(usual.usual),
        "quiet": usual.quiet,
        "apart": usual.apart,
        **{name: _column(getattr(usual, name)) for name in _PER_METRIC},
    }


def told(requests: Array, d: Array, above: Array) -> dict[str, Any]:
    """What was measured in some scrapes."""
    return {
        "requests": _column(requests),
        "d": [_column(one) for one in d.T],
        "above": [_column(one) for one in above.T],
    }


def load(given: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> Interrupted:
    """What `settled` wrote, with what `told` wrote of scrapes that follow each other."""
    names = tuple(given["metrics"])
    usual = Usual(
        policy=load_policy(given["policy"], names),
        names=names,
        models=tuple(
            None if model is None else Model(*(float(model[name]) for name in _MODEL))
            for model in given["models"]
        ),
        placebos=_table(given["placebos"]),
        usual=float(given["usual"]),
        quiet=given.get("quiet", 0),  # not in records from before there was this
        apart=given.get("apart", 0),
        **{name: _values(given[name]) for name in _PER_METRIC},
    )
    requests = np.concatenate([_values(part["requests"]) for part in parts])
    tables = (np.concatenate([_table(part[name]) for part in parts]) for name in ("d", "above"))
    return followed(usual, requests, *tables)


def _column(values: Array) -> list[str | None]:
    return [None if np.isnan(value) else text(value) for value in values.tolist()]


def _table(columns: list[list[str | None]]) -> Array:
    return np.array([_values(column) for column in columns]).T


def _values(column: list[str | None]) -> Array:
    return np.array([np.nan if value is None else float(value) for value in column], float)


def _sentence(found: Alone, measured: Interrupted) -> str:
    return f"{_words(found, measured)} There is no other region to compare it with."


def _words(found: Alone, measured: Interrupted) -> str:
    match found.verdict:
        case "fail" if found.why == "silence":
            row = max(measured.policy.silent, measured.quiet + 1)
            return f"The region got no request in {row} scrapes, which it never was so long without."
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
    match found.why:
        case "placebos":
            few = f"{len(measured.placebos)} of {PLACEBOS}"
            return f"Only {few} moments without a deployment are known, too few to judge by."
        case "gap":
            return (
                f"The watch began {measured.apart} scrapes after the release did in the region, more than {MOST_APART} times "
                "its length: how the region moves by itself in so long a time is not known, so nothing was compared."
            )
        case "requests":
            return "The region got hardly any requests, as it does at times without a release, so nothing was compared."
        case why if why.startswith("no "):
            return (
                f"The plan's metrics have {why[3:]}, and it could not be compared: the release may have other bounds of its "
                "histogram than the pods before it."
            )
        case why:
            return f"The time is over and {why} is neither proven worse nor shown to be within its margin."
