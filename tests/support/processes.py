"""What the kernel says of a process."""

from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil ships no types


def state(pid: int) -> str:
    """Its letter: R, S, T if it is stopped, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]


def peak_mib(pid: int) -> float:
    """What it had in memory at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return round(int(line.split()[1]) / 1024, 1)


def mib(pid: int) -> dict[str, float]:
    """What it has in memory: RSS is all of it, PSS divides what it shares with others among them; and the highest RSS."""
    found = psutil.Process(pid).memory_full_info()
    return {
        "rss": round(found.rss / 2**20, 1),
        "pss": round(found.pss / 2**20, 1),
        "peak_rss": peak_mib(pid),
    }
