"""Two browsers on one decision, a stale page, the way back, a double click, a sign-in that ends, a restart.

Nothing is lost, nothing happens twice, and the words are clear.
"""

import re
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from console.sign_ins import IDLE
from simulation.keys import PASSPHRASE
from simulation.people import PEOPLE
from tests.browser.people import Desk
from workflows.journey.actors import Role

pytestmark = pytest.mark.browser

REASON = "Invented: wait for the laboratory."


async def _hold(page: Page, journey: UUID, reason: str = REASON) -> None:
    await page.goto(f"/journeys/{journey}/pathway/hold")
    await page.get_by_label("Reason").fill(reason)


async def _send(page: Page) -> None:
    await page.get_by_role("button", name=re.compile("^Send")).click()


async def _open_request(page: Page, journey: UUID, kind: str) -> None:
    """Open a request to sign, and fill in its form."""
    await page.goto(f"/journeys/{journey}")
    await page.locator(f'a[href*="/sign-offs/{kind}"]').first.click()
    await page.get_by_label("approve").check()
    await page.get_by_label(re.compile("^Rationale")).fill("Invented: all is well.")
    await page.get_by_label("Your id").fill(PEOPLE[Role.CLINICIAN].id)
    await page.get_by_label("Passphrase of your key").fill(PASSPHRASE)


async def _sign(page: Page) -> None:
    await page.get_by_role("button", name="Sign", exact=True).click()


async def _count(desk: Desk, journey: UUID, kind: str) -> int:
    return sum(event.body.kind == kind for event in await desk.events(journey))


async def _held(desk: Desk) -> UUID:
    journey = (await desk.journey("evaluation")).journey.id
    async with desk.person("coordinator") as page:
        await _hold(page, journey)
        await _send(page)
        await expect(page.get_by_role("status")).to_contain_text("Done")
    return journey


async def test_two_browsers_on_one_decision(desk: Desk) -> None:
    journey = await _held(desk)
    async with desk.person("clinician") as first, desk.person("clinician") as second:
        for page in (first, second):
            await _open_request(page, journey, "hold_release")
        await _sign(first)
        await expect(first.get_by_role("status")).to_contain_text("Signed and recorded: approve.")
        await _sign(second)
        await expect(second.get_by_role("heading", name=re.compile("^Decided: approve"))).to_be_visible()
        await expect(second.get_by_role("alert")).to_contain_text("What to do:")
    assert await _count(desk, journey, "hold.released") == 1


async def test_a_stale_page_signs_nothing(desk: Desk) -> None:
    play = await desk.journey("evaluation:")
    journey = play.journey.id
    async with desk.person("clinician") as page, desk.person("clinician") as other:
        await _open_request(page, journey, "evaluation")
        await other.goto(f"/journeys/{journey}/medicine/add")
        await other.get_by_label("What", exact=True).fill("Invented: another medicine.")
        await other.get_by_label("Dosage").fill("Invented: daily.")
        await _send(other)
        await expect(other.get_by_role("status")).to_contain_text("Done")
        await _sign(page)
        await expect(page.get_by_role("alert")).to_contain_text("What to do:")
    assert await _count(desk, journey, "signoff.signed") == 0


async def test_back_and_a_double_click_do_nothing_twice(desk: Desk) -> None:
    journey = (await desk.journey("evaluation")).journey.id
    async with desk.person("coordinator") as page:
        await _hold(page, journey)
        await page.get_by_role("button", name=re.compile("^Send")).dblclick()
        await expect(page.get_by_role("heading", name="Care is held")).to_be_visible()
        assert await _count(desk, journey, "hold.placed") == 1
        await page.go_back()
        # The browser puts in again what was typed.
        await expect(page.get_by_label("Reason")).to_have_value(REASON)
        await _send(page)
        await expect(page.get_by_role("status")).to_contain_text("Done: Hold care.")
        await page.reload()
        await expect(page.get_by_role("heading", name="Care is held")).to_be_visible()
    assert await _count(desk, journey, "hold.placed") == 1


@pytest.mark.parametrize("how", ["idle", "restart"])
async def test_a_sign_in_that_ends_in_the_middle_of_a_form(desk: Desk, how: str) -> None:
    journey = (await desk.journey("evaluation")).journey.id
    async with desk.person("coordinator", script=False) as page:
        await _hold(page, journey)
        if how == "idle":
            desk.clinics.world.at += IDLE * 2
        else:
            await desk.restart()
        await _send(page)
        await expect(page.get_by_role("status")).to_contain_text("Nothing was sent")
        await expect(page.get_by_role("status")).to_be_focused()
        assert await _count(desk, journey, "hold.placed") == 0
        await page.get_by_role("button", name="Cory Invented").click()
        await expect(page.get_by_role("status")).to_contain_text("nothing is lost")
        await expect(page.get_by_label("Reason")).to_have_value(REASON)
        await _send(page)
        await expect(page.get_by_role("heading", name="Care is held")).to_be_visible()
    assert await _count(desk, journey, "hold.placed") == 1
