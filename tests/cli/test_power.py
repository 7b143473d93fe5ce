"""What `plan check` foretells from traffic: simulated releases with known answers, and the same as the table of verdicts says."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from lockgate.cli.main import app
from lockgate.cli.power.comparisons import Comparison, comparisons, elsewhere
from lockgate.cli.power.drawing import START, Shape, drawn
from lockgate.cli.power.measured import bursts
from lockgate.cli.power.options import ToMeasure
from lockgate.cli.power.outlook import Runs, foretell, least, regressions
from lockgate.cli.power.telling import as_json, lines
from lockgate.cli.power.traffic import BOUNDS, NONE, Change, Latency, Traffic
from lockgate.cli.power.trials import Chance, Ended, tried
from lockgate.intake.planfile import GoodPlan, check_plan
from lockgate.messages.plan import Plan
from lockgate.messages.plan_metrics import Metrics
from lockgate.verifier.statistics.evidence import parse
from lockgate.verifier.statistics.policy import parse_policy
from lockgate.verifier.statistics.verification import Verification
from tests.bench import traffic as bench
from tests.bench.verdicts import NO_PASS, interval

ROOT = Path(__file__).parents[2]
TRAFFIC = Traffic(100.0, 0.005, Latency((0.1, 0.4), (0.5, 0.99)), BOUNDS["opentelemetry-http"], 10)
FEW = Runs(good=6, bad=3, tried=3)
TABLE = {
    row["name"]: row
    for row in json.loads((ROOT / "docs" / "qualification" / "verdicts.json").read_text())["rows"]
}


def plan(name: str) -> Plan:
    good = check_plan((ROOT / "docs" / "plans" / f"{name}.yaml").read_bytes())
    assert isinstance(good, GoodPlan)
    return good.plan


def pilot() -> Comparison:
    return comparisons(plan("payments"))[0]


def ended(traffic: Traffic, change: Change = NONE, runs: int = 12) -> Ended:
    return tried(traffic, change, pilot().of(traffic), runs, lambda: None)


def test_a_latency_goes_through_its_points_and_on_beyond_them() -> None:
    latency = Latency((0.1, 0.4), (0.5, 0.99))
    assert latency.shares(np.array([0.1, 0.4])) == pytest.approx([0.5, 0.99])
    # Each fourfold adds the logit of 99 %, ln 99.
    assert latency.shares(np.array([0.025, 1.6])) == pytest.approx([1 / 100, 1 - 1 / (1 + 99**2)])
    assert (latency.at(0.5), latency.at(0.99)) == pytest.approx((0.1, 0.4))


def test_a_release_multiplies_the_odds_of_an_error_and_adds_those_that_fail_always() -> None:
    assert Change("", odds=2).errors(np.array([0.0, 0.5])) == pytest.approx([0.0, 2 / 3])
    assert Change("", failing=0.1).errors(np.array([0.02, 0.95])) == pytest.approx([0.12, 1.0])


def test_what_is_compared_is_as_the_verifier_measures_it() -> None:
    payments, canary = comparisons(plan("payments")), comparisons(plan("canary"))
    # A pilot, a wave and a watch share 1 %; 60m and 30m more are 60 scrapes of 90 s, and 30m of soak are 20.
    assert [(c.stage.name, c.share) for c in payments] == [("pilot", 0.1)]
    shape = payments[0].of(TRAFFIC)
    assert (shape.step, shape.share, shape.pilots) == (90.0, 0.1, 1)
    assert (shape.policy.deadline, shape.policy.soak, shape.policy.err_margin) == (60, 20, 1.5)
    # A pilot, and two steps in one region; the later wave goes by time.
    assert [(c.stage.name, c.share) for c in canary] == [("pilot", 0.1), ("first", 0.25), ("first", 0.5)]
    assert [c.alpha for c in (*payments, *canary)] == pytest.approx([0.01 / 3] * 4)
    assert [c.of(TRAFFIC).pilots for c in canary] == [1, 3, 5]


def test_what_is_not_compared_with_production_beside_it_is_named() -> None:
    assert elsewhere(plan("payments")) == ("first", "watch")
    assert elsewhere(plan("canary")) == ()


def test_without_a_route_the_share_is_one_of_replicas() -> None:
    given = plan("payments")
    workload = given.workload.model_copy(update={"route": None})
    (found,) = comparisons(given.model_copy(update={"workload": workload}))
    shape = found.of(replace(TRAFFIC, pods=4))
    assert (shape.pilots, shape.share) == (1, 1 / 5)


def test_hundreds_of_pods_are_simulated_as_fifty_with_all_of_the_requests() -> None:
    shape = pilot().of(replace(TRAFFIC, pods=400))
    assert (shape.pods, shape.pilots) == (50, 5)
    found = drawn(replace(TRAFFIC, pods=400), NONE, shape, (5, 0))
    assert found.counters.shape[1] == 55
    assert found.counters[-1, :, 0].sum() == pytest.approx(
        TRAFFIC.requests * shape.step * (START + 60), rel=0.3
    )


def test_where_a_plan_names_no_latency_errors_alone_decide() -> None:
    metrics = Metrics.model_validate({"preset": "custom", "custom": {"requests": "http_requests_total"}})
    (compared,) = comparisons(plan("payments").model_copy(update={"metrics": metrics}))
    found = foretell(compared, None, replace(TRAFFIC, requests=2000.0, bounds=()), FEW, lambda: None)
    assert found.good.chance("pass").count >= 5
    assert [one.chance("fail").count for one in found.bad] == [3, 3, 3]
    assert "  2000 requests/s to 10 pods, 0.5% fail" in lines("", [found], [])


def test_the_same_seed_draws_the_same_release() -> None:
    shape = pilot().of(TRAFFIC)
    one, same, other = (drawn(TRAFFIC, NONE, shape, (1, run)) for run in (0, 0, 1))
    assert np.array_equal(one.counters, same.counters)
    assert not np.array_equal(one.counters, other.counters)


def test_what_is_drawn_is_the_traffic_that_was_given() -> None:
    shape = pilot().of(TRAFFIC)
    per_scrape = TRAFFIC.requests * shape.step
    found = [drawn(TRAFFIC, Change("", odds=3), shape, (2, run)) for run in range(8)]
    whole = np.mean([np.diff(one.counters, axis=0) for one in found], axis=0)
    since = whole[START - 1 :]
    production, released = since[:, :10].sum(axis=(0, 1)), since[:, 10:].sum(axis=(0, 1))
    assert (production + released)[0] / len(since) == pytest.approx(per_scrape, rel=0.2)  # the day's wave
    assert released[0] / (production + released)[0] == pytest.approx(0.1, rel=0.01)
    assert production[1] / production[0] == pytest.approx(0.005, rel=0.3)
    assert released[1] / released[0] == pytest.approx(3 * production[1] / production[0], rel=0.1)
    slower_than_a_tenth = 2 + TRAFFIC.bounds.index(0.1)
    assert production[slower_than_a_tenth] / production[0] == pytest.approx(0.5, abs=0.05)
    assert not found[0].seen[: START - 1, 10:].any()
    assert found[0].seen[:, :10].all()


def test_with_much_traffic_a_good_release_passes_nearly_always() -> None:
    found = ended(replace(TRAFFIC, requests=2000.0))
    assert found.chance("pass").count >= 11
    assert found.after("pass", 0.5) == 20  # as soon as it has soaked


def test_with_a_request_each_ten_seconds_nothing_passes_and_nothing_fails() -> None:
    found = ended(replace(TRAFFIC, requests=0.1))
    assert found.chance("inconclusive", "unmeasurable") == Chance(12, 12)


def test_a_release_of_which_half_fails_is_found_within_two_scrapes_each_time() -> None:
    found = ended(TRAFFIC, Change("", failing=0.5))
    assert found.chance("fail") == Chance(12, 12)
    assert found.after("fail", 0.9) in {1, 2}


def test_a_release_that_is_far_slower_is_found_each_time() -> None:
    found = ended(TRAFFIC, Change("", slower=3.0))
    assert found.chance("fail") == Chance(12, 12)


def test_latency_below_the_lowest_bound_is_what_a_good_release_lacks_evidence_of() -> None:
    below = replace(TRAFFIC, requests=1000.0, latency=Latency((0.002, 0.008), (0.5, 0.99)))
    found = ended(below, runs=4)
    assert found.chance("pass").count == 0
    assert found.hindered == ("latency", 4)


def test_the_regressions_are_those_of_the_plans_own_margins() -> None:
    assert [one.words for one in regressions(pilot(), TRAFFIC)] == [
        "errors ×1.5",
        "errors ×3",
        "10% more fail",
        "20% slower",
        "40% slower",
    ]
    assert [one.words for one in regressions(pilot(), replace(TRAFFIC, bounds=()))] == [
        "errors ×1.5",
        "errors ×3",
        "10% more fail",
    ]


def test_where_nothing_fails_a_bad_release_is_one_that_fails_at_all() -> None:
    """Three times none is none: such a row would tell that bad releases pass."""
    spotless = replace(TRAFFIC, requests=2000.0, errors=0.0)
    rows = [one.words for one in regressions(pilot(), spotless)]
    assert rows == ["0.1% fail", "0.3% fail", "10% more fail", "20% slower", "40% slower"]
    assert ended(spotless, list(regressions(pilot(), spotless))[1]).chance("pass").count == 0


def test_an_interval_holds_what_is_known_of_it() -> None:
    assert Chance(0, 200).interval == pytest.approx((0.0, 0.0188), abs=1e-3)
    assert Chance(10, 20).interval == pytest.approx((0.299, 0.701), abs=1e-3)  # Wilson's, by hand
    assert Chance(20, 20).interval == pytest.approx((0.839, 1.0), abs=1e-3)


RUNS = 24
BENCH_LATENCY = tuple(
    (
        0.99 * bench._lognormal(np.array(bench.BOUNDS), 0.06, 0.6)
        + 0.01 * bench._lognormal(np.array(bench.BOUNDS), 0.3, 0.5)
    ).tolist()
)
BENCH = Traffic(
    100.0, 0.005, Latency(tuple(bench.BOUNDS), BENCH_LATENCY), tuple(bench.BOUNDS), bench.BASELINE
)


def benched(policy: dict[str, int]) -> Shape:
    """As the public benchmark is measured."""
    return Shape(60.0, 0.1, BENCH.pods, 1, parse_policy(policy, (), histogram=True))


def agree(found: Chance, runs: int, percent: tuple[float, float]) -> bool:
    """Whether the 95 % intervals of both meet."""
    low, high = interval(found.count, runs)
    return 100 * low <= percent[1] and percent[0] <= 100 * high


@pytest.mark.parametrize(
    ("row", "change"),
    [
        ("errors x1.5", Change("", odds=1.5)),
        ("errors x2", Change("", odds=2)),
        ("errors x5", Change("", odds=5)),
        ("errors +10 pp", Change("", failing=0.1)),
        ("latency x1.1", Change("", slower=1.1)),
        ("latency x1.25", Change("", slower=1.25)),
        ("latency x1.5", Change("", slower=1.5)),
    ],
)
def test_bad_releases_are_found_as_often_and_as_soon_as_in_the_table_of_verdicts(
    row: str, change: Change
) -> None:
    found, told = tried(BENCH, change, benched(NO_PASS), 24, lambda: None), TABLE[row]
    assert agree(found.chance("fail"), 24, (told["low"], told["high"]))
    median = found.after("fail", 0.5)
    assert median is not None
    assert abs(median - told["minutes"]) <= max(2, 0.35 * told["minutes"])


def test_good_releases_fail_no_more_often_than_in_the_table_of_verdicts() -> None:
    found, told = tried(BENCH, NONE, benched(NO_PASS), 40, lambda: None), TABLE["A/A real"]
    assert agree(found.chance("fail"), 40, (told["low"], told["high"]))


@pytest.mark.parametrize(
    ("world", "traffic"),
    [
        (bench.World(), BENCH),
        (bench.World(bursty=True), replace(BENCH, bursts=1.0)),
        (bench.World(errors=0.001), replace(BENCH, errors=0.001)),
    ],
    ids=["real", "bursty", "few errors"],
)
def test_good_releases_pass_as_often_as_those_of_the_public_benchmark(
    world: bench.World, traffic: Traffic
) -> None:
    """Those have CPU and memory too, which no plan can ask for: without them, on either side."""
    ours = tried(traffic, NONE, benched({}), RUNS, lambda: None)
    theirs = sum(bench_passes(world, run) for run in range(RUNS))
    low, high = interval(theirs, RUNS)
    assert agree(ours.chance("pass"), RUNS, (100 * low, 100 * high))


def bench_passes(world: bench.World, run: int) -> bool:
    given = bench.evidence(world, (3, run), {})
    for pod in given["pods"]:
        pod["gauges"] = {}
    parsed = parse(given)
    return Verification.of(parsed).fold(parsed).verdict == "pass"


def told(requests: float, region: str | None = None) -> list[str]:
    found = foretell(pilot(), region, replace(TRAFFIC, requests=requests), FEW, lambda: None)
    return lines("With this traffic:", [found], ["watch"])


def test_what_is_foretold_is_the_same_each_time_and_fits_a_terminal() -> None:
    said = told(5.0)
    assert said == told(5.0)
    assert max(map(len, said)) <= 80


def test_with_enough_traffic_nothing_is_proposed() -> None:
    said = told(2000.0)
    assert said[1:7] == [
        "With this traffic:",
        "",
        "pilot: a pilot of 10% in eu-west",
        "  2000 requests/s to 10 pods, 0.5% fail, half within 100 ms, 99% within 400 ms",
        "  a scrape each 90s with 18000 requests of the release; no pass before 30m, over",
        "  after 1h 30m",
    ]
    kinds = ("a good release", "errors ×1.5", "errors ×3", "10% more fail", "20% slower", "40% slower")
    assert all(line.startswith(f"  {kind} ") for line, kind in zip(said[8:14], kinds, strict=True))
    assert "100% (61-100)" in said[8]
    assert not any("Few good ones pass" in line for line in said)
    assert said[-1] == "Not foretold: watch. How regions and hours differ by themselves decides there."


def test_with_too_little_it_says_what_is_lacking_what_follows_and_what_would_help() -> None:
    said = " ".join(told(0.5))
    assert "Of 6 good ones that are undecided at the end (its 30m more included)," in said
    assert "the plan says of that: the release fails." in said
    proposals = ("verify: 2h ", "verify: 4h ", "a share of 20% ", "a share of 40% ", "the most of each ")
    assert all(one in said for one in proposals)
    assert "That is too little traffic to prove a release good." in said


def test_programs_get_chances_with_intervals_and_scrapes() -> None:
    found = foretell(pilot(), "eu-west", replace(TRAFFIC, requests=2000.0), FEW, lambda: None)
    (one,) = json.loads(json.dumps(as_json([found], [])))["comparisons"]
    assert (one["stage"], one["share"], one["region"], one["scrape_seconds"]) == (
        "pilot",
        0.1,
        "eu-west",
        90.0,
    )
    assert one["good"]["pass"] == {"share": 1.0, "interval": pytest.approx([0.61, 1.0], abs=0.01)}
    assert one["good"]["scrapes"]["pass"] == {"median": 20, "p90": 20}
    gross = one["regressions"][2]
    assert (gross["release"], gross["fail"]["share"], gross["scrapes"]["fail"]["median"]) == (
        "10% more fail",
        1.0,
        1,
    )


def test_of_several_regions_the_one_with_the_least_traffic_is_told() -> None:
    both = replace(pilot().terms, regions=("eu-west", "us-east"))
    traffic = {"eu-west": TRAFFIC, "us-east": replace(TRAFFIC, requests=2.0)}
    compared = replace(pilot(), terms=both)
    assert least(compared, traffic) == ("us-east", traffic["us-east"])
    found = foretell(compared, *least(compared, traffic), FEW, lambda: None)
    assert "pilot: a pilot of 10% in us-east, which has the least traffic of its 2 regions" in lines(
        "", [found], []
    )


def test_more_comparisons_have_fewer_runs_each() -> None:
    assert (Runs.of(1), Runs.of(2)) == (Runs(200, 60, 32), Runs(100, 30, 16))
    assert Runs.of(40) == Runs(32, 16, 16)


def test_bursts_are_seen_in_what_was_counted() -> None:
    shape = pilot().of(TRAFFIC)
    for given in (0.0, 1.0):
        found = drawn(replace(TRAFFIC, requests=1000.0, bursts=given), NONE, shape, (4, 0))
        new = np.diff(found.counters, axis=0)[:60, :10]
        assert bursts(new[..., 0], new[..., 1]) == pytest.approx(given, abs=0.25)


@pytest.mark.parametrize("pods", [2, 10])
@pytest.mark.parametrize("given", [0.0, 1.0])
def test_bursts_are_told_without_bias_also_of_few_pods_and_few_errors(pods: int, given: float) -> None:
    rng = np.random.default_rng(6)
    requests = rng.poisson(200.0, (4000, pods))
    rate = 0.005 * (rng.gamma(1.0, 1.0, requests.shape) if given else np.ones(requests.shape))
    errors = rng.binomial(requests, np.minimum(rate, 1.0))
    assert bursts(requests.astype(float), errors.astype(float)) == pytest.approx(given, abs=0.12)


def test_one_pod_tells_nothing_of_bursts() -> None:
    counted = np.array([[100.0], [120.0], [90.0]])
    assert bursts(counted, np.array([[1.0], [0.0], [30.0]])) == 0.0


def run(*arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["plan", "check", str(ROOT / "docs" / "plans" / "payments.yaml"), *arguments]
    )


def test_a_check_without_traffic_says_in_one_line_that_it_can_tell() -> None:
    assert run().output.splitlines()[-1] == (
        "How likely a good release is to pass it tells with --requests-per-second NUMBER, or --prometheus URL."
    )
    assert json.loads(run("--json").output) == {"application": "payments"}


def test_a_check_with_traffic_foretells_for_people_and_for_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Runs, "of", lambda _: FEW)
    given = ("--requests-per-second", "900", "--error-rate", "1%", "--latency", "50ms/300ms", "--pods", "20")
    said = run(*given)
    assert (said.exit_code, said.stderr) == (0, "")
    assert (
        "  900 requests/s to 20 pods, 1% fail, half within 50 ms, 99% within 300 ms"
        in said.output.splitlines()
    )
    assert (
        "With this traffic in each region, by 6 simulated good releases and 3 of each bad\nkind:"
        in said.output
    )
    found = json.loads(run(*given, "--json").output)
    assert [one["stage"] for one in found["comparisons"]] == ["pilot"]
    assert found["not_foretold"] == ["first", "watch"]
    assert found["comparisons"][0]["traffic"]["latency"] == pytest.approx({"median": 0.05, "p99": 0.3})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--error-rate", "1%"), "add --requests-per-second NUMBER"),
        (("--requests-per-second", "4", "--latency", "800ms/20ms"), "such as 120ms/800ms"),
        (("--requests-per-second", "4", "--error-rate", "1"), "'1' is no share"),
        (("--requests-per-second", "4", "--prometheus", "http://a"), "either measured"),
        (("--namespace", "shop"), "name where, with --prometheus URL"),
        (("--prometheus", "http://a"), "add --namespace NAME"),
        (("--prometheus", "file:///etc/passwd", "--namespace", "shop"), "is no address"),
        (("--prometheus", "http://a", "--namespace", 'shop"} or up{a="'), "is no name of a namespace"),
        (("--prometheus", "http://a", "--namespace", "shop", "--since", "1s"), "5m at least and 7d at most"),
    ],
)
def test_traffic_that_does_not_go_together_is_refused(arguments: tuple[str, ...], says: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.replace("│", " ").split())


def test_a_prometheus_that_cannot_be_asked_ends_it_with_exit_code_2() -> None:
    result = run("--prometheus", "http://127.0.0.1:1", "--namespace", "shop")
    assert result.exit_code == 2
    assert result.stderr.startswith(
        "The traffic cannot be measured. eu-west: Prometheus at http://127.0.0.1:1"
    )


def test_a_plan_that_compares_nothing_beside_production_says_so(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text((ROOT / "docs" / "plans" / "one-region.yaml").read_text())
    said = CliRunner().invoke(app, ["plan", "check", str(file), "--requests-per-second", "4"]).output
    assert "None of its stages is compared with the production beside it." in said
    assert "How likely" not in CliRunner().invoke(app, ["plan", "check", str(file)]).output


def test_the_traffic_that_is_measured_is_that_of_the_regions_in_which_something_is_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def measured(_: Plan, regions: Iterable[str], where: ToMeasure) -> dict[str, Traffic]:
        assert where == ToMeasure("http://prometheus:9090", "shop", 7200.0)
        return {region: replace(TRAFFIC, requests=700.0) for region in regions}

    monkeypatch.setattr(Runs, "of", lambda _: FEW)
    monkeypatch.setattr("lockgate.cli.power.command.measured", measured)
    said = run("--prometheus", "http://prometheus:9090", "--namespace", "shop", "--since", "2h").output
    assert "With the traffic of the last 2h, by 6 simulated good releases" in said
    assert "pilot: a pilot of 10% in eu-west\n  700 requests/s to 10 pods" in said
