"""The arithmetic of verdicts: right, and the same bytes whatever the processor is and however often it is cut."""

import hashlib
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.verifier.statistics.numerics import (
    exp,
    exp_of,
    lgamma,
    ln,
    log,
    logit,
    rounded,
    running,
    text,
    total,
)
from tests.support.cdevents import ROOT

PROGRAM = """
import hashlib, numpy as np
from lockgate.verifier.statistics.numerics import exp, lgamma, log, logit, total
x = 0.1 + np.arange(2000) * 0.37
made = [log(x), exp(x / 9 - 40), lgamma(x), logit(x / 800), total(x * x)]
print(hashlib.sha256(b"".join(np.asarray(one).tobytes() for one in made)).hexdigest())
"""
FEATURES = "AVX2 FMA3 AVX512F AVX512_SKX X86_V3 X86_V4 ASIMDHP"


@given(st.floats(1e-300, 1e300))
def test_log_is_right(x: float) -> None:
    assert ln(x) == pytest.approx(math.log(x), rel=4e-16, abs=2e-16)


@given(st.floats(-700, 700))
def test_exp_is_right(x: float) -> None:
    assert float(exp(np.array([x]))[0]) == pytest.approx(math.exp(x), rel=1e-15)


@given(st.floats(1e-9, 1e12))
def test_lgamma_is_right(z: float) -> None:
    assert float(lgamma(np.array([z]))[0]) == pytest.approx(math.lgamma(z), rel=1e-12, abs=1e-12)


def test_exp_ends_in_zero_and_never_in_infinity() -> None:
    low, high = exp(np.array([-1e9, 1e9]))
    assert low == 0.0
    assert 1e307 < high < math.inf


def test_logit_is_that_of_a_chance() -> None:
    assert logit(np.array([0.5, 0.75])).tolist() == pytest.approx([0.0, math.log(3)], abs=1e-15)


def test_rounding_is_half_to_even_and_knows_no_negative_zero() -> None:
    assert rounded(np.array([0.5e-6, 1.5e-6, 2.5e-6])).tolist() == [0.0, 2e-6, 2e-6]
    assert math.copysign(1.0, float(rounded(np.array([-1e-9]))[0])) == 1.0


@given(st.integers(-(10**14), 10**14))
def test_what_is_written_is_what_was_used(millionths: int) -> None:
    value = float(rounded(np.array([millionths / 1e6]))[0])
    assert float(text(value)) == value


def test_texts_have_no_zeros_at_their_end() -> None:
    assert [text(one) for one in (12.5, 100.0, 0.0, -0.25, 0.000001)] == [
        "12.5",
        "100",
        "0",
        "-0.25",
        "0.000001",
    ]


def test_sums_are_taken_from_the_first_to_the_last() -> None:
    assert total(np.array([1.0, 1e16, -1e16])) == 0.0  # from the last it would be 1
    assert total(np.zeros((0, 3))).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("shape", [(4, 3), (5, 300), (60, 9, 7), (3, 4, 5, 60), (9, 2000)])
def test_sums_are_the_same_whichever_way_is_the_fastest(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape) * 10.0 ** rng.integers(-9, 9, size=shape)
    for axis in range(-len(shape), len(shape)):
        one_by_one = np.add.accumulate(x, axis=axis).take(-1, axis=axis)
        assert total(x, axis).tolist() == one_by_one.tolist()


@given(st.lists(st.floats(-740, 700), min_size=1, max_size=60))
def test_few_numbers_and_many_come_to_the_same_bits(values: list[float]) -> None:
    many = np.array(values * (100 // len(values)))
    assert (
        exp(many[: len(values)]).tolist() == exp(many)[: len(values)].tolist() == [exp_of(v) for v in values]
    )
    above = np.abs(many) + 1e-300
    assert log(above[: len(values)]).tolist() == log(above)[: len(values)].tolist()
    assert log(above[: len(values)]).tolist() == [ln(one) for one in above[: len(values)].tolist()]


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.data())
def test_a_running_sum_is_the_same_however_it_is_cut(values: list[float], data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(values) - 1))
    whole = running(np.zeros(1), np.array(values)[:, None])
    first = running(np.zeros(1), np.array(values[:at])[:, None])
    second = running(first[-1], np.array(values[at:])[:, None])
    assert np.concatenate((first, second[1:])).tobytes() == whole.tobytes()


@pytest.mark.parametrize(
    "environment",
    [
        {"NPY_DISABLE_CPU_FEATURES": FEATURES},
        {"OPENBLAS_NUM_THREADS": "4", "OMP_NUM_THREADS": "4"},
        {"PYTHONHASHSEED": "7", "TZ": "Asia/Kathmandu", "LC_ALL": "C"},
    ],
    ids=lambda environment: next(iter(environment)),
)
def test_the_bytes_are_those_of_any_other_environment(environment: dict[str, str]) -> None:
    assert hashed(environment) == hashed({})


def hashed(environment: dict[str, str]) -> str:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert len(ran.stdout.strip()) == len(hashlib.sha256(b"").hexdigest())
    return ran.stdout


def test_the_same_is_said_of_numbers_and_of_arrays() -> None:
    assert ln(7.5) == float(log(np.array([1.0, 7.5]))[1])
