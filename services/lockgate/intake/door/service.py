"""The door as a process. It has no database, no core and no journal: what it publishes are the inlets' records."""

import asyncio
import gc
import resource
import signal

import structlog
import uvloop
from aiohttp import web

from lockgate.intake.door.limits import Bounds, Limiter, Rate, bounded
from lockgate.intake.door.publishing import Publisher
from lockgate.intake.door.routes import TOPICS
from lockgate.intake.door.server import Door, Rules
from lockgate.intake.door.settings import SecretError, Settings
from lockgate.runtime import logs
from lockgate.runtime.health import HealthServer
from lockgate.runtime.kafka_topics import TopicError, ensure_topics
from lockgate.runtime.running import patiently

log = structlog.get_logger()


def main() -> int:
    """Runs it with the settings of the environment, until it is told to stop; returns the exit code."""
    settings = Settings()
    logs.configure("door", settings.log_level)
    try:
        limiter = Limiter(Rate(settings.door_rate, settings.door_burst))
        bounds = bounded(Bounds(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        rules = Rules(settings.callers(), limiter, settings.options, bounds)
        gc.freeze()  # modules and models live as long as the process: looking at them again delays deliveries
        uvloop.run(serve(settings, rules))
    except (SecretError, TopicError, OSError) as error:
        log.error("the door ends", reason=str(error))  # noqa: TRY400  # a sentence for a person, no defect
        return 1
    return 0


async def serve(settings: Settings, rules: Rules) -> None:
    """Answers from the first moment: 503 until the topics are there, and whenever Kafka is away."""
    stop = asyncio.Event()
    for sig in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    publisher = Publisher(settings.kafka, settings.topic_prefix)
    runner = Door(rules, publisher.publish).runner()
    health = _health(settings, publisher)
    try:
        await runner.setup()
        await web.TCPSite(runner, settings.door_host, settings.door_port).start()
        port = await health.start()
        log.info("listening", address=runner.addresses[0][:2], health=port)
        await patiently("the topics", lambda: ensure_topics(settings, TOPICS), stop)
        publisher.open()
        log.info("serving", callers=sorted({caller.name for caller in rules.callers}))
        await stop.wait()
    finally:
        await runner.cleanup()  # requests that are under way are answered first
        await publisher.close()
        await health.close()


def _health(settings: Settings, publisher: Publisher) -> HealthServer:
    async def alive() -> str | None:
        return None

    async def ready() -> str | None:
        return None if publisher.is_open else "the topics were not seen yet: Kafka is away, or still starting"

    return HealthServer(settings.http_host, settings.http_port, alive=alive, ready=ready)
