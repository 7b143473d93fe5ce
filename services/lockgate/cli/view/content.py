"""Bytes that somebody else wrote, on their way to a terminal: as text if they are text, else in hexadecimal.

Nothing of them reaches the terminal as a control character. Also: rows of words as columns.
"""

from collections.abc import Iterator, Sequence

from lockgate.cli.view.plain import plain

SHOWN_BYTES = 64 * 1024
_WIDTH = 16


def content(value: bytes | None) -> list[str]:
    """The lines that show a value; of a large one its beginning, and how much is left out."""
    if value is None:
        return ["(no value: null)"]
    if not value:
        return ["(empty: 0 bytes)"]
    text = _text(value)
    if text is not None and len(value) <= SHOWN_BYTES:
        return [plain(line.expandtabs()) for line in text.split("\n")]
    if text is not None:
        kept = _text(value[:SHOWN_BYTES], "ignore") or ""  # a character may be cut in two
        return [*(plain(line.expandtabs()) for line in kept.split("\n")), _left_out(value)]
    lines = list(_dump(value[:SHOWN_BYTES]))
    return lines if len(value) <= SHOWN_BYTES else [*lines, _left_out(value)]


def short(value: bytes | None) -> str:
    """A key or a header on one line."""
    if value is None:
        return "(null)"
    text = _text(value)
    return plain(text) if text is not None and "\n" not in text else f"0x{value.hex()}"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of words as lines, each column as wide as its widest word; the last as wide as it is."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)] if rows else []
    return [
        "  ".join([*(word.ljust(width) for word, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]


def _text(value: bytes, errors: str = "strict") -> str | None:
    """The value as text, if it is UTF-8 and all of it can be shown; lines and tabs may be."""
    try:
        text = value.decode("utf-8", errors)
    except UnicodeDecodeError:
        return None
    return text if all(c.isprintable() or c in "\n\t" for c in text) else None


def _dump(value: bytes) -> Iterator[str]:
    for at in range(0, len(value), _WIDTH):
        part = value[at : at + _WIDTH]
        ascii_ = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        yield f"{at:08x}  {part.hex(' '):<{3 * _WIDTH - 1}}  {ascii_}"


def _left_out(value: bytes) -> str:
    return f"… {len(value) - SHOWN_BYTES} of {len(value)} bytes are left out; --raw FILE writes all of them"
