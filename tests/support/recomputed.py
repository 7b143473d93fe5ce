"""A verdict made of its event's record alone, in another process."""

import json
import subprocess
import sys
from typing import Any

from lockgate.verifier.statistics.verification import encode

_RECOMPUTE = """
import json, sys
from lockgate.verifier.statistics.verification import encode, recompute
sys.stdout.buffer.write(encode(recompute(json.load(sys.stdin))))
"""


def recomputed(record: bytes) -> dict[str, Any]:
    """The verdict of a record, by a process that has nothing else."""
    ran = subprocess.run([sys.executable, "-c", _RECOMPUTE], input=record, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    assert encode(found) == ran.stdout
    return found
