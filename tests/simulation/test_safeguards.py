"""Each safeguard is needed: without it, the simulation finds a history that goes wrong."""

import pytest

from tests.simulation.mutants import MUTANTS, take_away
from tests.simulation.running import run

MOST = 300
"""Seeds that are tried until one fails."""


@pytest.mark.ci
@pytest.mark.parametrize("what", MUTANTS)
def test_without_it_a_history_goes_wrong(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take_away(monkeypatch, MUTANTS[what])
    assert any(run(seed).error is not None for seed in range(MOST)), f"{what} is not missed in {MOST} seeds"
