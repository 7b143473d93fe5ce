"""The small values: fences, durations, shares, and the names that may reach a cluster."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from lockgate.messages.values import Digest, Duration, Fence, Name, ObjectName, Share
from tests.support.payloads import QUICK

NUMBERS = st.integers(0, 2**63)
FENCES = st.builds(Fence, number=NUMBERS, turn=NUMBERS, grant=NUMBERS)


class Sample(BaseModel):
    duration: Duration = 0.0
    share: Share = 1.0
    name: Name = "a"
    object_name: ObjectName = "a"
    digest: Digest = "sha256:" + "0" * 64


def sample(**fields: Any) -> Sample:
    return Sample.model_validate(fields)


@QUICK
@given(FENCES)
def test_a_fence_is_read_from_its_own_text(fence: Fence) -> None:
    assert Fence.parse(str(fence)) == fence


@QUICK
@given(FENCES, FENCES)
def test_fences_are_ordered_by_number_then_turn_then_grant(a: Fence, b: Fence) -> None:
    if a.number != b.number:
        assert (a.order < b.order) == (a.number < b.number)
    elif a.turn != b.turn:
        assert (a.order < b.order) == (a.turn < b.turn)
    else:
        assert (a.order < b.order) == (a.grant < b.grant)


def test_a_higher_turn_is_above_every_grant_of_a_lower_one() -> None:
    texts = ["7.0.1", "7.0.9", "7.0.10", "7.1.0", "7.2.1", "8.0.0", "10.0.0"]
    assert sorted(texts, key=lambda text: Fence.parse(text).order) == texts


@pytest.mark.parametrize(
    "text", ["", "7", "7.0", "7.0.1.2", "7.0.", "-1.0.0", "a.b.c", "7 .0.1", "٧.0.1", "1.0.²"]
)
def test_what_is_no_fence_is_refused_with_how_one_is_written(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected NUMBER\.TURN\.GRANT, such as 7\.0\.3"):
        Fence.parse(text)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("250ms", 0.25),
        ("90s", 90),
        ("10m", 600),
        ("1.5h", 5400),
        ("2d", 172800),
        ("0s", 0),
        (45, 45),
        (0.5, 0.5),
    ],
)
def test_a_duration_is_a_number_of_seconds(written: Any, seconds: float) -> None:
    assert sample(duration=written).duration == seconds


@pytest.mark.parametrize(
    "written",
    ["", "10", "10 m", "10M", "m", "-5s", "1e3s", ".5h", "10m\n", "٣m", "1h30m", "91d", -1, None, True],
)
def test_what_is_no_duration_is_refused(written: Any) -> None:
    with pytest.raises(ValidationError, match="duration"):
        Sample.model_validate_json(json.dumps({"duration": written}), strict=True)


@QUICK
@given(st.floats(0, 90 * 86400))
def test_a_duration_is_written_in_seconds_and_read_again(seconds: float) -> None:
    written = sample(duration=seconds).model_dump_json()
    assert json.loads(written)["duration"] == seconds
    assert Sample.model_validate_json(written, strict=True).duration == seconds


@pytest.mark.parametrize(
    ("written", "fraction"),
    [("10%", 0.1), ("100%", 1), ("0.5%", 0.005), ("12.5%", 0.125), (0.25, 0.25), (1, 1)],
)
def test_a_share_is_a_fraction_of_one(written: Any, fraction: float) -> None:
    assert sample(share=written).share == fraction


@pytest.mark.parametrize(
    "written", ["", "10", "0%", "101%", "-1%", "10 %", "ten", "10%\n", "٣%", 0, 1.01, None]
)
def test_what_is_no_share_is_refused(written: Any) -> None:
    with pytest.raises(ValidationError, match="share"):
        sample(share=written)


@pytest.mark.parametrize("name", ["a", "eu-west-1", "0", "a" * 63])
def test_a_name_is_a_dns_label(name: str) -> None:
    assert sample(name=name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "a-",
        "A",
        "a.b",
        "a_b",
        "a b",
        "a" * 64,
        "a\n",
        "ä",
        "a/b",
        "..",
        'a"',
        "a}",
        "$(a)",
        "{{a}}",
        "а",
    ],
)
@pytest.mark.parametrize("field", ["name", "object_name"])
def test_what_could_be_more_than_a_name_is_refused(field: str, name: str) -> None:
    allowed_in_objects = {"a.b", "a" * 64}
    if field == "object_name" and name in allowed_in_objects:
        assert sample(object_name=name).object_name == name
        return
    with pytest.raises(ValidationError, match=field):
        sample(**{field: name})


@pytest.mark.parametrize(
    "digest", ["", "sha256:", "sha256:" + "0" * 63, "sha256:" + "A" * 64, "sha512:" + "0" * 64, "0" * 64]
)
def test_only_a_whole_sha256_is_a_digest(digest: str) -> None:
    with pytest.raises(ValidationError, match="digest"):
        sample(digest=digest)
