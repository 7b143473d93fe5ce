"""A service as a declaration. Every service's `service.py` is one of these, on one screen; `running` runs it."""

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aiokafka.partitioner import murmur2

from lockgate.messages.decision import Core
from lockgate.messages.topics import DEAD_LETTERS, JOURNALS, TOPICS, Topic
from lockgate.runtime.deciding import Identity
from lockgate.runtime.workers import WorkFunction

OpenWork = Callable[[], AbstractAsyncContextManager[Mapping[str, WorkFunction]]]

MAX_SCHEMA = 63  # PostgreSQL cuts longer identifiers off without a word
_OWN = {t.name for t in (*JOURNALS.values(), *DEAD_LETTERS.values())}


@contextlib.asynccontextmanager
async def no_work() -> AsyncIterator[Mapping[str, WorkFunction]]:
    """For a service that only decides."""
    yield {}


@dataclass(frozen=True, slots=True)
class Service:
    """One service. `writer` is its name, or a deployer's own; `modules` are what its decisions are made of."""

    name: str
    reads: tuple[Topic, ...]
    core: Core
    modules: tuple[str, ...]
    writer: str = ""
    apart: tuple[str, ...] = ()
    """Folders within the modules that are processes of their own and decide nothing."""
    open_work: OpenWork = no_work
    at_start: Mapping[str, Any] | None = None
    """Given to the core at each start; None if it wants to know nothing."""

    @property
    def writes(self) -> Topic:
        return next(t for t in TOPICS.values() if t.writer == self.name and t.name not in _OWN)

    @property
    def schema(self) -> str:
        """The name of its PostgreSQL schema: that of the service, with a deployer's own name."""
        name = "_".join(dict.fromkeys((self.name, self.writer or self.name)))
        plain = re.sub(r"[^a-z0-9]", "_", name)
        if len(plain) <= MAX_SCHEMA and re.fullmatch(r"[a-z0-9_-]+", name):
            return plain
        return f"{plain[: MAX_SCHEMA - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"

    @property
    def identity(self) -> Identity:
        return Identity(
            self.name,
            self.writer or self.name,
            core_version(self.modules, self.apart),
            self.reads,
            self.writes,
        )


def core_version(modules: tuple[str, ...], apart: tuple[str, ...] = ()) -> str:
    """The hash of the source of a core and of the messages, and of which time zones they have: the same decides the same.

    The generator of the schemas is left out: it describes the messages and decides nothing.
    """
    digest = hashlib.sha256(version("tzdata").encode() + b"\0")
    for name in ("lockgate.messages", *modules):
        module = import_module(name)
        files = [Path(str(module.__file__))]
        if hasattr(module, "__path__"):
            folder = Path(module.__path__[0])
            every = ((f, f.relative_to(folder).parts) for f in folder.rglob("*.py"))
            files = sorted(f for f, parts in every if not {"schemas", *apart} & set(parts[:-1]))
        for file in files:
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@lru_cache(maxsize=65_536)
def partition_of(key: str, partitions: int) -> int:
    """Kafka's default partitioner: murmur2 of the key."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)
