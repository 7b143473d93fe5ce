"""Topics as lists. Every reader reads each at its own pace; what is committed is published later, sometimes twice."""

from functools import partial
from typing import TYPE_CHECKING

from lockgate.messages.message import Message, decode, encode
from lockgate.messages.payload import Payload
from tests.simulation.node import Place
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.world import World


SLOWEST = 600.0
"""Seconds between two readings of a topic that is read slowly."""


class Topics:
    def __init__(self, world: "World") -> None:
        self.world = world

    def append(self, place: Place, message: Message[Payload]) -> None:
        if self.world.wire and message.number is not None:
            headers, value = encode(message)
            message = decode(message.key, dict(headers), value)
        self.world.logs.setdefault(place, []).append(message)
        for process in self.world.processes.values():
            if place[0] in process.node.who.reads:
                self.wake(process, place)

    def relay(self, process: Process) -> None:
        """Publishes what is committed, in order within each key, sometimes twice; if it cannot, later."""
        if not process.readable:
            return
        for key, waiting in process.node.outbox.items():
            batch: list[Message[Payload]] = []
            while waiting and len(batch) < 20:
                batch.append(waiting.popleft())
            times = 2 if batch and self.world.chaotic and self.world.random.random() < 0.05 else 1
            for n in range(times):
                for message in batch:
                    if n == 0:
                        self.world.checks.published(process, message)
                        self.world.outside.published(message.body)
                        self.world.oncall.published(message.body)
                        self.world.regrets.published(message.body)
                    self.append((process.node.who.writes, key), message)

    def wake(self, process: Process, place: Place) -> None:
        if place in process.pulling or not process.readable:
            return
        if process.node.offsets.get(place, 0) < len(self.world.logs.get(place, ())):
            process.pulling.add(place)
            self.world.at(self.world.now + self._pace(process, place[0]), partial(self._pull, process, place))

    def wake_all(self, process: Process) -> None:
        for place in self.world.logs:
            if place[0] in process.node.who.reads:
                self.wake(process, place)
        self.relay_soon(process)
        self.world.working.catch_up(process)
        self.world.timing.fire_due(process)

    def _pace(self, process: Process, topic: str) -> float:
        if self.world.faults.is_faulty("slow", process.name, topic):
            return self.world.random.uniform(10, SLOWEST)
        if self.world.random.random() < 0.9:
            return self.world.random.uniform(0.01, 0.5)
        return self.world.random.uniform(0.5, 5)

    def _pull(self, process: Process, place: Place) -> None:
        process.pulling.discard(place)
        if not process.readable:
            return
        log = self.world.logs[place]
        for _ in range(self.world.random.randint(1, 8)):
            offset = process.node.offsets.get(place, 0)
            if offset >= len(log) or not process.readable:
                break
            message = log[offset]
            self.world.committed(process, process.node.take(place, offset, message, self.world.time(process)))
        self.wake(process, place)
        self.world.working.catch_up(process)
        self.world.timing.fire_due(process)

    def ends(self, process: Process, part: str | None = None) -> dict[Place, int]:
        return {
            place: len(log)
            for place, log in self.world.logs.items()
            if place[0] in process.node.who.reads and part in {None, place[1]}
        }

    def relay_soon(self, process: Process) -> None:
        self.world.at(self.world.now + self.world.random.uniform(0.01, 1.0), partial(self.relay, process))
