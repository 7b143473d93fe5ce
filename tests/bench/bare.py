"""The baseline of the door: `python -m tests.bench.bare KAFKA TOPIC PORT` until it is killed.

What nobody can do without: read a body over HTTP, send it to Kafka, have it acknowledged, answer. Nobody is asked who they
are; nothing is checked, translated or bounded. A process of its own, as the door is.
"""

import asyncio
import sys

import uvloop
from aiohttp import web
from aiokafka import AIOKafkaProducer


async def _serve(bootstrap: str, topic: str, port: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()

    async def handle(request: web.Request) -> web.Response:
        await producer.send_and_wait(topic, await request.read())
        return web.json_response({"published": 1}, status=202)

    application = web.Application()
    application.router.add_post("/", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))
