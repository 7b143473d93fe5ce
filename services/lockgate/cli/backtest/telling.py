"""What a policy would have changed, as lines for people and as JSON for programs. Pure."""

from collections.abc import Iterator, Sequence
from statistics import median_low
from textwrap import fill
from typing import Any, Final, assert_never

from lockgate.cli.backtest.found import Fell, Finding, NotYet
from lockgate.cli.preview.telling import lasting
from lockgate.cli.view.plain import plain
from lockgate.messages.verdicts import Outcome
from lockgate.verifier.statistics.otherwise import Untold

_WIDTH: Final = 80
_FOLLOWS: Final = {"rollback": "taken back", "pass": "passed on", "hold": "held"}


def lines(findings: Sequence[Finding], without: int, *, every: bool = False) -> Iterator[str]:
    """`without`: verdicts that depend on no policy. Those that would be as they were are told only if `every` is."""
    for finding in findings:
        if every or finding.changed or isinstance(finding.would, Untold):
            yield from _finding(finding)
    yield from _wrapped(_summary(findings, without), "")


def _finding(finding: Finding) -> Iterator[str]:
    case = finding.case
    yield plain(
        f"{case.at[:19].replace('T', ' ')}  {case.said.application} {case.version}  {case.said.stage}"
    )
    yield from _wrapped(f"fell   {_verdict(finding.fell)}. {case.said.reason}", "  ")
    yield from _wrapped(_would(finding), "  ")


def _would(finding: Finding) -> str:
    match finding.would:
        case Untold(why=why):
            return f"would  cannot be told: {why}"
        case NotYet(scrapes=scrapes):
            return f"would  not have fallen by scrape {scrapes}, where its evidence ends: what would have come after is not known"
        case Fell() if not finding.changed:
            return "would  be the same"
        case Fell() as would:
            return f"would  {_verdict(would)}{_when(finding)}. {would.reason}"
        case _:
            assert_never(finding.would)


def _verdict(fell: Fell) -> str:
    after = "" if fell.scrapes is None else f" after {_scrapes(fell.scrapes)}"
    follows = "" if fell.follows is None else f", and so {_FOLLOWS[fell.follows]}"
    return f"{fell.outcome}{after}{follows}"


def _when(finding: Finding) -> str:
    if not finding.later or finding.at is None:
        return ""
    how = "later" if finding.later > 0 else "sooner"
    lasted = lasting(abs(finding.later) * finding.step)
    return f", {_scrapes(abs(finding.later))} ({lasted}) {how}, at about {finding.at:%H:%M:%S}"


def _scrapes(count: int) -> str:
    return f"{count} scrape{'' if count == 1 else 's'}"


def _summary(findings: Sequence[Finding], without: int) -> str:
    if not findings:
        return f"No verdict with evidence was found{_and_without(without)}."
    releases = len({finding.case.said.release for finding in findings})
    changed = [finding for finding in findings if finding.changed]
    untold = sum(isinstance(finding.would, Untold) for finding in findings)
    changed_not = len(findings) - len(changed) - untold
    whole = (
        f"{_many(len(findings), 'verdict')} with evidence, of {_many(releases, 'release')}: {len(changed)} would have changed,"
        f" {changed_not} not, and {untold} cannot be told{_and_without(without)}."
    )
    turned = [
        f"Of {total} that {fell} and can be judged again, {count} would have {would}."
        for fell, would, total, count in (
            ("failed", "passed", *_turned(findings, Outcome.FAIL, Outcome.PASS)),
            ("passed", "failed", *_turned(findings, Outcome.PASS, Outcome.FAIL)),
        )
        if total
    ]
    return " ".join((whole, *turned, *_detection(findings), *_later(findings)))


def _and_without(without: int) -> str:
    if not without:
        return ""
    return f"; {without} more depend on no policy, as those of incidents, checks, roll-outs, single requests and operators"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _turned(findings: Sequence[Finding], fell: Outcome, would: Outcome) -> tuple[int, int]:
    """How many there are that can be judged again, and how many of them turn."""
    those = [one for one in findings if one.fell.outcome is fell and not isinstance(one.would, Untold)]
    turned = [one for one in those if isinstance(one.would, Fell) and one.would.outcome is would]
    return len(those), len(turned)


def detected(findings: Sequence[Finding]) -> list[int]:
    """By how many scrapes each that fails either way would fail later; below 0 sooner."""
    return sorted(
        finding.later
        for finding in findings
        if finding.later is not None
        and isinstance(finding.would, Fell)
        and finding.fell.outcome is finding.would.outcome is Outcome.FAIL
    )


def _detection(findings: Sequence[Finding]) -> Iterator[str]:
    if later := detected(findings):
        middle = median_low(later)
        spread = (
            "" if later[0] == later[-1] else f" (the median; from {_shift(later[0])} to {_shift(later[-1])})"
        )
        yield f"What fails either way would have failed {_shift(middle)}{spread}."


def _shift(later: int) -> str:
    if not later:
        return "with the same scrape"
    return f"{_scrapes(abs(later))} {'later' if later > 0 else 'sooner'}"


def _later(findings: Sequence[Finding]) -> Iterator[str]:
    open_ = [finding for finding in findings if isinstance(finding.would, NotYet)]
    for outcome in Outcome:
        if count := sum(finding.fell.outcome is outcome for finding in open_):
            yield f"{count} that fell as {outcome} would not have fallen yet, and what would have come then is not known."


def _wrapped(text: str, indent: str) -> Iterator[str]:
    hanging = indent + (" " * 7 if indent else "")
    yield from fill(plain(text), _WIDTH, initial_indent=indent, subsequent_indent=hanging).splitlines()


def as_json(findings: Sequence[Finding], without: int) -> dict[str, Any]:
    """Times in seconds. Every verdict that has evidence is there, changed or not."""
    return {
        "verdicts": [_as_json(finding) for finding in findings],
        "summary": {
            "verdicts": len(findings),
            "without_evidence": without,
            "changed": sum(finding.changed for finding in findings),
            "cannot_be_told": sum(isinstance(finding.would, Untold) for finding in findings),
            "not_yet": sum(isinstance(finding.would, NotYet) for finding in findings),
            "failed_that_would_pass": _turned(findings, Outcome.FAIL, Outcome.PASS)[1],
            "passed_that_would_fail": _turned(findings, Outcome.PASS, Outcome.FAIL)[1],
            "fails_later_by_scrapes": detected(findings),
        },
    }


def _as_json(finding: Finding) -> dict[str, Any]:
    case, would = finding.case, finding.would
    return {
        "at": case.at,
        "application": case.said.application,
        "release": case.said.release,
        "version": case.version,
        "stage": case.said.stage,
        "changed": finding.changed,
        "fell": _fell_as_json(finding.fell),
        "would": _fell_as_json(would) if isinstance(would, Fell) else None,
        "would_at": None if finding.at is None else finding.at.isoformat(timespec="milliseconds"),
        "later": None if finding.later is None else finding.later * finding.step,
        "not_yet": would.scrapes if isinstance(would, NotYet) else None,
        "cannot_be_told": would.why if isinstance(would, Untold) else None,
    }


def _fell_as_json(fell: Fell) -> dict[str, Any]:
    return {
        "verdict": fell.outcome.value,
        "scrapes": fell.scrapes,
        "why": fell.why or None,
        "reason": fell.reason,
        "follows": fell.follows,
    }
