"""The pictures of the README. They are made anew in `docs/pictures/` where PICTURES says so, and otherwise only tried:

PICTURES=docs/pictures make browser ARGS="-k pictures"
"""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, ViewportSize

from tests.browser.people import Desk
from tests.journey.play import START

pytestmark = pytest.mark.browser

SIZE = ViewportSize(width=1100, height=720)
MOST_BYTES = 150_000


async def _take(page: Page, name: str, tmp_path: Path) -> None:
    path = Path(os.environ.get("PICTURES") or tmp_path) / f"{name}.png"
    await page.screenshot(path=path)
    assert 10_000 < path.stat().st_size < MOST_BYTES


async def test_pictures(desk: Desk, tmp_path: Path) -> None:
    play = await desk.journey("evaluation:")
    asked = next(each.id for each in play.journey.waiting.values() if each.sign_off is not None)
    desk.clinics.world.at = START + timedelta(days=3, hours=2)
    async with desk.person("coordinator") as page:
        await page.set_viewport_size(SIZE)
        await page.goto("/work")
        await _take(page, "worklist", tmp_path)
    async with desk.person("clinician") as page:
        await page.set_viewport_size(SIZE)
        await page.goto(f"/journeys/{desk.clinics.held}")
        await _take(page, "patient", tmp_path)
        await page.goto(f"/journeys/{play.journey.id}/sign-offs/{asked}")
        await page.get_by_label("approve").check()
        await page.get_by_label("Rationale").fill("Invented: the evaluation is complete.")
        await page.evaluate("scrollTo(0, document.getElementById('sign').getBoundingClientRect().top + scrollY - 250)")
        await page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        await _take(page, "signature", tmp_path)
