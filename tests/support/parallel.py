"""How the tests are dealt to several processes (`make test` uses pytest-xdist), and in which order.

What shares servers stays together: the whole system is started in one process only, and in a second one if the long
tests are asked for. The longest come first, so that no core is idle at the end.
"""

from pathlib import Path

import pytest

_TOGETHER = {"faults": "whole system", "flow": "whole system"}
"""Folder -> the group that all of it belongs to; elsewhere each file is a group of its own."""

_LONG = dict.fromkeys(("faults/test_matrix.py", "faults/test_stopped.py"), "whole system, again")
"""File -> the group of its tests that are marked `ci`: as long as all others with a whole system together."""

_FIRST = ("faults", "flow", "cli", "simulation", "contract", "embedded", "sandbox", "replay")
"""Folders in the order in which they are dealt; the others follow."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    root = config.rootpath / "tests"
    folders = {item: item.path.relative_to(root).parts[0] for item in items if item.path.is_relative_to(root)}
    for item, folder in folders.items():
        name = _name(item.path, root)
        long = _LONG.get(name) if item.get_closest_marker("ci") else None
        item.add_marker(pytest.mark.xdist_group(long or _TOGETHER.get(folder, name)))
    items.sort(key=lambda item: _rank(folders.get(item, "")))  # stable: the order within a folder is kept


def _name(path: Path, root: Path) -> str:
    return str(path.relative_to(root))


def _rank(folder: str) -> int:
    return _FIRST.index(folder) if folder in _FIRST else len(_FIRST)
