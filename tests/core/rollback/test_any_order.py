"""Whatever the order and the repeats of answers and deadlines, a halted release is settled exactly once."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from lockgate.messages.rollbacks import RegionAnswer, ReleaseSettled, RollbackOrdered, VersionMarked
from lockgate.rollback.core.rows import Order, Phase, Release
from tests.support.rollback_journey import APP, Journey, back, failed, orders, refused, untouched

REGIONS = ("west", "east", "pre")
ANSWERS: dict[str, Callable[[RollbackOrdered], object]] = {
    "back": back,
    "untouched": untouched,
    "failed": failed,
    "refused": refused,
}
moves = st.lists(
    st.tuples(st.sampled_from(REGIONS), st.sampled_from([*ANSWERS, "deadline", "register", "fail"]))
)


def halted() -> tuple[Journey, dict[str, list[RollbackOrdered]]]:
    way = Journey()
    way.succeed("a")
    way.start("b")
    way.enter()
    return way, {region: [order] for region, order in orders(way.fail("pilot")).items()}


def move(way: Journey, given_orders: dict[str, list[RollbackOrdered]], region: str, what: str) -> None:
    known = given_orders[region]
    if what == "deadline":
        events = (
            way.desk.fire(APP, f"deadline {region}") if (APP, f"deadline {region}") in way.desk.timers else []
        )
    elif what == "register":
        events = way.register(region)
    elif what == "fail":
        events = way.fail("pilot")
    else:
        events = way.desk.give(ANSWERS[what](known[-1]))  # type: ignore[arg-type]  # each makes an answer
    for order in orders(events).values():
        known.append(order)


@given(moves, st.permutations(REGIONS))
def test_any_answers_in_any_order_settle_once_and_only_when_each_region_has_answered(
    sequence: list[tuple[str, str]], rest: list[str]
) -> None:
    way, known = halted()
    before = len(way.desk.events)
    for region, what in [*sequence, *((region, "deadline") for region in rest)]:
        move(way, known, region, what)
        release = way.desk.row(Release, APP)
        open_ = [row for row in way.desk.rows.values() if isinstance(row, Order) and row.answer is None]
        assert release.waiting == len(open_) == len([k for k in way.desk.timers if k[0] == APP])
        assert (release.phase is Phase.SETTLED) == (not open_)
    events = way.desk.events[before:]
    settled = [event for event in events if isinstance(event, ReleaseSettled)]
    assert len(settled) == len([event for event in events if isinstance(event, VersionMarked)]) == 1
    assert set(settled[0].answers) == set(REGIONS)
    owing = {RegionAnswer.FAILED, RegionAnswer.UNREACHABLE}
    assert set(settled[0].debts) == {
        region for region, answer in settled[0].answers.items() if answer in owing
    }
    for given_orders in known.values():
        grants = [order.fence.grant for order in given_orders]
        assert grants == list(range(1, len(grants) + 1))
