"""The one exception of the embedded servers: what happened, what the log says, what to do next."""

from pathlib import Path

_TAIL = 2000  # characters of the log that a message repeats


class EmbeddedError(RuntimeError):
    """An embedded server cannot do what was asked.

    `what` names the thing and what happened to it, `advice` the next step; the end of `log` is repeated.
    """

    def __init__(self, what: str, advice: str, log: Path | None = None) -> None:
        self.what, self.advice, self.log = what, advice, log
        super().__init__("\n".join([what, *_excerpt(log), f"What to do: {advice}"]))


def _excerpt(log: Path | None) -> list[str]:
    if log is None:
        return []
    try:
        text = log.read_text(errors="replace").strip()
    except OSError:
        return [f"Log: {log} (not readable)"]
    return [f"Log: {log}, which ends with:", text[-_TAIL:] or "(nothing)"]
