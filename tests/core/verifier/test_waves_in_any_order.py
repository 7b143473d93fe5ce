"""Whatever disturbs the comparison of a wave, and whenever: the verdict is the one that it comes to without that."""

from typing import Any

import pytest

from lockgate.messages.operations import Retry
from lockgate.messages.rollbacks import ReleaseHalted, ReleaseResumed
from lockgate.messages.verdicts import Granted, Outcome, VerdictReached
from lockgate.verifier.core.rows import PartRow, ReleaseRow, VerificationRow
from lockgate.verifier.statistics.verification import encode
from tests.support.besides import beside
from tests.support.measured import BLIND, DARK
from tests.support.operators import asked, give
from tests.support.verifier import APPLICATION, RELEASE, WATCH, WAVE, Journey, in_production

TWO = ["eu-west", "us-east"]
ENDS = (4, 12, 20)
"""Scrapes after which something is told."""
ABOUT: dict[str, Any] = {"application": APPLICATION, "release": RELEASE, "number": 8}
MOMENTS = (1, 3)
"""How much was told before: in turns of the two regions."""


class Told:
    """A wave of two regions of which is told what they still lack, in turns."""

    def __init__(self, margin: float, errors: float) -> None:
        after = {"verify": "20m", "margins": {"errors": margin}, "on-inconclusive": {"then": "hold"}}
        first = {**WAVE, "regions": TWO, "max-parallel": 2, "after": after}
        later = {**WAVE, "name": "rest", "regions": ["eu-north", "ap-south"]}
        self.release = in_production(first, later, WATCH, metrics={"interval": "60s"})
        self.errors, self.runs = errors, dict.fromkeys(TWO, 0)
        for region in TWO:
            self.release.deployed(region)
        self.end = dict.fromkeys(TWO, 0)

    def goes_on(self, region: str) -> None:
        work = (APPLICATION, f"measure first {region}")
        if work not in self.release.desk.work or self.end[region] == ENDS[-1]:
            return
        first = self.end[region]
        self.end[region] = next(one for one in ENDS if one > first)
        order = self.release.desk.work[work].body
        samples: dict[str, Any] = {"seed": TWO.index(region)}
        if region == "us-east":
            samples["errors"] = self.errors
        said = beside(order, self.end[region], first, f"run-{self.runs[region]}", **samples)
        self.release.desk.report(*work, said, final=said["digest"] is not None)

    def is_disturbed(self, word: str, region: str) -> None:
        work = (APPLICATION, f"measure first {region}")
        match word:
            case "dark" | "blind" if work in self.release.desk.work:
                self.release.desk.report(*work, {"dark": DARK, "blind": BLIND}[word], final=False)
            case "another run" if work in self.release.desk.work:
                self.end[region], self.runs[region] = 0, self.runs[region] + 1
            case "silence":
                for _ in range(2):
                    self.release.fire("verify")
            case "retry":
                if give(self.release.desk, asked(Retry))[-1].code is None:  # type: ignore[attr-defined]  # its answer
                    self.end = dict.fromkeys(TWO, 0)
            case "halt":
                self.release.give(ReleaseHalted(**ABOUT, turn=1, regions=tuple(TWO), reason="stop"))
                self.release.give(ReleaseResumed(**ABOUT, turn=3, wait=60, reason="The flags are off."))
                self.release.fire("resume")
                self.end = dict.fromkeys(TWO, 0)
            case _:
                pass

    def to_its_end(self) -> list[VerdictReached]:
        """The verdicts that have numbers."""
        for _ in ENDS:
            for region in TWO:
                self.goes_on(region)
        verdicts = [body for body in self.release.desk.events if isinstance(body, VerdictReached)]
        return [verdict for verdict in verdicts if verdict.evidence]


def keeps_count(release: Journey) -> None:
    """What holds the release, and what is dark, is what the regions' rows say; what is over is kept nowhere."""
    rows = list(release.desk.rows.values())
    row = next(one for one in rows if isinstance(one, ReleaseRow))
    measured = [one for one in rows if isinstance(one, VerificationRow)]
    assert (row.held, row.dark) == (sum(one.held for one in measured), sum(one.dark for one in measured))
    assert sum(isinstance(one, PartRow) for one in rows) == sum(one.parts for one in measured)
    if row.phase != "evidence":
        assert (release.desk.work, measured) == ({}, [])


@pytest.mark.parametrize(
    ("margin", "errors", "outcome"),
    [(1.5, 1.0, Outcome.PASS), (1.06, 1.0, Outcome.INCONCLUSIVE), (1.5, 3.0, Outcome.FAIL)],
    ids=["good", "undecided", "worse"],
)
@pytest.mark.parametrize("word", ["dark", "blind", "another run", "silence", "retry", "halt"])
def test_what_disturbs_the_comparison_changes_no_verdict(
    word: str, margin: float, errors: float, outcome: Outcome
) -> None:
    (expected,) = Told(margin, errors).to_its_end()
    assert expected.outcome is outcome
    for told_before, region in zip(MOMENTS, TWO, strict=True):
        wave = Told(margin, errors)
        for n in range(told_before):
            wave.goes_on(TWO[n % 2])
        if wave.release.desk.work:  # else one region has failed, which needs no more to be told of the other
            wave.is_disturbed(word, region)
            keeps_count(wave.release)
        *_, verdict = wave.to_its_end()
        assert (verdict.outcome, verdict.guilty) == (expected.outcome, expected.guilty)
        if outcome is not Outcome.FAIL:
            assert encode(verdict.evidence) == encode(expected.evidence)
            keeps_count(wave.release)
        granted = [body.region for body in wave.release.desk.events if isinstance(body, Granted)]
        assert ("eu-north" in granted) == (outcome is Outcome.PASS)
