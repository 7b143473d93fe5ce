"""The files that a broker reads at its start: server.properties, and a formatted data folder."""

import base64
import shutil
import tempfile
import uuid
from pathlib import Path

from lockgate.embedded import jars, java
from lockgate.embedded.cache import publish
from lockgate.embedded.process import Order, run

# Relative to the folder in which the broker runs: Kafka would read a comma in a whole path as a separator.
DATA = "data"

# Quick for one broker on one machine; nothing here weakens what a client sees.
_SETTINGS = {
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.max.session.timeout.ms": "300000",
    "group.coordinator.append.linger.ms": "0",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # A broker that left is forgotten soon, so a restart takes 2 s instead of 5 s; a busy machine is not taken for a dead broker.
    "controlled.shutdown.enable": "true",
    "broker.session.timeout.ms": "1500",
    "broker.heartbeat.interval.ms": "250",
    "initial.broker.registration.timeout.ms": "30000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "num.replica.alter.log.dirs.threads": "1",
    "background.threads": "2",
    "log.cleaner.threads": "1",
    "log.cleaner.dedupe.buffer.size": "8388608",
    "log.segment.bytes": "67108864",
    "log.index.size.max.bytes": "1048576",
}


def properties(port: int, controller_port: int, more: dict[str, str]) -> str:
    """The text of server.properties, in ASCII; `more` adds settings or replaces them."""
    return as_properties(
        {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
            "listeners": f"CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": f"CLIENT://127.0.0.1:{port}",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "CLIENT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": DATA,
        }
        | _SETTINGS
        | more,
    )


def as_properties(settings: dict[str, str]) -> str:
    """A Java properties file, which is ISO 8859-1 with a backslash for everything else."""
    return "".join(f"{name}={_escaped(value)}\n" for name, value in settings.items())


def _escaped(value: str) -> str:
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    codes = [int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2)]
    return "".join(chr(code) if 0x20 <= code < 0x7F else f"\\u{code:04x}" for code in codes)


def template() -> Path:
    """A data folder as Kafka's own tool formats it; made once (2 s of Java), then only copied."""
    return publish(template_place(), _format)


def template_place() -> Path:
    return jars.home() / "formatted"


def _format(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        file = Path(scratch) / "server.properties"
        file.write_text(properties(2, 1, {}), encoding="ascii")
        order = Order(
            command=java.command("kafka.tools.StorageTool", "format", "-t", _kafka_id(), "-c", str(file)),
            cwd=Path(scratch),
            log=Path(scratch) / "format.log",
            environment=java.environment(),
            stop="KILL",
        )
        run(order, timeout=120, what=f"Kafka {jars.VERSION}: formatting a data folder")
        (Path(scratch) / DATA).rename(target)


def formatted(data: Path, source: Path) -> None:
    """Make `data` a formatted folder of a new cluster. meta.properties comes last: with it the folder is complete."""
    data.mkdir(parents=True)
    for file in source.iterdir():
        if file.is_file() and file.name != "meta.properties":
            shutil.copy(file, data / file.name)
    meta = {"version": "1", "cluster.id": _kafka_id(), "node.id": "1", "directory.id": _kafka_id()}
    unfinished = data / "meta.properties.new"
    unfinished.write_text(as_properties(meta))
    unfinished.rename(data / "meta.properties")


def cluster_of(data: Path) -> str:
    """The id of the cluster whose formatted folder this is."""
    lines = (data / "meta.properties").read_text(encoding="ascii").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)["cluster.id"]


def _kafka_id() -> str:
    """A random id as Kafka writes them: 22 characters that do not begin like an option."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A", 1)
