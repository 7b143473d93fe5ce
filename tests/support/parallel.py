"""How the tests are dealt to several processes (`make test` uses pytest-xdist), and in which order.

What shares servers stays together: the whole system is started in one process only, and in a second one if the long
tests are asked for. The control plane is one for all processes, so what needs it is dealt one by one. These come first, and
what needs no server last and one by one, so that no core is idle at the end.
"""

import pytest

_TOGETHER = {"faults": "whole system", "flow": "whole system"}
"""Folder -> the group that all of it belongs to; elsewhere each file is a group of its own."""

_ONE_AT_A_TIME = {
    **dict.fromkeys(("contract/cluster/test_scale.py", "flow/test_real_clusters.py"), "many pods"),
    **dict.fromkeys(
        (f"contract/cluster/test_{name}.py" for name in ("deployer", "listing", "watching")),
        "forgotten versions",
    ),
}
"""File -> the group of its tests that are marked `cluster`: what one of them does to the control plane disturbs the others."""

_LONG = dict.fromkeys(("faults/test_matrix.py", "faults/test_stopped.py"), "whole system, again")
"""File -> the group of its tests that are marked `ci`: as long as all others with a whole system together."""

_ALONE = "simulation"
"""The folder whose tests share nothing: each is dealt by itself."""

_FIRST = (
    *("faults/", "flow/", "cli/", "contract/cluster/test_scale.py"),
    *("contract/", "embedded/", "sandbox/", "replay/"),
)
"""What the names of files begin with, in the order in which they are dealt; the others follow."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    root = config.rootpath / "tests"
    names = {item: str(item.path.relative_to(root)) for item in items if item.path.is_relative_to(root)}
    for item, name in names.items():
        if (group := _group(item, name)) is not None:
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: _rank(names.get(item, "")))  # stable: the order within a folder is kept


def _group(item: pytest.Item, name: str) -> str | None:
    """None: it is dealt by itself."""
    folder = name.partition("/")[0]
    if item.get_closest_marker("cluster"):
        return _ONE_AT_A_TIME.get(name)
    if item.get_closest_marker("ci") and name in _LONG:
        return _LONG[name]
    return None if folder == _ALONE else _TOGETHER.get(folder, name)


def _rank(name: str) -> int:
    return next((rank for rank, first in enumerate(_FIRST) if name.startswith(first)), len(_FIRST))
