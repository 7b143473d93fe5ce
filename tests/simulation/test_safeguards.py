"""Each safeguard is needed: without it, the simulation finds a history that goes wrong."""

import pytest

from tests.simulation.mutants import MUTANTS, code_of, take_away
from tests.simulation.safeguards import MOST, missed_by, remembered


@pytest.mark.parametrize("what", MUTANTS)
def test_it_is_written_as_its_mutant_says(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else `take_away` says which text it did not find, long before the mutants are run."""
    owner, name, _ = MUTANTS[what]
    before = code_of(owner, name)
    take_away(monkeypatch, MUTANTS[what])
    assert code_of(owner, name) != before
    monkeypatch.undo()
    assert code_of(owner, name) == before


@pytest.mark.ci
@pytest.mark.timeout(1800)  # CI runs it on what its other tests leave of the cores
@pytest.mark.parametrize("what", MUTANTS)
def test_without_it_a_history_goes_wrong(what: str) -> None:
    assert missed_by(what, remembered(what)) is not None, f"{what} is not missed in {MOST} seeds"
