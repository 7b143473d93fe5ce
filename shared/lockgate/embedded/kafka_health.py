"""Asks a broker the one question that proves it is ready, without a client library: which brokers are alive?"""

import socket
import struct

# Metadata request, version 4, for no topic: int32 size | int16 key 3 | int16 version 4 | int32 correlation 1 |
# string client id, absent | int32 no topics | bool do not create.
_REQUEST = struct.pack(">ihhihi?", 15, 3, 4, 1, -1, 0, False)
_BEFORE_BROKERS = 8  # bytes of the answer: int32 correlation | int32 throttle


def cluster_at(host: str, port: int) -> str | None:
    """The id of the cluster that answers there within a second with a live broker; None for anything else."""
    try:
        with socket.create_connection((host, port), timeout=1.0) as connection:
            connection.sendall(_REQUEST)
            with connection.makefile("rb") as answer:
                size = int.from_bytes(answer.read(4))
                return _cluster_in(answer.read(size))
    except (OSError, struct.error):
        return None


def _cluster_in(answer: bytes) -> str | None:
    (brokers,) = struct.unpack_from(">i", answer, _BEFORE_BROKERS)
    place = _BEFORE_BROKERS + 4
    for _ in range(brokers):
        _, place = _string_at(answer, place + 4)  # after int32 node id: the host
        _, place = _string_at(answer, place + 4)  # after int32 port: the rack
    cluster, _ = _string_at(answer, place)
    return cluster if brokers else None


def _string_at(answer: bytes, place: int) -> tuple[str, int]:
    """A string with its int16 length, which is -1 for an absent one; and the place after it."""
    (length,) = struct.unpack_from(">h", answer, place)
    end = place + 2 + max(length, 0)
    return answer[place + 2 : end].decode(errors="replace"), end
