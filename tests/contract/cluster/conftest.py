"""What a deployer relies on in an API server, asked of the sandbox and of a real one."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.places import Place, sandboxed, served

REAL = pytest.param("real", marks=[pytest.mark.cluster, pytest.mark.timeout(120)])


@pytest_asyncio.fixture(params=["sandbox", REAL])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    if request.param == "sandbox":
        async with sandboxed() as region:
            yield region
    else:
        async with served(request.getfixturevalue("control_plane")) as region:
            yield region
