"""What must hold of how events are heard: each once, in order, after its causes."""

from dataclasses import dataclass, field

from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.runtime.inlet_id import inlet_id
from tests.simulation.broken import that
from tests.simulation.process import Process

Heard = tuple[str, str, str]
"""Who heard, and the writer and key of what."""


@dataclass
class Hearing:
    newest: dict[Heard, int] = field(default_factory=dict)
    inlets: set[tuple[str, str, str]] = field(default_factory=set)

    def heard(self, process: Process, message: Message[Payload]) -> None:
        """Every event is decided once, in the order of its writer and key, and never before what it follows from."""
        if message.writer is None or message.number is None:
            inlet = (process.name, *inlet_id(message))
            that(inlet not in self.inlets, f"{process.name} decides {message.id} of {message.source} twice")
            self.inlets.add(inlet)
            return
        name = (process.name, message.writer, message.key)
        before = self.newest.get(name, 0)
        that(
            message.number == before + 1,
            f"{process.name} decides event {message.number} of {name[1:]} after {before}",
        )
        self.newest[name] = message.number
        for cause in message.after:
            if process.node.reads_writer(cause.writer):
                heard = self.newest.get((process.name, cause.writer, cause.key), 0)
                that(
                    heard >= cause.number,
                    f"{process.name} decides event {message.number} of {name[1:]} before its cause {cause}",
                )
