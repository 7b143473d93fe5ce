"""Regions after their rollout, compared with regions without the release: each for itself, and all as one verdict."""

import copy
import json
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

from lockgate.verifier.statistics.again import again
from lockgate.verifier.statistics.before import window
from lockgate.verifier.statistics.control import Control, Placebos
from lockgate.verifier.statistics.evidence import Evidence, parse
from lockgate.verifier.statistics.record import between
from lockgate.verifier.statistics.refusal import EvidenceError
from lockgate.verifier.statistics.regions import STEADY, Regions, Together, recompute
from lockgate.verifier.statistics.state import dump, load
from lockgate.verifier.statistics.verification import Verification, encode
from lockgate.verifier.statistics.verification import recompute as recompute_one
from tests.support.verification import cut
from tests.support.verification_regions import BEGAN, ROLLOUT, START, WATCH, busy, together, watch, watched

REGIONS = {"ap-south": {}, "eu-west": {"errors": 2.5}, "us-east": {}}


@cache
def wave() -> dict[str, Any]:
    return {name: watched(index, **worse) for index, (name, worse) in enumerate(REGIONS.items())}


def said(run: Regions) -> bytes:
    return encode(run.result(dict.fromkeys(run.runs, "0")))


def test_a_region_that_always_fails_more_often_than_the_others_does_not_fail_for_it() -> None:
    """Of 40 regions of good releases, 60 % more errors than the others as ever, at most one does."""
    outcomes = [watch(watched(seed)).outcome.verdict for seed in range(40)]
    assert outcomes.count("fail") <= 1
    assert outcomes.count("pass") >= 25


@pytest.mark.parametrize(
    ("worse", "why", "soon"),
    [({"errors": 2.0}, "errors", 6), ({"slower": 1.6}, "latency", 12), ({"cpu": 1.4}, "cpu", 12)],
)
def test_a_release_that_is_worse_than_what_is_usual_fails(
    worse: dict[str, float], why: str, soon: int
) -> None:
    for seed in range(100, 108):
        outcome = watch(watched(seed, **worse)).outcome
        assert (outcome.verdict, outcome.why) == ("fail", why)
        assert outcome.at <= soon


def test_how_regions_differed_before_is_found() -> None:
    setup = watch(watched(3, usual=1.6)).setup
    assert setup.usual is not None
    assert setup.usual[0] == pytest.approx(math.log(1.6), abs=0.1)
    assert setup.usual[1:] == pytest.approx([0.0] * len(setup.bounds), abs=0.05)


def test_a_reference_of_less_than_four_windows_is_too_short() -> None:
    parsed = parse(watched(1))
    with pytest.raises(EvidenceError, match=r"^start: expected 4 windows .* got '3 in 79 scrapes'"):
        Verification.of(parsed, 4 * WATCH - 1)
    assert Verification.of(parsed, 4 * WATCH).setup.usual is not None


def test_windows_end_where_the_rollout_began() -> None:
    assert window(np.arange(11.0), 11, 4).tolist() == [-1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1]


def test_a_region_is_recomputed_from_its_record_and_continued_from_its_state() -> None:
    given = watched(9, errors=1.3)
    whole = watch(given)
    run = Verification.of(parse(cut(given, 0)), BEGAN)
    for scrapes in range(1, WATCH + 1):
        run = load(json.loads(json.dumps(dump(run))))
        run.fold(parse(cut(given, scrapes)))
    expected = encode(whole.result(whole.outcome, "0"))
    assert encode(run.result(run.outcome, "0")) == expected
    assert encode(recompute_one(json.loads(expected)["evidence"])) == expected


def test_the_verdict_on_a_wave_names_the_guilty_region() -> None:
    run = together(wave())
    assert (run.outcome.verdict, run.outcome.guilty, run.outcome.why) == ("fail", ("eu-west",), "errors")
    reason = json.loads(said(run))["reason"]
    assert reason.startswith("Of 3 regions eu-west is worse. Since scrape 1 the region's requests fail ")
    assert "as often as what is usual beside the other regions" in reason


def test_what_is_a_little_worse_everywhere_is_found_although_no_region_is_sure_by_itself() -> None:
    given = {f"r{index}": watched(200 + index, errors=1.6) for index in range(4)}
    run = together(given)
    assert run.outcome.verdict == "fail"
    alone = [one.outcome.verdict for one in run.runs.values()]
    assert "fail" not in alone
    assert run.ln_mean() >= math.log(100) > math.log(100) - 1


def test_a_wave_of_good_regions_passes_when_all_have() -> None:
    run = together({f"r{index}": watched(seed) for index, seed in enumerate((0, 1, 2))})
    assert run.outcome == Together("pass", max(one.outcome.at for one in run.runs.values()), (), "margins")


def test_a_pass_says_how_many_scrapes_each_region_was_looked_at() -> None:
    """Here one is shown to be good before the other."""
    run = together({"a": watched(0), "b": watched(3)})
    ends = {name: one.outcome.at for name, one in run.runs.items()}
    assert ends["a"] != ends["b"]
    assert json.loads(said(run))["reason"] == (
        f"After {ends['a']} scrapes in a, {ends['b']} in b all 2 regions are shown to be within the margins."
    )


def test_the_order_of_regions_and_of_their_pods_means_nothing() -> None:
    mixed = copy.deepcopy(dict(reversed(wave().items())))
    for one in mixed.values():
        one["pods"].reverse()
    assert said(together(mixed)) == said(together(wave()))


def test_a_verdict_on_regions_is_the_same_scrape_by_scrape_and_with_later_scrapes_cut_off() -> None:
    whole = together(wave())
    parsed = {name: parse(cut(one, 0)) for name, one in wave().items()}
    run = Regions.of(parsed, dict.fromkeys(parsed, BEGAN))
    for scrapes in range(1, whole.outcome.at + 1):
        assert run.outcome.verdict == "running"
        run.fold({name: parse(cut(one, scrapes)) for name, one in wave().items()})
    assert said(run) == said(whole)


def test_it_waits_for_the_scrapes_of_all_regions() -> None:
    late = {name: cut(one, 0 if name == "us-east" else 10) for name, one in wave().items()}
    assert together(late).outcome == Together("running", 0)


def test_a_verdict_on_regions_is_recomputed_from_its_event_alone() -> None:
    for given in (wave(), {"a": watched(0), "b": watched(1)}):
        expected = said(together(given))
        assert encode(recompute(json.loads(expected)["evidence"])) == expected


def test_so_many_regions_that_no_false_alarm_rate_is_left_for_each_are_refused() -> None:
    given = {name: one | {"policy": one["policy"] | {"alpha": 2e-6}} for name, one in wave().items()}
    with pytest.raises(EvidenceError, match=r"^policy\.alpha: expected at least 1e-06 for each of 3 regions"):
        together(given)


def test_the_mean_evidence_of_good_regions_is_at_most_one_whenever_one_stops() -> None:
    """Over 150 pairs of regions that share their control's incidents, at each of six moments and at the best stop of
    a gambler who wants to double. The largest may be as much above 1 as three standard errors.
    """
    rows = []
    for seed in range(150):
        parsed = {name: parse(watched(1000 + 2 * seed + index)) for index, name in enumerate("ab")}
        run = Regions.of(parsed, dict.fromkeys(parsed, BEGAN))
        for one in run.runs.values():
            for end in range(1, WATCH + 1):
                one.fold(parsed["a" if one is run.runs["a"] else "b"], START + end)
        values = [np.exp(_ln_e(one)) for one in run.runs.values()]
        rows.append((values[0] + values[1]) / 2)
    e = np.array(rows)
    stopped = [next((value for value in row if value >= 2), row[-1]) for row in e]
    for column in (*e[:, [0, 3, 7, 11, 15, -1]].T, np.array(stopped)):
        assert column.mean() <= 1 + 3 * column.std() / math.sqrt(len(column))


def _ln_e(run: Verification) -> Any:
    """Of errors, after each scrape; from a verdict on as it was then."""
    found = np.concatenate([one.ln_e[:, 0] for one in run.judged])
    return np.concatenate((found, np.full(WATCH - len(found), found[-1])))


CONTROL = {"b-0": "eu-north", "b-1": "us-west", "b-2": "sa-east", "b-3": "sa-east"}


def gone_astray(*pods: str) -> Evidence:
    """Control pods that fail three times as often from the rollout of another region on."""
    given = copy.deepcopy(watched(21))
    for pod in given["pods"]:
        if pod["name"] in pods:
            before = pod["errors"][BEGAN]
            pod["errors"] = pod["errors"][:BEGAN] + [
                3 * (one - before) + before for one in pod["errors"][BEGAN:]
            ]
    return parse(given)


def astray(evidence: Evidence, at_once: int = WATCH, regions: Mapping[str, str] = CONTROL) -> dict[str, int]:
    """Of what is told so many scrapes at once."""
    placebos = Placebos(evidence, regions, BEGAN)
    for end in range(at_once, WATCH + 1, at_once):
        placebos.fold(evidence, end)
    return placebos.astray


def test_control_regions_that_go_astray_by_themselves_are_found() -> None:
    assert astray(parse(watched(21))) == {}
    found = astray(gone_astray("b-0"))
    assert (list(found), 1 <= found["eu-north"] <= 6) == (["eu-north"], True)
    assert astray(gone_astray("b-0"), 1) == found


def test_which_of_fewer_than_three_regions_went_astray_nobody_can_tell() -> None:
    two = {**CONTROL, "b-1": "sa-east"}
    assert astray(gone_astray("b-0"), regions=two) == {}
    assert not Control(("a", "b"), {"a": 1, "b": 1}).unstable(1)


def test_a_control_of_which_half_went_astray_is_no_control_from_then_on() -> None:
    control = Control(("a", "b", "c", "d"), {"a": 3, "c": 7})
    assert [control.unstable(at) for at in (3, 6, 7)] == [False, False, True]
    assert control.gone(5) == ("a",)


def blocks(run: Regions) -> dict[str, Any]:
    return {name: one.measured() for name, one in run.runs.items()}


def anew(run: Regions, control: Control, count: int = 0) -> Regions:
    """The same, of what was measured."""
    made = Regions(
        run.alpha, {name: Verification(one.setup) for name, one in run.runs.items()}, control, count
    )
    made.judge(blocks(run))
    return made


def test_nothing_is_judged_beside_regions_that_went_astray_and_the_record_says_so() -> None:
    run = anew(together(wave()), Control(("d", "e", "f"), {"e": 1, "d": 1}))
    assert run.outcome == Together("unmeasurable", 1, (), "control")
    expected = said(run)
    assert "Of 3 regions without the release d, e went astray by themselves" in json.loads(expected)["reason"]
    assert encode(again(json.loads(expected)["evidence"])) == expected


def test_nothing_passes_beside_a_control_of_which_one_region_is_known_to_have_gone_astray() -> None:
    good = together({"a": watched(0), "b": watched(1)})
    control = Control(("c", "d", "e", "f", "g"), {"c": 3})
    run = anew(good, control)
    assert run.outcome == Together("inconclusive", good.outcome.at, (), "control")
    expected = said(run)
    assert "Of 5 regions without the release c went astray by itself" in json.loads(expected)["reason"]
    assert encode(again(json.loads(expected)["evidence"])) == expected
    assert anew(good, Control(control.regions, {"c": WATCH + 1})).outcome.verdict == "pass"


def test_a_region_that_is_worse_waits_for_no_other_whose_metrics_are_away() -> None:
    whole = together(wave())
    late = Regions(whole.alpha, {name: Verification(one.setup) for name, one in whole.runs.items()})
    late.judge({**blocks(whole), "us-east": between(blocks(whole)["us-east"], 0, 1)})
    assert (late.outcome.verdict, late.outcome.guilty) == ("fail", ("eu-west",))
    assert encode(recompute(json.loads(said(late))["evidence"])) == said(late)


def test_a_wave_does_not_pass_while_nothing_is_told_of_one_of_its_regions() -> None:
    good = together({"a": watched(0), "b": watched(1)})
    assert anew(good, STEADY).outcome.verdict == "pass"
    assert anew(good, STEADY, count=3).outcome == Together("running", good.outcome.at)


def test_one_region_alone_is_named_in_a_sentence_about_one() -> None:
    assert json.loads(said(together({"a": watched(0)})))["reason"].endswith(
        "a is shown to be within the margins."
    )
    bad = json.loads(said(together({"a": watched(1, errors=2.5)})))["reason"]
    assert bad.startswith("a is worse. Since scrape 1 the region's requests fail ")


def test_the_record_of_as_many_scrapes_as_a_wave_has_fits_into_an_event() -> None:
    """Of twelve regions with ten scrapes each, and of two with sixty; four bounds are the most that are compared."""
    for regions, scrapes in ((12, 10), (2, 60)):
        given = {f"ap-southeast-{n}": busy(n, scrapes) for n in range(regions)}
        parsed = {name: parse(one) for name, one in given.items()}
        run = Regions.of(parsed, {name: one.start - ROLLOUT for name, one in parsed.items()})
        run.fold(parsed)
        assert run.outcome.verdict == "inconclusive"
        assert len(run.runs["ap-southeast-0"].setup.bounds) == 4
        assert run.outcome.at == scrapes
        assert len(encode(run.result(dict.fromkeys(run.runs, "0" * 64)))) <= 64 * 1024
