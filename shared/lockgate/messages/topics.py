"""The topics: who writes each, how it is keyed, how long it is kept. Kafka's names carry a prefix (settings).

Internal topics have equal partition counts and the default partitioner (murmur2 of the key), so that one
replica reads the same applications on every topic. Inlets promise no order.
"""

from dataclasses import dataclass
from enum import StrEnum

DAY_MS = 86_400_000


class Kind(StrEnum):
    INLET = "inlet"  # written from outside; deduplicated by the events' ids
    INTERNAL = "internal"  # written by one service; deduplicated by (writer, key, number)
    JOURNAL = "journal"  # one record for each decision of a service
    DEAD = "dead-letters"  # what could not be read, with its original bytes and the reason


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `writer` is the service that alone may write it; inlets name the client's role."""

    name: str
    kind: Kind
    writer: str
    retention_ms: int
    max_message_bytes: int = 1 << 20

    @property
    def config(self) -> dict[str, str]:
        """The settings that are created with the topic and checked at every start."""
        return {
            "cleanup.policy": "delete",  # compaction would destroy history
            "retention.ms": str(self.retention_ms),
            "message.timestamp.type": "LogAppendTime",  # a producer's clock must not decide what is kept
            "max.message.bytes": str(self.max_message_bytes),
        }


def _inlet(name: str, writer: str) -> Topic:
    return Topic(name, Kind.INLET, writer, 30 * DAY_MS)


def _internal(name: str, writer: str) -> Topic:
    return Topic(name, Kind.INTERNAL, writer, 90 * DAY_MS)


ARTIFACTS = _inlet("artifacts", "ci")
ANOMALIES = _inlet("anomalies", "monitoring")
PLANS = _inlet("plans", "operator")
OPERATIONS = _inlet("operations", "door")

RELEASES = _internal("releases", "intake")
VERDICTS = _internal("verdicts", "verifier")
DEPLOYMENTS = _internal("deployments", "deployer")
ROLLBACKS = _internal("rollbacks", "rollback")
CHECKPOINTS = _internal("checkpoints", "ledger")

DECIDING_SERVICES = ("intake", "verifier", "deployer", "rollback")
JOURNALS = {s: Topic(f"{s}.journal", Kind.JOURNAL, s, 90 * DAY_MS, 4 << 20) for s in DECIDING_SERVICES}
DEAD_LETTERS = {s: Topic(f"{s}.deadletters", Kind.DEAD, s, 90 * DAY_MS, 4 << 20) for s in DECIDING_SERVICES}

TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        *(ARTIFACTS, ANOMALIES, PLANS, OPERATIONS),
        *(RELEASES, VERDICTS, DEPLOYMENTS, ROLLBACKS, CHECKPOINTS),
        *JOURNALS.values(),
        *DEAD_LETTERS.values(),
    )
}
"""Every topic of the system, by its name without prefix."""
