"""Two browsers on one decision, a stale page, the way back, a double click, a sign-in that ends, a restart.

Nothing is lost, nothing happens twice, and the words are clear.
"""

import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from playwright.async_api import Page, expect

from console import sign_ins
from console.sign_ins import IDLE
from simulation.keys import PASSPHRASE
from simulation.people import PEOPLE
from tests.browser.people import Desk
from workflows.journey.vocabulary.actors import Role

pytestmark = pytest.mark.browser

REASON = "Invented: wait for the laboratory."
TASK = ("journey", "obligation")
"""The hidden controls that say which task is claimed."""


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


async def test_a_stale_list_claims_nothing_of_somebody_else(desk: Desk) -> None:
    async with desk.person("coordinator") as one, desk.person("medical_director") as two:
        for page in (one, two):
            await page.goto("/work?all=yes&unassigned=yes")
        first = one.locator("form[action='/work/claim']").first
        task = "".join(
            [f":has([name={name}][value='{await first.locator(f'[name={name}]').input_value()}'])" for name in TASK]
        )
        await one.locator(f"form{task} button").click()
        await expect(one.get_by_role("status")).to_contain_text("You said that you will")
        await two.locator(f"form{task} button").click()
        await expect(two.get_by_role("alert")).to_contain_text("What to do:")
        await two.goto("/work?all=yes")
        await expect(two.locator(f"form{task}")).to_contain_text(str(PEOPLE[Role.COORDINATOR].name))


async def test_a_stale_page_changes_no_address_that_is_gone(desk: Desk) -> None:
    journey = (await desk.journey("evaluation")).journey.id
    address = f"{uuid4().hex[:8]}@invented.example"
    async with desk.person("coordinator") as one, desk.person("coordinator") as two:
        await one.goto(f"/journeys/{journey}/contact-points")
        await one.get_by_role("textbox", name="Address").fill(address)
        await one.get_by_role("button", name="Add, and send a code there").click()
        await two.goto(f"/journeys/{journey}/contact-points")
        await one.get_by_role("button", name=f"Remove: {address}").click()
        await expect(one.get_by_role("status")).to_contain_text("It is used no more.")
        await two.get_by_role("button", name=f"Send another code to {address}").click()
        await expect(two.get_by_role("alert")).to_contain_text("What to do:")
        await expect(two.get_by_role("row").filter(has_text=address)).to_have_count(0)


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


@pytest.mark.parametrize("script", [True, False])
async def test_a_double_click_starts_a_patient_once(desk: Desk, script: bool) -> None:
    ref = f"demo-patient-{uuid4().hex[:12]}"
    async with desk.person("coordinator", script=script) as page:
        await page.goto("/start?example=PTSD")
        await page.get_by_label("reference, an opaque id and no name").fill(ref)
        await page.get_by_role("button", name="Start", exact=True).dblclick()
        await expect(page.get_by_role("status")).to_contain_text(re.compile("is started|was sent before"))
        started = page.url
        await page.go_back()
        await expect(page.get_by_label("reference, an opaque id and no name")).to_have_value(ref)
        await page.get_by_role("button", name="Start", exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text("This referral was sent before.")
        assert page.url == started


@pytest.mark.parametrize("script", [True, False])
async def test_a_double_click_signs_once(desk: Desk, script: bool) -> None:
    journey = (await desk.journey("evaluation:")).journey.id
    async with desk.person("clinician", script=script) as page:
        await _open_request(page, journey, "evaluation")
        await page.get_by_role("button", name="Sign", exact=True).dblclick()
        await expect(page.get_by_role("status")).to_contain_text("Signed and recorded: approve.")
        await page.go_back()
        # What was signed is not asked again.
        await expect(page.get_by_role("heading", name=re.compile("^Decided: approve"))).to_be_visible()
    assert await _count(desk, journey, "signoff.signed") == 1


@pytest.mark.parametrize("script", [True, False])
async def test_a_double_click_claims_and_adds_once(desk: Desk, script: bool) -> None:
    journey = (await desk.journey("evaluation")).journey.id
    address = f"{uuid4().hex[:8]}@invented.example"
    async with desk.person("coordinator", script=script) as page:
        await page.goto("/work?unassigned=yes")
        await page.get_by_role("button", name=re.compile("^I will: ")).first.dblclick()
        await expect(page.get_by_role("status")).to_contain_text("You said that you will")
        await page.goto(f"/journeys/{journey}/contact-points")
        await page.get_by_role("textbox", name="Address").fill(address)
        await page.get_by_role("button", name="Add, and send a code there").dblclick()
        await expect(page.get_by_role("status")).to_contain_text("A code is on its way there.")
        await expect(page.get_by_role("row").filter(has_text=address)).to_have_count(1)
        await page.get_by_role("textbox", name="Address").fill(address)
        await page.get_by_role("button", name="Add, and send a code there").click()
        await expect(page.get_by_role("alert")).to_contain_text("This point is there already")
        await expect(page.get_by_role("row").filter(has_text=address)).to_have_count(1)


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


async def test_a_page_that_stands_open_is_put_away_once_its_session_has_ended(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = desk.clinics.held
    onward, entered = f"/journeys/{journey}", "Invented: entered, and not sent"
    async with desk.person("clinician") as page:
        await page.clock.install()
        await page.goto(onward)
        await page.clock.fast_forward(IDLE // timedelta(milliseconds=1) + 2000)
        await page.wait_for_url(lambda url: "/sign-in" in url)
        await expect(page.get_by_role("link", name="Go on where you were")).to_have_attribute("href", onward)
        # What was entered stays, and nothing else is to be read.
        await _hold(page, journey, entered)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await page.clock.fast_forward(IDLE // timedelta(milliseconds=1) + 2000)
        await expect(page.get_by_role("heading", level=1)).to_be_hidden()
        await expect(page.get_by_label("Reason")).to_have_value(entered)
        await expect(page.get_by_role("button", name=re.compile("^Send"))).to_be_visible()
    monkeypatch.setattr(sign_ins, "IDLE", timedelta(0))
    async with desk.person("clinician", script=False) as page:
        await page.goto(onward)
        await page.wait_for_url(lambda url: "/sign-in" in url)


async def test_the_way_back_to_an_answer_has_what_was_entered_and_sends_nothing(desk: Desk) -> None:
    async with desk.person("coordinator") as page:
        await page.goto("/start?example=PTSD")
        await page.get_by_label("Reason for the referral").fill(REASON)
        await page.get_by_role("button", name="Try it out").click()
        await expect(page.get_by_role("status")).to_contain_text("It would be started")
        await page.wait_for_load_state()
        await page.get_by_role("link", name="Worklist").click()
        await page.go_back()
        await expect(page.get_by_role("status")).to_contain_text("You came back")
        await expect(page.get_by_label("Reason for the referral")).to_have_value(REASON)
        await page.reload()
        await expect(page.get_by_label("Reason for the referral")).to_have_value(REASON)
        await page.goto("/start")
        await expect(page.get_by_label("Reason for the referral")).to_have_value("")


async def test_the_way_back_to_a_refused_form_has_what_was_entered(desk: Desk) -> None:
    journey = (await desk.journey("evaluation")).journey.id
    async with desk.person("clinician") as page:
        await page.goto(f"/journeys/{journey}/pathway/hold")
        await page.get_by_label("Reason").fill(" ")
        await page.get_by_label("Reason").evaluate("each => each.form.noValidate = true")
        page.on("dialog", lambda dialog: dialog.accept())
        await _send(page)
        await expect(page.get_by_role("alert")).to_contain_text("What to do")
        await page.wait_for_load_state()
        await page.get_by_role("link", name="Worklist").click()
        await page.wait_for_url("**/work")
        await page.go_back()
        await expect(page.get_by_role("status")).to_contain_text("You came back")
        assert await _count(desk, journey, "hold.placed") == 0


async def test_the_way_back_to_a_refused_claim_is_the_list(desk: Desk) -> None:
    async with desk.person("coordinator") as page:
        await page.goto("/work?all=yes&unassigned=yes")
        await page.locator("form[action='/work/claim'] [name=obligation]").first.evaluate("each => each.value = 'none'")
        await page.locator("form[action='/work/claim'] button").first.click()
        await expect(page.get_by_role("alert")).to_contain_text("What to do")
        await page.wait_for_load_state()
        await page.get_by_role("link", name="Patients", exact=True).click()
        await page.go_back()
        await expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
        assert page.url.endswith("/work?all=yes&unassigned=yes")
