"""Requests to the processes of the local system: loopback, bounded, and never through a proxy of the environment."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from lockgate.runtime.health import PROCESS

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answering(url: str, seconds: float = 2.0) -> str | None:
    """Which process answers a GET, if it says so. OSError if none does, or if it says that something is wrong."""
    with _OPENER.open(url, timeout=seconds) as answer:
        said: str | None = answer.headers.get(PROCESS)
        return said


def ask(method: str, url: str, body: Mapping[str, Any] | None = None, token: str | None = None) -> Any:
    """The JSON that answers a request. OSError if none does within 10 s, or if it says that something is wrong."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310  # loopback, from the sandbox's own directory
    with _OPENER.open(request, timeout=10.0) as answer:
        return json.loads(answer.read())
