"""A batch that is not written in time is read again in parts: as a whole it would be late again, and nothing would go on."""

from typing import Any

import pytest

from lockgate.runtime.batch import Batch
from lockgate.runtime.store import Store
from tests.support.toy_world import World, said

COUNT, AT_MOST = 20, 3


async def test_what_is_too_much_to_be_written_in_time_is_written_in_parts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = await world.serving()
    await replica.leave()
    await world.send(*map(said, range(1, COUNT + 1)))
    apply, late = Store.apply, list[int]()

    async def slow(store: Store, batch: Batch, **named: Any) -> Any:
        if batch.decisions > AT_MOST:
            late.append(batch.decisions)
            raise TimeoutError
        return await apply(store, batch, **named)

    monkeypatch.setattr(Store, "apply", slow)
    await world.serving()
    await world.hears(*(f"verifier {number}" for number in range(1, COUNT + 1)))
    assert late
