"""Free loopback ports that stay free while a server restarts."""

import random
import socket
from pathlib import Path

_LOWEST = 20_000
_TRIES = 200


def free_ports(count: int) -> tuple[int, ...]:
    """`count` different ports that nobody listens on now; another process may still be faster, so retry a start.

    They lie below the range from which the system takes the ports of outgoing connections. A client that
    keeps trying a stopped server could otherwise be given the server's own port, and hold it.
    """
    found: set[int] = set()
    highest = _first_ephemeral_port() - 1
    choose = random.SystemRandom()
    for _ in range(_TRIES):
        if len(found) == count:
            break
        candidate = choose.randint(_LOWEST, highest) if highest > _LOWEST else 0
        if bound := _bindable(candidate):
            found.add(bound)
    return tuple(found)


def is_free(port: int) -> bool:
    return _bindable(port) == port


def _bindable(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
        return int(probe.getsockname()[1])


def _first_ephemeral_port() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return 49_152  # macOS
