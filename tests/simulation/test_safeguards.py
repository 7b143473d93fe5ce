"""Each safeguard is needed: without it, the simulation finds a history that goes wrong."""

import pytest

from tests.simulation.running import run
from tests.simulation.world import Safeguards

MOST = 250
"""Seeds that are tried until one fails."""

WITHOUT = {
    "the fence as the condition of a write": Safeguards(fence=False),
    "the deployer's floor": Safeguards(floor=False),
    "the halt": Safeguards(halt=False),
    "waiting for causes": Safeguards(causes=False),
    "the high-water mark": Safeguards(marks=False),
    "reading on before a timer fires": Safeguards(backlog=False),
    "the deadline of an order": Safeguards(order_deadline=False),
}


@pytest.mark.parametrize("what", WITHOUT)
def test_without_it_a_history_goes_wrong(what: str) -> None:
    errors = (run(seed, WITHOUT[what]).error for seed in range(MOST))
    assert next((error for error in errors if error is not None), None) is not None, f"{what} is not missed"
