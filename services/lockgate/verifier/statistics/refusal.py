"""Why evidence is refused: `EvidenceError`, for whoever reads it. Talks to nobody."""

from typing import Any


class EvidenceError(ValueError):
    """Evidence that cannot be judged: which field is wrong, what is expected there, and what there is."""

    def __init__(self, field: str, expected: str, got: Any) -> None:
        shown = repr(got)
        self.field = field
        super().__init__(
            f"{field}: expected {expected}, got {shown if len(shown) <= 60 else shown[:57] + '...'}"
        )
