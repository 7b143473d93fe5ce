"""What `prepare` and a first start tell about the work that takes seconds: fetching, training, copying."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` is a sentence for people; `done` of `total` parts of it are finished."""

    step: str
    done: int
    total: int

    def __str__(self) -> str:
        return f"{self.step} … {self.done}/{self.total}"


Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """The report of callers that show nothing."""
