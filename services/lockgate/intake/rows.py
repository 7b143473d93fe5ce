"""Intake's state: who serves which region, who claims which package, and each application's releases.

Rows under `*`: Region, RegionNames, Claim, Claimed, and the Pause of all. All others are rows of one application.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from lockgate.messages.decision import NotLoaded, R, Row, RowKey, Rows
from lockgate.messages.plan import Plan
from lockgate.messages.values import Artifact, Place


class Region(Row):
    """Who serves a region. Its id is the region; it is never removed, so an accepted plan finds it."""

    kind: ClassVar[str] = "region"
    place: Place
    claims: tuple[Place, ...] = Field(default=(), exclude_if=lambda claims: not claims)
    """Where others, or the same deployer, have asked to serve it since, and were refused; the last of each."""


class RegionNames(Row):
    """What a sentence lists of the registered regions: the first 20 of them in alphabetical order."""

    kind: ClassVar[str] = "region-names"
    names: tuple[str, ...] = ()
    total: int = 0

    def adding(self, name: str) -> "RegionNames":
        """With one region more. The row stays small, however many regions there are."""
        return RegionNames(names=tuple(sorted((*self.names, name))[:20]), total=self.total + 1)


class Claim(Row):
    """Which application a package belongs to. Its id is the package URL without version."""

    kind: ClassVar[str] = "claim"
    application: str


class Claimed(Row):
    """Which package an application claims, so that a new plan can let it go. Its id is the application."""

    kind: ClassVar[str] = "claimed"
    package: str


class Lane(Row):
    """An application's queue and what is under way; ids only, the releases are rows of their own."""

    kind: ClassVar[str] = "lane"
    number: int = 0
    """The last fence number that was given."""
    under_way: tuple[str, ...] = ()
    """From started to completed or closed. At most one today; the tuple is for pre-production that overlaps."""
    owner: str | None = None
    """The release that owns production."""
    waiting: tuple[str, ...] = ()


class NewestPlan(Row):
    """The plan that the next release starts with. A release under way travels on the plan it started with."""

    kind: ClassVar[str] = "plan"
    version: int
    plan: Plan


class Phase(StrEnum):
    QUEUED = "queued"
    PREPRODUCTION = "preproduction"
    PRODUCTION = "production"


class Ending(StrEnum):
    """How a release under way is ended from here. Only `settled` ends it then, whatever else is said of it."""

    ABORT = "abort"
    ROLLBACK = "rollback"
    PREEMPTION = "pre-emption"


class Wanted(BaseModel):
    """What an operator said of a version that is to be taken back, kept until the coordinator can be told. `to`: a digest."""

    model_config = ConfigDict(frozen=True)
    who: str
    to: str | None = None


class Release(Row):
    """A release from the queue to its end, where the row is removed. Its id is the release."""

    kind: ClassVar[str] = "release"
    artifact: Artifact
    phase: Phase = Phase.QUEUED
    last_preprod: str | None = None
    """The stage whose passing lets it enter production; None while queued or if the plan has none."""
    ready: bool = False
    """Its pre-production passed, and a pause keeps it from entering."""
    ending: Ending | None = None
    ended_by: str = ""
    """The sentence that says who ends it, and why."""
    fix: bool = False
    """An operator wants it first: nothing that is announced takes its place in the queue."""
    checked: str | None = Field(default=None, exclude_if=lambda demands: demands is None)
    """The fingerprint of the demands on its provenance that it fulfils; None if there were none."""
    wanted: Wanted | None = Field(default=None, exclude_if=lambda wanted: wanted is None)
    """Of what takes a completed version back on an operator's word, while it waits for what is under way."""


class Unchecked(Row):
    """An artifact whose provenance is being checked. Its id is the release that it is to become."""

    kind: ClassVar[str] = "unchecked"
    artifact: Artifact
    event: str
    source: str
    bundles: tuple[Any, ...] = ()
    """Until its check begins, which has them then."""


class BeingChecked(Row):
    """The ids of the Unchecked rows, as they were announced: what bounds them. The first is checked; others wait for it."""

    kind: ClassVar[str] = "being-checked"
    ids: tuple[str, ...] = ()


class Completed(Row):
    """The release that was completed last, as long as it was not taken back: the version that is left by it. Its id is empty."""

    kind: ClassVar[str] = "completed"
    release: str
    artifact: Artifact
    recovery: str | None = Field(default=None, exclude_if=lambda recovery: recovery is None)
    """The release that is to take it back, and enters once what is under way is settled, before all that waits."""


class Pending(Row):
    """The release of a digest that is queued or under way. Its id is the digest."""

    kind: ClassVar[str] = "pending"
    release: str


class BadVersion(Row):
    """A digest that was taken back. Its id is the digest."""

    kind: ClassVar[str] = "bad-version"
    reason: str


class BadVersions(Row):
    """The digests of the BadVersion rows, oldest first: what bounds them."""

    kind: ClassVar[str] = "bad-versions"
    digests: tuple[str, ...] = ()


class Pause(Row):
    """Nothing more is begun: for the application, or under `*` for all. Its id is empty."""

    kind: ClassVar[str] = "pause"
    who: str
    why: str
    until: datetime | None = None
    unrecovered: bool = False
    """Lockgate's own, after a rollback that did not help."""


KINDS: tuple[type[Row], ...] = (
    *(Region, RegionNames, Claim, Claimed),
    *(Lane, NewestPlan, Release, Completed, Pending, BadVersion, BadVersions, Pause),
    *(Unchecked, BeingChecked),
)


def shared_many(rows: Rows, row: type[R], ids: tuple[str, ...]) -> dict[str, R]:
    """The rows of `*` that exist, by id; loaded together, so that 2000 regions are one question."""
    found: dict[str, R | None] = {}
    missing: list[RowKey] = []
    for id_ in ids:
        try:
            found[id_] = rows.shared(row, id_)
        except NotLoaded as more:
            missing.extend(more.keys)
    if missing:
        raise NotLoaded(tuple(missing))
    return {id_: value for id_, value in found.items() if value is not None}
