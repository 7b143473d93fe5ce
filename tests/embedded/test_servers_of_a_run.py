"""The fixtures that the other tests stand on."""

import asyncpg

from tests.support.kafka_client import create_topic, everything, produce
from tests.support.servers import KafkaUnderTest, PostgresUnderTest


async def test_the_broker_of_the_run_answers(kafka: KafkaUnderTest) -> None:
    await create_topic(kafka.bootstrap, "servers-of-a-run")
    await produce(kafka.bootstrap, "servers-of-a-run", [b"a"])
    assert await everything(kafka.bootstrap, "servers-of-a-run") == [b"a"]


async def test_fresh_databases_share_nothing(postgres: PostgresUnderTest) -> None:
    one, two = postgres.fresh_database(), postgres.fresh_database()
    connection = await asyncpg.connect(one)
    await connection.execute("CREATE TABLE only_here (id int)")
    await connection.close()
    connection = await asyncpg.connect(two)
    assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE tablename = 'only_here'") == 0
    await connection.close()
