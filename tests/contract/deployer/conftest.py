"""A sandbox with the application `payments`, and the work of the deployer that serves its regions."""

from collections.abc import AsyncIterator

import pytest_asyncio

from lockgate.sandbox import Sandbox, Settings
from tests.support.deployer import OLD
from tests.support.deployer_at_work import AtWork, at_work


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    settings = Settings(regions=("eu-west",), scrape_seconds=1.0, rate=0.0, backoff_seconds=0.2)
    async with Sandbox(settings) as running:
        running.install("payments", OLD, replicas=4, rate=0.0)
        await running.settled()
        yield running


@pytest_asyncio.fixture
async def west(sandbox: Sandbox) -> AsyncIterator[AtWork]:
    async with at_work(sandbox) as worker:
        yield worker
