"""`python -m lockgate.embedded`: prepare the embedded servers, with progress for a terminal or a log."""

import logging
import sys
from typing import TextIO

from lockgate.embedded import EmbeddedError, Progress, prepare


class Printer:
    """On a terminal a step is one line that counts up; in a log it is a line at its start and one at its end."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._step = out, ""

    def __call__(self, progress: Progress) -> None:
        finished = progress.done == progress.total
        if self._out.isatty():
            self._out.write(f"\r\033[K{progress}" + ("\n" if finished else ""))
        elif finished or progress.step != self._step:
            self._out.write(f"{progress}\n")
        self._step = progress.step
        self._out.flush()


def main() -> int:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what its client retries is no news here
    try:
        prepare(Printer(sys.stderr))
    except EmbeddedError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
