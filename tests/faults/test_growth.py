"""How growth of memory is judged: what was there after the warm-up against what is there in the end."""

import pytest

from tests.support.growth import growth

HOUR = 3600.0


def every_ten_seconds(mebibytes: dict[float, float]) -> list[tuple[float, float]]:
    """An hour in which each of these values holds from its second on."""
    return [
        (float(at), next(value for since, value in reversed(mebibytes.items()) if at >= since))
        for at in range(0, int(HOUR) + 1, 10)
    ]


def test_what_stays_as_it_was_after_the_warm_up_has_not_grown() -> None:
    found = growth(every_ten_seconds({0.0: 20.0, 300.0: 80.0}), HOUR)
    assert (found.first, found.last, found.by_means) == (80.0, 80.0, 0.0)
    assert list(found.wrong()) == []


def test_a_steady_leak_is_seen_by_the_means_and_by_the_line() -> None:
    found = growth([(float(at), 50.0 + at / 240) for at in range(0, 3601, 10)], HOUR)
    assert found.by_means == pytest.approx(0.2136, abs=1e-3)
    assert found.by_line == pytest.approx(0.268, abs=1e-3)
    assert [sentence.rpartition(", ")[2] for sentence in found.wrong()] == [
        "by its means",
        "by a fitted line",
    ]


def test_growth_of_less_than_a_tenth_is_allowed() -> None:
    found = growth([(float(at), 100.0 + at / 400) for at in range(0, 3601, 10)], HOUR)
    assert found.by_line == pytest.approx(0.0819, abs=1e-3)
    assert list(found.wrong()) == []


def test_a_series_is_reduced_and_keeps_its_beginning() -> None:
    found = growth(every_ten_seconds({0.0: 40.0, 1800.0: 41.0}), HOUR)
    assert len(found.series) <= 60
    assert (found.series[0], found.series[-1]) == (40.0, 41.0)


def test_too_few_samples_compare_nothing() -> None:
    with pytest.raises(ValueError, match="compare nothing"):
        growth([(0.0, 50.0), (HOUR, 50.0)], HOUR)
