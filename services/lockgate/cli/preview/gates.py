"""What a stage does, waits for, and has to show, and what follows where that stays open: in sentences. Pure."""

from typing import assert_never

from lockgate.intake.words import listed
from lockgate.messages.plan import PilotStage, PreprodStage, Stage, WatchStage, WaveStage
from lockgate.messages.strategies import BlueGreen, Canary
from lockgate.messages.undecided import Inconclusive, Margins
from lockgate.messages.values import write_duration


def gates(stage: Stage) -> tuple[str, ...]:
    """What has to hold before the next stage begins."""
    return (*_own(stage), *_check(stage))


def _check(stage: Stage) -> tuple[str, ...]:
    if (check := stage.check) is None:
        return ()
    often = f" {check.times} times, {write_duration(check.interval)} apart" if check.times > 1 else ""
    allowed = f", and otherwise {check.failures} times at most" if check.failures else ""
    return (f"the check {check.http} answers {check.expect.status}{often}{allowed}",)


def _own(stage: Stage) -> tuple[str, ...]:
    """What its kind asks for."""
    match stage:
        case PreprodStage():
            return _answered(stage)
        case PilotStage(after=after):
            beside = "the pilot is compared with the production beside it"
            return (_compared(beside, after.verify, after.margins),)
        case WaveStage():
            return (*_strategy(stage), *_after(stage))
        case WatchStage(for_=length, verify=asked):
            told = f"no incident is blamed on it for {write_duration(length)}"
            if asked is None:
                return (told,)
            return (
                told,
                _margins(
                    "each region is compared with its own time before the release",
                    _interrupted(asked.margins),
                ),
            )
        case _:
            assert_never(stage)


def _answered(stage: PreprodStage) -> tuple[str, ...]:
    once = sum(request.times == 1 for request in stage.requests)
    often = sum(request.times for request in stage.requests if request.times > 1)
    told = []
    if once:
        told.append(f"{_many(once)} as the plan expects")
    if often:
        told.append(
            f"at most {100 * stage.failures:g}% of the {often} that are sent of repeated requests fail"
        )
    return tuple(told)


def _many(count: int) -> str:
    return "its request is answered" if count == 1 else f"each of {count} requests is answered"


def _strategy(stage: WaveStage) -> tuple[str, ...]:
    tries = (
        f", with {stage.retry} more attempt{'s' if stage.retry > 1 else ''} where one fails"
        if stage.retry
        else ""
    )
    rolled = f"the roll-out is complete in each region, within {write_duration(stage.budget)}{tries}"
    match stage.strategy:
        case "rolling":
            return (rolled,)
        case Canary(verify=length, margins=margins, canary=shares) if length > 0:
            steps = listed([f"{100 * share:g}%" for share in shares if share < 1])
            beside = f"at {steps} the clone is compared with the production beside it"
            return (_compared(beside, length, margins), rolled)
        case Canary(wait=wait):
            return (f"no incident is blamed on it for {write_duration(wait)} after each step", rolled)
        case BlueGreen(blue_green=side):
            asked = (
                (f"{_many(len(side.requests))} by the green side as the plan expects",)
                if side.requests
                else ()
            )
            kept = f"no incident is blamed on it for {write_duration(side.keep)} after the switch"
            return (*asked, kept, rolled)
        case _:
            assert_never(stage.strategy)


def _after(stage: WaveStage) -> tuple[str, ...]:
    after, told = stage.after, []
    if after.verify > 0:
        told.append(
            _compared("its regions are compared with those of later waves", after.verify, after.margins)
        )
    if after.bake > 0:
        told.append(f"no incident is blamed on it for {write_duration(after.bake)}")
    return tuple(told)


def _compared(what: str, length: float, margins: Margins) -> str:
    return _margins(f"{what} for {write_duration(length)} at most", margins)


def _margins(what: str, margins: Margins) -> str:
    return f"{what} (margins: errors {margins.errors:g}, latency {100 * margins.latency:g}%)"


def _interrupted(margins: Margins) -> Margins:
    """What lets a watch pass: time brings changes of its own (docs/verification.md)."""
    return margins.model_copy(
        update={"errors": 2 * margins.errors - 1, "latency": max(2 * margins.latency, 0.5)}
    )


def undecided(stage: Stage) -> str | None:
    """What follows where the evidence decides neither way; None where there is no such thing."""
    match stage:
        case PreprodStage(on_inconclusive=then, requests=requests):
            return follows(then) if any(request.times > 1 for request in requests) else None
        case PilotStage(after=after):
            return _undecided(after.on_inconclusive)
        case WaveStage(strategy=Canary(verify=length, on_inconclusive=inconclusive)) if length > 0:
            return _undecided(inconclusive)
        case WaveStage(after=after):
            return _undecided(after.on_inconclusive) if after.verify > 0 else None
        case WatchStage(verify=asked):
            return None if asked is None else follows(asked.on_inconclusive)
        case _:
            assert_never(stage)


def _undecided(inconclusive: Inconclusive) -> str:
    more = (
        f"it is measured {write_duration(inconclusive.extend)} longer, then " if inconclusive.extend else ""
    )
    return f"{more}{follows(inconclusive.then)}"


def follows(then: str) -> str:
    """What becomes of a release that is undecided in the end."""
    return {
        "rollback": "the release fails",
        "pass": "the stage passes",
        "hold": "it stays as it is until an operator says what follows",
    }[then]
