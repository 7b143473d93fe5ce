"""`python -m lockgate.messages.schemas [FOLDER]`: writes the folder `schemas/` anew; without an argument, ./schemas."""

import sys
from pathlib import Path

from lockgate.messages.schemas.files import write
from lockgate.messages.schemas.golden import GoldenError


def main(arguments: list[str]) -> int:
    """The exit code: 0, or 2 with a sentence that says what to write first."""
    folder = Path(arguments[0]) if arguments else Path("schemas")
    try:
        changed = write(folder)
    except GoldenError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for path in changed:
        sys.stdout.write(f"{folder / path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
