"""A Kafka cluster of three brokers on loopback, each its own process, with everything kept three times."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from lockgate.embedded.kafka import Kafka
from lockgate.embedded.kafka_files import DATA, as_properties, cluster_of
from lockgate.embedded.ports import free_ports

NUMBERS = (1, 2, 3)

_THREE_TIMES = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "broker.session.timeout.ms": "6000",  # three brokers on one machine are slow to answer each other
    "replica.lag.time.max.ms": "10000",
}


class Broker(Kafka):
    """One of the three. `ports` are those of all, by number: for clients, and for the controllers."""

    def __init__(self, directory: Path, number: int, ports: dict[int, tuple[int, int]], cluster: str) -> None:
        voters = ",".join(f"{n}@127.0.0.1:{controller}" for n, (_, controller) in ports.items())
        own = {"node.id": str(number), "controller.quorum.voters": voters}
        super().__init__(directory, settings={**_THREE_TIMES, **own})
        self._number = number
        self._mine = ports[number]
        self._cluster = cluster

    def _choose_ports(self) -> tuple[int, ...]:
        return self._mine

    def _prepare(self) -> None:
        new = not (self.directory / DATA / "meta.properties").exists()
        super()._prepare()
        if new:
            file = self.directory / DATA / "meta.properties"
            lines = dict(
                line.split("=", 1) for line in file.read_text(encoding="ascii").splitlines() if "=" in line
            )
            file.write_text(
                as_properties({**lines, "cluster.id": self._cluster, "node.id": str(self._number)})
            )


class Brokers:
    def __init__(self, brokers: dict[int, Broker]) -> None:
        self.brokers = brokers

    @property
    def bootstrap(self) -> str:
        return ",".join(broker.bootstrap for broker in self.brokers.values())

    async def missing(self) -> list[TopicPartition]:
        """The partitions that are not kept three times at the moment."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            return [
                TopicPartition(topic["topic"], part["partition"])
                for topic in await admin.describe_topics()
                for part in topic["partitions"]
                if len(part["isr"]) < len(NUMBERS)
            ]
        finally:
            await admin.close()


@contextmanager
def three(folder: Path) -> Iterator[Brokers]:
    """All three, started together, since none answers alone."""
    free = free_ports(2 * len(NUMBERS))
    ports = {n: (free[2 * i], free[2 * i + 1]) for i, n in enumerate(NUMBERS)}
    first = Kafka(folder / "identity")
    first._prepare()  # a formatted folder, for the id of the cluster
    cluster = cluster_of(first.directory / DATA)
    brokers = {n: Broker(folder / f"broker{n}", n, ports, cluster) for n in NUMBERS}
    try:
        with ThreadPoolExecutor(len(NUMBERS)) as pool:
            list(pool.map(lambda broker: broker.start(), brokers.values()))
        yield Brokers(brokers)
    finally:
        for broker in brokers.values():
            broker.close()
