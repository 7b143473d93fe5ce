"""The record that a verdict carries: what it was made from and what came out, as JSON of decimal strings.

`load` reads back what was measured; whoever has the record can judge it again (`verification.recompute`), with no
samples, and gets the same bytes. A part of it, `settled` or some scrapes of `told`, travels alone while a verification runs.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from lockgate.verifier.statistics.deciding import Thresholds
from lockgate.verifier.statistics.gauges import Model
from lockgate.verifier.statistics.judging import Judged
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.numerics import Array, text
from lockgate.verifier.statistics.policy import Policy, parse_policy

METHOD = "e-process/1"
_MODEL = tuple(f.name for f in fields(Model))
_PER_STRATUM = ("t", "left")
_PAIRS = ("n", "pods", "share")
_PER_METRIC = ("kappa", "psi0", "tol")
_PER_BOUND = ("ratio", "absolute", "margin")


def dump(setup: Setup, block: Block, judged: Judged, names: tuple[str, ...], digest: str) -> dict[str, Any]:
    """`names`: of the metrics, in the order of `judged`'s columns."""
    limits = Thresholds.of(setup)
    return {
        "method": METHOD,
        "sha256": digest,
        **settled(setup),
        "measured": told(setup, block),
        "metrics": {
            name: {
                "ln_e": _column(judged.ln_e[:, j]),
                "from": _column(block.t[judged.onset[:, j]]),
                "estimate": _column(judged.estimate[:, j]),
                "open": _flags(judged.opened[:, j].tolist()),
            }
            for j, name in enumerate(names)
        },
        "mirrored": [_column(column) for column in judged.ln_pass.T],
        "ln_total": _column(judged.ln_total),
        "thresholds": {
            "fail": text(limits.fail),
            "pass": text(limits.passes),
            "calm": text(limits.calm),
        },
    }


def settled(setup: Setup) -> dict[str, Any]:
    """What is settled at the start: the policy in full, and what the history says."""
    return {"policy": policy_texts(setup.policy), "setup": _setup(setup)}


def policy_texts(policy: Policy) -> dict[str, Any]:
    """In full. `load_policy` is the inverse."""
    found: dict[str, Any] = _texts(policy.dump())
    return found


def load_policy(given: Mapping[str, Any], gauges: tuple[str, ...]) -> Policy:
    """`gauges`: names that it may require."""
    return parse_policy(_numbers(given), gauges, histogram=True)


def _setup(setup: Setup) -> dict[str, Any]:
    models = {
        name: None if model is None else {field: text(getattr(model, field)) for field in _MODEL}
        for name, model in zip(setup.gauges, setup.models, strict=True)
    }
    found = {
        "bounds": [repr(bound) for bound in setup.bounds],
        "gauges": models,
        "controlled": setup.controlled,
        "warnings": list(setup.warnings),
    }
    return found if setup.usual is None else found | {"usual": [text(one) for one in setup.usual]}


def told(setup: Setup, block: Block) -> dict[str, Any]:
    """What was measured in the block's scrapes."""
    found: dict[str, Any] = {"scrapes": str(block.end), "routed": _flags(block.routed)}
    found |= {name: _column(getattr(block, name)) for name in _PER_STRATUM}
    found |= {
        name: [_column(column) for column in getattr(block, name).T]
        for name in (*_PAIRS, *_PER_METRIC, *_PER_BOUND)
    }
    found["events"] = [[_column(arm) for arm in metric.T] for metric in block.events.swapaxes(0, 1)]
    found["failing"] = [[str(t), rule] for t, rule in block.failing]
    found["gauges"] = {
        name: {"d": _column(block.d[:, g]), "above": _column(block.above[:, g])}
        for g, name in enumerate(setup.gauges)
    }
    return found


def load(record: Mapping[str, Any]) -> tuple[Setup, Block]:
    """What `dump` wrote of them."""
    setup = load_setup(record)
    return setup, load_block(setup, record["measured"])


def load_setup(record: Mapping[str, Any]) -> Setup:
    """What `settled` wrote."""
    given = record["setup"]
    gauges = tuple(given["gauges"])
    return Setup(
        load_policy(record["policy"], gauges),
        tuple(float(bound) for bound in given["bounds"]),
        gauges,
        tuple(
            None if model is None else Model(*(float(model[field]) for field in _MODEL))
            for model in given["gauges"].values()
        ),
        given["controlled"],
        tuple(given["warnings"]),
        tuple(float(one) for one in given["usual"]) if "usual" in given else None,
    )


def load_block(setup: Setup, measured: Mapping[str, Any], first: int = 0) -> Block:
    """What `told` wrote of a block that begins with the scrape `first`."""
    end, strata = int(measured["scrapes"]), len(measured["t"])
    wide = (*_PAIRS, *_PER_METRIC, *_PER_BOUND)
    events = [[_values(arm) for arm in metric] for metric in measured["events"]]
    gauges = [measured["gauges"][name] for name in setup.gauges]
    return Block(
        first=first,
        end=end,
        **{name: _values(measured[name]) for name in _PER_STRATUM},
        **{name: _table([_values(column) for column in measured[name]], strata) for name in wide},
        events=np.array(events, float).reshape(len(events), 2, strata).transpose(2, 0, 1),
        d=_table([_values(gauge["d"]) for gauge in gauges], end - first),
        above=_table([_values(gauge["above"]) for gauge in gauges], end - first),
        failing=tuple((int(t), rule) for t, rule in measured["failing"]),
        routed=tuple(flag == "1" for flag in measured["routed"]),
    )


def cut(block: Block, scrapes: int) -> Block:
    """What a block from the start has of the first scrapes."""
    return between(block, block.first, min(scrapes, block.end))


def between(block: Block, first: int, end: int) -> Block:
    """What it has of the scrapes from `first` to before `end`."""
    rows = slice(first - block.first, end - block.first)
    strata = (block.t >= first) & (block.t < end)
    parts: dict[str, Any] = {}
    for one in fields(Block):
        value = getattr(block, one.name)
        if one.name in {"d", "above", "routed"}:
            parts[one.name] = value[rows]
        elif isinstance(value, np.ndarray):
            parts[one.name] = value[strata]
    failing = tuple((t, rule) for t, rule in block.failing if first <= t < end)
    return Block(**parts, first=first, end=end, failing=failing)


def cut_judged(judged: Judged, strata: int) -> Judged:
    return Judged(**{one.name: getattr(judged, one.name)[:strata] for one in fields(Judged)})


def _column(values: Array) -> list[str | None]:
    return [None if value != value else text(value) for value in values.tolist()]  # noqa: PLR0124  # NaN


def _values(column: list[str | None]) -> Array:
    return np.array([np.nan if value is None else float(value) for value in column], float)


def _table(columns: list[Array], rows: int) -> Array:
    return np.stack(columns, axis=1) if columns else np.zeros((rows, 0))


def _flags(values: Any) -> str:
    return "".join("1" if value else "0" for value in values)


def _texts(value: Any) -> Any:
    """Numbers as the shortest strings that mean the same."""
    match value:
        case dict():
            return {name: _texts(one) for name, one in value.items()}
        case list() | str():
            return value
        case _:
            return repr(value)


def _numbers(value: Any) -> Any:
    """The inverse of `_texts`."""
    match value:
        case dict():
            return {name: _numbers(one) for name, one in value.items()}
        case str():
            return int(value) if value.lstrip("-").isdecimal() else float(value)
        case _:
            return value
