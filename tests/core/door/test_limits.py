"""The bucket that says how many requests are let in, with time as an argument."""

from hypothesis import given
from hypothesis import strategies as st

from lockgate.intake.door.limits import Bounds, Bucket, Held, Hold, Limiter, Rate, bounded, taken

RATE = Rate(per_second=2.0, burst=3.0)


def test_a_burst_is_let_in_and_then_as_many_as_the_rate_says() -> None:
    limiter = Limiter(RATE)
    assert [limiter.take("a", 100.0) for _ in range(4)] == [0, 0, 0, 1]
    assert [limiter.take("a", 100.5) for _ in range(2)] == [0, 1]
    assert [limiter.take("a", 200.0) for _ in range(4)] == [0, 0, 0, 1]


def test_one_who_asks_too_often_keeps_nobody_else_out() -> None:
    limiter = Limiter(RATE)
    assert [limiter.take("a", 0.0) for _ in range(9)][-1] == 1
    assert limiter.take("b", 0.0) == 0


def test_the_wait_is_long_enough() -> None:
    slow = Rate(per_second=0.1, burst=1.0)
    bucket, wait = taken(Bucket(0.0, 50.0), slow, 50.0)
    assert wait == 10
    assert taken(bucket, slow, 50.0 + wait)[1] == 0


def test_only_so_many_are_remembered() -> None:
    limiter = Limiter(RATE, most=3)
    for who in "abcd":
        limiter.take(who, 0.0)
    assert list(limiter._buckets) == ["b", "c", "d"]


def test_what_strangers_hold_is_bounded_for_each_and_for_all_and_leaves_room_for_callers() -> None:
    held = Held(Bounds(held=100, unverified=40, unverified_each=25))
    first, second, caller = Hold(held, "a"), Hold(held, "b"), Hold(held, None)
    assert (first.more(25), first.more(1), Hold(held, "a").more(1)) == (True, False, False)
    assert (second.more(15), second.more(1)) == (True, False)
    assert (caller.more(60), caller.more(1)) == (True, False)


def test_what_was_verified_is_a_callers_and_what_ended_is_free() -> None:
    held = Held(Bounds(held=100, unverified=40, unverified_each=40))
    hook = Hold(held, "a")
    assert hook.more(40)
    hook.known()
    assert (Hold(held, "a").more(40), Hold(held, None).more(20), Hold(held, None).more(1)) == (
        True,
        True,
        False,
    )
    hook.end()
    hook.end()
    assert (Hold(held, None).more(40), Hold(held, None).more(1)) == (True, False)


def test_there_are_fewer_connections_than_files_that_may_be_open() -> None:
    most = [bounded(Bounds(connections=1000), files) for files in (-1, 65536, 1024, 120, 1)]
    assert [each.connections for each in most] == [1000, 1000, 512, 60, 1]
    assert [each.connections_each for each in most] == [250, 250, 128, 15, 1]


@given(st.lists(st.floats(0, 3), max_size=200))
def test_never_more_than_the_burst_and_what_flowed_in_since(pauses: list[float]) -> None:
    limiter, now, let_in = Limiter(RATE), 0.0, 0
    for pause in pauses:
        now += pause
        let_in += limiter.take("a", now) == 0
        assert let_in <= RATE.burst + RATE.per_second * now + 1e-6
