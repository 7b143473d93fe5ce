"""The door of the local system: where it is, and one operator's token in a file that nobody else may read."""

import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lockgate.embedded.ports import free_ports
from lockgate.intake.door.callers import TOKEN_PREFIX, Role, hash_of

TOKEN_FILE = "door-token"  # noqa: S105  # the name of the file


@dataclass(frozen=True, slots=True)
class LocalDoor:
    """`environment` are the settings of its process, which has the token's hash alone."""

    url: str
    token_file: Path
    environment: Mapping[str, str]

    @classmethod
    def in_folder(cls, home: Path) -> "LocalDoor":
        """With the token of an earlier run, if the folder was kept."""
        file = home / TOKEN_FILE
        token = file.read_text().strip() if file.exists() else ""
        if not token:
            token = TOKEN_PREFIX + secrets.token_urlsafe(32)
            _write(file, token + "\n")
        port = free_ports(1)[0]
        operator = {"name": "operator", "role": Role.OPERATOR, "token": hash_of(token)}
        settings = {"LOCKGATE_DOOR_PORT": str(port), "LOCKGATE_DOOR_CALLERS": json.dumps([operator])}
        return cls(f"http://127.0.0.1:{port}", file, settings)


def _write(file: Path, text: str) -> None:
    """Whole or not at all, and for nobody else to read: a file that was cut off would be no token, or a short one."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    with os.fdopen(descriptor, "w") as created:
        created.write(text)
    Path(name).replace(file)
