"""What the plan asks of the measuring of a stage: of a pilot or a canary beside production, and of a watch after the release.

One table, so that everything else of the measuring is the same for all.
"""

from dataclasses import dataclass
from typing import Literal, Self

from lockgate.messages.plan import AfterPilot, PilotStage, Plan, PreprodStage, Stage, WatchStage, WaveStage
from lockgate.messages.strategies import Canary
from lockgate.messages.undecided import Margins
from lockgate.verifier.core.rows import Phase


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
    """Whether there are pods of both arms. Else a region is compared with its own time before the release."""

    @classmethod
    def of(cls, plan: Plan, stage: Stage) -> Self | None:
        """None where nothing is measured."""
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
    def _beside(
        cls, stage: PilotStage | WaveStage, phase: Phase, asked: AfterPilot | Canary, *, steps: int = 0
    ) -> Self:
        """Of a comparison with the production beside it, which a pilot and a canary ask for in the same words."""
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
        region, one a watch.
        """
        return len(self.regions) * max(self.steps, 1) if self.beside else 1

    @property
    def subject(self) -> str:
        if self.steps:
            return "canary"
        return "pilot" if self.beside else "watch"

    @property
    def kept(self) -> str:
        """How the release is left while it is held, for people."""
        return f"with its {self.subject} as it is" if self.beside else "and its watch goes on"
