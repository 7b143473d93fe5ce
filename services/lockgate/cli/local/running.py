"""What a local system needs while it runs for long: what ended is started again, and what regions run is kept."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

from lockgate.cli.following import follow
from lockgate.cli.local.child import ChildError
from lockgate.cli.local.system import LocalSystem, Say, Shape
from lockgate.messages.releases import RegionAccepted

REGISTERED_SECONDS = 30.0


async def until_registered(system: LocalSystem) -> None:
    """Waits until intake knows every region: a plan that names another one is refused. ChildError if it does not."""
    missing = set(system.shape.regions)
    try:
        async with (
            asyncio.timeout(REGISTERED_SECONDS),
            follow(system.servers.kafka, system.shape.prefix, ("releases",)) as news,
        ):
            async for messages in news:
                bodies = (message.body for message in messages)
                missing -= {body.place.region for body in bodies if isinstance(body, RegionAccepted)}
                if not missing:
                    return
    except TimeoutError:
        logs = {name: child.log for name, child in system.children.items()}
        raise ChildError(not_accepted(missing, system.shape, logs)) from None


def not_accepted(missing: set[str], shape: Shape, logs: Mapping[str, Path]) -> str:
    """Which regions have not come, and where it is said why: mostly by their deployers, whose clusters do not answer."""
    serving = [name for name, served in shape.deployers.items() if missing & set(served)]
    return (
        f"intake did not accept {', '.join(sorted(missing))} within {REGISTERED_SECONDS:.0f} s. Why a cluster cannot "
        f"be read is in the log of its deployer: {', '.join(str(logs[name]) for name in serving)}. What intake "
        f"decided is in its own: {logs['intake']}"
    )


def keep_up(system: LocalSystem, say: Say) -> None:
    """Starts again what ended by itself, as a cluster would. ChildError if that is not possible."""
    for server in system.ended_servers():
        say(f"{server.kind} ended; it is started again with the data that it had. Its log: {server.log}")
        server.start()
    for child in system.ended():
        if child.name == "sandbox":
            raise ChildError(
                f"the sandbox ended with status {child.exit_status}, and its regions with it. Its log: {child.log}"
            )
        say(f"{child.name} ended with status {child.exit_status}; it is started again. Its log: {child.log}")
        child.start()


class Kept:
    """The digest that each region runs, in a file: the sandbox has its regions in memory alone."""

    def __init__(self, file: Path, application: str) -> None:
        self._file = file
        self._application = application
        self._last = self.read()

    def read(self) -> dict[str, str]:
        """Region -> digest; empty before anything was kept."""
        if not self._file.exists():
            return {}
        found: dict[str, dict[str, str]] = json.loads(self._file.read_text())
        return found.get(self._application, {})

    def write(self, digests: dict[str, str]) -> None:
        """Replaces the file at once, so that it is never half written."""
        if digests == self._last:
            return
        scratch = self._file.with_suffix(".new")
        scratch.write_text(json.dumps({self._application: digests}))
        scratch.replace(self._file)
        self._last = dict(digests)
