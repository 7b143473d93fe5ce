"""What the kernel says of a process."""

from pathlib import Path


def state(pid: int) -> str:
    """Its letter: R, S, T if it is stopped, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
