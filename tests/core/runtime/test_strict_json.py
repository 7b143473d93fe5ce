"""JSON is read strictly, and what its shape allows to be read the quick way comes out as it does the slow way."""

import json
from typing import Any

import pytest

from lockgate.runtime.strict_json import Refusals, StrictJson

READER = StrictJson(
    Refusals(
        too_deep=lambda: ValueError("deep"),
        doubled=lambda name: ValueError(f"twice {name}"),
        constant=lambda name: ValueError(f"constant {name}"),
        no_utf8=lambda error: ValueError(f"byte {error.start}"),
        no_json=lambda error: ValueError(f"column {error.colno}"),
    ),
    depth=2,
    whole=lambda text: int(text) if len(text) < 19 else -1,
    fraction=lambda text: float(text) if text != "1e999" else -1.0,
)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ('{"a":1,"b":2,"a":1}', "twice a"),
        ('{"a":1,"\\u0061":1}', "twice a"),
        ('{"a":{"b":1,"b":1}}', "twice b"),
        ('{"a":NaN}', "constant NaN"),
        ("[-Infinity]", "constant -Infinity"),
        ("[[[1]]]", "deep"),
        ('{"a":[{"b":1}]}', "deep"),
        ("[1,]", "column 4"),
        ("", "column 1"),
    ],
)
def test_what_is_refused(value: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}$"):
        READER.read(value.encode())


def test_what_is_no_utf8_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^byte 2$"):
        READER.read(b'["\xff"]')


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("[999999999999999999]", 999_999_999_999_999_999),
        ("[1000000000000000000]", -1),
        ("[-9223372036854775809]", -1),
        ("[18446744073709551615]", -1),
        ("[18446744073709551616]", -1),
        ("[ 1000000000000000000 ]", -1),
        ("[1e999]", -1.0),
        ("[-0]", 0),
        ("[-0.0]", -0.0),
        ("[1E5]", 100_000.0),
        ("[0.10]", 0.1),
    ],
)
def test_numbers_are_what_the_reader_makes_of_them(value: str, expected: float) -> None:
    (found,) = READER.read(value.encode())
    assert repr(found) == repr(expected)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        "text",
        7,
        None,
        {"a": [1, -1, 0.5, 1e-7, 1e300, True, False, None], "b": {"c": 'é"\\/\n\x7f\u2028𝄞'}},
        {"digits": "12345678901234567890", "[[[": "{{{"},
        {"number": 3.0, "same": 3},
    ],
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_what_is_read_is_what_was_written(value: Any, separators: tuple[str, str], ascii_only: bool) -> None:
    text = json.dumps(value, separators=separators, ensure_ascii=ascii_only)
    assert repr(READER.read(text.encode())) == repr(value)
