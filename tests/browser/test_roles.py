"""One short path for each role, in a browser of their own and without script: what they are asked for, done there."""

import re
from datetime import timedelta

import pytest
from playwright.async_api import expect

from simulation.keys import PASSPHRASE
from simulation.people import PEOPLE
from tests.browser.people import Desk, findings, overflow, tab_to
from workflows.journey.vocabulary.actors import Role


async def test_a_coordinator_starts_a_patient_and_a_clinician_decides(desk: Desk) -> None:
    async with desk.person("coordinator", script=False) as page:
        await page.get_by_role("link", name="Start a patient").click()
        await page.get_by_role("link", name="PTSD").click()
        await page.get_by_label("reference, an opaque id and no name").fill("demo-patient-of-the-browser")
        await page.get_by_label("Reason for the referral").fill("Invented: referred by a clinic of the demonstration.")
        await page.get_by_role("button", name="Start", exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text("The journey is started.")
        await expect(page.get_by_role("status")).to_be_focused()
        journey = page.url
        await page.get_by_role("link", name="Hold care").click()
        await page.get_by_label("Reason").fill("Invented: wait for the laboratory.")
        await page.get_by_role("button", name="Send: Hold care").click()
        await expect(page.get_by_role("heading", name="Care is held")).to_be_visible()

    async with desk.person("clinician", script=False) as page:
        await page.goto(journey)
        await page.get_by_role("link", name="Read and decide").first.click()
        await page.get_by_label("approve").check()
        await page.get_by_label(re.compile("^Rationale")).fill("Invented: the laboratory has answered.")
        await page.get_by_label("Your id").fill(PEOPLE[Role.CLINICIAN].id)
        await page.get_by_label("Passphrase of your key").fill(PASSPHRASE)
        await page.get_by_role("button", name="Sign", exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text("Signed and recorded: approve.")
        await expect(page.get_by_role("heading", name="Care is held")).to_have_count(0)


async def test_a_session_monitor_observes_on_a_phone(desk: Desk) -> None:
    play = await desk.journey("observation:1-40")
    desk.clinics.world.at = play.dosed_at() + timedelta(minutes=40)
    async with desk.person("session_monitor", phone=True, script=False) as page:
        await page.goto(f"/journeys/{play.journey.id}")
        await page.get_by_role("link", name="Session room").click()
        await expect(page.get_by_text("Observe now: minute 40")).to_be_visible()
        await expect(page.get_by_label(re.compile("^Minute"))).to_have_value("40")
        await page.get_by_label("alert").check()
        await page.get_by_role("group", name="Breathing normal").get_by_label("yes").check()
        for name, value in {"Systolic": "118", "Diastolic": "76"}.items():
            await page.get_by_label(re.compile(f"^{name}")).fill(value)
        await page.get_by_role("group", name="Vomiting").get_by_label("no").check()
        assert await overflow(page) == []
        await page.get_by_role("button", name="Send the observation").click()
        await expect(page.get_by_role("status")).to_contain_text("Done: Record an observation in a session.")
        await expect(page.get_by_role("heading", name="Session 1: running")).to_be_visible()
    seen = (await desk.recorded(play.journey.id)).sessions[1].observations[-1]
    assert (seen.minute, seen.scheduled, seen.vitals is not None) == (40, 40, True)


@pytest.mark.parametrize(("role", "page_of"), [(Role.PATIENT, "/patient-view"), (Role.OBSERVER, "/support/request")])
async def test_patients_and_observers_ask_for_help_on_a_phone(desk: Desk, role: Role, page_of: str) -> None:
    play = await desk.journey("evaluation")
    async with desk.person(desk.household(play.journey.id, role), phone=True, script=False) as page:
        await page.goto(f"/journeys/{play.journey.id}{page_of}")
        assert await overflow(page) == []
        if role == Role.PATIENT:
            await page.get_by_role("link", name="Ask for help").click()
        await page.get_by_label("it cannot wait").check()
        await page.get_by_label("What you need").fill("Invented: I would like to be called.")
        await page.get_by_role("button", name=re.compile("^Send")).click()
        await expect(page.get_by_role("status")).to_contain_text(
            "whom to reach now" if role == Role.PATIENT else "Done"
        )
    assert (await desk.recorded(play.journey.id)).support


@pytest.mark.parametrize("role", [Role.THERAPIST, Role.ON_CALL_CLINICIAN, Role.MEDICAL_DIRECTOR, Role.OPS])
async def test_everybody_sees_their_work_and_may_hold_care(desk: Desk, role: Role) -> None:
    play = await desk.journey("evaluation")
    async with desk.person(role.value, script=False) as page:
        await expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
        await page.goto(f"/journeys/{play.journey.id}")
        await page.get_by_role("link", name="Hold care").click()
        await page.get_by_label("Reason").fill("Invented: something is not right.")
        await page.get_by_role("button", name="Send: Hold care").click()
        await expect(page.get_by_role("status")).to_contain_text("Done: Hold care.")
    assert (await desk.recorded(play.journey.id)).held


@pytest.mark.browser
async def test_everything_is_done_with_the_keyboard_alone(desk: Desk) -> None:
    play = await desk.journey("evaluation")
    async with desk.browser(script=False) as page:
        await page.goto("/sign-in")
        await tab_to(page, page.get_by_role("button", name="Cory Invented"))
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_be_focused()

        await page.goto(f"/journeys/{play.journey.id}/pathway/hold")
        await tab_to(page, page.get_by_label("Reason"))
        await page.keyboard.type("Invented: typed, and nothing clicked.")
        await tab_to(page, page.get_by_role("button", name="Send: Hold care"))
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_be_focused()
    assert (await desk.recorded(play.journey.id)).held


@pytest.mark.browser
async def test_after_a_mistake_the_summary_has_the_focus_and_leads_to_the_field(desk: Desk) -> None:
    play = await desk.journey("evaluation")
    async with desk.person("coordinator") as page:
        await page.goto(f"/journeys/{play.journey.id}/session/dose")
        await page.get_by_label(re.compile("^Route")).select_option("sublingual")
        await page.get_by_label(re.compile("^Taken at")).fill("yesterday")
        await page.get_by_role("button", name=re.compile("^Send")).click()
        await expect(page.get_by_role("heading", name="This cannot be used as it is")).to_be_focused()
        assert (await page.title()).startswith("Error: ")
        assert await findings(page) == []
        await tab_to(page, page.get_by_role("link", name="taken at"))
        await page.keyboard.press("Enter")
        field = page.get_by_label(re.compile("^Taken at"))
        await expect(field).to_be_focused()
        await expect(field).to_have_accessible_description(re.compile("is not a time"))
        await expect(page.get_by_label(re.compile("^Route"))).to_have_value("sublingual")
