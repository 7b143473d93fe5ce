"""After the scenes: replays every decision from the topics alone, and verifies the ledger."""

import asyncio
import time

from lockgate.cli.demo.audience import DemoError
from lockgate.cli.local.system import LocalSystem
from lockgate.ledger.signing import trusted
from lockgate.ledger.verify import Report, verify

LEDGER_SECONDS = 30.0


async def prove(system: LocalSystem) -> list[str]:
    """Sentences that say what was proved. DemoError if anything could not be."""
    return [await _ledger(system)]


async def _ledger(system: LocalSystem) -> str:
    """The ledger trails the topics by moments: it is verified until it has all of them and has signed."""
    deadline = time.monotonic() + LEDGER_SECONDS
    while True:
        report = await _verified(system)
        if report.sound:
            return f"ledger verify: {report.sentence}"
        if time.monotonic() > deadline:
            raise DemoError(f"the ledger does not verify: {report.sentence}")
        await asyncio.sleep(0.5)


async def _verified(system: LocalSystem) -> Report:
    servers = system.servers
    keys = trusted([system.home / "ledger.pem.pub"])
    return await verify(servers.postgres, kafka=servers.kafka, prefix=system.shape.prefix, trusted=keys)
