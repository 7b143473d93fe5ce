"""The contracts of pyproject.toml hold, and each of them really refuses what it is there for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cdevents import ROOT

LINT = Path(sys.executable).parent / "lint-imports"
CORES = "Cores are pure: no clock, no chance, no world"
INDEPENDENT = "Services are independent of each other"
DOOR = "Intake decides without the door"
MESSAGES = "Messages import pydantic and the standard library only"
RUNTIME = "The runtime knows no service"
EMBEDDED = "The embedded servers know neither services nor the runtime"
SERVICES = "Services know neither the command line nor the embedded servers"
TOY = {
    "intake/core.py": "from toy.messages import values\nfrom toy.intake import words\nimport math",
    "intake/words.py": "import re",
    "intake/door.py": "from toy.intake import words\nimport asyncio",
    "intake/service.py": "from toy.runtime import engine\nfrom toy.intake.core import math\nimport asyncio",
    "verifier/core/__init__.py": "from datetime import datetime",
    "verifier/statistics/kernel.py": "import numpy",
    "deployer/core.py": "",
    "rollback/core.py": "",
    "ledger/store.py": "import time",
    "sandbox/region.py": "import random",
    "cli/main.py": "from toy.intake import service\nfrom toy.embedded import kafka",
    "messages/values.py": "import pydantic",
    "runtime/absence.py": "import hashlib",
    "runtime/engine.py": "from toy.messages import values\nimport asyncio",
    "embedded/kafka.py": "import socket",
}
"""A small system in the layout of this one, that breaks no contract."""


def test_the_layers_are_kept() -> None:
    ran = lint(ROOT)
    assert ran.returncode == 0, ran.stdout


def test_the_toy_keeps_every_contract(tmp_path: Path) -> None:
    assert broken_in(tmp_path, {}) == set()


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("intake/core.py", "import time", CORES),
        ("intake/core.py", "import random", CORES),
        ("runtime/absence.py", "import time", CORES),
        ("intake/core.py", "import os", CORES),
        ("intake/core.py", "import uuid", CORES),
        ("intake/core.py", "import structlog", CORES),
        ("intake/core.py", "import some_module_that_nobody_thought_of", CORES),
        ("intake/core.py", "def later():\n    import threading", CORES),
        ("intake/core.py", "from toy.runtime import engine", CORES),
        ("intake/words.py", "import pydantic_settings", CORES),
        ("verifier/core/waves.py", "import asyncio", CORES),
        ("verifier/statistics/kernel.py", "import asyncpg", CORES),
        ("intake/service.py", "from toy.ledger import store", INDEPENDENT),
        ("sandbox/region.py", "from toy.deployer import core", INDEPENDENT),
        ("intake/service.py", "from toy.intake import door", DOOR),
        ("intake/words.py", "from toy.intake import door", DOOR),
        ("messages/values.py", "import orjson", MESSAGES),
        ("messages/values.py", "from toy.runtime import engine", MESSAGES),
        ("runtime/engine.py", "from toy.intake import words", RUNTIME),
        ("embedded/kafka.py", "from toy.runtime import engine", EMBEDDED),
        ("embedded/kafka.py", "from toy.ledger import store", EMBEDDED),
        ("ledger/store.py", "from toy.embedded import kafka", SERVICES),
        ("ledger/store.py", "from toy.cli import main", SERVICES),
    ],
)
def test_a_contract_refuses_what_it_is_there_for(tmp_path: Path, file: str, line: str, contract: str) -> None:
    assert contract in broken_in(tmp_path, {file: line})


def broken_in(folder: Path, added: dict[str, str]) -> set[str]:
    """The contracts that are broken once the lines are added to the toy's files."""
    for file, text in TOY.items():
        path = folder / "toy" / file
        for package in (path.parent, *path.parent.parents):
            if package in {folder / "toy", folder}:
                break
            package.mkdir(parents=True, exist_ok=True)
            (package / "__init__.py").touch()
        path.write_text(f"{text}\n")
    for file, line in added.items():
        path = folder / "toy" / file
        path.write_text(f"{path.read_text() if path.exists() else ''}{line}\n")
    text = (ROOT / "pyproject.toml").read_text()
    contracts = text[text.index("[tool.importlinter]") :]
    (folder / "pyproject.toml").write_text(contracts.replace('"lockgate', '"toy'))
    return {
        line.removesuffix(" BROKEN") for line in lint(folder).stdout.splitlines() if line.endswith(" BROKEN")
    }


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }
    return subprocess.run(
        [LINT, "--no-cache"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
