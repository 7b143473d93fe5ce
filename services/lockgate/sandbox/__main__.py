"""`python -m lockgate.sandbox [SETTINGS.json]`: a sandbox until SIGTERM or SIGINT. On stdout where it is, when ready.

Settings come from the file, and otherwise from the environment (`LOCKGATE_SANDBOX_…`).
"""

import asyncio
import json
import resource
import signal
import sys
from pathlib import Path

import uvloop
from pydantic import ValidationError

from lockgate.runtime.garbage import collect_seldom
from lockgate.sandbox.objects import Json
from lockgate.sandbox.sandbox import Sandbox
from lockgate.sandbox.settings import Settings


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Sandbox(settings) as sandbox:
        sys.stdout.write(json.dumps(_without_tokens(sandbox.directory())) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _without_tokens(directory: Json) -> Json:
    """What is printed ends in a log, where credentials have no place: those are told at the control port alone."""
    places = directory["regions"].items()
    bare = {name: {key: at for key, at in place.items() if key != "token"} for name, place in places}
    return {**directory, "regions": bare}


def main(arguments: list[str]) -> int:
    """0 after a clean stop, 2 where the settings are wrong."""
    try:
        given = json.loads(Path(arguments[0]).read_text(encoding="utf-8")) if arguments else {}
        settings = Settings(**given)
    except (OSError, ValueError, TypeError, ValidationError) as error:
        sys.stderr.write(f"cannot read the sandbox's settings: {error}\n")
        return 2
    # A thousand regions are two thousand listening sockets.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    collect_seldom()  # as the services do: a thousand regions are millions of objects, and none of them is part of a cycle
    uvloop.run(_serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
