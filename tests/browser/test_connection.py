"""A lost connection, in a session and elsewhere: nothing is lost, nothing is sent twice, and the page says how it is.

The clock of the page is moved, and with it that of the server; nothing is waited for.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.async_api import Dialog, Page, Route, expect

from application.errors import KEPT_AS_SAID
from console.visits import COOKIE
from tests.browser.people import Desk, findings, overflow, sign_in
from workflows.journey.events import SessionObserved
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.severity import Severity

pytestmark = pytest.mark.browser

SEND = re.compile("^Send the observation")
AFTER_A_LEAP = 20_000
"""Milliseconds. A leap of the clock breaks off the question under way, and the page asks again after five seconds."""


async def _move(desk: Desk, page: Page, **by: float) -> None:
    """Let time pass, at the server and in the browser."""
    desk.clinics.world.at += timedelta(**by)
    await page.clock.fast_forward(int(timedelta(**by).total_seconds() * 1000))


@asynccontextmanager
async def _room(desk: Desk, minute: float, **options: bool | str) -> AsyncIterator[tuple[Page, UUID]]:
    """The session room so many minutes after a dose, on the phone of the session monitor."""
    play = await desk.journey("observation:1-15")
    desk.clinics.world.at = play.dosed_at() + timedelta(minutes=minute)
    async with desk.person("session_monitor", phone=True, **options) as page:
        await page.clock.install()
        await page.goto(f"/journeys/{play.journey.id}/room")
        yield page, play.journey.id


async def _observe(page: Page, minute: int | None = None) -> None:
    if minute is not None:
        await page.get_by_label(re.compile("^Minute")).fill(str(minute))
    await page.get_by_label("alert").check()
    await page.get_by_role("group", name="Breathing normal").get_by_label("yes").check()
    await page.get_by_role("group", name="Vomiting").get_by_label("no").check()


async def _connect(page: Page) -> None:
    await page.context.set_offline(False)
    await page.evaluate("dispatchEvent(new Event('online'))")


async def _minutes(desk: Desk, journey: UUID) -> list[int]:
    """The minutes that were observed, in the order in which they came."""
    return [event.body.minute for event in await desk.events(journey) if isinstance(event.body, SessionObserved)]


async def _keeps_nothing(page: Page) -> bool:
    kept: list[int] = await page.evaluate(
        "async () => [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length,"
        " (await caches.keys()).length, (await navigator.serviceWorker.getRegistrations()).length,"
        " document.cookie.length]"
    )
    return not any(kept)


async def test_it_counts_down_and_calls_what_was_missed(desk: Desk) -> None:
    async with _room(desk, 4.5, reduced_motion="reduce") as (page, _):
        timer, title = page.get_by_role("timer"), await page.title()
        await expect(page.get_by_text(re.compile("Next: minute 15"))).to_be_visible()
        await expect(timer).to_have_text(re.compile(r"^in 10 min (30|2\d) s$"))
        await _move(desk, page, minutes=1)
        await expect(page.get_by_text(re.compile("Observe now: minute 15"))).to_be_visible()
        await expect(timer).to_have_text(re.compile(r"^in 9 min \d+ s$"))
        await _move(desk, page, minutes=9, seconds=45)
        await expect(timer).to_have_text(re.compile(r"^since \d+ s$"))
        await expect(page.get_by_label(re.compile("^Minute"))).to_have_value("15")
        assert await page.title() == title
        await page.reload()

        await _move(desk, page, minutes=10)
        call = page.get_by_role("alert")
        await expect(call).to_contain_text("Minute 15 was not observed. It was due at")
        assert await page.title() == "(!) Carepath"
        assert await findings(page) == []
        assert await overflow(page) == []
        assert await page.evaluate("() => document.getAnimations().length") == 0
        await expect(page.get_by_text(re.compile("Next: minute 40"))).to_be_visible()
        await call.get_by_role("link").click()
        await page.get_by_role("link", name="Say why: minute 15").click()
        await page.get_by_label("Reason").fill("Invented: the cuff failed.")
        await page.get_by_role("button", name=re.compile("^Send")).click()
        await expect(page.get_by_text("Invented: the cuff failed.")).to_be_visible()
        assert await page.title() == title


async def test_what_was_entered_without_a_connection_is_sent_once_and_in_order(desk: Desk) -> None:
    async with _room(desk, 15) as (page, journey):
        await page.context.set_offline(True)
        await expect(page.get_by_role("status")).to_contain_text("No connection since")
        await _observe(page)
        await page.get_by_role("button", name=SEND).dblclick()
        await expect(page.get_by_role("status")).to_contain_text("Waiting to be sent: 1.")
        await expect(page.get_by_label("alert")).not_to_be_checked()
        await expect(page.get_by_text("entered, not sent yet")).to_be_visible()
        await _observe(page, 14)
        await page.get_by_role("button", name=SEND).click()
        await expect(page.get_by_role("status")).to_contain_text("Waiting to be sent: 2.")

        await page.get_by_role("button", name="Call for help now").dblclick()
        route = (await desk.recorded(journey)).protocol.contact_routes[Severity.EMERGENCY].rstrip(".")
        await expect(page.get_by_role("alert")).to_contain_text(f"Nobody is called yet. Do this now: {route}. What")
        assert await findings(page) == []
        assert await overflow(page) == []
        # A link would lead to nothing, and the page would be gone.
        await page.get_by_role("link", name="Report harm").click()
        await expect(page.get_by_role("alert").last).to_contain_text("Stay on this page")
        assert await _keeps_nothing(page)
        assert await _minutes(desk, journey) == []

        await _connect(page)
        await expect(page.get_by_role("status").first).to_contain_text("Sent: 3. Nothing waits any more.")
        await expect(page.get_by_role("alert")).to_have_count(0)
        assert await _minutes(desk, journey) == [15, 14]
        await page.get_by_role("link", name="Look again").click()
        await expect(page.get_by_role("heading", name="Session 1: running")).to_be_visible()
        assert len((await desk.recorded(journey)).support) == 1
    kinds = [event.body.kind for event in await desk.events(journey)]
    assert kinds.index("session.observed") < kinds.index("support.requested")


async def test_a_lost_answer_sends_nothing_twice(desk: Desk) -> None:
    async with _room(desk, 15) as (page, journey):

        async def lose_answer(route: Route) -> None:
            await route.fetch()
            await route.abort()

        await page.route("**/session/observe", lose_answer)
        await _observe(page)
        await page.get_by_role("button", name=SEND).click()
        await expect(page.get_by_role("status")).to_contain_text("Waiting to be sent: 1.")
        assert await _minutes(desk, journey) == [15]
        await page.unroute("**/session/observe")
        await _connect(page)
        await expect(page.get_by_role("status").first).to_contain_text("Sent: 1.")
    assert await _minutes(desk, journey) == [15]


async def test_what_waited_and_is_refused_can_be_corrected(desk: Desk) -> None:
    async with _room(desk, 15) as (page, journey):
        await page.context.set_offline(True)
        for minute in (90, 15):
            await _observe(page, minute)
            await page.get_by_role("button", name=SEND).click()
        await _connect(page)
        await expect(page.get_by_role("listitem").filter(has_text="minute 90")).to_contain_text("refused")
        await expect(page.get_by_role("listitem").filter(has_text="minute 15")).to_contain_text("sent")
        await page.get_by_role("button", name="See why, and correct it").click()
        await expect(page.get_by_role("heading", name="The pathway refused it")).to_be_focused()
        assert await findings(page) == []
        await page.get_by_label(re.compile("^Minute")).fill("14")
        await page.get_by_role("button", name=re.compile("^Send")).click()
        await expect(page.get_by_role("status").first).to_contain_text("Done: Record an observation in a session.")
    assert await _minutes(desk, journey) == [15, 14]


async def test_a_report_that_waited_and_does_not_fit_is_told_to_be_kept(desk: Desk) -> None:
    play = await desk.journey("evaluation")
    async with desk.person("coordinator") as page:
        await page.goto(f"/journeys/{play.journey.id}/adverse-event/report")
        await page.get_by_label(re.compile("^What")).fill("Invented: a rash")
        await page.get_by_label(re.compile("^Onset")).fill("yesterday")
        await page.evaluate("document.querySelector('form.entry').noValidate = true")
        await page.context.set_offline(True)
        await page.get_by_role("button", name=re.compile("^Send")).click()
        await expect(page.get_by_role("status")).to_contain_text("Waiting to be sent: 1.")
        # Somebody enters on, so that the page stays.
        await page.get_by_label(re.compile("^What")).fill("Invented: a rash, and more")
        await _connect(page)
        await expect(page.get_by_role("listitem").filter(has_text="refused")).to_contain_text(KEPT_AS_SAID)
    assert (await desk.recorded(play.journey.id)).held


async def test_leaving_warns_of_what_was_not_sent(desk: Desk) -> None:
    warned: list[str] = []

    async def stay(dialog: Dialog) -> None:
        warned.append(dialog.type)
        await dialog.dismiss()

    async with _room(desk, 15) as (page, journey):
        page.on("dialog", stay)
        await _observe(page)
        async with page.expect_event("dialog"):
            await page.close(run_before_unload=True)
        await page.get_by_role("button", name=SEND).click()
        await expect(page.get_by_role("status")).to_contain_text("Done: Record an observation in a session.")
        await page.reload()
        assert warned == ["beforeunload"]
        await page.context.set_offline(True)
        await page.get_by_role("button", name="Call for help now").click()
        async with page.expect_event("dialog"):
            await page.close(run_before_unload=True)
        await expect(page.get_by_role("status")).to_contain_text("Waiting to be sent: 1.")
    assert warned == ["beforeunload"] * 2
    assert await _minutes(desk, journey) == [15]


async def test_a_restart_of_the_server_loses_nothing_that_is_being_entered(desk: Desk) -> None:
    async with _room(desk, 15) as (page, journey):
        await _observe(page)
        await desk.serving.stop()
        await page.get_by_role("button", name=SEND).click()
        await expect(page.get_by_role("status")).to_contain_text("Waiting to be sent: 1.")
        await desk.serving.start()
        await _connect(page)
        await expect(page.get_by_role("status")).to_contain_text("You are signed out. Nothing is lost.")
        other = await page.context.new_page()
        await sign_in(other, "coordinator")
        await _connect(page)
        await expect(page.get_by_role("status")).to_contain_text("Somebody else is signed in")
        assert await _minutes(desk, journey) == []
        await sign_in(other, "session_monitor")
        await _connect(page)
        await expect(page.get_by_role("status").first).to_contain_text("Sent: 1.")
    assert await _minutes(desk, journey) == [15]


async def test_who_does_nothing_in_a_session_is_asked_to_stay_a_minute_before_the_hour_is_over(desk: Desk) -> None:
    async with _room(desk, 15) as (page, _):
        stay = page.get_by_role("button", name="Stay signed in")
        await _move(desk, page, minutes=45)
        await _move(desk, page, minutes=13, seconds=50)
        await expect(stay).to_have_count(0)
        await _move(desk, page, seconds=20)
        asked = page.get_by_role("alert").filter(has_text="You did nothing here for a while")
        await expect(asked).to_be_visible(timeout=AFTER_A_LEAP)
        assert await findings(page) == []
        assert await overflow(page) == []
        await stay.click()
        await expect(stay).to_have_count(0)
        await _move(desk, page, minutes=58)
        await expect(stay).to_have_count(0)
        await _move(desk, page, minutes=2, seconds=1)
        signed_out = page.get_by_role("status").first
        await expect(signed_out).to_contain_text("You are signed out. Nothing is lost.", timeout=AFTER_A_LEAP)


async def test_who_looks_only_opens_a_working_session_and_it_is_sent_then(desk: Desk) -> None:
    play = await desk.journey("observation:1-15")
    desk.clinics.world.at = play.dosed_at() + timedelta(minutes=15)
    async with desk.person("session_monitor", phone=True) as page:
        await page.clock.install()
        await page.goto(f"/journeys/{play.journey.id}/room")
        assert desk.serving.app is not None
        [token] = [each["value"] for each in await page.context.cookies() if each["name"].startswith(f"{COOKIE}-")]
        monitor = desk.serving.app.state.sign_ins.find(token, does=False)
        monitor.looks_only = True
        await _observe(page)
        await page.get_by_role("button", name=SEND).click()
        await expect(page.get_by_role("status")).to_contain_text("You are signed in to look. Waiting to be sent: 1.")
        await expect(page.get_by_role("link", name="Open your working session in another tab")).to_be_visible()
        # A screen that waits asks, and does nothing that would keep anybody signed in.
        seen = monitor.seen
        await _move(desk, page, seconds=20)
        await page.get_by_role("button", name="Call for help now").click()
        await expect(page.get_by_role("listitem")).to_have_count(1)
        await expect(page.get_by_role("status").first).to_contain_text("You are signed in to look.")
        assert (await desk.recorded(play.journey.id)).support
        assert await _minutes(desk, play.journey.id) == []
        called = monitor.seen
        assert called > seen
        await _move(desk, page, seconds=20)
        await expect(page.get_by_role("status").first).to_contain_text("You are signed in to look.")
        assert monitor.seen == called
        monitor.looks_only = False
        await _connect(page)
        await expect(page.get_by_role("status").first).to_contain_text("Done: Record an observation in a session.")
    assert await _minutes(desk, play.journey.id) == [15]


async def test_a_patient_without_a_connection_is_told_whom_to_call(desk: Desk) -> None:
    play = await desk.journey("evaluation")
    async with desk.person(desk.household(play.journey.id, Role.PATIENT), phone=True) as page:
        await page.goto(f"/journeys/{play.journey.id}/support/request")
        await page.get_by_label("it cannot wait").check()
        await page.get_by_label("What you need").fill("Invented: I would like to be called.")
        await page.context.set_offline(True)
        await page.get_by_role("button", name=re.compile("^Send")).click()
        await expect(page.get_by_role("alert")).to_contain_text("Nobody is called yet. Do this now:")
        await _connect(page)
        await expect(page.get_by_role("status")).to_contain_text("Sent: 1.")
    assert len((await desk.recorded(play.journey.id)).support) == 1


async def test_a_list_without_a_connection_is_put_away_when_its_sign_in_ends(desk: Desk) -> None:
    async with desk.person("coordinator") as page:
        await page.clock.install()
        for told in (True, False):
            await page.goto("/work")
            heading = page.get_by_role("heading", name="Worklist")
            if told:  # The server has said when the sign-in ends, and the browser that there is no connection.
                async with page.expect_response("**/work"):
                    await _move(desk, page, seconds=20)
                await expect(heading).to_be_visible()
                await page.context.set_offline(True)
            else:
                await page.route("**", lambda route: route.abort())
            await _move(desk, page, minutes=16)
            await expect(heading).to_be_hidden()
            if told:
                await page.context.set_offline(False)
                await sign_in(page, "coordinator")


async def test_a_list_tells_what_is_new_and_how_old_it_is_and_does_not_move(desk: Desk) -> None:
    async with desk.person("coordinator") as page:
        await page.clock.install()
        await page.goto("/work")
        shown = await page.get_by_role("row").all_text_contents()
        await _move(desk, page, seconds=20)
        async with desk.person("coordinator") as other:
            await other.get_by_role("button", name=re.compile("^I will: ")).first.click()
            await expect(other.get_by_role("status")).to_contain_text("You said that you will")
        await expect(page.get_by_role("status")).to_have_count(0)
        await _move(desk, page, seconds=20)
        await expect(page.get_by_role("status")).to_contain_text("1 new or changed, 1 done or changed.")
        assert await page.get_by_role("row").all_text_contents() == shown
        await page.context.set_offline(True)
        await _move(desk, page, minutes=3)
        await expect(page.get_by_text("not refreshed for 3 minutes. What is shown may have changed.")).to_be_visible()
        assert await findings(page) == []
        await _connect(page)
        await expect(page.get_by_text("not refreshed")).to_have_count(0)
        await page.get_by_role("link", name="Show it").click()
        await expect(page.get_by_role("status")).to_have_count(0)
        assert await page.get_by_role("row").all_text_contents() != shown
