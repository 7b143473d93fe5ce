"""A replica remembers only so much of the database: what is too much is forgotten, and read again when it is needed."""

import pytest

from lockgate.runtime import remembered
from lockgate.runtime.store import Store
from tests.support.mutation import returned
from tests.support.toy_world import World, said

KEYS = ("shop", "till", "stock")
ROUNDS = 5


@pytest.mark.parametrize("bound", ["MAX_ROWS", "MAX_BYTES"])
async def test_what_was_forgotten_is_read_again_and_nothing_is_decided_otherwise(
    world: World, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(remembered, bound, 1)
    loads = returned(monkeypatch, Store, "load_rows")
    await world.serving()
    for number in range(1, ROUNDS + 1):
        await world.send(*(said(number, key=key) for key in KEYS))
        for key in KEYS:
            await world.hears(*(f"verifier {n}" for n in range(1, number + 1)), key=key)
    assert len(loads) >= ROUNDS > len(KEYS), "rows that were remembered were read once"
