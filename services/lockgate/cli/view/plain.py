"""Texts of events on their way to a terminal: whoever wrote them, they are shown and never obeyed."""


def plain(text: str) -> str:
    """The text on one line; control characters, line breaks and what reverses the reading are shown as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
