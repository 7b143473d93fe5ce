"""After the scenes: replays every decision from the topics alone, and verifies the ledger."""

import asyncio
import time

from lockgate.cli.demo.audience import DemoError
from lockgate.cli.local.system import LocalSystem
from lockgate.cli.replay import replay_all
from lockgate.ledger.signing import trusted
from lockgate.ledger.verify import Report, verify

PATIENCE_SECONDS = 30.0


async def prove(system: LocalSystem) -> list[str]:
    """Sentences that say what was proved. DemoError if anything could not be."""
    return [await _replay(system), await _ledger(system)]


async def _replay(system: LocalSystem) -> str:
    """The services still run: what they decided a moment ago may not be published yet."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        report = await replay_all(system.servers.kafka, system.shape.prefix)
        if report.exit_code == 0 and not report.pending and report.decisions:
            return (
                f"replay: all {report.decisions} decisions of {len(report.writers)} services (the ledger decides nothing),"
                f" recomputed from the topics alone, are equal to the byte, and so are the {report.events} events that they emitted"
            )
        if report.exit_code or time.monotonic() > deadline:
            first = next(iter(report.findings.kept), None)
            raise DemoError(f"the replay found {report.equal} of {report.decisions} decisions equal: {first}")
        await asyncio.sleep(0.5)


async def _ledger(system: LocalSystem) -> str:
    """The ledger trails the topics by moments: it is verified until it has all of them and has signed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
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
