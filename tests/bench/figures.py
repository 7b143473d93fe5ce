"""Figures as files: one JSON per figure under build/bench/, so that runs of two commits can be compared."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path("build/bench")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `name` has no blanks: it is the file's name.

    `baseline` is what the same run measured without Lockgate, in the same unit; None where there is no such thing.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.baseline if self.baseline else None

    @property
    def sentence(self) -> str:
        beside = f" (baseline {self.baseline:.2f}, ratio {self.ratio:.2f})" if self.baseline else ""
        return f"{self.name}: {self.value:.2f} {self.unit}{beside}"


def write(figure: Figure) -> Path:
    """Writes it with the commit that it was measured on, and says so on standard output."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{figure.name}.json"
    file.write_text(json.dumps({**asdict(figure), "ratio": figure.ratio, "commit": commit()}) + "\n")
    sys.stdout.write(f"{figure.sentence}\n")
    sys.stdout.flush()
    return file


def commit() -> str:
    git = ("git", "rev-parse", "--short", "HEAD")
    found = subprocess.run(git, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
