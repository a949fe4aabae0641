"""A console on a real record, served to a real browser, with journeys at many moments.

One console and one browser for all tests of a process; each test opens contexts of its own, which are browsers to the
console. What stands in for Temporal decides by the same core; the whole service is in `test_servers.py`.
"""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from deploy.local.postgres import Postgres
from tests.browser.chromium import HOW, NAMES, find_browser
from tests.browser.people import Desk
from tests.browser.serving import Serving
from tests.cli.clinics import record_clinics
from tests.cli.helpers import invented
from tests.console.conftest import console_of
from tests.fixtures.clear import open_clear
from tests.fixtures.everything import everything
from tests.fixtures.keys import SharedKeys


@pytest_asyncio.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The installed Chromium or Chrome, without a window. Its sandbox does not work for root alone."""
    program = find_browser()
    assert program is not None, HOW.format(names=", ".join(NAMES))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, chromium_sandbox=os.geteuid() != 0)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session")
async def desk(
    postgres: Postgres, chromium: Browser, shared_keys: SharedKeys, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    """A console in front of the clinics' record, and the browser to look at it with."""
    copy = await postgres.fresh_database(template=postgres.database)
    profiles: Path = tmp_path_factory.mktemp("browser") / "profiles"
    async with open_clear(everything(copy)) as record:
        made = await record_clinics(copy, record)
        made.world.down = False
        serving = Serving(lambda: console_of(made.world, profiles, next(iter(made.journeys)), shared_keys))
        await serving.start()
        for key in invented().register_path.parent.glob("*.key"):
            shutil.copy(key, profiles / key.name)
        yield Desk(made, chromium, serving, profiles)
        await serving.stop()
    await postgres.drop_database(copy)
