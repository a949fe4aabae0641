"""Whole courses, from the referral to the discharge, on real servers and in real browsers.

Everything is done on pages of the console, by the person whose it is, in a browser of their own: staff with a passkey
of their own; the patient and the observer let in by links in messages. They and the session monitor have a phone. Only
the time between their moves is skipped. Who does what next is said by the invented people of the demonstrations; some
of it is done by others here, so that everybody has something to do.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit
from uuid import UUID

import pytest
from playwright.async_api import Browser, Locator, Page, expect
from pydantic import SecretStr
from temporalio.client import Client

from activities.notices.wording import Service
from activities.record.event_codec import load_events
from activities.record.store import Record
from application.context import Context, utc_now
from application.identity.signers import entry_of, parse_request
from application.pathway.command_catalog import BY_MODEL, KINDS, find_task
from application.record.verify import verify
from application.settings import load_settings
from application.temporal.journey_client import handle_of
from console.app import create_app
from console.to_patients import title_of
from console.visits import Opened
from deploy.local.stack import run_worker
from deploy.local.web import CALL, run_mailbox
from simulation.contact_points import giving_contact_points
from simulation.people import PEOPLE, person_of
from simulation.player import ServerDriver, on_servers, play
from simulation.stack import staffed_stack, write_environment
from tests.browser.filling import Wall, fill_in
from tests.browser.mail import LINK, let_in, mail_of, newest, open_newest
from tests.browser.people import (
    ask_for_passkey,
    findings,
    has_authenticator,
    open_browser,
    overflow,
    save_request,
    sign_in_with_passkey,
)
from tests.browser.serving import Serving
from tests.console.enrolment import Register
from workflows.journey.aggregate import Journey
from workflows.journey.commands import Command, Location, Observe, RecordTherapy, Sign, Withdraw
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.stage import Stage
from workflows.temporal_plugin import CarePathwayPlugin

pytestmark = pytest.mark.browser

HOUSEHOLD = (Role.PATIENT, Role.OBSERVER)
"""They have no key, and come by links."""
ON_A_PHONE = (*HOUSEHOLD, Role.SESSION_MONITOR)
IN_THE_ROOM = ("session.check", "session.release", "session.dose", "session.observe", "session.end")
KNOWN = {"session.observe": ("vitals/measured_at",)}
"""What the console fills in itself: vital signs are those of the minute that was observed."""
UNASKED = {(Role.CLINICIAN, "pathway.propose-discharge"), (Role.THERAPIST, "therapy.record")}
"""What somebody does of their own accord, so that no page asks for it."""
DIRECTED = (SignOffKind.HOLD_RELEASE, SignOffKind.RESPONSE_REVIEW)
"""What the medical director signs here."""
REFERRAL = {
    "clinic": "demo-clinic",
    "patient/ref": PEOPLE[Role.PATIENT].id,
    "patient/born": "1986-04-02",
    "patient/zone": "America/Los_Angeles",
    "patient/state": "CA",
    "patient/emergency_contact_ref": "demo-contact-1",
    "patient/dispatch_address_ref": "demo-address-1",
    "reason": "Invented: standard treatments did not help enough.",
    "coordinator": PEOPLE[Role.COORDINATOR].id,
    "clinician": PEOPLE[Role.CLINICIAN].id,
    "protocol": "demonstration",
}


@dataclass
class Clock:
    """The time of a clinic. It is ``ahead`` of ours, as that of its journey is."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return utc_now() + self.ahead


@dataclass
class Clinic:
    """People of an invented clinic in front of its console, at ``address``. What is sent to them is at ``mailbox``."""

    chromium: Browser
    address: str
    mailbox: str
    register: Register
    clock: Clock
    exits: AsyncExitStack
    pages: dict[Role, Page] = field(default_factory=dict)
    given: Counter[Role] = field(default_factory=Counter)
    unasked: set[tuple[Role, str]] = field(default_factory=set)
    script_at_home: bool = True
    looked_at: set[tuple[Role, str]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    """What axe found, and where the focus was not on what was done."""

    def _wall(self, zone: str) -> Wall:
        return Wall(zone, self.clock.now())

    async def page_of(self, role: Role) -> Page:
        """The browser of somebody; staff make a passkey in it first, and two others enrol it."""
        if role not in self.pages:
            home = role in HOUSEHOLD
            given: dict[str, Any] = {"script": self.script_at_home or not home}
            if role in ON_A_PHONE:
                given |= {"phone": True, "is_mobile": True, "has_touch": True}
            page = await self.exits.enter_async_context(open_browser(self.chromium, self.address, **given))
            self.pages[role] = page
            if not home:
                await has_authenticator(page)
                await ask_for_passkey(page, PEOPLE[role])
                asked = parse_request(await save_request(page))
                self.register.enrol(entry_of(Context(now=self.clock.now), asked, ["demo-security", "demo-manager"]))
        return self.pages[role]

    async def open(self, role: Role, address: str) -> Page:
        """Have somebody open a page, and sign in where they are signed out by now."""
        page = await self.page_of(role)
        await page.goto(address)
        if "/sign-in" in page.url:
            await sign_in_with_passkey(page, PEOPLE[role].id)
            assert urlsplit(page.url).path == urlsplit(address).path
        return page

    async def let_in(self, journey: Journey, person: Actor) -> Page:
        """Have the coordinator send a link to somebody at home, who comes by it to their own page."""
        at_home, name = await self.page_of(person.role), f"{person.role.value}-{journey.id.hex[:8]}"
        before = await newest(at_home, self.mailbox, mail_of(name))
        whose = f"?observer={person.id}" if person.role == Role.OBSERVER else ""
        page = await self.open(Role.COORDINATOR, f"/journeys/{journey.id}/contact-points{whose}")
        await page.get_by_role("button", name="Send a link").click()
        await self._done(page, "A link is on its way")
        await open_newest(at_home, self.mailbox, mail_of(name), after=before)
        await at_home.locator(LINK).click()
        await let_in(at_home, self.mailbox, name)
        await at_home.goto(f"/journeys/{journey.id}")
        assert await overflow(at_home) == []
        return at_home

    async def page_for(self, journey: Journey, command: Command) -> Page:
        """The page of a journey in the browser of whoever does something, who may do it there."""
        person, kind = command.actor, str(command.body.kind)
        if person.role not in HOUSEHOLD:
            return await self.open(person.role, f"/journeys/{journey.id}")
        page = await self.let_in(journey, person)
        address = f"/journeys/{journey.id}/{kind.replace('.', '/')}"
        if person.role == Role.PATIENT and not await page.locator(f'main a[href^="{address}"]').count():
            # Something else was asked in the same moment, and its link was opened.
            page = await self.let_in(journey, person)
        return page

    async def start(self, pathway: Pathway) -> UUID:
        """The coordinator starts a patient."""
        page = await self.open(Role.COORDINATOR, "/work")
        await _follow(page, page.get_by_role("link", name="Start a patient"))
        form = page.locator("form.entry")
        content = {name: value for name, value in REFERRAL.items() if not name.startswith("patient/")}
        patient = {name.partition("/")[2]: value for name, value in REFERRAL.items() if name.startswith("patient/")}
        await fill_in(form, {**content, "patient": patient, "pathway": pathway}, self._wall(patient["zone"]))
        await form.get_by_role("button", name="Start", exact=True).click()
        await self._done(page, "The journey is started.")
        return UUID(page.url.rpartition("/")[2])

    async def give(self, journey: Journey, command: Command) -> None:
        """Have somebody do something on a page: find its form, fill it in, send it, and read that it is done."""
        role, body = command.actor.role, command.body
        page = await self.page_for(journey, command)
        self.given[role] += 1
        if isinstance(body, Sign):
            await self._sign(page, role, journey, body)
            return
        content = body.model_dump(exclude={"kind"}, exclude_none=True)
        kind: str = body.kind
        if role == Role.OBSERVER or (kind in IN_THE_ROOM and role == Role.SESSION_MONITOR):
            await self._go_to_room(page, kind)
        else:
            await self._go_to_form(page, role, journey, kind, content)
        form = page.locator("form.entry")
        if kind == "instrument.record" and not await form.locator('[name^="answers/"]').count():
            await page.locator("form.filters select").select_option(str(content["instrument"]))
            await _follow(page, page.get_by_role("button", name="Show its answers as fields"))
        await fill_in(form, content, self._wall(journey.patient.zone), known=KNOWN.get(kind, ()))
        await self._look_over(page, role, kind)
        await form.locator("button.send").click()
        await self._done(page, f"Done: {title_of(BY_MODEL[type(body)], role)}.")

    async def _look_over(self, page: Page, role: Role, what: str) -> None:
        """Look with axe at a page that is filled in, and on a phone whether it is too wide; once for each role."""
        if (role, what) not in self.looked_at:
            self.looked_at.add((role, what))
            found = await overflow(page) if role in ON_A_PHONE else []
            found += await findings(page) if self.script_at_home or role not in HOUSEHOLD else []
            self.wrong += [f"{role.value} {what}: {each}" for each in found]

    async def _sign(self, page: Page, role: Role, journey: Journey, body: Sign) -> None:
        address = f"/journeys/{journey.id}/sign-offs/{quote(body.request)}"
        await _follow(page, page.locator(f'main a[href="{address}"]').first)
        form = page.locator("form.entry")
        content = body.model_dump(
            include={"decision", "evidence", "rationale", "choice", "referral"}, exclude_none=True
        )
        await fill_in(form, content, self._wall(journey.patient.zone))
        await self._look_over(page, role, str(journey.waiting[body.request].sign_off))
        await form.get_by_role("button", name="Sign", exact=True).click()
        await self._done(page, f"Signed and recorded: {body.decision}.")

    async def _go_to_room(self, page: Page, kind: str) -> None:
        if not page.url.endswith("/room"):
            await _follow(page, page.get_by_role("link", name="Session room"))
        if kind == "session.end":
            await _follow(page, page.get_by_role("link", name="End the session"))
        elif kind == "session.check" and await page.get_by_role("link", name="Check again").count():
            await _follow(page, page.get_by_role("link", name="Check again"))

    async def _go_to_form(self, page: Page, role: Role, journey: Journey, kind: str, content: dict[str, Any]) -> None:
        """Follow the link to a form: from what is awaited, or else from all that may be done."""
        noun, _, verb = kind.partition(".")
        address = f"/journeys/{journey.id}/{noun}/{verb}"
        links = page.locator(f'main a[href="{address}"], main a[href^="{address}?"]')
        [command] = [each for each in KINDS if each.name == kind]
        for link in await links.all():
            asked = dict(parse_qsl(urlsplit(await link.get_attribute("href") or "").query))
            # At home an address has a code in place of the questionnaire and the occasion.
            asked |= find_task(journey, command, asked.pop("task", None))
            fits = all(str(content.get(name)) == value for name, value in asked.items())
            if fits and await link.is_visible():
                break
        else:
            self.unasked.add((role, kind))
            folded = page.locator("details", has=page.locator(f'a[href="{address}"]'))
            await folded.locator("summary").click()
            link = folded.locator(f'a[href="{address}"]')
        await _follow(page, link)

    async def _done(self, page: Page, said: str) -> None:
        """Wait for the answer to what was sent."""
        answer = page.locator("main .notice[role=status], main .problem[role=alert]").first
        await expect(answer).to_be_visible()
        assert said in await answer.inner_text(), f"{page.url}: {await answer.inner_text()}"
        try:
            await expect(answer).to_be_focused()
        except AssertionError:
            self.wrong.append(f"{page.url}: {said!r} has not the focus")


async def _follow(page: Page, link: Locator) -> None:
    """Press what leads to another page, and wait until that is there."""
    async with page.expect_navigation():
        await link.click()


@dataclass
class InBrowsers:
    """A journey on servers, in which people act by browsers alone."""

    clinic: Clinic
    client: Client
    record: Record
    servers: ServerDriver

    @property
    def journey_id(self) -> UUID:
        return self.servers.journey_id

    async def look(self) -> tuple[Journey, datetime]:
        return await self.servers.look()

    async def submit(self, command: Command) -> None:
        journey, _ = await self.look()
        await self.clinic.give(journey, by_others(journey, command))
        await self._catch_up()

    async def send_what_nobody_can_read(self) -> None:
        """Have something arrive by Temporal that is no command. It holds care, and ops see to it."""
        journey, _ = await self.look()
        await handle_of(self.client, journey.id).signal("command", "Invented: not a command")
        await self.record.wait_for(journey.id, journey.version + 1, timedelta(seconds=30))
        await self._catch_up()

    async def _catch_up(self) -> None:
        head = await self.record.head(self.journey_id)
        assert head is not None
        self.servers.version = head.version

    async def wait_until(self, moment: datetime) -> None:
        await self.servers.wait_until(moment)
        self.clinic.clock.ahead = await self.servers.clock.now() - utc_now()


def by_others(journey: Journey, command: Command) -> Command:
    """Have those do some of it whom the invented people leave nothing to do. What clinical staff rate on a scale is
    asked of no observer."""
    match command.body:
        case Observe(session=1) as seen if not journey.sessions[1].observations:
            role = Role.OBSERVER
            command = command.model_copy(update={"body": seen.model_copy(update={"cadss": None})})
        case Sign(request=request) if journey.waiting[request].sign_off in DIRECTED:
            role = Role.MEDICAL_DIRECTOR
        case _:
            return command
    return command.model_copy(update={"actor": person_of(journey.id, role)})


@asynccontextmanager
async def course(
    pathway: Pathway,
    chromium: Browser,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    script_at_home: bool = True,
) -> AsyncIterator[InBrowsers]:
    """A journey that the coordinator has started, on a stack of its own. ``script_at_home``: the phones of the patient
    and the observer run scripts."""
    async with AsyncExitStack() as exits:
        stack = await exits.enter_async_context(
            staffed_stack(directory, keep_data=False, time_skipping=True, headless=True)
        )
        for name, value in write_environment(stack, directory).variables.items():
            monkeypatch.setenv(name, value)
        mailbox = await exits.enter_async_context(await run_mailbox(stack.logs / "mailbox.log"))
        await exits.enter_async_context(giving_contact_points(stack))
        record = await exits.enter_async_context(stack.open_record(stack.postgres.database.reader_url))
        codec = await exits.enter_async_context(stack.codec())
        client = await Client.connect(
            stack.temporal.address, namespace=stack.temporal.namespace, plugins=[CarePathwayPlugin(codec)]
        )
        settings = load_settings().model_copy(update={"database_url": SecretStr(stack.postgres.database.console_url)})
        opened, clock = Opened(settings), Clock()
        exits.push_async_callback(opened.close)

        def make_context(**who: Any) -> Context:
            return Context(
                now=clock.now, load=lambda: settings, open_record=opened.record, connect=opened.journeys, **who
            )

        service = Service(call=CALL)
        serving = Serving(lambda: create_app(settings, service=service, make_context=make_context, now=clock.now))
        await serving.start()
        exits.push_async_callback(serving.stop)
        sending = mailbox.sending(stack.worker_env, serving.address)
        await exits.enter_async_context(await run_worker(sending, stack.logs / "worker.log"))
        register = Register(stack.signers.register_path, stack.signers.register_path, serving.address)
        clinic = Clinic(chromium, serving.address, mailbox.url, register, clock, exits, script_at_home=script_at_home)
        journey_id = await clinic.start(pathway)
        driving = InBrowsers(clinic, client, record, on_servers(client, record, stack.signers, journey_id))
        yield driving
        await _agree(driving)


async def _agree(driving: InBrowsers) -> None:
    """What the workflow and the record say is the same, all of it is proven, and nothing happened twice."""
    clinic, record = driving.clinic, driving.record
    ending = await handle_of(driving.client, driving.journey_id).result()
    events = await load_events(record, driving.journey_id)
    journey = await driving.servers.read(ending.version)
    assert (journey.version, journey.outcome, len(events)) == (ending.version, ending.outcome, ending.version)
    did = {event.command_id: event.actor_role for event in events if event.actor_role != Role.SYSTEM}
    assert Counter(did.values()) == clinic.given + Counter([Role.COORDINATOR])
    async with Context(profile="coordinator", now=clinic.clock.now) as context:
        found = await verify(context, driving.journey_id, None, frozenset(), None, lambda _: None)
    signed = sum(event.body.kind == "signoff.signed" for event in events)
    assert (found.findings, found.examined.sign_offs) == ((), signed)
    assert clinic.unasked <= UNASKED
    assert clinic.wrong == []

    page = await clinic.open(Role.COORDINATOR, f"/journeys/{journey.id}")
    await expect(page.get_by_text("Nothing is awaited: the pathway is closed")).to_be_visible()
    page = await clinic.open(Role.COORDINATOR, "/work?all=yes")
    await expect(page.get_by_text("Nothing is awaited")).to_be_visible()
    page = await clinic.open(Role.OPS, "/ops")
    await expect(page.get_by_role("heading", name="The service")).to_be_visible()


async def test_from_the_referral_to_a_plan_and_out(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with course("PTSD", chromium, tmp_path, monkeypatch) as driving:
        journey = await play(driving, until=lambda journey: journey.stage == Stage.SESSIONS)
        patient = person_of(journey.id, Role.PATIENT)
        await driving.submit(Command(command_id=UUID(int=1, version=4), actor=patient, body=Withdraw()))
        journey, _ = await driving.look()
        assert journey.outcome == "withdrawn"


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("pathway", "script_at_home"), [("PTSD", True), ("ANXIETY", False)])
async def test_from_the_referral_to_the_discharge(
    pathway: Pathway, script_at_home: bool, chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with course(pathway, chromium, tmp_path, monkeypatch, script_at_home=script_at_home) as driving:
        await play(driving, until=lambda journey: journey.stage == Stage.SCREENING)
        await driving.send_what_nobody_can_read()
        journey = await play(driving, until=lambda journey: journey.stage == Stage.SESSIONS)
        _, at = await driving.look()
        talked = RecordTherapy(
            held_at=at - timedelta(hours=1),
            approach="talking",
            attended=True,
            summary="Invented: spoke of the plan.",
            location=Location(state="CA", confirmed=True),
        )
        therapist = person_of(journey.id, Role.THERAPIST)
        await driving.submit(Command(command_id=UUID(int=2, version=4), actor=therapist, body=talked))
        journey = await play(driving, late=("check-in-1-24h",), unwell=("check-in-1-4h",))
        assert journey.outcome == "completed"
        everybody = {role for role in Role if role != Role.SYSTEM}
        assert everybody <= driving.clinic.given.keys(), "each of them had something to do"
