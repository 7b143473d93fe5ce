"""Which alerts in a watch are the release's doing."""

from dataclasses import replace

import pytest

from lockgate.verifier.statistics.alerts import Alert, Doubt, Watched, doubt

WATCH = Watched("eu", rollout=10_000.0, until=17_200.0, severity=3, controls=frozenset({"us", "ap"}))
ALERT = Alert("TooManyErrors", "eu", severity=3, began=11_000.0)


def test_a_severe_alert_that_is_new_fails_the_watch() -> None:
    assert doubt(ALERT, WATCH, []) is None
    assert doubt(ALERT, WATCH, [ALERT]) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"region": "us"}, "elsewhere"),
        ({"began": 9_999.0}, "before"),
        ({"began": 17_200.0}, "before"),
        ({"severity": 2}, "mild"),
    ],
)
def test_an_alert_of_another_place_or_time_or_that_is_mild_is_only_mentioned(
    change: dict[str, float], why: Doubt
) -> None:
    assert doubt(replace(ALERT, **change), WATCH, []) == why  # type: ignore[arg-type]  # fields of all kinds


@pytest.mark.parametrize(
    ("began", "ended", "why"),
    [
        (
            1_000.0,
            2_799.0,
            None,
        ),  # over before the time that counts, as long before the rollout as the watch is
        (1_000.0, 2_800.0, "firing"),
        (9_000.0, 9_100.0, "firing"),
        (9_000.0, None, "firing"),
        (10_500.0, 10_600.0, None),  # it flaps, but since the rollout only
    ],
)
def test_an_alert_that_was_firing_before_the_rollout_is_no_news(
    began: float, ended: float | None, why: Doubt | None
) -> None:
    earlier = replace(ALERT, began=began, ended=ended)
    assert doubt(ALERT, WATCH, [earlier]) == why
    assert doubt(ALERT, WATCH, [replace(earlier, name="Other")]) is None
    assert doubt(ALERT, WATCH, [replace(earlier, region="us")]) is None


@pytest.mark.parametrize(("apart", "why"), [(-300.0, "shared"), (300.0, "shared"), (301.0, None)])
def test_an_alert_that_begins_in_a_control_region_as_well_is_a_shared_cause(
    apart: float, why: Doubt | None
) -> None:
    there = replace(ALERT, region="ap", severity=1, began=ALERT.began + apart)
    assert doubt(ALERT, WATCH, [there]) == why
    assert doubt(ALERT, WATCH, [replace(there, region="sa")]) is None
    assert doubt(ALERT, replace(WATCH, controls=frozenset()), [there]) is None
