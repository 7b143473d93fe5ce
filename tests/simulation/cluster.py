"""A region's cluster as a model: per application what it runs, under which fence, and with which clones and share.

The fence is the condition of every write, as the annotation is in the real one: a write names the fence that it
read and takes effect only if that is still there.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from lockgate.messages.deployments import Live
from lockgate.messages.values import NO_FENCE, Fence

PROGRESS_DEADLINE = 600.0


@dataclass(frozen=True, slots=True)
class Runs:
    """What a cluster shows of one application. `release`: whose write was the last; `found`: what ran before it."""

    digest: str | None = None
    fence: Fence = NO_FENCE
    adopted: bool = False
    release: str | None = None
    found: str | None = None
    ready_at: float = 0.0
    stuck_at: float = math.inf
    share: str | None = None
    clones: tuple[tuple[Fence, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Switch:
    """The flag of an application: whether it is on, the fence of its object, and by which release it was switched off."""

    on: bool = True
    fence: Fence = NO_FENCE
    by: int | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """An attempt to write under a fence, and what came of it."""

    region: str
    application: str
    by: Fence
    before: Runs
    after: Runs


@dataclass
class Cluster:
    region: str
    namespace: str
    ready_in: Callable[[str | None], float]
    """Seconds until a version is ready here; infinite for one that never is."""
    wrote: Callable[[Write], None]
    runs: dict[str, Runs] = field(default_factory=dict)
    flags: dict[str, Switch] = field(default_factory=dict)
    reachable: bool = True
    identity: str = "uid"

    def look(self, application: str) -> Runs:
        return self.runs.setdefault(application, Runs())

    def live(self) -> dict[str, Live]:
        """What a registration tells: of every application that Lockgate has written here."""
        return {
            name: Live(digest=runs.digest, fence=runs.fence)
            for name, runs in sorted(self.runs.items())
            if runs.adopted
        }

    def write(self, application: str, seen: Fence, by: Fence, now: float, /, **changes: Any) -> bool:
        """Writes under the fence `by` if the one that was read is still there; False if it is not."""
        before = self.look(application)
        if not self.takes(before, seen):
            return False
        after = replace(before, fence=by, adopted=True, **changes)
        if after.digest != before.digest:
            ready = self.ready_in(after.digest)
            stuck = now + PROGRESS_DEADLINE if math.isinf(ready) else math.inf
            after = replace(after, ready_at=now + ready, stuck_at=stuck)
        self.runs[application] = after
        self.wrote(Write(self.region, application, by, before, after))
        return True

    def flag(self, application: str) -> Switch:
        return self.flags.setdefault(application, Switch())

    def switch(self, application: str, seen: Fence, after: Switch) -> None:
        """Writes the flag's object if the fence that was read is still there."""
        if self.flag(application).fence == seen:
            self.flags[application] = after

    @staticmethod
    def takes(before: Runs, seen: Fence) -> bool:
        """Whether a write on a fence that was read takes effect."""
        return before.fence == seen

    def clone(self, application: str, fence: Fence, digest: str) -> None:
        """A clone is made by POST: nothing guards it, and its name carries its fence."""
        runs = self.look(application)
        if (fence, digest) not in runs.clones:
            self.runs[application] = replace(runs, clones=(*runs.clones, (fence, digest)))

    def carry(self, application: str, fence: Fence, digest: str) -> bool:
        """The clone of an earlier step of the same release gets this fence; False if there is none."""
        runs = self.look(application)
        mine = [clone for clone in runs.clones if clone[0].number == fence.number and clone[1] == digest]
        if mine:
            others = tuple(clone for clone in runs.clones if clone not in mine)
            self.runs[application] = replace(runs, clones=(*others, (fence, digest)))
        return bool(mine)

    def sweep(self, application: str, below: Fence, *, keep: Fence | None = None) -> None:
        """Clones up to a fence go, but for the one that is kept."""
        runs = self.look(application)
        left = tuple(c for c in runs.clones if c[0].order > below.order or c[0] == keep)
        self.runs[application] = replace(runs, clones=left)

    def drop_clone(self, application: str, fence: Fence) -> None:
        runs = self.look(application)
        self.runs[application] = replace(runs, clones=tuple(c for c in runs.clones if c[0] != fence))
