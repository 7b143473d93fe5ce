"""A verification as JSON, to be kept and continued elsewhere with the same bytes: `dump` and `load`.

What was measured is kept as its record has it, and is judged again on loading; what later samples need of those before
is kept as it is in memory, to the bit, and does not grow with the number of scrapes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lockgate.verifier.statistics.before import Before
from lockgate.verifier.statistics.beside import Beside
from lockgate.verifier.statistics.comparing import Rows
from lockgate.verifier.statistics.dispersion import Placebo, Terms
from lockgate.verifier.statistics.measuring import Measuring
from lockgate.verifier.statistics.mix import Mix
from lockgate.verifier.statistics.policy import Policy
from lockgate.verifier.statistics.record import load as load_record
from lockgate.verifier.statistics.record import settled, told
from lockgate.verifier.statistics.series import Counting, Latest
from lockgate.verifier.statistics.silence import Silence
from lockgate.verifier.statistics.slowness import Reference, Warmup
from lockgate.verifier.statistics.verification import Verification

STATE = "lockgate.verification/1"

_NUMBERS = ("start", "split", "pilots", "at", "error_null")
_ARRAYS = {"f": "<f8", "i": "<i8", "b": "|b1"}
_FIELDS: dict[type, tuple[str, ...]] = {
    Latest: ("values", "known"),
    Counting: ("latest", "counted", "scraped"),
    Terms: ("latest", "sums", "cap"),
    Placebo: ("terms", "included"),
    Beside: ("recent", "pilots"),
    Silence: ("quiet", "expected", "down", "restarts", "since"),
    Warmup: ("limit", "t"),
    Reference: ("bounds", "chosen", "offsets"),
    Before: ("odds", "noise", "d", "above", "weight"),
    Mix: ("owner", "parts"),
    Rows: ("scrapes", "sums", "placebo", "seen", "most", "weight"),
}
_OF_POLICY = (Silence, Warmup, Reference)
"""These are made with the policy, which is kept once."""
_PARTS: dict[str, type] = {
    "counting": Counting,
    "placebo": Placebo,
    "beside": Beside,
    "silence": Silence,
    "restarts": Latest,
    "online": Terms,
    "warmup": Warmup,
    "reference": Reference,
    "left_end": Rows,
}
_WITHIN: dict[str, type] = {"latest": Latest, "terms": Terms}


def dump(run: Verification) -> dict[str, Any]:
    """ValueError if it was made from a record, so that it has no samples to go on with."""
    state = run.measuring
    if state is None:
        raise ValueError("a verdict that is made again is not continued: keep its record instead")
    return {
        "state": STATE,
        **settled(run.setup),
        "measured": told(run.setup, run.measured()),
        "names": list(state.names),
        "columns": _packed(state.columns),
        **{name: _packed(getattr(state, name)) for name in (*_NUMBERS, *_PARTS)},
        "before": None if state.before is None else _packed(state.before),
        "mix": None if state.mix is None else _packed(state.mix),
    }


def load(state: Mapping[str, Any]) -> Verification:
    """The verification that was dumped. ValueError if it is the state of another version."""
    if state.get("state") != STATE:
        raise ValueError(
            f"expected a state {STATE!r}, got {state.get('state')!r}: make it anew from all scrapes"
        )
    setup, block = load_record(state)
    run = Verification(
        setup,
        Measuring(
            names=tuple(state["names"]),
            setup=setup,
            columns=_unpacked(state["columns"]),
            **{name: _unpacked(state[name]) for name in _NUMBERS},
            **{name: _made(kind, state[name], setup.policy) for name, kind in _PARTS.items()},
            before=None if state["before"] is None else _made(Before, state["before"], setup.policy),
            mix=None if state["mix"] is None else _made(Mix, state["mix"], setup.policy),
        ),
    )
    if block.end:
        run.judge(block)
    return run


def _packed(value: Any) -> Any:
    """Floating-point numbers as texts in hexadecimal, arrays as their bytes: neither loses a bit, nor infinity."""
    match value:
        case np.ndarray():
            kind = value.dtype.kind
            found = value.astype(_ARRAYS[kind]).tobytes().hex()
            return {"kind": kind, "shape": list(value.shape), "bytes": found}
        case float():
            return value.hex()
        case int():
            return value
        case list() | tuple():
            return [_packed(one) for one in value]
        case _:
            return {name: _packed(getattr(value, name)) for name in _FIELDS[type(value)]}


def _unpacked(value: Any) -> Any:
    match value:
        case {"kind": kind, "shape": shape, "bytes": text}:
            array = np.frombuffer(bytes.fromhex(text), _ARRAYS[kind]).reshape(shape)
            return array.astype({"f": np.float64, "i": np.intp, "b": np.bool_}[kind])
        case str():
            return float.fromhex(value)
        case list():
            return [_unpacked(one) for one in value]
        case _:
            return value


def _made(kind: type, packed: Mapping[str, Any], policy: Policy) -> Any:
    fields = {
        name: _made(_WITHIN[name], one, policy) if name in _WITHIN else _unpacked(one)
        for name, one in packed.items()
    }
    if kind is Beside:
        found = Beside(policy.stale)
        found.recent, found.pilots = fields["recent"], fields["pilots"]
        return found
    if kind is Reference:
        fields |= {name: tuple(fields[name]) for name in ("bounds", "chosen")}
    if kind is Rows:
        fields["most"] = [tuple(one) for one in fields["most"]]
    return kind(**fields, **({"policy": policy} if kind in _OF_POLICY else {}))
