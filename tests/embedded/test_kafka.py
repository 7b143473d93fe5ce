"""The embedded broker, seen by a client and by whoever starts and stops it."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError, UnknownTopicOrPartitionError

from lockgate.embedded import EmbeddedError, Kafka
from lockgate.embedded.ports import free_ports
from tests.support.kafka_client import create_topic, everything, produce


async def test_a_broker_that_is_stopped_and_started_keeps_its_port_and_its_records(tmp_path: Path) -> None:
    with Kafka(tmp_path / "kafka") as kafka:
        address = kafka.bootstrap
        await create_topic(address, "letters")
        await produce(address, "letters", [b"a", b"b"])

        kafka.stop()
        assert not kafka.running
        assert not kafka.ready()
        kafka.start()

        assert kafka.bootstrap == address
        assert await everything(address, "letters") == [b"a", b"b"]


async def test_a_killed_broker_comes_back_with_every_acknowledged_record(tmp_path: Path) -> None:
    with Kafka(tmp_path / "kafka") as kafka:
        await create_topic(kafka.bootstrap, "numbers")
        acknowledged = [b"%d" % number for number in range(200)]
        await produce(kafka.bootstrap, "numbers", acknowledged)

        kafka.kill()
        kafka.start()

        assert await everything(kafka.bootstrap, "numbers") == acknowledged


def test_a_paused_broker_answers_nobody_until_it_is_resumed(tmp_path: Path) -> None:
    with Kafka(tmp_path / "kafka") as kafka:
        kafka.pause()
        assert not kafka.ready()
        assert kafka.running

        kafka.resume()
        assert kafka.ready()


async def test_a_topic_that_nobody_created_does_not_appear(tmp_path: Path) -> None:
    with Kafka(tmp_path / "kafka") as kafka:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, request_timeout_ms=1000)
        await producer.start()
        with pytest.raises((UnknownTopicOrPartitionError, KafkaTimeoutError)):
            await asyncio.wait_for(producer.send("unheard-of", b"x"), timeout=20)
        await producer.stop()


async def test_a_folder_may_have_spaces_commas_and_other_letters_in_its_name(tmp_path: Path) -> None:
    with Kafka(tmp_path / "a b, c = ü\\") as kafka:
        await create_topic(kafka.bootstrap, "letters")
        await produce(kafka.bootstrap, "letters", [b"a"])
        assert await everything(kafka.bootstrap, "letters") == [b"a"]


def test_what_is_not_kept_is_gone_after_close(tmp_path: Path) -> None:
    with Kafka(tmp_path / "kafka"):
        assert (tmp_path / "kafka").exists()
    assert not (tmp_path / "kafka").exists()


async def test_what_is_kept_serves_the_next_broker_on_that_folder(tmp_path: Path) -> None:
    with Kafka(tmp_path / "kafka", keep=True) as first:
        await create_topic(first.bootstrap, "letters")
        await produce(first.bootstrap, "letters", [b"a"])
    with Kafka(tmp_path / "kafka") as second:
        assert await everything(second.bootstrap, "letters") == [b"a"]


def test_a_port_in_use_is_named_in_the_error(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(EmbeddedError, match=f"another program listens on port {port}"):
            Kafka(tmp_path / "kafka", port=port).start()


def test_a_port_taken_by_another_broker_is_never_mistaken_for_ones_own(tmp_path: Path) -> None:
    with Kafka(tmp_path / "one") as one, Kafka(tmp_path / "two") as two:
        two._ports = one._ports
        assert one.ready()
        assert not two.ready()


def test_a_start_goes_on_to_other_ports_when_the_first_ones_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        choices = iter([(taken, 1), free_ports(2)])
        monkeypatch.setattr("lockgate.embedded.server.free_ports", lambda _count: next(choices))
        with Kafka(tmp_path / "kafka") as kafka:
            assert kafka.port != taken
            assert kafka.ready()


def test_a_folder_with_files_of_others_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    kafka = Kafka(tmp_path)
    with pytest.raises(EmbeddedError, match="holds files that are not from an embedded kafka"):
        kafka.start()
    kafka.close()
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_broker_that_cannot_start_shows_its_log_and_what_to_do(tmp_path: Path) -> None:
    kafka = Kafka(tmp_path / "kafka", settings={"log.segment.bytes": "not a number"})
    with pytest.raises(EmbeddedError) as raised:
        kafka.start()
    assert "ended while it started" in str(raised.value)
    assert "Invalid value not a number for configuration log.segment.bytes" in str(raised.value)
    assert f"Log: {tmp_path / 'kafka' / 'kafka.log'}" in str(raised.value)
    assert "What to do: read the log" in str(raised.value)


async def test_two_brokers_start_side_by_side(tmp_path: Path) -> None:
    brokers = [Kafka(tmp_path / name) for name in ("one", "two")]
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Kafka.start, brokers))
        await create_topic(brokers[0].bootstrap, "only-in-one")
        await create_topic(brokers[1].bootstrap, "only-in-two")
        assert brokers[0].bootstrap != brokers[1].bootstrap
        assert await everything(brokers[0].bootstrap, "only-in-one") == []
    finally:
        for broker in brokers:
            broker.close()
