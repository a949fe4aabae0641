"""People in front of the console, each in a browser of their own."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Browser, Locator, Page, ViewportSize, expect

from activities.record.event_codec import load_events, load_journey, to_new
from activities.record.patients import opening_of
from simulation.people import person_of, profile, referral
from tests.browser.serving import Serving
from tests.cli.clinics import Clinics
from tests.journey.play import PROTOCOLS, START, Play
from tests.record.read_models.courses import catch_up
from workflows.journey.aggregate import Journey, fold
from workflows.journey.decide import decide
from workflows.journey.events import Event
from workflows.journey.obligations import obligations
from workflows.journey.receipts import receipts_of
from workflows.journey.stages.sessions.state import Session
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import Refusal

WIDE, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=320, height=640)
MOST_MS = 30_000
"""How long anything of a page may take on a busy machine (milliseconds)."""
MOST_TABS = 80
"""How many things of a page may come before what somebody is after."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""What axe looks for: all of WCAG 2.2 A and AA that a program can find, and what it advises beyond it."""


@dataclass
class Desk:
    """The console of the clinics at its address, and the browser to open it with."""

    clinics: Clinics
    chromium: Browser
    serving: Serving
    profiles: Path
    reached: UUID | None = None
    """A journey with a session that runs, whose patient is reached in every way that there is."""
    asked: str = ""
    """The page of a request that waits for a signature."""

    @property
    def address(self) -> str:
        return self.serving.address

    async def restart(self) -> None:
        """End the console, and start it anew at the same address."""
        await self.serving.stop()
        await self.serving.start()

    def browser(self, **options: Any) -> AbstractAsyncContextManager[Page]:
        """A browser of somebody's own, as `open_browser`."""
        return open_browser(self.chromium, self.address, **options)

    @asynccontextmanager
    async def person(self, role: str, **options: Any) -> AsyncIterator[Page]:
        """Somebody of this role who has signed in."""
        async with self.browser(**options) as page:
            await sign_in(page, role)
            yield page

    async def journey(self, awaited: str) -> Play:
        """A journey of its own that has come to where this is awaited, or some of these where it ends with ``:``,
        recorded up to there. It is a minute later."""
        opening = referral(PROTOCOLS["PTSD"], uuid4())
        decided = decide(None, opening, START)
        assert not isinstance(decided, Refusal)
        play = Play(fold(decided), START, list(decided), receipts=receipts_of(decided))
        some = awaited.endswith(":")
        play.go_on(
            lambda journey: any(
                waiting.id.startswith(awaited) if some else waiting.id == awaited for waiting in obligations(journey)
            )
        )
        record = self.clinics.record
        begun = opening_of(record.patients, play.journey)
        await record.append(play.journey.id, 0, [to_new(event) for event in play.events], opening=begun)
        await catch_up(self.clinics.record)
        self.clinics.world.at = play.at + timedelta(minutes=1)
        return play

    async def events(self, journey_id: UUID) -> tuple[Event, ...]:
        """All that is recorded of a journey."""
        return await load_events(self.clinics.record, journey_id)

    async def recorded(self, journey_id: UUID) -> Journey:
        """A journey as it is recorded now."""
        found = await load_journey(self.clinics.record, journey_id)
        assert found is not None
        return found

    async def session(self, journey_id: UUID) -> Session:
        """The first session of a journey as it is recorded now."""
        return (await self.recorded(journey_id)).sessions[1]

    def observer(self, journey_id: UUID) -> str:
        """The reference of the adult who stays with the patient of a journey."""
        return person_of(journey_id, Role.OBSERVER).id

    def who_sends(self, role: Role) -> tuple[str, UUID]:
        """The name of the profile of somebody of a role, and a journey in which they may send what their role may."""
        if role in (Role.PATIENT, Role.OBSERVER) and self.reached is not None:
            return self.household(self.reached, role), self.reached
        return role.value, self.clinics.held

    def household(self, journey_id: UUID, role: Role) -> str:
        """Offer the patient or the observer of a journey for signing in; the name of the profile."""
        name = f"{role.value}-{journey_id.hex[:8]}"
        path = self.profiles / f"{name}.json"
        path.write_text(profile(person_of(journey_id, role)))
        return name


@asynccontextmanager
async def open_browser(
    chromium: Browser, address: str, *, phone: bool = False, script: bool = True, **options: Any
) -> AsyncIterator[Page]:
    """A browser of somebody's own. What goes wrong on its pages (errors of script, refused by the policy) fails."""
    context = await chromium.new_context(
        base_url=address, viewport=PHONE if phone else WIDE, java_script_enabled=script, **options
    )
    context.set_default_timeout(MOST_MS)
    expect.set_options(timeout=MOST_MS)
    page = await context.new_page()
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if _is_wrong(said.type, said.text) else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        yield page
    finally:
        await context.close()
    assert not wrong, wrong


def _is_wrong(kind: str, text: str) -> bool:
    # A page that is refused is an answer here, and Chromium tells it as a failure to load.
    return kind == "error" and "Failed to load resource" not in text


async def sign_in(page: Page, person: str) -> None:
    """Sign in as the invented person of a profile."""
    await page.goto("/sign-in")
    await page.locator(f'button[name=person][value="{person}"]').click()
    await page.wait_for_url(lambda url: "/sign-in" not in url)


async def has_authenticator(page: Page) -> None:
    """Give a browser an authenticator of its own, whose owner is there and is verified."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


async def ask_for_passkey(page: Page, person: Actor) -> None:
    """Make a passkey for somebody, so that it is only to be saved and enrolled."""
    await page.goto("/passkey")
    await page.get_by_label("Person").fill(person.id)
    await page.get_by_label("Role").select_option(person.role.value)
    await page.get_by_label("Printed name").fill(person.name or "")
    if person.licence is not None:
        await page.get_by_label("Number").fill(person.licence.number)
        await page.get_by_label("States").fill("\n".join(person.licence.states))
        await page.get_by_label("Expires").fill(str(person.licence.expires))
    await page.get_by_role("button", name="Make a passkey").click()
    await expect(page.get_by_text("Your passkey is made.")).to_be_visible()


async def save_request(page: Page) -> bytes:
    """Save the request to enrol a passkey that was just made."""
    async with page.expect_download() as downloading:
        await page.get_by_role("button", name="Save the request").click()
    return (await (await downloading.value).path()).read_bytes()


async def sign_in_with_passkey(page: Page, person: str) -> None:
    """Sign in as whom the authenticator of this browser has a passkey of."""
    if "/sign-in" not in page.url:
        await page.goto("/sign-in")
    await page.get_by_label("Your id").fill(person)
    await page.get_by_role("button", name="Sign in with your passkey").click()
    await page.wait_for_url(lambda url: "/sign-in" not in url)


async def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until something has the focus.

    Raises:
        AssertionError: it is not reached, or what has the focus on the way cannot be seen.
    """
    for _ in range(MOST_TABS):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("element => element === document.activeElement"):
            assert await wanted.evaluate("element => element.matches(':focus-visible')")
            return
    raise AssertionError(f"the keyboard does not reach {wanted}")


async def findings(page: Page) -> list[str]:
    """What axe finds on the page that is shown: none, when all is well."""
    options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    found = await Axe().run(page, options=options)
    return [
        f"{rule['id']}: {node['target']} {node['html'][:200]}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]


async def overflow(page: Page) -> list[str]:
    """What makes a page wider than its window, so that it must be moved sideways to be read."""
    found: list[str] = await page.evaluate(
        """() => {
          const width = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= width) return [];
          return [...document.querySelectorAll('body *')]
            .filter(each => each.getBoundingClientRect().right > width + 1 && !each.closest('.wide'))
            .map(each => each.outerHTML.slice(0, 120)).concat('wider than ' + width);
        }"""
    )
    return found
