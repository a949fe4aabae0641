"""`contact-point` and `message`: how people are reached, a code that proves it, and messages that reached nobody."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from activities.notices import queue
from activities.notices.channels import ACCEPTED, AttemptOutcome, Channel, OutgoingMessage
from activities.notices.contacts import Contacts
from activities.notices.delivering import Sender, see_to
from activities.notices.links import CODE_COUNTS
from activities.privacy.key_store import open_key_store
from activities.privacy.master_keys import Keyring
from activities.record import Opening, Record, RecordUnavailable
from activities.record.event_codec import to_new
from activities.record.stored import NewNotice
from application.messages.contact_points import TRIES
from application.reading import access_log
from cli.errors import ExitCode
from deploy.local.postgres import Database, Postgres
from simulation.keys import PASSPHRASE
from simulation.people import CLINIC, PEOPLE, profile
from tests.cli.conftest import JOURNEY, Profiles, opening
from tests.cli.helpers import Answer, World, call, invented
from tests.notices.notifications import notification
from workflows.journey.vocabulary.actors import Role

pytestmark = pytest.mark.server

CLIO, CORY = PEOPLE[Role.CLINICIAN].id, PEOPLE[Role.COORDINATOR].id
ADDRESS = "pat@home.example"
NEW = {"channel": "email", "address": ADDRESS}


@pytest.fixture
def world(recorded: World, keys_database: Database, keyring: Path) -> World:
    """A world with keys, and a journey whose patient is known."""

    async def begin(record: Record) -> None:
        begun = Opening(patient_keys=(record.patients.of_ref("pat"),), medicine="invented")
        await record.append(JOURNEY, 0, [to_new(event) for event in opening()], opening=begun)

    recorded.set(keys_url=SecretStr(keys_database.keys_url), keyring_file=keyring)
    recorded.on_record(begin)
    recorded.at = datetime.now(UTC)
    return recorded


@pytest.fixture
def recorded(migrated: Database) -> World:
    return World(migrated)


def point(world: World, verb: str, *words: str, given: Any = None, **changed: Any) -> Answer:
    whose = (str(JOURNEY),) if "--person" not in words else ()
    return call(world, "contact-point", verb, *whose, *words, "--json", given=given, **changed)


def deliver(world: World, channel: Channel) -> None:
    """Do what workers do: deliver what is queued, by one channel that is called e-mail."""

    async def all_queued(record: Record) -> None:
        assert world.settings.keys_url is not None
        assert world.settings.keyring_file is not None
        async with open_key_store(
            world.settings.keys_url.get_secret_value(), Keyring(world.settings.keyring_file)
        ) as keys:
            sender = Sender(record, invented().register, Contacts(record, keys), {"email": channel})
            for notice in await queue.take(record, alarm=False, most=100, seconds=60):
                await see_to(sender, notice)

    world.on_record(all_queued)


def codes_sent(world: World) -> list[tuple[str, str]]:
    """Deliver what is queued, and return the addresses and the codes that arrive there."""
    sent: list[OutgoingMessage] = []

    async def take(message: OutgoingMessage) -> AttemptOutcome:
        sent.append(message)
        return ACCEPTED

    deliver(world, take)
    return [(message.address, message.text.split("code is ")[1][:6]) for message in sent]


@pytest.mark.parametrize("whose", [(), ("--person", CLIO)])
def test_a_point_counts_once_its_code_came_back(world: World, whose: tuple[str, ...]) -> None:
    added = point(world, "add", *whose, given=NEW).json
    [new] = added["points"]
    assert (new["channel"], new["address"], new["verified_at"]) == ("email", ADDRESS, None)
    [(address, code)] = codes_sent(world)
    assert address == ADDRESS
    assert "code" not in new
    world.answers = [f"{(int(code) + 1) % 10**6:06}", code]
    assert point(world, "verify", "--point", new["id"], *whose).code == ExitCode.USAGE
    [verified] = point(world, "verify", "--point", new["id"], *whose).json["points"]
    assert verified["verified_at"] is not None
    shown = point(world, "show", *whose).json
    assert (shown["version"], shown["points"]) == (3, [verified])
    assert point(world, "add", *whose, given=NEW).code == ExitCode.REFUSED, "it is there already"


def test_a_code_is_tried_a_few_times_and_for_a_while(world: World) -> None:
    new = point(world, "add", given=NEW).json["points"][0]["id"]
    [(_, code)] = codes_sent(world)
    world.answers = ["wrong"] * TRIES + [code]
    for _ in range(TRIES):
        assert point(world, "verify", "--point", new).code == ExitCode.USAGE
    assert point(world, "verify", "--point", new).code == ExitCode.REFUSED
    point(world, "send-code", "--point", new)
    [(_, code)] = codes_sent(world)
    world.answers = [code]
    world.at += CODE_COUNTS
    assert point(world, "verify", "--point", new).code == ExitCode.REFUSED
    assert point(world, "show").json["points"][0]["verified_at"] is None


def test_points_are_ordered_and_removed_and_wishes_kept(world: World) -> None:
    one = point(world, "add", given=NEW).json["points"][0]["id"]
    two = point(world, "add", given={"channel": "webhook", "address": "sms:+15550100"}).json["points"][1]["id"]
    assert [each["id"] for each in point(world, "first", "--point", two).json["points"]] == [two, one]
    assert [each["id"] for each in point(world, "remove", "--point", two).json["points"]] == [one]
    assert point(world, "remove", "--point", two).code == ExitCode.NOT_FOUND
    assert point(world, "wish", "--only-alarms").json["only_alarms"]
    assert not point(world, "wish", "--everything").json["only_alarms"]


@pytest.mark.parametrize("whose", [(), ("--observer", "sam")])
def test_a_coordinator_agrees_on_a_code_and_has_a_link_sent(
    world: World, profiles: Profiles, whose: tuple[str, ...]
) -> None:
    assert point(world, "send-link", *whose).code == ExitCode.REFUSED, "nobody said that anything arrives"
    new = point(world, "add", *whose, given=NEW).json["points"][0]["id"]
    [(_, code)] = codes_sent(world)
    world.answers = [code]
    point(world, "verify", "--point", new, *whose)
    refused = point(world, "send-link", *whose)
    assert (refused.code, "agree on a code" in refused.err) == (ExitCode.REFUSED, True), "nothing could open it"
    agreed = point(world, "set-code", *whose).json
    assert agreed["clinic_code"]
    assert PASSPHRASE not in str(agreed)
    assert point(world, "send-link", *whose).code == 0
    assert point(world, "send-link", *whose, "--profile", profiles[Role.CLINICIAN]).code == ExitCode.NOT_ALLOWED
    arrived: list[OutgoingMessage] = []

    async def take(message: OutgoingMessage) -> AttemptOutcome:
        arrived.append(message)
        return ACCEPTED

    deliver(world, take)
    assert [message.address for message in arrived] == [ADDRESS]
    for content, found in ((b"no mail", False), (notification("msg_0_x"), False), (notification(arrived[0].id), True)):
        answer = call(world, "message", "bounced", "--json", raw=content)
        assert (answer.code, answer.json) == (0, {"bounced": found})
    [sent] = [row for row in call(world, "message", "list", "--json").json if row["kind"] == "link"]
    assert (sent["state"], sent["code"]) == ("bounced", "5.1.1")


def test_a_person_with_a_login_of_their_own_reports_no_bounce(world: World, postgres: Postgres) -> None:
    login = f"invented-{uuid4().hex[:8]}"
    name = f'"{login}"'
    asyncio.run(postgres.as_admin(f"CREATE ROLE {name} LOGIN", f"GRANT carepath_reader TO {name} WITH SET FALSE"))
    assert world.settings.database_url is not None
    theirs = world.settings.database_url.get_secret_value().replace("carepath_reader", login)
    world.set(database_url=SecretStr(theirs))
    try:
        said = call(world, "message", "bounced", "--json", raw=notification(f"msg_{uuid4().hex}_email-1"))
        assert said.code == ExitCode.NOT_ALLOWED
        assert "acts for one person only" in said.err
    finally:
        asyncio.run(postgres.as_admin(f"DROP ROLE {name}"))


@pytest.mark.parametrize(
    "given",
    [
        {"channel": "email", "address": "pat@home.example\nBcc: x@y.example"},
        {"channel": "email", "address": "Pat <pat@home.example>"},
        {"channel": "email", "address": "pät@home.example"},
        {"channel": "pigeon", "address": ADDRESS},
        {"channel": "webhook", "address": ""},
        {"channel": "webhook", "address": "a b"},
        {"channel": "email"},
        {},
    ],
)
def test_what_is_no_point_is_refused_without_repeating_it(world: World, given: dict[str, str]) -> None:
    answer = point(world, "add", given=given)
    assert answer.code == ExitCode.USAGE
    assert "pat@" not in answer.err
    assert point(world, "show").json["version"] == 0


def test_only_coordinators_of_the_clinic_change_how_others_are_reached(world: World, profiles: Profiles) -> None:
    for role in Role:
        if role in (Role.SYSTEM, Role.COORDINATOR):
            continue
        answer = point(world, "add", "--profile", profiles[role], given=NEW)
        assert answer.code == ExitCode.NOT_ALLOWED, role
    own = point(world, "add", "--person", CLIO, "--profile", profiles[Role.CLINICIAN], given=NEW)
    assert own.code == 0
    others = point(world, "show", "--person", CORY, "--profile", profiles[Role.CLINICIAN])
    assert others.code == ExitCode.NOT_ALLOWED
    both = call(world, "contact-point", "show", str(JOURNEY), "--person", CLIO)
    assert both.code == call(world, "contact-point", "show").code == ExitCode.USAGE


def test_a_coordinator_of_another_clinic_neither_sees_nor_changes_how_anybody_is_reached(
    world: World, tmp_path: Path
) -> None:
    own = tmp_path / "far.json"
    own.write_text(profile(PEOPLE[Role.COORDINATOR].model_copy(update={"id": "far"}), "far-clinic"))
    for whose in ((), ("--person", CLIO), ("--person", "nobody-we-know")):
        for verb in ("show", "add"):
            answer = point(world, verb, *whose, "--profile", str(own), given=NEW)
            assert answer.code == ExitCode.NOT_ALLOWED, (verb, whose)
    assert point(world, "show", "--person", CLIO).json["version"] == 0
    assert point(world, "show", "--person", "nobody-we-know").code == ExitCode.NOT_ALLOWED
    assert point(world, "add", "--person", "far", "--profile", str(own), given=NEW).code == 0, "their own"
    # Who broke the glass sees how the patient is reached. If they changed it, a link would let them in as the patient.
    call(world, "access", "break-glass", str(JOURNEY), "--profile", str(own), given={"reason": "Invented"})
    assert point(world, "show", "--profile", str(own)).code == 0
    for verb, words, given in (
        ("add", (), NEW),
        ("wish", (), {"only_alarms": True}),
        ("set-code", (), {"code": "blue7kite"}),
        ("send-link", (), None),
        ("remove", ("--point", "some-point"), None),
    ):
        answer = point(world, verb, *words, "--profile", str(own), given=given)
        assert answer.code == ExitCode.NOT_ALLOWED, verb
        assert "no part in this journey" in answer.err, verb
    assert point(world, "show").json["version"] == 0


def test_addresses_and_codes_are_encrypted_and_each_version_stays(world: World) -> None:
    new = point(world, "add", given=NEW).json["points"][0]["id"]
    point(world, "remove", "--point", new)

    async def kept(record: Record) -> tuple[list[Any], bytes]:
        async with record.connection() as connection:
            rows = await connection.fetch("SELECT version, subject, sealed, given_by FROM record.contact ORDER BY 1")
        return rows, record.patients.of_ref("pat")

    rows, patient = world.on_record(kept)
    assert [(row["version"], row["given_by"]) for row in rows] == [(1, CORY), (2, CORY)]
    assert all(ADDRESS.encode() not in row["sealed"] and b"digits" not in row["sealed"] for row in rows)
    assert {row["subject"] for row in rows} == {f"patient/{patient.hex()}"}
    assert [each.command[0] for each in world.looks()] == ["act", "act"]


def test_a_message_that_reached_nobody_is_listed_until_somebody_saw_to_it(world: World, profiles: Profiles) -> None:
    notice = NewNotice(
        notice_id=uuid4(), journey_id=JOURNEY, event_id=uuid4(), kind="k", recipient_role=Role.CLINICIAN, clinic=CLINIC
    )
    elsewhere = notice.model_copy(update={"notice_id": uuid4(), "clinic": "another-clinic"})
    world.on_record(partial(queue_notices, notices=[notice, elsewhere]))
    ops = ("--profile", profiles[Role.OPS])

    def listed(*words: str) -> list[tuple[str, str]]:
        rows = call(world, "message", "list", *words, *ops, "--json").json
        return [(row["notice_id"], row["state"]) for row in rows]

    name = str(notice.notice_id)
    assert listed() == [(name, "queued")]
    assert call(world, "message", "handle", name, *ops).code == ExitCode.NOT_FOUND, "it is still on its way"

    async def nobody(_: OutgoingMessage) -> AttemptOutcome:
        raise AssertionError("nobody has any contact")

    deliver(world, nobody)
    assert listed("--undelivered") == [(name, "failed")]
    assert "failed (no contact)" in call(world, "message", "list", *ops, width=300).out
    assert call(world, "message", "handle", str(elsewhere.notice_id), *ops).code == ExitCode.NOT_FOUND
    assert call(world, "message", "send-again", str(elsewhere.notice_id), *ops).code == ExitCode.NOT_FOUND
    assert call(world, "message", "send-again", name, *ops).code == 0
    again = call(world, "message", "list", "--undelivered", *ops, "--json").json
    assert [(row["state"], row["by"], row["people"]) for row in again] == [("requeued", PEOPLE[Role.OPS].id, [])]
    assert "to be sent again by" in call(world, "message", "list", *ops, width=300).out
    deliver(world, nobody)
    assert listed("--undelivered") == [(name, "failed")]
    assert "is yours. See to it by" in call(world, "message", "claim", name, *ops).out
    taken = call(world, "message", "claim", name)
    assert (taken.code, f"will see to it: {PEOPLE[Role.OPS].id}" in taken.err) == (ExitCode.REFUSED, True)
    clinician = call(world, "message", "release", name, "--profile", profiles[Role.CLINICIAN])
    assert clinician.code == ExitCode.REFUSED
    assert "Messages that reached nobody: 1. See" in call(world, "work", "list").err
    assert call(world, "message", "release", name).code == 0, "a coordinator may for others"
    unseen = call(world, "work", "list", "--json").json["undelivered"]
    assert unseen == {"waiting": 1, "overdue": 0, "unclaimed": 1}
    shown = call(world, "message", "list", "--undelivered", width=400).out
    assert "otherwise the medical director is told, too" in shown
    assert call(world, "message", "handle", name, *ops).code == 0
    assert listed("--undelivered") == []
    assert (name, "handled") in listed("--journey", str(JOURNEY))
    assert call(world, "message", "handle", name, *ops).code == ExitCode.NOT_FOUND


def test_one_that_failed_is_handled_however_many_newer_ones_wait(world: World, profiles: Profiles) -> None:
    failed = NewNotice(
        notice_id=uuid4(), journey_id=JOURNEY, event_id=uuid4(), kind="k", recipient_role=Role.CLINICIAN, clinic=CLINIC
    )
    world.on_record(partial(queue_notices, notices=[failed]))

    async def nobody(_: OutgoingMessage) -> AttemptOutcome:
        raise AssertionError("nobody has any contact")

    deliver(world, nobody)
    newer = [failed.model_copy(update={"notice_id": uuid4()}) for _ in range(1000)]
    world.on_record(partial(queue_notices, notices=newer))
    handled = call(world, "message", "handle", str(failed.notice_id), "--profile", profiles[Role.OPS], "--json")
    assert (handled.code, handled.json["state"]) == (0, "handled")


@pytest.mark.parametrize("verb", ["handle", "send-again"])
def test_who_sees_to_a_message_has_looked_at_its_journey(
    world: World, profiles: Profiles, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = NewNotice(
        notice_id=uuid4(), journey_id=JOURNEY, event_id=uuid4(), kind="k", recipient_role=Role.CLINICIAN, clinic=CLINIC
    )
    world.on_record(partial(queue_notices, notices=[notice]))

    async def nobody(_: OutgoingMessage) -> AttemptOutcome:
        raise AssertionError("nobody has any contact")

    async def unavailable(*_: object) -> None:
        raise RecordUnavailable("57P01")

    deliver(world, nobody)
    words = ("message", verb, str(notice.notice_id), "--profile", profiles[Role.OPS], "--json")
    with monkeypatch.context() as without_looks:
        without_looks.setattr(access_log, "record_access", unavailable)
        unseen = call(world, *words)
        assert unseen.code == ExitCode.UNAVAILABLE
        assert str(JOURNEY) not in unseen.out + unseen.err
    assert call(world, *words).json["journey_id"] == str(JOURNEY), "it was settled, and no look was kept"
    [look] = world.looks()
    assert (look.reader_id, look.journeys) == (PEOPLE[Role.OPS].id, (JOURNEY,))
    assert f"message {verb}" in look.command[1]


async def queue_notices(record: Record, notices: list[NewNotice]) -> None:
    await record.deliver_notices(notices)
