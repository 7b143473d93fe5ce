"""What the scrapes of a run come to that were not told yet: beside production, beside other regions, or after a region's own time
before.

Pure; used by the work. The core makes the verdict of what is told; here it is known only to end the run with it.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol, runtime_checkable

from lockgate.messages.values import write_duration
from lockgate.verifier.core.measure import MOST_APART, Counted, Measure, Unavailable
from lockgate.verifier.gathering import Gathering
from lockgate.verifier.grid import Grid
from lockgate.verifier.statistics import alone, alone_record
from lockgate.verifier.statistics.alone import PLACEBOS
from lockgate.verifier.statistics.before import WINDOWS, TooFewWindowsError
from lockgate.verifier.statistics.control import Placebos
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


@runtime_checkable
class WithHistory(Telling, Protocol):
    """What looks at hours or days before the release."""

    def knows(self) -> bool:
        """Whether what was read of them is enough."""
        ...


def telling(gathering: Gathering) -> Telling | WithHistory:
    if gathering.order.control:
        return Among(gathering)
    return Beside(gathering) if gathering.order.began is None else After(gathering)


def too_far(order: Measure) -> Unavailable | None:
    """Where a region of a wave is compared too long after what is known of how it differs from others."""
    if not order.control or order.began is None:
        return None
    apart = (order.since - order.began).total_seconds()
    if apart <= MOST_APART:
        return None
    reason = (
        f"{write_duration(round(apart))} lie between the first grant of the wave there and the comparison, and after more than "
        f"{write_duration(MOST_APART)} regions differ by the time of day alone"
    )
    return Unavailable(reason=reason, for_good=True)


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
        new = None if self.verification is None else _new(self.gathering, self.end, scrapes, self.known)
        if self.verification is None or new is None:
            _, whole = _parsed(self.gathering, scrapes)
            if isinstance(whole, Unavailable):
                return whole
            self.verification, self.known = Verification.of(whole), (whole.names, whole.bounds)
            new = whole
        verification, first = self.verification, self.end
        outcome = verification.fold(new)
        over = outcome.verdict != "running"
        return Counted(
            run=run,
            first=first,
            end=scrapes,
            settled=settled(verification.setup) if first == 0 else None,
            told=told(verification.setup, verification.blocks[-1]),
            digest=_digest(self.gathering.evidence(scrapes), outcome.at) if over else None,
        )


@dataclass(frozen=True, slots=True)
class Made:
    """What has taken the time before: a verification of the region, and of each of those without the release as if it had it."""

    verification: Verification
    placebos: Placebos
    known: tuple[Any, ...]
    """The pods and bounds that both were made with."""


@dataclass(slots=True)
class Among:
    """A region after the release, beside regions without it. The time before is long, so it is taken once."""

    gathering: Gathering
    made: Made | None = None
    end: int = 0

    def knows(self) -> bool:
        return not isinstance(self._anew(0), Unavailable)

    def tell(self, run: str, scrapes: int) -> Report:
        found = self._new(scrapes) or self._anew(scrapes)
        if isinstance(found, Unavailable):
            return found
        made, new = found
        first, self.end = self.end, scrapes
        outcome = made.verification.fold(new)
        made.placebos.fold(new, scrapes)
        setup, digest = made.verification.setup, None
        if outcome.verdict != "running":
            digest = _digest(self.gathering.evidence(scrapes), outcome.at)
        return Counted(
            run=run,
            first=first,
            end=scrapes,
            settled=settled(setup) if first == 0 else None,
            told={**told(setup, made.verification.blocks[-1]), "astray": made.placebos.astray},
            digest=digest,
        )

    def _new(self, scrapes: int) -> tuple[Made, Evidence] | None:
        """What was not told yet; None where it is not of the same pods, and on the first time."""
        if self.made is None:
            return None
        new = _new(self.gathering, self.end, scrapes, self.made.known)
        return None if new is None else (self.made, new)

    def _anew(self, scrapes: int) -> tuple[Made, Evidence] | Unavailable:
        """All of it."""
        _, whole = _parsed(self.gathering, scrapes)
        if isinstance(whole, Unavailable):
            return whole
        began = self.gathering.grid.history
        regions = {name: name.partition("/")[0] for name in whole.names}
        try:
            verification = Verification.of(whole, began, regions)
        except TooFewWindowsError as error:
            length = write_duration(whole.policy.deadline * self.gathering.order.step)
            reason = (
                f"{self.gathering.order.region} has too little history before the release ({WINDOWS} windows of {length} are needed, "
                f"{error.found} found)"
            )
            return Unavailable(reason=reason, for_good=True)
        except EvidenceError as error:
            return Unavailable(reason=f"too little is known of the time before the release: {error}")
        self.made = Made(verification, Placebos(whole, regions, began), (whole.names, whole.bounds))
        self.end = 0
        return self.made, whole


@dataclass(slots=True)
class After:
    """A region after the release, by its own time before."""

    gathering: Gathering
    before: tuple[Usual, Scales] | None = None
    end: int = 0

    def knows(self) -> bool:
        """Whether there are enough earlier times to compare the watch with."""
        _, history = _parsed(self.gathering, 0)
        known = 0 if isinstance(history, Unavailable) else len(_placebos(history, self.gathering.grid))
        return known >= PLACEBOS

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
            digest = _digest(self.gathering.evidence(scrapes), found.at)
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


def _new(gathering: Gathering, end: int, scrapes: int, known: tuple[Any, ...]) -> Evidence | None:
    """The scrapes from `end` on, so that each costs as much as any; None where they are not of the pods and bounds that are known."""
    try:
        new = parse(gathering.more(end, scrapes), gathering.start + end)
    except EvidenceError:
        return None
    return new if (new.names, new.bounds) == known else None


def _digest(evidence: Any, scrapes: int) -> str:
    """Of the samples up to a verdict."""
    return sha256(canonical(evidence, evidence["start"] + scrapes)).hexdigest()
