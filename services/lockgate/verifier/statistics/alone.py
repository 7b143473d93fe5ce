"""The verdict on a region that nothing can be compared with, from what `interrupted` measured.

A fail needs the evidence of any verification, an excess larger than after every placebo, and twice the size that matters
in a comparison; a pass is given at the end only. The verdict says that it had no control, so that what follows may be softer.
"""

from dataclasses import dataclass, replace

import numpy as np

from lockgate.verifier.statistics.deciding import Verdict
from lockgate.verifier.statistics.interrupted import Interrupted, scatter, share_of, silences
from lockgate.verifier.statistics.judging import Judged, Judging
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.numerics import Array, exp_of, ln, rounded, total
from lockgate.verifier.statistics.offsets import t95

PLACEBOS = 20
"""With fewer nothing is known of how the series moves by itself."""
_PRESENT = 0.8
_FIRST_GAUGE = 2
"""Of `Judged`'s columns: errors and the share are not told of here."""
_ONLY_SERIES = {"errors": 0.0, "latency": 0.0, "gauges": 1.0, "share": 0.0}


@dataclass(frozen=True, slots=True)
class Alone:
    verdict: Verdict
    at: int
    """Scrapes since the rollout was over, the first is 1."""
    why: str
    guilty: tuple[str, ...] = ()


def judge(measured: Interrupted) -> Alone:
    """The first verdict within its scrapes."""
    policy, scrapes = measured.policy, len(measured.requests)
    known = len(measured.placebos) >= PLACEBOS
    silent = _silence(measured) if known else None
    proven = _proven(measured) if known and not measured.too_far else None
    found = min((one for one in (silent, proven) if one), key=lambda one: one.at, default=None)
    if found is not None:
        return found
    if scrapes < policy.deadline:
        return Alone("running", scrapes, "time")
    return _at_the_end(measured)


def _silence(measured: Interrupted) -> Alone | None:
    """No requests in so many scrapes in a row in which there would have been some before the rollout: in more than there ever
    were in the history, which has nights and hours without customers.
    """
    least = max(measured.policy.silent, measured.quiet + 1)
    for t, row in enumerate(silences(measured.requests)):
        if row >= least and row * measured.usual >= measured.policy.silent_expected:
            return Alone("fail", t + 1, "silence")
    return None


def _proven(measured: Interrupted) -> Alone | None:
    judged = _judged(measured)
    e, opened = judged.ln_e[:, _FIRST_GAUGE:], judged.opened[:, _FIRST_GAUGE:]
    highest = _highest(measured.placebos)
    counts = opened & (judged.estimate[:, _FIRST_GAUGE:] > highest)
    enough = float(rounded(np.array(-ln(measured.policy.alpha))))
    for t in np.flatnonzero(counts.any(axis=1)).tolist():
        open_ = np.flatnonzero(counts[t]).tolist()
        mean = 0.0
        for w in open_:
            mean += exp_of(float(e[t, w])) / len(measured.names)
        if float(rounded(np.array(ln(mean)))) >= enough:
            surest = sorted(open_, key=lambda w: (-float(e[t, w]), w))
            guilty = tuple(measured.names[w] for w in surest)
            return Alone("fail", t + 1, guilty[0].partition(">")[0], guilty)
    return None


def _judged(measured: Interrupted) -> Judged:
    """Each series as a gauge is judged: levels and leaks against AR(1) noise."""
    names, scrapes = measured.names, len(measured.requests)
    policy = replace(
        measured.policy,
        weights=_ONLY_SERIES,
        g_ratio={name: share_of(float(one)) for name, one in zip(names, measured.ratio, strict=True)},
        g_abs=dict(zip(names, measured.absolute.tolist(), strict=True)),
    )
    t, none, one = np.arange(float(scrapes)), np.zeros((scrapes, 0)), np.zeros((scrapes, 1))
    two = np.zeros((scrapes, 2))
    block = Block(
        first=0,
        end=scrapes,
        t=t,
        left=t - 1.0,
        n=two,
        pods=two,
        events=np.zeros((scrapes, 1, 2)),
        kappa=one,
        psi0=one,
        tol=one,
        ratio=none,
        absolute=none,
        margin=none,
        share=two,
        d=measured.d,
        above=measured.above,
        failing=(),
        routed=(True,) * scrapes,
    )
    return Judging(Setup(policy, (), names, measured.models, False, ())).fold(block)


def _highest(placebos: Array) -> Array:
    return np.asarray(np.where(np.isnan(placebos), -np.inf, placebos).max(axis=0))


def _at_the_end(measured: Interrupted) -> Alone:
    policy = measured.policy
    late = measured.d[policy.skip :]
    present = np.add.reduce(~np.isnan(late), axis=0, dtype=float)
    if int((~np.isnan(measured.requests)).sum()) < policy.min_strata:
        return Alone("unmeasurable", policy.deadline, "strata")
    if (undecided := _uncompared(measured)) is not None:
        return Alone("inconclusive", policy.deadline, undecided)
    for w, name in enumerate(measured.names):
        if present[w] < _PRESENT * len(late) or measured.models[w] is None:
            return Alone("inconclusive", policy.deadline, name.partition(">")[0])
        known = measured.placebos[:, w][~np.isnan(measured.placebos[:, w])]
        apart = scatter(known)[1] * t95(len(known) - 1) * float(np.sqrt(1.0 + 1.0 / len(known)))
        mean = float(total(np.where(np.isnan(late[:, w]), 0.0, late[:, w]))) / float(present[w])
        if mean + apart > float(measured.margin[w]):
            return Alone("inconclusive", policy.deadline, name.partition(">")[0])
    return Alone("pass", policy.deadline, "margins")


def _uncompared(measured: Interrupted) -> str | None:
    """Why the series say nothing of the release, whatever they are."""
    if measured.too_far:
        return "gap"
    if len(measured.placebos) < PLACEBOS:
        return "placebos"
    if int((measured.requests > 0).sum()) < measured.policy.min_strata:
        return "requests"
    compared = {name.partition(">")[0] for name in measured.names}
    lacking = [name for name in measured.policy.required if name not in compared]
    return f"no {lacking[0]}" if lacking else None
