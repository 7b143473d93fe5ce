"""The deployer's state: the places that it serves (key `*`), and per application each region's floor."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from lockgate.messages.decision import Row
from lockgate.messages.values import NO_FENCE, Fence, Place, Sentence


class ServedPlace(Row):
    """Key `*`, id = region: the cluster and namespace that were registered last."""

    kind: ClassVar[str] = "place"
    place: Place


class Running(BaseModel):
    """The one step or order under way. Only reports that carry its fence count."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    fence: Fence
    started: bool = False
    progress: tuple[int, int, Sentence] | None = None


class RegionState(Row):
    """Key = application, id = region.

    `floor` is the highest fence that was seen, from either topic and from the cluster; it never falls.
    `touched` is the number of the release under which the region was written last.
    """

    kind: ClassVar[str] = "region"
    floor: Fence = NO_FENCE
    touched: int | None = None
    running: Running | None = None


def higher(one: Fence, other: Fence) -> Fence:
    return one if one.order >= other.order else other
