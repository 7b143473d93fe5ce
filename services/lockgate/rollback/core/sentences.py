"""Sentences for people, short enough for an event."""

from collections.abc import Collection, Iterable

LONGEST = 1500


def shortened(text: str, most: int = LONGEST) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def listed(names: Collection[str], most: int = 8) -> str:
    shown = ", ".join(list(names)[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def counted(answers: Iterable[str]) -> str:
    """`2 rolled-back, 1 untouched`, in the order in which each answer comes first."""
    all_ = list(answers)
    return ", ".join(f"{all_.count(answer)} {answer}" for answer in dict.fromkeys(all_))
