"""Whatever a plan and a Deployment say, over a real API's HTTP: what the watches of a change of version always show."""

import asyncio
from contextlib import nullcontext

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lockgate.deployer.objects import may_miss
from lockgate.messages.values import Workload
from lockgate.messages.verdicts import Action
from tests.support.changing import (
    BLUE_GREEN,
    GOOD,
    RUNS,
    Changing,
    Steps,
    canary,
    changing,
    killed_after_each_write,
)
from tests.support.deployer import ROUTELESS, WORKLOAD
from tests.support.places import Json, sandboxed

OWN = [
    {"maxUnavailable": 0, "maxSurge": 1},
    {"maxUnavailable": 1, "maxSurge": 0},
    {"maxUnavailable": "25%", "maxSurge": "25%"},
    {"maxUnavailable": "60%", "maxSurge": 1},
]
"""How a Deployment rolls by itself."""

SHARES = st.lists(st.integers(1, 50), min_size=1, max_size=3, unique=True)
STEPS = st.just(BLUE_GREEN) | SHARES.map(lambda percents: canary(*(each / 100 for each in sorted(percents))))


HARSH = OWN[3]


@settings(max_examples=10, deadline=None)
@example(steps=canary(0.1), pods=5, own=HARSH, workload=WORKLOAD, killed=False, back_after=None)
@example(steps=BLUE_GREEN, pods=4, own=HARSH, workload=ROUTELESS, killed=True, back_after=None)
@given(
    steps=STEPS,
    pods=st.integers(1, 6),
    own=st.sampled_from(OWN),
    workload=st.sampled_from([WORKLOAD, ROUTELESS]),
    killed=st.booleans(),
    back_after=st.none() | st.integers(0, 3),
)
def test_no_pod_is_missing_no_share_too_large_and_the_end_is_all_new_or_all_old(
    steps: Steps, pods: int, own: Json, workload: Workload, *, killed: bool, back_after: int | None
) -> None:
    asyncio.run(changed(steps, pods, own, workload, killed=killed, back_after=back_after))


async def changed(
    steps: Steps, pods: int, own: Json, workload: Workload, *, killed: bool, back_after: int | None
) -> None:
    async with sandboxed() as place, changing(place, workload, pods, {"rollingUpdate": own}) as region:
        with killed_after_each_write() if killed else nullcontext():
            for granted in list(region.grants(steps))[:back_after]:
                mark, before = await region.seen.now(), (await region.seen.samples())[-1].share
                assert await region.step(granted) is not None
                shown = await region.seen.samples(since=mark)
                if granted.action is not Action.DEPLOY:
                    most = max(before, granted.share or 0.0, 0.0 if steps == BLUE_GREEN else least(region))
                    assert max(sample.share for sample in shown) <= most
            if back_after is not None:
                await region.back()
        await region.is_at_rest(GOOD if back_after is None else RUNS)
        if back_after is None or back_after < len(steps):  # else the roll-out itself was taken back
            assert await region.fewest() >= pods - missing(steps, pods, own, workload)


def least(region: Changing) -> float:
    """The smallest share of a canary: a weight of 1, or one pod."""
    return 0.001 if region.workload.route is not None else 1 / (region.pods + 1)


def missing(steps: Steps, pods: int, own: Json, workload: Workload) -> int:
    """What the Deployment's own roll-out takes away and no clone makes up for: without a route its size is the share."""
    if steps == BLUE_GREEN or workload.route is not None:
        return 0
    share = steps[-2][1] or 0.0
    clones = pods if share >= 0.5 else max(1, int(share * pods / (1 - share) + 1e-9))
    return max(0, may_miss({"spec": {"replicas": pods, "strategy": {"rollingUpdate": own}}}) - clones)
