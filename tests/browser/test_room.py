"""The session room, on a phone and without script: what is next is there, help is one press away, and what was missed
stands out."""

import re
from datetime import timedelta

import pytest
from playwright.async_api import Page, expect

from simulation.people import PEOPLE
from tests.browser.people import Desk, findings, overflow
from workflows.journey.vocabulary.actors import Role

pytestmark = pytest.mark.browser


async def _whole(page: Page) -> None:
    assert await findings(page) == []
    assert await overflow(page) == []
    small = await page.evaluate(
        "() => [...document.querySelectorAll('main button, main a.button, main label:has(input)')]"
        ".filter(each => each.checkVisibility())"
        ".map(each => [each.innerText, each.getBoundingClientRect().height]).filter(([_, height]) => height < 40)"
    )
    assert small == []


@pytest.mark.parametrize("awaited", ["checklist:1", "release:1", "dose:1", "observation:1-15"])
async def test_the_room_is_whole_at_every_moment(desk: Desk, awaited: str) -> None:
    play = await desk.journey(awaited)
    async with desk.person("session_monitor", phone=True) as page:
        await page.goto(f"/journeys/{play.journey.id}/room")
        await expect(page.get_by_role("button", name="Call for help now")).to_be_visible()
        await _whole(page)


async def test_from_the_checklist_to_the_dose(desk: Desk) -> None:
    play = await desk.journey("checklist:1")
    async with desk.person("session_monitor", phone=True, script=False) as page:
        await page.goto(f"/journeys/{play.journey.id}/room")
        for yes in await page.get_by_label("yes", exact=True).all():
            await yes.check()
        # What somebody has to say stands there for nobody.
        await expect(page.get_by_label("State the patient is in")).to_have_value("")
        reachable = page.get_by_role("group", name="Reachable clinician")
        await expect(reachable.get_by_role("radio", checked=True)).to_have_count(0)
        await reachable.get_by_label(f"({PEOPLE[Role.CLINICIAN].id})").check()
        await page.get_by_label("State the patient is in").select_option("CA")
        for name, value in {
            "Systolic": "118",
            "Diastolic": "76",
            "Ref": desk.observer(play.journey.id),
            "Reachable within": "5",
        }.items():
            await page.get_by_label(re.compile(f"^{name}")).fill(value)
        await page.get_by_role("button", name="Send the checklist").click()
        await expect(page.get_by_role("heading", name="Read back, aloud")).to_be_visible()
        await expect(page.get_by_text("medicine and dose read back: yes")).to_be_visible()
        # It says why not, and the release is refused for the same reason.
        await expect(page.get_by_role("heading", name="Not yet to be released")).to_be_visible()
        await page.get_by_role("button", name="Release the dose").click()
        await expect(page.get_by_role("alert")).to_contain_text("What to do:")
    assert (await desk.session(play.journey.id)).check is not None

    play = await desk.journey("dose:1")
    async with desk.person("session_monitor", phone=True, script=False) as page:
        await page.goto(f"/journeys/{play.journey.id}/room")
        released = (await desk.session(play.journey.id)).released_mg or 0
        await expect(page.get_by_text(f"{released:g} mg")).to_be_visible()
        await page.get_by_label(re.compile(r"^Dose \(mg\)")).fill(str(released))
        await page.get_by_role("button", name="Record the dose").click()
        await expect(page.get_by_role("heading", name="Session 1: running")).to_be_visible()
    assert (await desk.session(play.journey.id)).dose_mg == released


async def test_an_observer_sees_the_session_and_nothing_else(desk: Desk) -> None:
    play = await desk.journey("observation:1-15")
    dosed = play.dosed_at()
    desk.clinics.world.at = dosed + timedelta(minutes=16)
    async with desk.person(desk.household(play.journey.id, Role.OBSERVER), phone=True) as page:
        await page.goto(f"/journeys/{play.journey.id}")
        await expect(page.get_by_role("heading", name="Session 1: running")).to_be_visible()
        await _whole(page)
        await expect(page.get_by_text("suicide")).to_have_count(0)
        await page.get_by_label("alert").check()
        await page.get_by_role("group", name="Breathing normal").get_by_label("yes").check()
        await page.get_by_role("group", name="Vomiting").get_by_label("no").check()
        await page.get_by_role("button", name="Send the observation").click()
        await expect(page.get_by_role("status")).to_contain_text("Done: Record an observation in a session.")
        for hidden in ("timeline", "patient-view"):
            await page.goto(f"/journeys/{play.journey.id}/{hidden}")
            await expect(page.get_by_role("heading", name="This is not allowed")).to_be_visible()
    [seen] = (await desk.session(play.journey.id)).observations
    assert (seen.minute, seen.scheduled) == (15, 15)


async def test_what_was_missed_stands_out_until_it_is_said_why(desk: Desk) -> None:
    play = await desk.journey("observation:1-40")
    desk.clinics.world.at = play.dosed_at() + timedelta(minutes=55)
    async with desk.person("session_monitor", phone=True, script=False) as page:
        await page.goto(f"/journeys/{play.journey.id}/room")
        await page.get_by_role("link", name="Say why: minute 40").click()
        await expect(page.get_by_label("minute 40")).to_be_checked()
        await page.get_by_label("Reason").fill("Invented: the cuff failed.")
        await page.get_by_role("button", name=re.compile("^Send")).click()
        await expect(page.get_by_role("heading", name="Minute 40 was not observed")).to_have_count(0)
        await expect(page.get_by_text("Invented: the cuff failed.")).to_be_visible()


async def test_one_press_calls_for_help(desk: Desk) -> None:
    play = await desk.journey("observation:1-15")
    async with desk.person(desk.household(play.journey.id, Role.OBSERVER), phone=True, script=False) as page:
        await page.goto(f"/journeys/{play.journey.id}/room")
        await page.get_by_role("button", name="Call for help now").dblclick()
        await expect(page.get_by_role("status")).to_contain_text("whom to reach now")
    asked = (await desk.recorded(play.journey.id)).support
    assert [each.urgency for each in asked.values()] == ["emergency"]


async def test_the_sheet_prints_without_what_is_for_the_screen(desk: Desk) -> None:
    play = await desk.journey("checklist:1")
    async with desk.person("session_monitor", phone=True) as page:
        await page.goto(f"/journeys/{play.journey.id}/room/sheet")
        assert await findings(page) == []
        assert await overflow(page) == []
        await page.emulate_media(media="print")
        await expect(page.get_by_role("navigation", name="Pages")).to_be_hidden()
        await expect(page.get_by_text("Before the dose")).to_be_visible()
