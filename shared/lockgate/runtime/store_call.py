"""A batch as the arguments of the database's function `apply` (migrations/0004_keys.sql). Pure."""

from collections.abc import Sequence
from typing import Any

from lockgate.runtime.batch import Batch, pack

APPLY = f"select at, bases from apply({', '.join(f'${i}' for i in range(1, 24))})"  # noqa: S608  # numbers only


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def arguments(batch: Batch) -> list[Any]:
    sequence: dict[int, int] = {}
    out: list[tuple[Any, ...]] = []
    for o in batch.out:
        seq = sequence.get(o.part, 0)
        sequence[o.part] = seq + 1
        out.append((o.part, seq, o.topic, o.key, pack(o.headers), o.value))
    offsets = [(*place, *span) for place, span in sorted(batch.offsets.items())]
    keys = [(key, *counts) for key, counts in sorted(batch.keys.items())]
    rows = [(*key, *written) for key, written in sorted(batch.rows.items())]
    marks = [(*mark, number) for mark, number in sorted(batch.marks.items())]
    return [
        *_columns(offsets, 4),
        *_columns(keys, 4),
        *_columns(rows, 5),
        *_columns(marks, 3),
        *_columns(out, 6),
        batch.extra,
    ]
