"""The door of the local system: where it is, and one operator's token in a file that nobody else may read."""

import json
import os
import secrets
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
        if not file.exists():
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as created:
                created.write(TOKEN_PREFIX + secrets.token_urlsafe(32) + "\n")
        port = free_ports(1)[0]
        operator = {"name": "operator", "role": Role.OPERATOR, "token": hash_of(file.read_text().strip())}
        settings = {"LOCKGATE_DOOR_PORT": str(port), "LOCKGATE_DOOR_CALLERS": json.dumps([operator])}
        return cls(f"http://127.0.0.1:{port}", file, settings)
