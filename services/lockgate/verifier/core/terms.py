"""What the plan asks of the measuring of a stage: of a pilot or a canary beside production, of a wave beside the regions after
it, and of a watch after the release.

One table, so that everything else of the measuring is the same for all.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal, Self

from lockgate.messages.plan import (
    AfterPilot,
    AfterWave,
    PilotStage,
    Plan,
    PreprodStage,
    Stage,
    WatchStage,
    WaveStage,
)
from lockgate.messages.strategies import Canary
from lockgate.messages.undecided import Margins
from lockgate.verifier.core.rows import Phase

MOST_CONTROL: Final = 5
"""Regions that a wave is compared with: more would tell little, and are as many more samples."""


@dataclass(frozen=True, slots=True)
class Terms:
    stage: str
    regions: tuple[str, ...]
    phase: Phase
    """In which the stage is measured."""
    length: float
    """Seconds."""
    then: Literal["rollback", "pass", "hold"]
    """What follows where the evidence decides neither way."""
    margins: Margins
    soak: float = 0.0
    """Seconds before which nothing passes; 0: half of the length."""
    extend: float = 0.0
    steps: int = 0
    """Of each region's way, so many are measured, each by itself; 0: all regions are measured once, together."""
    beside: bool = True
    """Whether both arms are in each region. Else the release is all that serves there, and a region is compared with its own
    time before it, or with others.
    """
    control: tuple[str, ...] = ()
    """Regions without the release, which those of a wave are compared with; one verdict is reached on them all."""

    @classmethod
    def of(cls, plan: Plan, stage: Stage, phase: Phase) -> Self | None:
        """None where nothing is measured. `phase`: a wave may be measured step by step, and as a whole after that."""
        match stage:
            case PilotStage() as pilot:
                return cls.of_pilot(pilot)
            case WatchStage(verify=asked) if asked is not None:
                return cls(
                    stage=stage.name,
                    regions=plan.deployed,
                    phase=Phase.WATCH,
                    length=stage.for_,
                    then=asked.on_inconclusive,
                    margins=asked.margins,
                    beside=False,
                )
            case WaveStage() if phase is Phase.EVIDENCE:
                return cls.of_wave(plan, stage)
            case WaveStage(strategy=Canary() as canary) if canary.verify > 0:
                return cls.of_steps(stage, canary)
            case PreprodStage() | WaveStage() | WatchStage():
                return None

    @classmethod
    def of_pilot(cls, stage: PilotStage) -> Self:
        return cls._beside(stage, Phase.EVIDENCE, stage.after)

    @classmethod
    def of_steps(cls, stage: WaveStage, canary: Canary) -> Self:
        return cls._beside(stage, Phase.REGIONS, canary, steps=canary.compared)

    @classmethod
    def of_wave(cls, plan: Plan, stage: WaveStage) -> Self | None:
        """Those of the next wave come first, and a few are enough: each of its regions asks for the samples of them all."""
        control = plan.beyond(stage.name)[:MOST_CONTROL]
        if stage.after.verify <= 0 or not control:
            return None
        return replace(cls._beside(stage, Phase.EVIDENCE, stage.after), beside=False, control=control)

    @classmethod
    def _beside(
        cls,
        stage: PilotStage | WaveStage,
        phase: Phase,
        asked: AfterPilot | AfterWave | Canary,
        *,
        steps: int = 0,
    ) -> Self:
        """Of a comparison with what runs beside it, which pilots, canaries and waves ask for in the same words."""
        return cls(
            stage=stage.name,
            regions=tuple(stage.regions),
            phase=phase,
            length=asked.verify,
            then=asked.on_inconclusive.then,
            margins=asked.margins,
            soak=asked.soak,
            extend=asked.on_inconclusive.extend,
            steps=steps,
        )

    @property
    def verifications(self) -> int:
        """So many equal parts of the release's false-alarm rate it has: one a pilot's region, one a step in a
        region, one a wave, one a watch.
        """
        return len(self.regions) * max(self.steps, 1) if self.beside else 1

    @property
    def subject(self) -> str:
        if self.steps:
            return "canary"
        if self.control:
            return "wave"
        return "pilot" if self.beside else "watch"

    @property
    def kept(self) -> str:
        """How the release is left while it is held, for people."""
        goes_on = not self.beside and not self.control
        return "and its watch goes on" if goes_on else f"with its {self.subject} as it is"
