"""Allow-lists of identities, builders and sources: a text as it is, or with stars that stand for one part of its path.

A star never stands for `/` or `@`: the names of branches and tags, which whoever may push chooses, may hold both, and
would else imitate the rest of a workflow's identity. It never stands in the host, nor for the first part of the path, which
says whose it is.
"""

import re
from typing import Final

MOST = 500
MOST_STARS = 10
_PLAIN: Final = re.compile(r"[!-~]+", re.ASCII)
_HELD: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^*/]+/[^*/]+/.*", re.ASCII)
"""A pattern with a star: its host and the first part of its path are whole."""
_STAR: Final = r"[!-\"$-.0->A-~]+"
"""Printable ASCII but / @ ? #."""


def glob_problem(text: str) -> str | None:
    """What is wrong with a pattern, and what to write; None if nothing is."""
    if len(text) > MOST or not _PLAIN.fullmatch(text):
        return f"write 1 to {MOST} printable ASCII characters without blanks"
    if "*" in text and not _HELD.fullmatch(text):
        return (
            "a * may stand only behind the host and the first part of a path, for one part between / and @, such as "
            "https://github.com/acme/payments/.github/workflows/release.yml@refs/tags/*"
        )
    if text.count("*") > MOST_STARS:
        return f"write {MOST_STARS} * at most"
    if any(part.count("*") > 1 for part in re.split("[/@]", text)):
        return "write one * at most between two / or @"  # so that matching takes no longer than reading
    return None


def matches(glob: str, text: str) -> bool:
    """Whether the whole text is what the pattern says."""
    parts = (re.escape(part) for part in glob.split("*"))
    return re.fullmatch(_STAR.join(parts), text) is not None
