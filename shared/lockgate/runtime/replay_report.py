"""What a replay says in the end: per writer its counts and state hashes, all findings, and one exit code. Pure."""

from collections import Counter
from dataclasses import dataclass, field

from lockgate.runtime import canonical
from lockgate.runtime.replay_findings import Findings, Severity

EXIT_EQUAL = 0
EXIT_DIFFERS = 1
EXIT_OTHERWISE = 3


@dataclass
class WriterReport:
    """One writer. Of its `decisions`, `equal` came out the same to the byte.

    `unreachable` could not be recomputed, because what they were made from is missing, damaged or expired;
    `pending` have events that are not published yet; `cores` counts decisions by the core's version; `states` is
    the hash of each key's rows at the end, and `state` the hash of them all.
    """

    service: str
    writer: str
    decisions: int = 0
    equal: int = 0
    unreachable: int = 0
    events: int = 0
    pending: int = 0
    cores: Counter[str] = field(default_factory=Counter)
    states: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        return canonical.sha256(canonical.dumps(sorted(self.states.items())))


@dataclass
class Report:
    """Everything that a replay found."""

    writers: list[WriterReport]
    findings: Findings
    repeats: int = 0

    @property
    def decisions(self) -> int:
        return sum(writer.decisions for writer in self.writers)

    @property
    def equal(self) -> int:
        return sum(writer.equal for writer in self.writers)

    @property
    def events(self) -> int:
        return sum(writer.events for writer in self.writers)

    @property
    def pending(self) -> int:
        return sum(writer.pending for writer in self.writers)

    @property
    def state(self) -> str:
        """One hash over the state of all writers."""
        return canonical.sha256(canonical.dumps([[writer.writer, writer.state] for writer in self.writers]))

    @property
    def exit_code(self) -> int:
        """EXIT_DIFFERS if anything was changed, lost or is not reproducible, else EXIT_OTHERWISE or EXIT_EQUAL."""
        if self.findings.number(Severity.DIFFERS):
            return EXIT_DIFFERS
        return EXIT_OTHERWISE if self.findings.number(Severity.OTHERWISE) else EXIT_EQUAL
