"""The ledger as a process: it only appends, so it has no core and no journal; the rest is as for any service."""

import asyncio
import signal
from functools import partial

import structlog
import uvloop
from prometheus_client import Gauge

from lockgate.ledger.appending import ForkError, Ledger, Progress
from lockgate.ledger.notifying.notifier import notifying
from lockgate.ledger.reader import TopicWentBackError
from lockgate.ledger.settings import Settings
from lockgate.ledger.signing import KeyFileError, Signer
from lockgate.messages.topics import TOPICS
from lockgate.runtime import faults, logs
from lockgate.runtime.health import HealthServer
from lockgate.runtime.kafka_topics import TopicError, ensure_topics
from lockgate.runtime.metrics import REGISTRY
from lockgate.runtime.running import patiently
from lockgate.runtime.settings import RuntimeSettings

log = structlog.get_logger()


def main() -> int:
    """Runs it with the settings of the environment, until it is told to stop; returns the exit code.

    0 after a graceful stop, 1 where a person is needed.
    """
    settings, runtime = Settings(), RuntimeSettings()
    logs.configure("ledger", runtime.log_level)
    faults.arm(faults.parse(runtime.fault), runtime.fault_log)
    try:
        signer = Signer.from_file(settings.ledger_key, create=settings.ledger_create_key)
        return uvloop.run(_serve(settings, runtime, signer))
    except (KeyFileError, ForkError, TopicWentBackError, TopicError) as error:
        log.error("the ledger stops", reason=str(error))  # noqa: TRY400  # a sentence for a person, no defect
        return 1


def _value(progress: Progress, name: str) -> float:
    return float(getattr(progress, name))


async def _serve(settings: Settings, runtime: RuntimeSettings, signer: Signer) -> int:
    stop = asyncio.Event()
    for sig in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    ledger = Ledger(settings, signer)
    health = _health(ledger, runtime)
    port = await health.start()
    try:
        await patiently("the topics", lambda: ensure_topics(runtime, TOPICS.values()), stop)
        log.info("serving", port=port, key=signer.key_id)
        async with notifying(settings):
            await ledger.run(stop)
    finally:
        await health.close()
    return 0


def _health(ledger: Ledger, runtime: RuntimeSettings) -> HealthServer:
    progress = ledger.progress
    for name, text in (
        ("appended", "Records appended since the start"),
        ("sequence", "Number of the newest record"),
        ("signed", "Newest record that a signed head covers"),
        ("lag", "Records on topics that are not in the ledger yet"),
        ("skipped", "Records that retention removed before the ledger read them"),
    ):
        gauge = Gauge(f"lockgate_ledger_{name}", text, registry=REGISTRY)
        gauge.set_function(partial(_value, progress, name))

    async def alive() -> str | None:
        return None

    async def ready() -> str | None:
        if progress.trouble:
            return progress.trouble
        return None if progress.leading else "another ledger leads, or this one is taking over"

    return HealthServer(runtime.http_host, runtime.http_port, alive=alive, ready=ready)
