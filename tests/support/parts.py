"""Long runs in parts: what is done lies in a file, line by line, so that a run that was cut off goes on.

Each line is a part: `from` and `to` (which of the seed's draws), `commit`, and figures that can be added up.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path("build/qualification")


@dataclass(slots=True)
class Part:
    """What came of the draws `first` to `end`. `settled` are seconds until a release had ended; `seconds` all of it."""

    first: int
    end: int
    commit: str
    runs: int = 0
    void: int = 0
    seconds: float = 0.0
    hits: dict[str, int] = field(default_factory=dict)
    settled: list[float] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


class Parts:
    """The parts of one seed that are done."""

    def __init__(self, name: str, seed: int, folder: Path = FOLDER) -> None:
        self.file = folder / f"{name}-{seed}.jsonl"
        self.done: dict[int, Part] = {}
        if self.file.exists():
            for line in self.file.read_text().splitlines():
                part = Part(**json.loads(line))
                self.done[part.first] = part

    def add(self, part: Part) -> None:
        """Keeps it, on the disk when this returns."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a") as file:
            file.write(json.dumps(asdict(part)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.done[part.first] = part

    def merged(self) -> dict[str, Any]:
        """The figures of all of them, and which commit did which draws."""
        parts = [self.done[first] for first in sorted(self.done)]
        hits: Counter[str] = Counter()
        for part in parts:
            hits.update(part.hits)
        settled = sorted(second for part in parts for second in part.settled)
        return {
            "runs": sum(part.runs for part in parts),
            "void": sum(part.void for part in parts),
            "kills": sum(hits.values()),
            "median_seconds_to_settle": round(settled[len(settled) // 2], 1) if settled else 0.0,
            "longest_seconds_to_settle": round(max(settled, default=0.0), 1),
            "parts": by_commit(parts),
            "hits": dict(sorted(hits.items())),
            "violations": [sentence for part in parts for sentence in part.violations],
        }


def by_commit(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """Neighbours of the same commit as one."""
    found: list[dict[str, Any]] = []
    for part in parts:
        last = found[-1] if found else {}
        if (last.get("commit"), last.get("to")) == (part.commit, part.first):
            last["to"] = part.end
            last["runs"] += part.runs
        else:
            found.append({"commit": part.commit, "from": part.first, "to": part.end, "runs": part.runs})
    return found
