"""`python -m tests.support.controlplane`: get the programs of a control plane, with progress.

What cannot be had here is said, and is a failure: whoever asks for these programs wants their tests to run.
"""

import sys

from lockgate.embedded.__main__ import Printer
from tests.support.controlplane.building import build
from tests.support.controlplane.programs import MissingProgramsError, programs


def main() -> int:
    try:
        programs()
    except MissingProgramsError:
        return _build()
    return 0


def _build() -> int:
    try:
        build(Printer(sys.stderr))
        programs()
    except MissingProgramsError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
