"""A console on a real record, served to a real browser, with journeys at many moments.

One console and one browser for all tests of a process; each test opens contexts of its own, which are browsers to the
console. What stands in for Temporal decides by the same core; the whole service is in `test_servers.py`.
"""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from activities.notices.contacts import Code, ContactPoint, ContactPoints, Contacts
from activities.privacy.key_store import open_key_store
from activities.privacy.master_keys import Keyring
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


async def _reach(desk: Desk, keys: SharedKeys) -> None:
    """Give the patient of a journey points that count and that wait for their code, and a code of the clinic."""
    assert desk.reached is not None
    at, code = desk.clinics.world.at, Code(digits="123456", until=datetime(2099, 1, 1, tzinfo=UTC), tries=5)
    points = (
        ContactPoint(id="email-1", channel="email", address="invented@home.example", verified_at=at),
        ContactPoint(id="sms-1", channel="webhook", address="sms:+15550100", verified_at=at),
        ContactPoint(id="email-2", channel="email", address="waits@home.example", code=code),
        ContactPoint(id="email-3", channel="email", address="waits-for-another@home.example"),
    )
    async with open_key_store(keys.url, Keyring(keys.keyring)) as store:
        contacts = Contacts(desk.clinics.record, store)
        patient = await contacts.of_patient(desk.reached)
        assert patient is not None
        await contacts.keep(patient, ContactPoints(points=points), after=0, by="demo-coordinator")


@pytest_asyncio.fixture(scope="session")
async def desk(
    postgres: Postgres, chromium: Browser, shared_keys: SharedKeys, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    """A console in front of the clinics' record, and the browser to look at it with."""
    copy = await postgres.fresh_database(template=postgres.database)
    profiles: Path = tmp_path_factory.mktemp("browser") / "profiles"
    async with open_clear(everything(copy)) as record, AsyncExitStack() as exits:
        made = await record_clinics(copy, record)
        made.world.down = False
        serving = Serving(lambda: console_of(made.world, profiles, next(iter(made.journeys)), exits, shared_keys))
        await serving.start()
        for key in invented().register_path.parent.glob("*.key"):
            shutil.copy(key, profiles / key.name)
        desk = Desk(made, chromium, serving, profiles)
        before = made.world.at
        desk.reached = (await desk.journey("observation:1-15")).journey.id
        play = await desk.journey("evaluation:")
        [request] = [each.id for each in play.journey.waiting.values() if each.sign_off is not None]
        desk.asked = f"/journeys/{play.journey.id}/sign-offs/{request}"
        made.world.at = before
        await _reach(desk, shared_keys)
        yield desk
        await serving.stop()
    await postgres.drop_database(copy)
