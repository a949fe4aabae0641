"""Planted words travel journeys while things fail, and are looked for in every byte that should hold none.

In each place where they are looked for stands one more, put there by hand: where that is not found, nothing would be.
"""

import asyncio
import base64
import json
import os
import secrets
import smtplib
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from subprocess import PIPE
from time import time
from typing import Any

import asyncpg
import httpx2
from temporalio.client import Client

from activities.notices.contacts import ContactPoint, ContactPoints, Contacts, of_staff
from activities.notices.webhooks import sign
from activities.payload_codec import SealingCodec
from activities.privacy.key_store import KeyStore, open_key_store
from activities.privacy.master_keys import Keyring
from activities.record import Record
from activities.record.event_codec import load_events
from activities.signatures.sessions import open_session, prove, session_statement
from application.errors import UseCaseError
from application.temporal.journey_client import submit
from application.temporal.namespace import register_search_attributes
from deploy.local.stack import run_watchdog, run_worker
from deploy.local.web import WebServer, messages_settings, run_console
from simulation.contact_points import give_contact_points
from simulation.people import ORGANISATION, PEOPLE, STAFF, profile
from simulation.player import ServerDriver, on_servers, play
from simulation.stack import StaffedStack, staffed_stack, write_environment
from tests.application.watchdog import pager as webhooks
from tests.application.watchdog.pager import KEY, Pager
from tests.benchmarks.course import educated
from tests.canary.failing_worker import FAIL_ACTIVITY, FAIL_TASK
from tests.canary.places import Found, in_databases, in_files, in_mails, in_sqlite, in_text, watching_processes
from tests.canary.planting import Planter, valid_bodies
from tests.console.browser import Browser, Form
from tests.faults.helpers import ROOT, Course, call_cli, command, reset, run_cli
from tests.helpers import eventually, task_failures
from tests.notices import mail_server
from tests.notices.mail_server import Mailbox
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.proof import LONGEST_SESSION
from workflows.temporal_plugin import CarePathwayPlugin

WORKER = Path(__file__).with_name("failing_worker.py")
LAST = (c.Withdraw, c.Transfer, c.StopForSafety, c.RecordDeath, c.DoubtDeath)
"""What a journey may not go on after."""
CONTACT = "a contact point"
MEANT_FOR = {"mail": CONTACT, "webhook": CONTACT}
"""Where a word may stand all the same: an address is where a message goes."""
PUT_BY_HAND = (
    *("Temporal: ", "record: ", "files of the record: ", "logs: ", "arguments", "variables"),
    *("mail", "webhook", "errors"),
)
"""How the names of the places begin in which words are looked for, each with one that was put there by hand."""
AT_ONCE = 8
RECORDED = 45
"""So many kinds of commands get into the record at least, in whatever order they arrive: of those that are refused,
little more than that is kept."""


@dataclass
class Travels:
    """Where planted words travel, and what people were told of what went wrong."""

    stack: StaffedStack
    planter: Planter
    mailbox: Mailbox
    pager: Pager
    console: WebServer
    record: Record
    keys: KeyStore
    client: Client
    errors: list[str] = field(default_factory=list)
    by_hand: dict[str, str] = field(default_factory=dict)
    """The words that were put there by hand, by what the name of their place begins with."""

    async def send(self, course: Course, sent: c.Command) -> None:
        """Send a command once, and keep what is said where it is refused, or not answered."""
        try:
            await submit(self.client, course.id, sent, timeout=timedelta(seconds=10))
        except UseCaseError as error:
            self.errors.append(f"{error!r} {error} {vars(error)}")

    def put(self, place: str) -> str:
        """Return the word that is put into a place by hand."""
        return self.by_hand.setdefault(place, self.planter.word(f"put by hand into {place}"))


@dataclass
class SowingDriver(ServerDriver):
    """Plays people with planted words in all they write."""

    planter: Planter = field(default_factory=Planter)

    async def submit(self, command: c.Command) -> Any:
        return await super().submit(command.model_copy(update={"body": self.planter.sown(command.body)}))


async def scan(directory: Path, *, leak: str = "") -> list[str]:
    """Play journeys on a stack of its own in this directory, and say where what was planted is found. ``leak``: the
    worker leaks to this place."""
    planter, found = Planter(), list[Found]()
    async with (
        watching_processes() as (arguments, variables),
        staffed_stack(directory, keep_data=False, time_skipping=True, headless=True) as stack,
    ):
        async with _travelling(stack, planter, leak) as travels:
            recorded = await _travel(travels)
            await _put_by_hand(travels, arguments)
            assert travels.mailbox.sent, "nobody was sent a mail"
            assert travels.pager.calls, "nobody was told by a webhook"
            found += [*in_mails("mail", travels.mailbox.sent)]
            found += [each for call in travels.pager.calls for each in in_text("webhook", call.raw.decode())]
            found += [each for error in travels.errors for each in in_text("errors", error)]
        await stack.temporal.stop()
        found += [*in_sqlite("Temporal", directory / "temporal" / "temporal.db")]
        found += [*in_files("files of Temporal", directory / "temporal")]
        found += await in_databases("record", stack.postgres)
        await stack.postgres.stop()
        found += [*in_files("files of the record", stack.postgres.data_directory)]
        found += [*in_files("logs", stack.logs)]
    found += [each for line in arguments for each in in_text("arguments", line)]
    found += [each for given in variables for each in in_text("variables", given)]
    assert len(recorded) >= RECORDED, f"only {sorted(recorded)} got as far as the record"
    return _judged(planter, travels.by_hand, found)


def _judged(planter: Planter, by_hand: Mapping[str, str], found: Sequence[Found]) -> list[str]:
    """Return what is wrong: words where none should be, and places in which none is found."""
    blind = [
        place for place in PUT_BY_HAND if not any(f.word == by_hand[place] for f in found if f.place.startswith(place))
    ]
    leaks = {
        f"{each.place}: {planter.planted.get(each.word, 'a planted word')}"
        for each in found
        if each.word not in by_hand.values() and planter.planted.get(each.word) != MEANT_FOR.get(each.place, "")
    }
    return [*sorted(leaks), *(f"what was put into {place} by hand is not found" for place in blind)]


@asynccontextmanager
async def _travelling(stack: StaffedStack, planter: Planter, leak: str) -> AsyncIterator[Travels]:
    """Everything that runs for a clinic, with mail and webhooks that end here."""
    environment = write_environment(stack, stack.directory)
    async with AsyncExitStack() as exits:
        opened = exits.enter_async_context
        mailbox = await opened(mail_server.serving())
        pager = exits.enter_context(webhooks.serving())
        messages = messages_settings(pager.port, mailbox.port, base64.b64encode(KEY).decode())
        watchdog = {**stack.watchdog_env, **pager.env, "CAREPATH_WATCHDOG_EVERY_SECONDS": "1"}
        del watchdog["CAREPATH_WATCHDOG_LOG_ONLY"]
        await opened(await run_watchdog(watchdog, stack.logs / "watchdog.log"))
        console = await run_console({**environment.variables, **messages}, stack.logs / "console.log")
        await opened(console)
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        sending = {
            **stack.worker_env,
            **messages,
            "CAREPATH_MESSAGES_CONSOLE_URL": console.url,
            "PYTHONPATH": path,
            "CANARY_LEAK": leak,
        }
        await opened(await run_worker(sending, stack.logs / "worker.log", program=WORKER))
        keys = await opened(open_key_store(stack.postgres.keys.key_keeper_url, Keyring(stack.keyring)))
        record = await opened(stack.open_record(stack.postgres.database.recorder_url))
        plugin = CarePathwayPlugin(SealingCodec(keys))
        client = await Client.connect(stack.temporal.address, namespace=stack.temporal.namespace, plugins=[plugin])
        yield Travels(stack, planter, mailbox, pager, console, record, keys, client)


async def _travel(travels: Travels) -> set[str]:
    """Take journeys through all that may happen; return the kinds of commands of which words are in the record."""
    stack, planter, client, record = travels.stack, travels.planter, travels.client, travels.record
    await register_search_attributes(client)
    course = Course(client, record, stack.signers, "care-pathway", "PTSD")
    # The people of a journey go by the reference of its patient, so a planted one has a journey of its own.
    other = Course(client, record, stack.signers, "care-pathway")
    course.opening, other.opening = _referred(course.opening, planter), _referred(other.opening, planter, named=True)
    await course.begin()
    await other.begin()
    await _give_addresses(travels, course)
    await _fail(travels, course)
    await _at_a_terminal(travels, course)
    await _at_the_console(travels, course)
    await _without_keys(travels, course)
    driver = SowingDriver(**vars(on_servers(client, record, stack.signers, course.id)), planter=planter)
    await play(driver, until=educated)
    bodies = [body for body in valid_bodies() if not isinstance(body, c.StartPathway)]
    bodies.sort(key=lambda body: isinstance(body, LAST))
    while bodies:
        together, bodies = bodies[:AT_ONCE], bodies[AT_ONCE:]
        sown = [command(planter.sown(each, all_fields=True), each.roles[0], of=course.id) for each in together]
        await asyncio.gather(*(travels.send(course, each) for each in sown))
    await reset(course)
    await course.recorded()
    said = " ".join([event.model_dump_json() for event in await load_events(record, course.id)])
    return {where.partition(":")[0] for word, where in planter.planted.items() if word in said}


def _referred(opening: c.Command, planter: Planter, *, named: bool = False) -> c.Command:
    assert isinstance(opening.body, c.StartPathway)
    body = planter.sown(opening.body)
    if named:
        patient = body.patient.model_copy(update={"ref": planter.word("pathway.start: reference of the patient")})
        body = body.model_copy(update={"patient": patient})
    return opening.model_copy(update={"body": body})


async def _give_addresses(travels: Travels, course: Course) -> None:
    """Contact points of the staff, and planted ones of the patient."""
    word, now = travels.planter.word(CONTACT), datetime.now(UTC)
    points = (
        ContactPoint(id="email-1", channel="email", address=f"{word}@invented.example", verified_at=now),
        ContactPoint(id="sms-1", channel="webhook", address=f"sms:{word}", verified_at=now),
    )
    async with travels.stack.open_record(travels.stack.postgres.database.reader_url) as record:
        contacts = Contacts(record, travels.keys)
        for person in STAFF:
            await give_contact_points(contacts, of_staff(person.id), person.id)
        patient = await contacts.of_patient(course.id)
        assert patient is not None
        await contacts.keep(patient, ContactPoints(points=points), after=0, by="canary")


async def _fail(travels: Travels, course: Course) -> None:
    """Fail a task of the workflow, an activity and the record, each with what somebody said; send what cannot be read,
    and what is refused."""
    planter, stack = travels.planter, travels.stack
    for asked in (FAIL_TASK, FAIL_ACTIVITY):
        await course.send(c.AskQuestion(text=f"{planter.word(asked)}, {asked}"), by=Role.PATIENT)
        await course.recorded()
    assert task_failures([event for run in await course.runs() for event in run]), "no task failed"
    await course.handle.signal("command", {"not": "a command", "said": planter.word("an unreadable message")})
    refused = c.HandleMessage(message="message-9", text=planter.word("a refused update"))
    await travels.send(course, command(refused, Role.OPS))
    # Who acts in a session says why.
    log, now, person = await travels.record.log_name(), datetime.now(UTC), PEOPLE[Role.COORDINATOR]
    key, own = stack.signers.keys[person.id], stack.signers.acting(log, person, now)[1]
    statement = session_statement(
        person,
        organisation=ORGANISATION,
        log=log,
        clinics=person.clinics,
        purpose=planter.word("a session"),
        begins=now,
        lasts=LONGEST_SESSION,
        session_key=own,
        key_id=key.key_id,
    )
    sown = command(c.AskQuestion(text=planter.word("in a session")), Role.COORDINATOR)
    await travels.send(course, prove(open_session(key.key, statement), own, course.id, sown, now))
    await stack.postgres.stop("immediate")
    await course.send(c.PlaceHold(reason=planter.word("while the record is away")), by=Role.PATIENT)
    await stack.postgres.start()
    await course.recorded()
    await reset(course)


async def _at_a_terminal(travels: Travels, course: Course) -> None:
    planter, stack = travels.planter, travels.stack
    person = stack.directory / "profiles" / "coordinator.json"
    person.write_text(profile(PEOPLE[Role.COORDINATOR]))
    words = ("support", "request", str(course.id), "--profile", str(person))
    await run_cli(stack, *words, given={"urgency": "urgent", "text": planter.word("at a terminal")})
    for unfit in (
        {"urgency": planter.word("an unfit form")},
        {"text": planter.word("an unfit form")},
        {planter.word("a field that is none"): 1},
    ):
        travels.errors.append(json.dumps(await call_cli(stack, *words, given=unfit)))


async def _at_the_console(travels: Travels, course: Course) -> None:
    """In a browser: forms that fit and that do not, a file with a name, an address, a passkey."""
    planter, console = travels.planter, travels.console
    async with httpx2.AsyncClient(base_url=console.url, timeout=60, follow_redirects=True) as client:
        answer = await client.post("/sign-in", data={"person": "coordinator"}, follow_redirects=False)
        # The cookie is for secure connections, as which browsers count this machine itself.
        client.cookies.set(*answer.headers["set-cookie"].partition(";")[0].split("=", 1))
        browser, journey = Browser(client), f"{console.url}/journeys/{course.id}"
        for address, given in (
            ("support/request", {"urgency": "urgent", "text": planter.word("at the console")}),
            ("adverse-event/report", {"what": planter.word("an unfit page"), "grade": planter.word("an unfit page")}),
            (
                "contact-points",
                {"do": "add", "channel": "email", "address": f"{planter.word(CONTACT)}@invented.example"},
            ),
        ):
            await browser.go(f"{journey}/{address}")
            assert (await browser.send(given)).status_code < 500
        token = {"form_token": Form.on(browser.page)["form_token"][0]}
        # Who belongs to the clinic need not break the glass, so the page has no form.
        broken = {**token, "reason": planter.word("a reason to break the glass"), "understood": "yes"}
        assert (await client.post(f"{journey}/break-glass", data=broken)).status_code < 500
        rows = f"reason,patient/ref\n{planter.word('a row of a file')},{planter.word('a row of a file')}\n"
        names = {"file": (f"{planter.word('the name of a file')}.csv", rows.encode())}
        sent = await client.post("/start/file", data={**token, "try": "yes"}, files=names)
        assert sent.status_code < 500
        applicant = {
            "person": planter.word("the name of a passkey"),
            "printed_name": planter.word("the name of a passkey"),
            "role": "clinician",
        }
        assert (await client.post("/passkey", data=applicant)).status_code < 500
        await client.get(f"/journeys/{planter.word('an address')}")
        await client.get("/find", params={"journey": planter.word("what is looked for")})


async def _without_keys(travels: Travels, course: Course) -> None:
    """While the keys are away the worker is sent what was encrypted under one that it does not know yet."""
    planter, postgres = travels.planter, travels.stack.postgres
    await travels.keys.rotate()
    async with open_key_store(postgres.keys.keys_url, Keyring(travels.stack.keyring)) as keys:
        plugin = CarePathwayPlugin(SealingCodec(keys))
        client = await Client.connect(
            travels.stack.temporal.address, namespace=travels.stack.temporal.namespace, plugins=[plugin]
        )
        # What it sends is encrypted with what it has in memory.
        await keys.of_journey(course.id)
        await keys.patients()
        async with _keys_away(travels):
            sent = command(c.AskQuestion(text=planter.word("while the keys are away")), Role.PATIENT, of=course.id)
            sending = asyncio.create_task(submit(client, course.id, sent, timeout=timedelta(minutes=1)))
            before = len(await _failures(course))

            async def failed() -> bool:
                return len(await _failures(course)) > before

            await eventually(failed)
            other = Course(client, travels.record, travels.stack.signers, "care-pathway")
            with suppress(UseCaseError):
                await submit(client, other.id, sent, timeout=timedelta(seconds=1))
        await sending


async def _failures(course: Course) -> list[str]:
    """The failed tasks of the latest run, by names and numbers only: its payloads are not read."""
    return task_failures((await course.runs())[0])


@asynccontextmanager
async def _keys_away(travels: Travels) -> AsyncIterator[None]:
    """Nobody reaches the key store."""
    name = travels.stack.postgres.keys.name
    admin = await asyncpg.connect(travels.stack.postgres.admin_url)
    await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    try:
        yield
    finally:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await admin.close()


async def _put_by_hand(travels: Travels, arguments: Collection[str]) -> None:
    """Put a word into each place, as somebody would who leaks it."""
    stack = travels.stack
    plain = await Client.connect(stack.temporal.address, namespace=stack.temporal.namespace)
    await plain.start_workflow(
        "Nothing", id="put-by-hand", task_queue="nobody", memo={"said": travels.put("Temporal: ")}
    )
    admin = await asyncpg.connect(stack.postgres.admin_url)
    await admin.execute("CREATE TABLE public.put_by_hand (said text)")
    await admin.execute("INSERT INTO public.put_by_hand VALUES ($1)", travels.put("record: "))
    await admin.execute("INSERT INTO public.put_by_hand VALUES ($1)", travels.put("files of the record: "))
    await admin.close()
    with (stack.logs / "console.log").open("a") as log:
        log.write(f"{travels.put('logs: ')}\n")
    waiting = (sys.executable, "-c", "input()", travels.put("arguments"))
    process = await asyncio.create_subprocess_exec(*waiting, env={"SAID": travels.put("variables")}, stdin=PIPE)
    mail = EmailMessage()
    mail["From"], mail["To"] = "leak@clinic.example", "somebody@invented.example"
    mail.set_content(travels.put("mail"), cte="base64")
    await asyncio.to_thread(_send, mail, travels.mailbox.port)
    body, once, now = json.dumps({"said": travels.put("webhook")}).encode(), secrets.token_hex(8), int(time())
    headers = {"webhook-id": once, "webhook-timestamp": str(now), "webhook-signature": sign(KEY, once, now, body)}
    async with httpx2.AsyncClient(timeout=60) as client:  # Many other messages may be coming in.
        await client.post(f"http://127.0.0.1:{travels.pager.port}/texts", content=body, headers=headers)
    travels.errors.append(travels.put("errors"))

    async def seen() -> bool:
        return any(travels.put("arguments") in line for line in arguments)

    await eventually(seen)
    await process.communicate(b"\n")


def _send(mail: EmailMessage, port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port) as server:
        server.send_message(mail)
