"""How far a long run is, said to whoever waits for it."""

import sys


def say(text: str) -> None:
    """A line on standard output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
