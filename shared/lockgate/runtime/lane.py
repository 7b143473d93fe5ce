"""What a relay knows of one output partition: how far it was sent, and what was handed over. No I/O here."""

from dataclasses import dataclass, field

from lockgate.runtime.batch import Out

READ_AT_ONCE = 500


@dataclass(slots=True)
class Lane:
    """One output partition: the next sequence number to send, and what was handed over but not sent."""

    next: int
    marked: int
    end: int = 0  # committed up to here, as far as this replica knows
    journal: int = 0  # the journal's offset up to which it was sent
    handed: list[tuple[int, list[Out]]] = field(default_factory=list)

    def take_handed(self) -> list[Out]:
        """What was handed over if it comes next, joined. If something else comes next, it is to be read."""
        found: list[Out] = []
        while self.handed and len(found) < READ_AT_ONCE:
            base, records = self.handed[0]
            if base + len(records) <= self.next:
                self.handed.pop(0)
            elif base == self.next + len(found):
                self.handed.pop(0)
                found += records
            else:
                break
        if not found:
            self.handed.clear()
        return found
