"""`pytest tests/simulation --seed N` runs that seed alone, as `python -m tests.simulation --seed N --explain` tells it."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="run this seed of the simulation alone")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "seeds(first, last, size): seeds of the simulation, in parts of this size"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `seeds` is given them in parts: none of them takes long, and a few at a time run in parallel."""
    if "seeds" not in metafunc.fixturenames:
        return
    seed: int | None = metafunc.config.getoption("--seed", None)
    if seed is not None:
        metafunc.parametrize("seeds", [range(seed, seed + 1)], ids=[str(seed)])
        return
    (mark,) = metafunc.definition.iter_markers("seeds")
    first, last, size = mark.args
    parts = [range(begin, min(begin + size, last)) for begin in range(first, last, size)]
    metafunc.parametrize("seeds", parts, ids=[f"{part.start}-{part.stop - 1}" for part in parts])
