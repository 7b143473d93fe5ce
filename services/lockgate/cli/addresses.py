"""Addresses as people type them: what is wrong with one is said before anything is connected to.

A database's URL may hold a password, so of it only what is wrong is said, never the URL.
"""

import re

_MOST_PORT = 65535
_DATABASE = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"


def servers_problem(text: str) -> str | None:
    """What is wrong with bootstrap servers, HOST:PORT[,HOST:PORT]; None if nothing is."""
    problems = (_server_problem(one.strip()) for one in text.split(","))
    return next((problem for problem in problems if problem), None)


def _server_problem(server: str) -> str | None:
    if "://" in server:
        return f"{server!r} is a URL: write HOST:PORT, such as 127.0.0.1:9092"
    host, port = _parts(server)
    if not host or any(c.isspace() or c in "/@" for c in host):
        return f"{server!r} names no host: write HOST:PORT, such as 127.0.0.1:9092"
    return None if port is None else _port_problem(port)


def _parts(server: str) -> tuple[str, str | None]:
    """The host and the port as it is written; None where there is none, as in an IPv6 address without brackets."""
    if server.startswith("["):
        host, _, rest = server[1:].partition("]")
        return host, rest.removeprefix(":") if rest else None
    if server.count(":") == 1:
        host, _, port = server.partition(":")
        return host, port
    return server, None


def _port_problem(port: str) -> str | None:
    if port.isascii() and port.isdigit() and 1 <= int(port) <= _MOST_PORT:
        return None
    return f"{port!r} is no port: write a number from 1 to {_MOST_PORT}"


def database_problem(url: str) -> str | None:
    """What is wrong with the URL of a database, which may name several hosts; None if nothing is."""
    scheme, _, rest = url.partition("://")
    if scheme not in {"postgresql", "postgres"}:
        return f"it is no URL of a database: write {_DATABASE}"
    hosts = re.split("[/?]", rest, maxsplit=1)[0].rpartition("@")[2]
    ports = (_parts(host)[1] for host in hosts.split(","))
    if any(port and _port_problem(port) for port in ports):
        return f"its port is none: write {_DATABASE}, with a port from 1 to {_MOST_PORT}"
    return None
