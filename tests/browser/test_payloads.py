"""Payloads in clear: signing in at the codec server, in a real browser."""

import pytest
from playwright.async_api import Browser, Route

from tests.console.test_codec_server import UI, Asked, asked, record
from workflows.journey.vocabulary.actors import Role

__all__ = ["asked", "record"]


@pytest.mark.browser
@pytest.mark.server
async def test_ops_sign_in_and_are_led_to_the_interface(chromium: Browser, asked: Asked) -> None:
    async def interface(route: Route) -> None:
        await route.fulfill(body="Temporal's interface")

    async with await chromium.new_context() as context:
        await context.route(f"{UI}/**", interface)
        page = await context.new_page()
        await page.goto(f"{asked.url}/sign-in")
        await page.get_by_label("Token").fill(await asked.token(Role.OPS))
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"{UI}/")
        assert await page.inner_text("body") == "Temporal's interface"
