"""What the scrapes of a run come to that were not told yet: beside production, or after a region's own time before.

Pure; used by the work. The core makes the verdict of what is told; here it is known only to end the run with it.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from lockgate.verifier.core.measure import Counted, Unavailable
from lockgate.verifier.gathering import Gathering
from lockgate.verifier.grid import Grid
from lockgate.verifier.statistics import alone, alone_record
from lockgate.verifier.statistics.evidence import Evidence, canonical, parse
from lockgate.verifier.statistics.interrupted import Scales, Usual, followed, moments, scraped, settle
from lockgate.verifier.statistics.record import settled, told
from lockgate.verifier.statistics.refusal import EvidenceError
from lockgate.verifier.statistics.verification import Verification

Report = Counted | Unavailable


class Telling(Protocol):
    @property
    def end(self) -> int:
        """So many scrapes were told."""
        ...

    def tell(self, run: str, scrapes: int) -> Report:
        """Of the first so many scrapes those that are new. Where what is known before has changed, all of them."""
        ...


def telling(gathering: Gathering) -> Telling:
    return Beside(gathering) if gathering.order.began is None else After(gathering)


@dataclass(slots=True)
class Beside:
    """A pilot beside production."""

    gathering: Gathering
    verification: Verification | None = None
    known: tuple[Any, ...] = ()
    """The pods and bounds that the verification was made with."""

    @property
    def end(self) -> int:
        return 0 if self.verification is None else sum(b.end - b.first for b in self.verification.blocks)

    def tell(self, run: str, scrapes: int) -> Report:
        evidence, parsed = _parsed(self.gathering, scrapes)
        if isinstance(parsed, Unavailable):
            return parsed
        known = (parsed.names, parsed.bounds)
        if self.verification is None or known != self.known:
            self.verification, self.known = Verification.of(parsed), known
        verification, first = self.verification, self.end
        outcome = verification.fold(parsed)
        over = outcome.verdict != "running"
        return Counted(
            run=run,
            first=first,
            end=scrapes,
            settled=settled(verification.setup) if first == 0 else None,
            told=told(verification.setup, verification.blocks[-1]),
            digest=_digest(self.gathering, evidence, outcome.at) if over else None,
        )


@dataclass(slots=True)
class After:
    """A region after the release, by its own time before."""

    gathering: Gathering
    before: tuple[Usual, Scales] | None = None
    end: int = 0

    def known(self) -> int:
        """So many earlier times are known to compare the watch with."""
        _, history = _parsed(self.gathering, 0)
        return 0 if isinstance(history, Unavailable) else len(_placebos(history, self.gathering.grid))

    def tell(self, run: str, scrapes: int) -> Report:
        if self.before is None:
            _, history = _parsed(self.gathering, 0)
            if isinstance(history, Unavailable):
                return history
            self.before = _settled(history, self.gathering.grid)
        _, since = _parsed(self.gathering, scrapes, self.gathering.grid.history)
        if isinstance(since, Unavailable):
            return since
        usual, scales = self.before
        seen = scales.of(since, 1)
        found, first, self.end = alone.judge(followed(usual, *seen)), self.end, scrapes
        digest = None
        if found.verdict != "running":
            digest = _digest(self.gathering, self.gathering.evidence(scrapes), found.at)
        return Counted(
            run=run,
            first=first,
            end=scrapes,
            settled=alone_record.settled(usual) if first == 0 else None,
            told=alone_record.told(*(values[first:] for values in seen)),
            digest=digest,
        )


def _settled(history: Evidence, grid: Grid) -> tuple[Usual, Scales]:
    return settle(history, grid.history, _placebos(history, grid), grid.apart)


def _placebos(history: Evidence, grid: Grid) -> tuple[int, ...]:
    """The earlier times that were scraped."""
    began, apart, length = grid.history, grid.apart, history.policy.deadline
    return scraped(history, length, moments(began, length, apart=apart), apart)


def _parsed(gathering: Gathering, scrapes: int, first: int = 0) -> tuple[Any, Evidence | Unavailable]:
    evidence = gathering.evidence(scrapes, first)
    if isinstance(evidence, str):
        return evidence, Unavailable(reason=evidence)
    try:
        return evidence, parse(evidence)
    except EvidenceError as error:
        return evidence, Unavailable(reason=f"the metrics do not fit together: {error}")


def _digest(gathering: Gathering, evidence: Any, scrapes: int) -> str:
    """Of the samples up to a verdict."""
    return sha256(canonical(evidence, gathering.grid.start + scrapes)).hexdigest()
