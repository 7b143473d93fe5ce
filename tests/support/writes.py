"""Every write of a deployer to a cluster, met as it is made: what ends it, stops it or counts it is up to the test."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lockgate.deployer.cluster import Cluster

Meeting = Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""Is told what is about to be written, as `patch Deployment`, and does it or not."""


@contextmanager
def each_write(meets: Meeting) -> Iterator[None]:
    """Whatever this process writes to a cluster meets this first."""

    def met(name: str, method: Any) -> Any:
        async def write(self: Cluster, *arguments: Any) -> Any:
            return await meets(f"{name} {arguments[0].kind}", lambda: method(self, *arguments))

        return write

    with pytest.MonkeyPatch.context() as patching:
        for name in ("patch", "create", "delete"):
            patching.setattr(Cluster, name, met(name, getattr(Cluster, name)))
        yield
