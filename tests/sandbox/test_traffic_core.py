"""The traffic model's pure core: counters by hand-computed bounds, decided by seed, region and tick alone."""

from itertools import pairwise

from lockgate.sandbox.behaviour import HEALTHY, Behaviour
from lockgate.sandbox.draws import Draws
from lockgate.sandbox.routing import Pod, Routing, Service
from lockgate.sandbox.traffic import BOUNDS, Tick, TrafficState, advance, fractions

NOW = 1_800_000_000.0


def pod(name: str, behaviour: Behaviour = HEALTHY, digest: str = "good", restarts: int = 0) -> Pod:
    return Pod(name, f"uid-{name}", "app", digest, behaviour, NOW - 100, restarts)


def routing(services: dict[str, list[Pod]], weights: dict[str, int] | None = None) -> Routing:
    pods = {each.name: each for found in services.values() for each in found}
    routes = {"payments": tuple(weights.items())} if weights is not None else {}
    return Routing(
        pods=pods,
        ready=frozenset(pods),
        homes={each.name: name for name, found in services.items() for each in found},
        services={name: Service(name, tuple(found), (("http", 80),)) for name, found in services.items()},
        routes=routes,
        hosts={},
    )


def run(
    where: Routing, ticks: int = 100, *, seed: int = 1, region: str = "eu-west", on: bool = True
) -> TrafficState:
    """`ticks` seconds of traffic to `payments`."""
    state = TrafficState()
    for index in range(1, ticks + 1):
        tick = Tick(region, seed, index, NOW + index, 1.0, {"payments": 100.0})
        state = advance(state, tick, where, lambda _flag: on)
    return state


def total(state: TrafficState, *names: str) -> int:
    return sum(state.pods[name].served.count + state.pods[name].failed.count for name in names)


def errors(state: TrafficState, name: str) -> float:
    return state.pods[name].failed.count / total(state, name)


def test_the_same_seed_region_and_ticks_give_the_same_counters() -> None:
    where = routing({"payments": [pod("a"), pod("b")]})
    assert run(where) == run(where)
    assert run(where) != run(where, seed=2)
    assert run(where) != run(where, region="eu-north")


def test_requests_follow_the_rate_and_spread_evenly_over_ready_pods() -> None:
    state = run(routing({"payments": [pod("a"), pod("b")]}), ticks=600)
    # A whole period of the load's swing: 60,000 expected, standard deviation 245.
    assert abs(total(state, "a", "b") - 60_000) < 1_500
    assert abs(total(state, "a") - total(state, "b")) < 1_500


def test_a_routes_weights_split_the_traffic() -> None:
    where = routing({"payments": [pod("a")], "pilot": [pod("p")]}, {"payments": 9, "pilot": 1})
    state = run(where, ticks=600)
    # One in ten of about 60,000: 6,000, standard deviation 73.
    assert abs(total(state, "p") / total(state, "a", "p") - 0.1) < 0.006


def test_a_weight_of_zero_gets_nothing() -> None:
    where = routing({"payments": [pod("a")], "pilot": [pod("p")]}, {"payments": 1, "pilot": 0})
    assert total(run(where), "p") == 0


def test_a_backend_without_ready_pods_loses_its_share_at_the_route() -> None:
    where = routing({"payments": [pod("a")], "pilot": []}, {"payments": 3, "pilot": 1})
    state = run(where, ticks=600)
    lost = state.unrouted["payments"]
    assert abs(lost / (lost + total(state, "a")) - 0.25) < 0.01


def test_an_images_error_rate_is_met() -> None:
    state = run(routing({"payments": [pod("a", Behaviour(error_rate=0.05))]}), ticks=600)
    # 60,000 requests: 0.05 with a standard deviation of 0.0009.
    assert abs(errors(state, "a") - 0.05) < 0.005


def test_a_fault_from_a_share_on_shows_only_there() -> None:
    bad = pod("p", Behaviour(error_rate=0.2, fault_from_share=0.5), digest="bad")
    services = {"payments": [pod("a")], "pilot": [bad]}
    assert run(routing(services, {"payments": 9, "pilot": 1})).pods["p"].failed.count == 0
    state = run(routing(services, {"payments": 1, "pilot": 1}), ticks=600)
    assert abs(errors(state, "p") - 0.2) < 0.02


def test_a_share_counts_pods_of_the_same_image_across_services() -> None:
    bad = Behaviour(error_rate=0.2, fault_from_share=0.5)
    mixed = [pod("a"), pod("b", bad, "bad")]
    where = routing({"payments": mixed, "pilot": [pod("p", bad, "bad")]}, {"payments": 8, "pilot": 2})
    # Half of 80 % and all of 20 %: the image carries 60 %.
    shares = where.shares("payments")
    assert (round(shares["good"], 6), round(shares["bad"], 6)) == (0.4, 0.6)
    assert run(where).pods["p"].failed.count > 0


def test_a_fault_behind_a_flag_goes_when_the_flag_is_off() -> None:
    where = routing({"payments": [pod("a", Behaviour(error_rate=0.5, fault_with_flag="new-checkout"))]})
    assert run(where, on=True).pods["a"].failed.count > 0
    assert run(where, on=False).pods["a"].failed.count == 0


def test_counters_never_fall_and_a_restart_begins_at_zero() -> None:
    where = routing({"payments": [pod("a", Behaviour(error_rate=0.1))]})
    states = [run(where, ticks=ticks).pods["a"] for ticks in range(1, 30)]
    for before, after in pairwise(states):
        assert after.served.count >= before.served.count
        assert after.failed.count >= before.failed.count
        assert all(
            one <= other for one, other in zip(before.served.buckets, after.served.buckets, strict=True)
        )
    again = routing({"payments": [pod("a", restarts=1)]})
    tick = Tick("eu-west", 1, 31, NOW, 1.0, {"payments": 0.0})
    fresh = advance(TrafficState({"a": states[-1]}), tick, again, lambda _flag: True)
    assert fresh.pods["a"].served.count == 0


def test_every_request_lies_in_one_bucket_and_the_sum_fits_the_latency() -> None:
    counters = run(routing({"payments": [pod("a", Behaviour(latency_ms=40))]})).pods["a"]
    assert sum(counters.served.buckets) == counters.served.count
    # Median 40 ms with a spread of 0.35: the mean is 42.5 ms.
    assert abs(counters.served.seconds / counters.served.count - 0.0425) < 0.001


def test_half_of_the_requests_are_faster_than_the_median() -> None:
    shares = fractions(0.05, 0.35)
    assert abs(sum(shares) - 1) < 1e-9
    assert abs(sum(shares[: BOUNDS.index(0.05) + 1]) - 0.5) < 1e-9


def test_draws_meet_their_expectations() -> None:
    draws = Draws("test", 1)
    few = [draws.binomial(10, 0.3) for _ in range(4000)]
    many = [draws.binomial(1000, 0.4) for _ in range(1000)]
    counts = [draws.poisson(4.0) for _ in range(4000)]
    # Standard deviations of these means: 0.023, 0.49, 0.032.
    assert abs(sum(few) / 4000 - 3.0) < 0.1
    assert abs(sum(many) / 1000 - 400) < 2.5
    assert abs(sum(counts) / 4000 - 4.0) < 0.15
    assert sum(draws.split(1000, [0.2, 0.3, 0.5])) == 1000
