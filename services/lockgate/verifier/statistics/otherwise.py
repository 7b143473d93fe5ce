"""A verdict's record judged by another policy than its own, as far as what was measured tells.

Part of a policy is asked for only when it is judged. The rest is in what was measured, and without the samples it is as it was: then
it cannot be told what another policy would have come to, and that is said, with the reason. What a pass has to show of latency is
measured as well, but only passes need it: so the record is judged twice, as if latency was shown from the beginning on, and as
if it never was. Where that is no difference, the verdict is known.

Over how many scrapes production's pods are counted (`stale`) goes with the length of a comparison. It makes no difference where
production had as many pods in each scrape that is known, and is taken to have had them just before as well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lockgate.verifier.statistics import alone_record, record, regions
from lockgate.verifier.statistics.again import again
from lockgate.verifier.statistics.control import ENOUGH, Control
from lockgate.verifier.statistics.interrupted import Interrupted, allowed_errors
from lockgate.verifier.statistics.judging import Judged, Judging
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.numerics import rounded
from lockgate.verifier.statistics.policy import Policy, parse_policy
from lockgate.verifier.statistics.refusal import EvidenceError
from lockgate.verifier.statistics.regions import Regions
from lockgate.verifier.statistics.sentences import FORECAST
from lockgate.verifier.statistics.verification import Verification

Changes = dict[str, Any]
"""Parameters of the policy by their names, with what they would be. Of regions that are one verification: of each."""

_BINARY = frozenset({
    "alpha", "beta", "calm", "soak", "min_strata", "err_margin", "err_none", "err_ratio", "err_abs", "onset0", "skip",
    "share_tol",
})  # fmt: skip
"""What is asked for when a comparison is judged, and not before."""
_ALONE = frozenset({
    "alpha", "beta", "calm", "soak", "min_strata", "stale", "onset0", "skip", "silent", "silent_expected", "err_margin",
})  # fmt: skip
"""The same where there is nothing to compare with; what a pass allows of errors follows from its margin alone."""
_WORDS = {
    "deadline": "the number of scrapes",
    "stale": "the number of scrapes over which pods are counted",
    "warm_scrapes": "the number of scrapes in which a new pod may be slow",
    "warm_half": "the number of scrapes in which half of that has to go",
}
_SHOWN, _NEVER = 1e9, -1e9
"""Of latency: the logarithms of what proves that it is within its margin, beyond all that ever does."""


@dataclass(frozen=True, slots=True)
class Untold:
    """Why the record cannot tell."""

    why: str


Verdict = dict[str, Any]


def otherwise(given: Mapping[str, Any], changes: Changes) -> Verdict | Untold:
    """The verdict of the same record by its policy with these changes. It is `running` where the record ends before there is one:
    what was measured ends with the verdict that fell.

    EvidenceError as of `again`.
    """
    before = again(given)
    if not changes:
        return before
    try:
        return _METHODS[given["method"]](given, changes)
    except EvidenceError as error:
        return Untold(f"there is no such policy: {error}")


# --- a pilot, or a step of a canary ------------------------------------------------------------------------


def _compared(given: Mapping[str, Any], changes: Changes) -> Verdict | Untold:
    setup, block = record.load(given)
    other = replace(setup, policy=_changed(setup.policy, changes, setup))
    if (why := _unknown(setup, block, changes)) is not None:
        return Untold(why)
    digest, seen = given["sha256"], record.cut(block, other.policy.deadline)

    def judged(shown: float | None) -> Verdict:
        run = _run(other, shown)
        return run.result(run.judge(seen), digest)

    return _either(judged, changes)


def _unknown(setup: Setup, block: Block, changes: Changes) -> str | None:
    """Why what was measured would not be the same."""
    for name in sorted(changes.keys() - _BINARY - {"lat_margin"}):
        match name:
            case "deadline" if not any(setup.models) and setup.usual is None:
                continue
            case "stale" if _is_steady(block):
                continue
            case _:
                return _measured_with(setup.policy, name, changes)
    return None


def _is_steady(block: Block) -> bool:
    """Whether in each scrape the same number of pods was compared, and the pilot had requests."""
    every = np.array_equal(block.t, np.arange(block.end)) and np.array_equal(block.left, block.t - 1)
    return every and len({*block.pods[:, 1].tolist()}) == 1 and bool((block.n[:, 0] > 0).all())


# --- regions that are one verification ---------------------------------------------------------------------


def _together(given: Mapping[str, Any], changes: Changes) -> Verdict | Untold:
    read = {name: record.load(one) for name, one in given["regions"].items()}
    control = Control(tuple(given["control"]["regions"]), given["control"]["astray"])
    for setup, block in read.values():
        if (why := _unknown(setup, block, changes)) is not None:
            return Untold(why)
    if (why := _others_judged(next(iter(read.values()))[0].policy, control, changes)) is not None:
        return Untold(why)
    digests = {name: one["sha256"] for name, one in given["regions"].items()}
    blocks = {name: block for name, (_, block) in read.items()}
    alpha = changes["alpha"] * given["count"] if "alpha" in changes else float(given["alpha"])

    def judged(shown: float | None) -> Verdict:
        runs = {
            name: _run(replace(setup, policy=_changed(setup.policy, changes, setup)), shown)
            for name, (setup, _) in read.items()
        }
        found = Regions(alpha, runs, control, given["count"])
        found.judge(blocks)
        ends = [blocks[name].end for name in _cut_short(read, runs)]
        verdict = found.result(digests)
        if min(ends, default=found.outcome.at) < found.outcome.at:
            return verdict | {"verdict": "running", "at": min(ends), "why": "time", "guilty": []}
        return verdict

    return _either(judged, changes)


def _cut_short(read: Mapping[str, tuple[Setup, Block]], runs: Mapping[str, Verification]) -> list[str]:
    """Those that were not looked at any more once they had passed, and would not have passed by then."""
    undecided = [name for name, run in runs.items() if run.outcome.verdict == "running"]
    return [name for name in undecided if _run(read[name][0]).judge(read[name][1]).verdict == "pass"]


def _others_judged(policy: Policy, control: Control, changes: Changes) -> str | None:
    """Why the regions without the release would have been judged otherwise: they are as if they had it, by the same policy, and
    of them nothing is kept but which went astray. None of them goes astray that did not, where less evidence suffices for
    nothing but a pass.
    """
    milder = changes.get("alpha", 0.0) <= policy.alpha and changes.get("soak", 0) <= policy.soak
    if len(control.regions) < ENOUGH or (
        milder and not control.astray and not changes.keys() - {"alpha", "soak"}
    ):
        return None
    return "the regions without the release are judged by the policy as well, and of them the evidence has only which went astray"


# --- a region and its own time before ----------------------------------------------------------------------


def _before(given: Mapping[str, Any], changes: Changes) -> Verdict | Untold:
    measured = alone_record.load(given, [given])
    for name in sorted(changes.keys() - _ALONE - {"lat_margin"}):
        return Untold(_measured_with(measured.policy, name, changes))
    policy = parse_policy(measured.policy.dump() | changes, measured.names, histogram=True)
    errors = np.array([name == "errors" for name in measured.names])
    slower = np.array([name.startswith("latency>") for name in measured.names])
    margin = np.where(errors, rounded(np.array(allowed_errors(policy))), measured.margin)
    more = policy.lat_margin > measured.policy.lat_margin

    def judged(shown: float | None) -> Verdict:
        """What a pass allows of latency lies between what it did and all, or nothing."""
        unknown = slower & (shown is not None) & ((shown == _SHOWN) == more)
        found: Interrupted = replace(measured, policy=policy, margin=np.where(unknown, shown or 0.0, margin))
        return alone_record.result(found, given["sha256"])

    return _either(judged, changes)


# --- what they have in common ------------------------------------------------------------------------------


def _either(judged: Callable[[float | None], Verdict], changes: Changes) -> Verdict | Untold:
    """`judged`: with what proves that latency is within its margin, if it is not what was measured."""
    if "lat_margin" not in changes:
        return judged(None)
    shown, never = judged(_SHOWN), judged(_NEVER)
    if (shown["verdict"], shown["at"]) == (never["verdict"], never["at"]):
        return shown if shown["reason"] == never["reason"] else shown | {"reason": _as_known(shown["reason"])}
    return Untold(
        f"it depends on how latency compares with a margin of {changes['lat_margin']:.0%}, and that was measured for another one only"
    )


def _as_known(reason: str) -> str:
    """The reason of an undecided verdict, if latency is shown, as far as it is true also if that is not. What a good pilot would still
    need is the most that any metric needs, and latency may need more.
    """
    if FORECAST in reason:
        return reason.replace(FORECAST, "would need at least ")
    return "The time is over, and it would not have passed however latency compares with the margin that is tried."


class _Leaning(Judging):
    """As if latency was shown to be within its margin from the beginning on, or never."""

    def __init__(self, setup: Setup, shown: float) -> None:
        super().__init__(setup)
        self.shown = shown

    def fold(self, block: Block) -> Judged:
        found = super().fold(block)
        found.ln_pass[:, 1 : 1 + len(self.setup.bounds)] = self.shown
        return found


def _run(setup: Setup, shown: float | None = None) -> Verification:
    run = Verification(setup)
    if shown is not None:
        run.judging = _Leaning(setup, shown)
    return run


def _changed(policy: Policy, changes: Changes, setup: Setup) -> Policy:
    return parse_policy(policy.dump() | changes, setup.gauges, histogram=True)


def _measured_with(policy: Policy, name: str, changes: Changes) -> str:
    what = _WORDS.get(name, f"`{name}`")
    return (
        f"{what} would be {changes[name]}, and the evidence was counted with {getattr(policy, name)}: the samples, which could be"
        " counted anew, are not in it"
    )


_METHODS: Mapping[str, Callable[[Mapping[str, Any], Changes], Verdict | Untold]] = {
    record.METHOD: _compared,
    regions.METHOD: _together,
    alone_record.METHOD: _before,
}
