"""An answer, a refusal and a form in a protocol's words are looks, for those who may look, and kept. All of them, by
tables that are held against the code."""

import ast
import asyncio
import importlib
import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any
from uuid import UUID

import pytest
from pydantic import TypeAdapter

import application
from activities.record import Record, RecordUnavailable
from application.access.looks import ListLooks, show_looks
from application.access.show_again import list_looks
from application.context import Context
from application.errors import Refused, Unavailable, UseCaseError
from application.messages.messages import ListMessages, show_messages
from application.pathway.command_catalog import KINDS, CommandKind
from application.pathway.commands import RecordedCommand, asked_words, prepare, submit, try_out, wait_until_recorded
from application.pathway.patient import ShowPatient, show_patient
from application.pathway.session_room import ShowSession, show_session
from application.pathway.show import (
    CompareMoments,
    ExplainEvent,
    ShowJourney,
    ShowPatientView,
    ShowReasons,
    ShowRecord,
    ShowTimeline,
    compare_moments,
    explain_event,
    show_journey,
    show_patient_view,
    show_reasons,
    show_record,
    show_timeline,
)
from application.reading import access_log
from application.reading.access_log import Query
from application.record.export import export_journey
from application.record.verify import VerificationPart, verify
from application.sign_offs.queue import ListQueue, list_queue
from application.sign_offs.refused_attempts import ListAttempts, list_attempts
from application.sign_offs.requests import ListRequests, ShowRequest, list_requests, show_request
from application.work.caseload import ListJourneys, list_journeys
from application.work.claims import claim_task, release_task
from application.work.permissions import ListPermissions, list_permissions
from application.work.service_levels import ShowServiceLevels, show_service_levels
from application.work.worklist import ListWork, list_work
from simulation.keys import Signers
from simulation.people import PEOPLE, profile
from tests.cli.conftest import Profiles
from tests.cli.helpers import World
from tests.cli.valid import FORMS
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.vocabulary.actors import Role

ROOT = Path(application.__file__).parent
BODIES = TypeAdapter(c.AnyBody)

READERS = {
    "caseload",
    "caseload_as_of",
    "commands",
    "export",
    "find_access",
    "find_gone_on_beside",
    "find_open",
    "find_unannounced_access",
    "find_uninformed",
    "find_unparted",
    "find_with_tasks_of",
    "heads_of",
    "heads_that_may_wait",
    "journeys_of",
    "keys_beside",
    "kept_matters",
    "list_access",
    "list_broken_glass",
    "list_looks_by",
    "list_messages",
    "list_messages_then",
    "load",
    "load_events",
    "load_journey",
    "load_opening",
    "load_moves",
    "load_openings",
    "read",
    "look_elsewhere",
    "marks_at",
    "refusals",
    "rehearse",
    "retry",
    "service_levels",
    "sign_off_requests",
    "stale",
    "verify_record",
    "worklist",
}
"""What of the record tells something of a journey, or of a look."""
BLIND = {
    "acknowledge",
    "alone",
    "ask_code",
    "check_anchors",
    "claim",
    "connection",
    "count_try",
    "count_unseen",
    "deliver",
    "drop_blobs",
    "enrol",
    "find",
    "find_broken_glass",
    "find_schema_differences",
    "has_blobs",
    "has_own_keys",
    "head",
    "keep_pass",
    "keep_verification",
    "last_complete_pass",
    "last_look",
    "last_verification",
    "list_passes",
    "log",
    "log_head",
    "log_name",
    "newest_anchor",
    "now",
    "part_again",
    "read_status",
    "rebuild",
    "record_access",
    "release",
    "renew",
    "report_bounce",
    "seal_access",
    "seconds_since_pass",
    "seen_register",
    "send",
    "shown",
    "use_up",
    "wait_for",
    "wait_until_caught_up",
    "write_anchor",
}
"""What else of the record the use cases call: it changes something, or tells nothing of any journey."""
READ_BY = {
    "_load",
    "_recover",
    "follow",
    "load",
    "load_history",
    "load_journey",
    "read_access",
    "read_journeys",
    "read_projections",
    "reconcile",
}
"""What reads a journey in the use cases without keeping that somebody does; or keeps it for those only that may look.
"""
UNSEEN: dict[str, str] = {
    "access.break_glass.break_glass": "how long it is open; who opens it is kept",
    "access.break_glass.must_break": "whether it is theirs to see, and nothing else",
    "access.looks._accesses": "after the look was kept",
    "access.looks.show_looks": "keeps it, of a journey that is theirs",
    "access.show_again._looks": "by those who keep it",
    "access.show_again._states": "after the look at that look was kept",
    "access.show_again.list_looks": "keeps it, for each journey or the whole list",
    "access.show_again.show_again": "keeps it, of each journey that was seen",
    "caches.histories.load": "what was read before, and what is new",
    "identity.staff.look_up_named": "whom the register is asked about; nothing is shown",
    "messages.links._stayed_once": "whether an observer has a session, for whom a link let in",
    "messages.links._tasks": "what a link was sent for, to whom it let in",
    "messages.links.call_for_help": "calls for help, and shows nothing",
    "messages.links.enter": "lets in whom a journey names, by a code; shows what the link is for",
    "messages.messages._waiting": "keeps it before anything is settled, of the person's clinics",
    "messages.messages.show_messages": "keeps it, of the person's clinics or of a journey that is theirs",
    "operations.status.show_service": "keeps it, for those who look after the service",
    "pathway.commands._answer_refusal": "keeps it, for whoever has a part",
    "pathway.commands._find_recorded": "whether a command is recorded, for who sent it",
    "pathway.commands._is_there": "whether it is what its sender sent",
    "pathway.commands._knowing_elsewhere": "what a decision needs of the patient's other journeys",
    "pathway.commands._read_after": "keeps a refusal; the caller keeps what else is shown, for those who may look",
    "pathway.commands._require_part": "refuses whoever has no part, without a word about the journey",
    "pathway.commands.asked_words": "keeps it, for whoever has a part",
    "pathway.commands.find": "whether a command is recorded, for who sent it",
    "pathway.commands.prepare": "what is to be signed is decided first, as anybody's command is",
    "pathway.commands.submit": "keeps it, for whoever has a part",
    "pathway.patient.show_patient": "keeps it, of those journeys that are theirs",
    "pathway.patient.show_patient_of": "keeps it, for staff who may look at that journey",
    "pathway.session_room.recorded_since": "whether anything is new, for whoever may look",
    "pathway.start._require_same": "in what a referral differs, for those of its clinic",
    "pathway.start.try_out": "whether somebody is enrolled, as anybody learns who starts them",
    "reading.history._load": "what all the others read with",
    "reading.history._looked_at": "keeps it",
    "reading.history.follow": "by those who keep it",
    "reading.history.load_history": "by those who keep it, or show nothing",
    "reading.history.load_journey": "by those who keep it, or show nothing",
    "reading.history.read_journeys": "keeps it, and leaves out what is not theirs",
    "record.comparison._awaits": "by those who keep it, and by workers",
    "record.comparison._marks_of": "by those who keep it, and by workers",
    "record.comparison._without_need": "by those who keep it, and by workers",
    "record.comparison.compare": "by those who keep it, and by workers",
    "record.comparison.drift_of": "by workers, who show nothing",
    "record.export.export_journey": "keeps it, of a journey that is theirs",
    "record.passes._reconcile_alone": "by who keeps it",
    "record.passes.reconcile_now": "keeps it, for those who look after the service",
    "record.passes.run_pass": "by workers, who show nothing",
    "record.projections.read_projections": "by those who keep it",
    "record.projections.retry_projection": "keeps it, for those who look after the service",
    "record.projections.show_projections": "keeps it, for those who look after the service",
    "record.reconcile._have_looked": "wakes journeys, and shows nothing",
    "record.recover._recorded": "by who keeps it",
    "record.recover.recover": "keeps it, for those who look after the service",
    "record.repair._is_ours": "mends, and shows nothing",
    "record.repair._is_overdue": "mends, and shows nothing",
    "record.repair._part": "mends, and shows nothing",
    "record.repair._still": "mends, and shows nothing",
    "record.repair._was_put_back": "mends, and shows nothing",
    "record.repair.announce_access": "asks for a review of a look that was kept",
    "record.repair.begin_anew": "mends, and shows nothing",
    "record.verify._access": "by who keeps it",
    "record.verify.verify": "keeps it, for those who look after the service, or of a journey that is theirs",
    "sign_offs.queue.list_queue": "keeps it, of the person's clinics",
    "sign_offs.refused_attempts._clinic_of": "of which clinic it is; who lists them keeps it",
    "sign_offs.refused_attempts._latest": "of the person's clinics; who lists them keeps it",
    "sign_offs.session_releases.find_unproven": "of a journey whose look was kept",
    "work.caseload._now": "keeps it, of the person's clinics",
    "work.caseload._then": "keeps it, of the person's clinics",
    "work.claims._untaken": "after the look to act was kept",
    "work.hold_together._all": "by those who keep it",
    "work.hold_together._hold": "of a list that was kept",
    "work.hold_together.prepare_releases": "keeps it, of those journeys that are theirs",
    "work.permissions.list_permissions": "keeps it, of the person's clinics",
    "work.references._zones": "where the patients of a list are, which was kept",
    "work.references.of": "of the person's clinics, with a list that was kept",
    "work.service_levels.show_service_levels": "keeps it, of the person's clinics",
    "work.worklist._rows": "by those who keep it",
}
"""Each function that reads so, and why nobody sees what they may not, or nobody knows of."""


OPS = (
    "temporal.",
    "watchdog.",
    "protocols.",
    "settings.",
    "context.",
    "messages.settings",
    "identity.openid.settings",
    "questionnaires.score.",
)
"""Modules for those who run the service, or that read no journey; an export is in the tables below."""


def use_cases() -> Iterator[tuple[str, ModuleType, ast.Module]]:
    """All modules of the use cases but those of `OPS`."""
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if not f"{name}.".startswith(OPS):
            yield name, importlib.import_module(f"application.{name}"), ast.parse(path.read_text())


def called_of(module: ModuleType, call: ast.expr) -> object:
    """What is called in a module: a function it names, one of a module it names, or a method of the record."""
    match call:
        case ast.Name(id=name):
            return getattr(module, name, None)
        case ast.Attribute(value=ast.Name(id="record"), attr=name):
            return getattr(Record, name, None)
        case ast.Attribute(value=ast.Await(value=ast.Call(func=ast.Attribute(attr="record"))), attr=name):
            return getattr(Record, name, None)
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return getattr(vars(module).get(owner), name, None)
    return None


def from_record(module: ModuleType, call: ast.expr) -> FunctionType | None:
    """What is called, if it is a method of the record or a function of the activities that is given one."""
    called = called_of(module, call)
    if not isinstance(called, FunctionType) or not called.__module__.startswith("activities."):
        return None
    given = inspect.get_annotations(inspect.unwrap(called)).values()
    of_record = called.__qualname__ == f"Record.{called.__name__}" or any(each in (Record, "Record") for each in given)
    return called if of_record else None


def reading() -> Iterator[str]:
    """All functions of the use cases that call one of these."""
    for name, module, tree in use_cases():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
                asked = {each.__name__ for call in calls if (each := from_record(module, call)) is not None}
                names = {getattr(each, "id", getattr(each, "attr", "")) for each in calls}
                if asked & READERS or names & READ_BY:
                    yield f"{name}.{node.name}"


def test_everything_that_is_asked_of_the_record_is_known() -> None:
    calls = (
        (module, node.func) for _, module, tree in use_cases() for node in ast.walk(tree) if isinstance(node, ast.Call)
    )
    asked = {each.__name__ for module, call in calls if (each := from_record(module, call)) is not None}
    assert asked == READERS | BLIND


@pytest.mark.long
def test_every_reader_is_known_and_why_nobody_sees_more_by_it() -> None:
    assert {*reading()} == {*UNSEEN}


async def patient_of(context: Context, journey: Journey) -> object:
    key = (await context.record()).patients.of_ref(journey.patient.ref)
    return await show_patient(context, ShowPatient(key=key.hex()))


Ask = Callable[[Context, Journey], Awaitable[object]]
LOOKS: dict[type[Query], Ask] = {
    ShowJourney: lambda context, journey: show_journey(context, ShowJourney(journey_id=journey.id)),
    ShowTimeline: lambda context, journey: show_timeline(context, ShowTimeline(journey_id=journey.id)),
    ShowRecord: lambda context, journey: show_record(context, ShowRecord(journey_id=journey.id)),
    ShowReasons: lambda context, journey: show_reasons(context, ShowReasons(journey_id=journey.id)),
    ShowPatientView: lambda context, journey: show_patient_view(context, ShowPatientView(journey_id=journey.id)),
    ExplainEvent: lambda context, journey: explain_event(context, ExplainEvent(journey_id=journey.id, version=1)),
    CompareMoments: lambda context, journey: compare_moments(
        context, CompareMoments(journey_id=journey.id, earlier="1", later="2")
    ),
    ShowSession: lambda context, journey: show_session(context, ShowSession(journey_id=journey.id)),
    ShowPatient: lambda context, journey: patient_of(context, journey),
    ListQueue: lambda context, _: list_queue(context, ListQueue()),
    ListRequests: lambda context, journey: list_requests(context, ListRequests(journey_id=journey.id)),
    ShowRequest: lambda context, journey: show_request(
        context, ShowRequest(journey_id=journey.id, request=next(iter(journey.waiting)))
    ),
    ListAttempts: lambda context, journey: list_attempts(context, ListAttempts(journey_id=journey.id)),
    ListLooks: lambda context, journey: list_looks(context, ListLooks(journey_id=journey.id)),
    ListMessages: lambda context, _: show_messages(context, ListMessages()),
    ListJourneys: lambda context, _: list_journeys(context, ListJourneys()),
    ListWork: lambda context, _: list_work(context, ListWork()),
    ShowServiceLevels: lambda context, _: show_service_levels(context, ShowServiceLevels()),
    ListPermissions: lambda context, _: list_permissions(context, ListPermissions()),
}
"""Each question that a use case answers, asked of a journey."""
ELSEWHERE = {
    "act": "what follows here: forms, trials, answers, refusals",
    "access break-glass": "shows nothing; lets somebody look from outside, and that is kept and reviewed",
    "look after": "of the whole organisation, for those who look after the service: in tests/cli/test_looking_after.py",
    "temporal decode": "in tests/console/test_codec_server.py",
    "work hold": "of the whole organisation, for its medical director and ops: in tests/cli/test_hold_together.py",
    "work releases": "in tests/cli/test_hold_together.py",
}
"""Questions that are asked in another way, and where."""
ACTS: dict[str, Ask] = {
    "the page of looks": lambda context, journey: show_looks(context, ListLooks(journey_id=journey.id), journey.id),
    "a verification": lambda context, journey: verify(
        context, journey.id, None, frozenset(VerificationPart), None, lambda _: None
    ),
    "an export": lambda context, journey: export_journey(context, journey.id, Path("never-written.zip"), None),
    "a claim": lambda context, journey: claim_task(context, journey.id, next(iter(journey.waiting))),
    "a release of a claim": lambda context, journey: release_task(context, journey.id, next(iter(journey.waiting))),
}


def questions(of: type[Query] = Query) -> Iterator[type[Query]]:
    for each in of.__subclasses__():
        yield each
        yield from questions(each)


def test_every_question_is_in_a_table() -> None:
    for path in ROOT.rglob("*.py"):
        importlib.import_module(".".join(("application", *path.relative_to(ROOT).with_suffix("").parts)))
    asked = {each for each in questions() if each.__module__.startswith("application")}
    assert {each.name for each in asked} == {each.name for each in LOOKS} | {*ELSEWHERE}


@pytest.fixture
def outside(tmp_path: Path) -> dict[Role, str]:
    """People of another clinic, by their roles."""
    found: dict[Role, str] = {}
    for role in Role:
        if role in (Role.PATIENT, Role.OBSERVER, Role.SYSTEM):
            continue
        path = tmp_path / f"night-{role.value}.json"
        path.write_text(profile(PEOPLE[role].model_copy(update={"id": f"night-{role.value}"}), "night-clinic"))
        found[role] = str(path)
    return found


def told(journey: Journey, said: object) -> list[str]:
    """What of a journey stands in something."""
    words = (journey.clinic, journey.patient.ref, journey.coordinator, journey.clinician, "evaluation", "X01")
    return [word for word in words if word in str(said)]


async def said_to(asked: Awaitable[object]) -> object:
    """What somebody is answered, whatever it is."""
    try:
        return await asked
    except UseCaseError as error:
        return (error.reason, error.remedy, error.state, error.fields)


@pytest.mark.parametrize("role", [Role.CLINICIAN, pytest.param(Role.COORDINATOR, marks=pytest.mark.soak)])
def test_nobody_from_outside_sees_anything_by_any_question(
    world: World, journey: UUID, outside: dict[Role, str], role: Role
) -> None:
    state = world.state(journey)

    async def all_of_them() -> None:
        async with world.context(profile=outside[role]) as context:
            for name, ask in {**{each.name: ask for each, ask in LOOKS.items()}, **ACTS}.items():
                said = await said_to(ask(context, state))
                assert told(state, said) == [], name
                assert str(journey) not in str(said).replace(f"access break-glass {journey}", ""), name

    asyncio.run(all_of_them())
    assert not any(journey in look.journeys for look in world.looks() if look.shown)
    assert world.state(journey) == state


def body_of(kind: CommandKind) -> Any:
    return BODIES.validate_python(FORMS[kind.name] | {"kind": kind.name})


async def within(act: Callable[[AsyncExitStack], Awaitable[None]]) -> None:
    async with AsyncExitStack() as opened:
        await act(opened)


async def sent(context: Context, kind: CommandKind, journey: UUID, body: Any) -> RecordedCommand:
    command, known = await prepare(context, kind, journey, body)
    return await wait_until_recorded(context, await submit(context, journey, command), known)


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.soak)])
def test_nobody_from_outside_sees_anything_by_any_command(
    world: World, journey: UUID, outside: dict[Role, str], keys: Signers, step: int
) -> None:
    """By its form, by a trial, by its answer and by its refusal."""
    before = world.state(journey)

    async def all_of_them(opened: AsyncExitStack) -> None:
        contexts = {role: await opened.enter_async_context(world.context(profile=outside[role])) for role in outside}
        for kind in KINDS[::step]:
            body = body_of(kind)
            for context in [contexts[role] for role in kind.model.roles if role in contexts][:1]:
                assert await asked_words(context, kind, journey) == {}, kind.name
                assert told(before, await said_to(try_out(context, kind, journey, body))) == [], kind.name
                said = await said_to(sent(context, kind, journey, body))
                if isinstance(said, RecordedCommand):
                    assert body.by_anybody, kind.name
                    assert not said.theirs, kind.name
                else:
                    assert told(before, said) == [], kind.name

    asyncio.run(within(all_of_them))
    assert not any(journey in look.journeys for look in world.looks() if look.shown)
    after = world.state(journey)
    assert (after.stage, after.coordinator, after.clinician, after.clinic) == (
        *(before.stage, before.coordinator, before.clinician),
        before.clinic,
    )


def test_what_somebody_of_the_clinic_sees_by_a_command_is_kept(world: World, journey: UUID, profiles: Profiles) -> None:
    """The form in the words of the protocol, the answer with where the journey stands, and the refusal that says so."""
    by_name = {kind.name: kind for kind in KINDS}
    hold, again, record = (by_name[name] for name in ("pathway.hold", "session.dose", "screening.record"))

    async def acted() -> None:
        async with world.context(profile=profiles[Role.CLINICIAN]) as context:
            assert await asked_words(context, record, journey)
            command, _ = await prepare(context, hold, journey, c.PlaceHold(reason="invented"))
            recorded = await wait_until_recorded(context, await submit(context, journey, command))
            assert recorded.theirs
            assert recorded.journey is not None
            refused, _ = await prepare(context, again, journey, body_of(by_name["education.explain"]))
            with pytest.raises(Refused):
                await submit(context, journey, refused)

    asyncio.run(acted())
    kept = [look.command[1] for look in world.looks() if look.shown and look.journeys == (journey,)]
    assert [
        action in said
        for action, said in zip(("screening record --template", "pathway hold", "education explain"), kept, strict=True)
    ] == [True] * 3


def test_what_cannot_be_kept_is_not_told(
    world: World, journey: UUID, profiles: Profiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*_: object) -> None:
        raise RecordUnavailable("57P01")

    by_name = {kind.name: kind for kind in KINDS}
    monkeypatch.setattr(access_log, "record_access", unavailable)

    async def acted() -> None:
        async with world.context(profile=profiles[Role.CLINICIAN]) as context:
            with pytest.raises(RecordUnavailable):
                await asked_words(context, by_name["screening.record"], journey)
            command, _ = await prepare(context, by_name["pathway.hold"], journey, c.PlaceHold(reason="invented"))
            recorded = await wait_until_recorded(context, await submit(context, journey, command))
            assert (recorded.theirs, recorded.journey) == (False, None), "it is recorded, and nothing more is said"
            kind = by_name["education.explain"]
            refused, _ = await prepare(context, kind, journey, body_of(kind))
            with pytest.raises(Unavailable, match="it was refused"):
                await submit(context, journey, refused)

    asyncio.run(acted())
