"""How the tests are dealt to several processes (`make test` uses pytest-xdist), and in which order.

What shares servers stays together: the whole system is started in one process only, and in a second one if the long
tests are asked for; the control plane in one only. These come first, and what needs no server last and one by one, so
that no core is idle at the end.
"""

import pytest

_TOGETHER = {"faults": "whole system", "flow": "whole system"}
"""Folder -> the group that all of it belongs to; elsewhere each file is a group of its own."""

_CONTROL_PLANE = "control plane"
"""The group of all that is marked `cluster`, wherever it is."""

_LONG = dict.fromkeys(("faults/test_matrix.py", "faults/test_stopped.py"), "whole system, again")
"""File -> the group of its tests that are marked `ci`: as long as all others with a whole system together."""

_ALONE = "simulation"
"""The folder whose tests share nothing: each is dealt by itself."""

_FIRST = ("faults", "flow", "cli", "contract", "embedded", "sandbox", "replay")
"""Folders in the order in which they are dealt; the others follow."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    root = config.rootpath / "tests"
    folders = {item: item.path.relative_to(root).parts[0] for item in items if item.path.is_relative_to(root)}
    for item, folder in folders.items():
        if (group := _group(item, folder, str(item.path.relative_to(root)))) is not None:
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: _rank(folders.get(item, "")))  # stable: the order within a folder is kept


def _group(item: pytest.Item, folder: str, name: str) -> str | None:
    """None: it is dealt by itself."""
    if item.get_closest_marker("cluster"):
        return _CONTROL_PLANE
    if item.get_closest_marker("ci") and name in _LONG:
        return _LONG[name]
    return None if folder == _ALONE else _TOGETHER.get(folder, name)


def _rank(folder: str) -> int:
    return _FIRST.index(folder) if folder in _FIRST else len(_FIRST)
