"""A sandbox of two regions for each test that asks for one."""

from collections.abc import AsyncIterator

import pytest_asyncio

from lockgate.sandbox import Sandbox, Settings
from tests.support.sandboxes import Web, kubernetes


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    settings = Settings(regions=("eu-west", "eu-north"), scrape_seconds=0.05, rate=200.0, backoff_seconds=0.2)
    async with Sandbox(settings) as running:
        yield running


@pytest_asyncio.fixture
async def web_api(sandbox: Sandbox) -> AsyncIterator[Web]:
    async with kubernetes(sandbox, "eu-west") as api:
        yield Web(api)
