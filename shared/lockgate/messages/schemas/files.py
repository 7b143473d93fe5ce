"""Every file of `schemas/` that is generated, and how it gets there."""

import json
from pathlib import Path
from typing import Any

from lockgate.messages.schemas.asyncapi import asyncapi
from lockgate.messages.schemas.events import event_schema, plan_schema
from lockgate.messages.schemas.golden import FOLDER, events, path_of
from lockgate.messages.schemas.names import DESCRIBED, TypeName
from lockgate.messages.schemas.yamltext import dump

_OTHERS = frozenset({"README.md", "openapi.json"})
"""What lies there and is written by hand, or made from the door's routes (`lockgate.intake.door.openapi`)."""


def generated(schemas: Path) -> dict[str, bytes]:
    """The contents of each generated file, by its path within `schemas`. GoldenError if an example is missing.

    The example of a type is the golden event of its newest version, laid out for people.
    """
    golden = events(schemas)
    files = {str(path_of(name)): value for name, value in golden.items()}
    for name, payload in DESCRIBED.items():
        stem = f"{payload.topic}/{TypeName.of(name).fact}"
        files[f"{stem}.json"] = _text(event_schema(payload))
        files[f"{stem}.example.json"] = _text(json.loads(golden[name]))
    files["plan.json"] = _text(plan_schema())
    files["asyncapi.yaml"] = dump(asyncapi()).encode()
    return dict(sorted(files.items()))


def differences(schemas: Path) -> tuple[str, ...]:
    """The paths within `schemas` that are missing, stale, or not as they are generated today."""
    return _differing(schemas, generated(schemas))


def write(schemas: Path) -> tuple[str, ...]:
    """Writes what differs and removes what is stale; the paths that changed. Golden files are never rewritten."""
    wanted = generated(schemas)
    changed = _differing(schemas, wanted)
    for path in changed:
        file = schemas / path
        if path not in wanted:
            file.unlink()
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(wanted[path])
    return changed


def _differing(schemas: Path, wanted: dict[str, bytes]) -> tuple[str, ...]:
    changed = {path for path, value in wanted.items() if not _holds(schemas / path, value)}
    stale = {str(file.relative_to(schemas)) for file in _present(schemas)} - wanted.keys()
    return tuple(sorted(changed | stale))


def _holds(file: Path, value: bytes) -> bool:
    return file.exists() and file.read_bytes() == value


def _present(schemas: Path) -> list[Path]:
    """The generated files that are there. Golden files stay, also those of versions that nobody reads any more."""
    golden = schemas / FOLDER
    files = (file for file in schemas.rglob("*") if file.is_file() and not file.is_relative_to(golden))
    return [file for file in files if file.name not in _OTHERS]


def _text(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
