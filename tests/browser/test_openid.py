"""By an organisation's provider, in a real browser: the way back from another site leads to a signed-in page."""

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.async_api import Browser, expect

from application.context import Context
from console.app import create_app
from deploy.local.postgres import Database
from simulation.people import PEOPLE
from tests.browser.serving import Serving
from tests.cli.helpers import World, invented
from tests.console.enrolment import Register
from tests.console.provider import provider_process, settings_for
from workflows.journey.vocabulary.actors import Role

COCO = PEOPLE[Role.COORDINATOR]


@pytest.mark.browser
async def test_whom_the_provider_sends_back_is_signed_in(migrated: Database, chromium: Browser, tmp_path: Path) -> None:
    world = World(migrated)
    async with provider_process(tmp_path, {"sub": COCO.id}) as issuer:

        def make() -> FastAPI:
            world.set(register_file=tmp_path / "register.json", profile=None)
            Register(invented().register_path, tmp_path / "register.json", serving.address)
            return create_app(
                world.settings,
                openid=settings_for(issuer, tmp_path, address=serving.address),
                make_context=lambda **who: Context(load=world.load_settings, connect=world.connect, **who),
            )

        serving = Serving(make)
        await serving.start()
        context = await chromium.new_context(timezone_id="Asia/Tokyo")
        page = await context.new_page()
        await page.goto(f"{serving.address}/start")
        await page.get_by_role("link", name="Sign in by your organisation").click()
        await expect(page).to_have_url(re.compile(re.escape(issuer)))
        await page.get_by_role("button", name=COCO.id).click()
        await expect(page).to_have_url(f"{serving.address}/start")
        await expect(page.get_by_text("You are signed in to look")).to_be_visible()
        await expect(page.get_by_text("Times without a place are yours: Asia/Tokyo.")).to_be_visible()
        await page.get_by_role("link", name="open your working session").click()
        await expect(page.get_by_role("heading", name="Open your working session")).to_be_visible()
        await context.close()
        await serving.stop()
