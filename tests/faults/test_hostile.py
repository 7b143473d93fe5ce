"""Ten thousand hostile records of every kind, among good ones, on every topic that a service reads."""

import sys
from dataclasses import replace
from random import Random

import pytest

from lockgate.cli.local.system import Servers
from lockgate.runtime.checks import Record
from lockgate.runtime.reading import Readable, Rejected, read
from lockgate.runtime.record_hash import printable
from tests.support.hostile_drafts import Raw
from tests.support.hostile_kind import Fate
from tests.support.hostile_kinds import KINDS, from_table
from tests.support.hostile_story import Size, hostile_run
from tests.support.servers import KafkaUnderTest, PostgresUnderTest
from tests.support.whole import opened

SEED = 20261124
TEN_THOUSAND = Size(alone=400, mixed=1000, rate=25, hostile=9000)


def test_the_table_has_at_least_forty_kinds() -> None:
    assert len(KINDS) >= 40


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_gives_its_records_again_for_the_same_seed(name: str) -> None:
    first, second = (KINDS[name].drawn(Random(7)) for _ in range(2))
    assert first == second
    assert len(first) == len(KINDS[name].fates)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_read_as_the_table_says(name: str) -> None:
    for topic in KINDS[name].topics:
        for raw, fate in replace(KINDS[name], topics=(topic,)).drawn(Random(7)):
            if raw.batch is None:
                assert _fate(raw) == (fate if fate not in {Fate.GAP, Fate.CAUSE} else Fate.HANDLED), (
                    topic,
                    raw,
                )


def _fate(raw: Raw) -> str:
    """What becomes of it by what it says alone."""
    headers = tuple(
        (printable(name.decode("utf-8", "surrogateescape")), value) for name, value in raw.headers
    )
    match read(Record(raw.topic, 0, 0, raw.key, headers, raw.value)):
        case Rejected(writer=str()):
            return Fate.UNDECODABLE
        case Rejected(reason=reason):
            return reason
        case Readable():
            return Fate.HANDLED


@pytest.mark.ci
@pytest.mark.timeout(400)
async def test_hostile_records_among_good_ones_are_dead_letters_and_cost_nobody_an_answer(
    kafka: KafkaUnderTest, postgres: PostgresUnderTest
) -> None:
    sys.stdout.write(f"seed {SEED}\n")
    servers = Servers(kafka.bootstrap, postgres.fresh_database())
    async with opened(kafka, servers, tolerant=True) as whole:
        outcome = await hostile_run(whole, TEN_THOUSAND, SEED, from_table)
    sys.stdout.write(f"{outcome.figures}\n")  # times are judged by tests.qualify: here the machine is busy
    assert outcome.wrong == []
    assert outcome.figures["kinds"] == len(KINDS)
