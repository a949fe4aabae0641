"""A release is derived again where it is shown: one that somebody wrote into the database lets nobody take a dose."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from activities.record import StoredEvent
from activities.record.event_codec import from_stored
from activities.record.stored import StoredCommand
from activities.record.verification.builds import Builds
from activities.signatures.sessions import ThisLog
from application.caches.proofs import Proofs
from application.pathway.session_room import NOT_PROVEN, Room, ShowSession, show_session
from application.pathway.show import (
    JourneyAt,
    ShowJourney,
    ShowRecord,
    ShowTimeline,
    Timeline,
    WholeRecord,
    show_journey,
    show_record,
    show_timeline,
)
from application.sign_offs import session_releases
from application.sign_offs.session_releases import find_unproven, follows, proof_digest
from deploy.local.postgres import Database
from tests.cli.helpers import World, call
from tests.journey.play import JOURNEY, Decision, course
from tests.record.handed import kept, signed_course
from tests.signatures.recorded import EARLY, history
from workflows.journey.aggregate import fold
from workflows.journey.decided import DecidedBy
from workflows.journey.events import Event, SessionReleased, SignedOff
from workflows.journey.protocol import SignOffKind

HERE = ThisLog("", demonstration=True)


def released(events: tuple[Event, ...]) -> bool:
    return any(isinstance(event.body, SessionReleased) for event in events)


def until_release(decisions: list[Decision]) -> list[Decision]:
    return decisions[: next(n for n, each in enumerate(decisions, 1) if released(each.events))]


class Recorded(NamedTuple):
    """A journey as recorded, up to a release."""

    rows: list[StoredEvent]
    commands: list[StoredCommand]


def changed(row: StoredEvent, old: bytes, new: bytes) -> StoredEvent:
    assert old in row.payload
    return row.model_copy(update={"payload": row.payload.replace(old, new)})


FORGED: dict[str, Callable[[Recorded], Recorded]] = {
    "no command of it": lambda r: r._replace(commands=r.commands[:-1]),
    "no command of something before": lambda r: r._replace(commands=r.commands[1:]),
    "another dose": lambda r: r._replace(
        rows=[
            changed(row, b'"dose_mg":', b'"dose_mg":9') if row.event_type == "session.released" else row
            for row in r.rows
        ]
    ),
    "what cannot be read": lambda r: r._replace(rows=[r.rows[0].model_copy(update={"payload": b"x"}), *r.rows[1:]]),
}


@pytest.mark.long
def test_a_release_of_people_is_shown() -> None:
    rows, commands = kept(until_release(signed_course()))
    assert follows(rows, commands, EARLY, HERE, 1, {})
    assert not follows(rows, commands, EARLY, HERE, 2, {})


@pytest.mark.parametrize("what", FORGED)
def test_what_somebody_wrote_into_the_database_is_none(what: str) -> None:
    rows, commands = FORGED[what](Recorded(*kept(until_release(signed_course()))))
    assert not follows(rows, commands, EARLY, HERE, 1, {})


OTHERWISE: dict[str, Callable[[Event], Event]] = {
    "another dose": lambda event: _saying(event, dose_mg=999.0),
    "another clearance": lambda event: _saying(event, clearance="clearance:1:0"),
    "long after the vital signs": lambda event: event.model_copy(update={"at": event.at + timedelta(days=1)}),
}


def _saying(event: Event, **changes: object) -> Event:
    return event.model_copy(update={"body": event.body.model_copy(update=changes)})


OTHERS = DecidedBy(core="0" * 64, zones="0" * 64)


def test_nor_is_one_that_other_rules_are_said_to_have_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an upgrade. The build that decided it derives it, all of it, and the dose gate is asked all the same."""
    monkeypatch.setattr("tests.record.handed.decided_by", lambda: OTHERS)
    *before, last = until_release(signed_course())
    genuine = kept([*before, last])
    every = len(genuine[0])
    assert not follows(*genuine, EARLY, HERE, 1, {})
    assert not follows(*genuine, EARLY, HERE, 1, {OTHERS: every - 1})
    assert not follows(*genuine, EARLY, HERE, 1, {DecidedBy(core="1" * 64): every})
    assert follows(*genuine, EARLY, HERE, 1, {OTHERS: every})
    for what, change in OTHERWISE.items():
        events = tuple(change(each) if released((each,)) else each for each in last.events)
        assert events != last.events
        forged = kept([*before, Decision(last.decided, events)])
        assert not follows(*forged, EARLY, HERE, 1, {OTHERS: every}), what


def test_nor_is_one_before_which_something_cannot_have_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other rules are said to have decided what these cannot even take in: here nothing has begun."""
    monkeypatch.setattr("tests.record.handed.decided_by", lambda: OTHERS)
    rows, commands = kept(until_release(signed_course())[1:])
    assert not follows(rows, commands, EARLY, HERE, 1, {OTHERS: len(rows)})


def test_that_one_is_not_proven_is_in_the_log() -> None:
    """One event for one fact, whatever is wrong: whoever watches the log looks for one name."""
    genuine = Recorded(*kept(until_release(signed_course())))
    wrong = {
        "Unproven": FORGED["no command of it"](genuine),
        "UnreadableEvent": FORGED["what cannot be read"](genuine),
        None: genuine,
    }
    for error, (rows, commands) in wrong.items():
        with capture_logs() as logs:
            assert not follows(rows, commands, EARLY, HERE if error else ThisLog(""), 1, {})
        told = {"event": "release.not_proven", "log_level": "error", "journey_id": str(JOURNEY), "session": 1}
        assert logs == [{**told, "error": error}]


def test_what_follows_has_another_digest_once_anything_of_it_changes() -> None:
    rows, commands = kept(until_release(signed_course()))
    others = [proof_digest(*forge(Recorded(rows, commands)), EARLY, HERE, 1) for forge in FORGED.values()]
    others += [proof_digest(rows, commands, EARLY, HERE, 2), proof_digest(rows, commands, EARLY, ThisLog(""), 1)]
    one = proof_digest(rows, commands, EARLY, HERE, 1)
    assert one == proof_digest([*rows], [*commands], EARLY, HERE, 1)
    assert one not in others


def test_nor_is_one_that_nobody_signed_for_or_nobody_sent() -> None:
    unsigned = kept(until_release(list(course("PTSD").decisions)))
    assert not follows(*unsigned, EARLY, HERE, 1, {})
    signed = kept(until_release(signed_course()))
    assert not follows(*signed, EARLY, ThisLog(""), 1, {}), "nobody has a session"


def until_clearance(decisions: list[Decision]) -> list[Decision]:
    return decisions[: next(n for n, each in enumerate(decisions, 1) if cleared(each.events))]


def cleared(events: tuple[Event, ...]) -> bool:
    return any(isinstance(each.body, SignedOff) and each.body.sign_off is SignOffKind.CLEARANCE for each in events)


@pytest.mark.long
def test_a_clearance_is_derived_again_as_well() -> None:
    signed = kept(until_clearance(signed_course()))
    assert follows(*signed, EARLY, HERE, None, {})
    assert not follows(*kept(until_clearance(list(course("PTSD").decisions))), EARLY, HERE, None, {}), (
        "nobody signed it"
    )
    for what in ("no command of it", "no command of something before", "what cannot be read"):
        assert not follows(*FORGED[what](Recorded(*signed)), EARLY, HERE, None, {}), what


def test_a_clearance_that_is_not_proven_is_no_way_to_a_dose(migrated: Database) -> None:
    world = World(migrated, demonstration=False)
    events = history()
    world.put(JOURNEY, events[: next(n for n, event in enumerate(events, 1) if cleared((event,)))])

    async def shown() -> Room:
        async with world.context() as context:
            return await show_session(context, ShowSession(journey_id=JOURNEY))

    room = asyncio.run(shown())
    assert (room.moment, room.obstacles[0]) == ("checked", NOT_PROVEN)


def shown_at(decisions: list[Decision], here: Callable[[tuple[Event, ...]], bool]) -> frozenset[int]:
    """The sessions that are not proven on a journey as it was known at the version of the first event of a kind."""
    rows, commands = kept(decisions)
    events = [event for each in decisions for event in each.events]
    version = next(event.version for event in events if here((event,)))
    assert rows[-1].version > version
    assert rows[-1].command_id == rows[version - 1].command_id

    async def until(_: UUID, *, until_version: int) -> list[StoredCommand]:
        return [each for each in commands if each.version <= until_version]

    record = SimpleNamespace(commands=until, log_name=_answering(""))
    context = SimpleNamespace(
        settings=SimpleNamespace(demonstration=False),
        record=_answering(record),
        proofs=Proofs(),
        builds=Builds(None),
    )
    return asyncio.run(find_unproven(context, fold(events[:version]), rows))  # type: ignore[arg-type]


def _answering(what: Any) -> Callable[..., Any]:
    async def answer(*_: object, **__: object) -> Any:
        return what

    return answer


@pytest.mark.long
def test_what_stood_in_the_middle_of_a_command_is_proven_by_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_releases, "verified_register", lambda _: EARLY)
    monkeypatch.setattr(session_releases, "ThisLog", lambda _: HERE)
    assert shown_at(until_release(signed_course()), released) == set()
    assert shown_at(until_clearance(signed_course()), cleared) == set()
    assert shown_at(until_release(list(course("PTSD").decisions)), released) == {1}, "nobody signed"


@pytest.mark.long
def test_a_release_is_proven_again_once_anything_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_releases, "ThisLog", lambda _: HERE)
    rows, commands = kept(until_release(signed_course()))
    journey, asked, current = fold([from_stored(each) for each in rows]), list[object](), [EARLY]
    monkeypatch.setattr(session_releases, "verified_register", lambda _: current[-1])

    async def read(*_: object, **__: object) -> list[StoredCommand]:
        asked.append(current[-1])
        return commands

    record = SimpleNamespace(commands=read, log_name=_answering(""))
    settings = SimpleNamespace(demonstration=False)
    context = SimpleNamespace(settings=settings, record=_answering(record), proofs=Proofs(), builds=Builds(None))

    def shown(stored: Sequence[StoredEvent]) -> frozenset[int]:
        return asyncio.run(find_unproven(context, journey, stored))  # type: ignore[arg-type]

    assert shown(rows) == shown(rows) == set()
    assert len(asked) == 1, "nothing has changed"
    assert shown([*rows]) == set()
    assert len(asked) == 2, "it was read anew"
    current.append(EARLY.model_copy(update={"entries": ()}))
    assert shown(rows) == shown(rows) == {1}, "who signed is not in the register"
    assert len(asked) == 4, "what does not hold is proven each time"


@pytest.mark.long
async def test_journeys_whose_build_does_not_answer_hold_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a console all looks share what they prove."""
    monkeypatch.setattr(session_releases, "verified_register", lambda _: EARLY)
    monkeypatch.setattr(session_releases, "ThisLog", lambda _: HERE)
    rows, commands = kept(until_release(signed_course()))
    journey, never, asked = fold([from_stored(each) for each in rows]), asyncio.Event(), asyncio.Event()

    async def none(*_: object) -> dict[DecidedBy, int]:
        return {}

    async def no_answer(*_: object) -> dict[DecidedBy, int]:
        if next(count) == len(others):
            asked.set()
        await never.wait()
        return {}

    count = itertools.count(1)
    record, proofs = SimpleNamespace(commands=_answering(commands), log_name=_answering("")), Proofs()

    def context(derive: Callable[..., Any]) -> Any:
        settings, builds = SimpleNamespace(demonstration=False), SimpleNamespace(derive=derive)
        return SimpleNamespace(settings=settings, record=_answering(record), proofs=proofs, builds=builds)

    others = [journey.model_copy(update={"id": uuid4()}) for _ in range(3)]
    renamed = [[row.model_copy(update={"journey_id": other.id}) for row in rows] for other in others]
    stuck = [
        asyncio.create_task(find_unproven(context(no_answer), *each)) for each in zip(others, renamed, strict=True)
    ]
    async with asyncio.timeout(5):
        await asked.wait()
        assert await find_unproven(context(none), journey, rows) == set()
    assert not any(each.done() for each in stuck)
    never.set()
    await asyncio.gather(*stuck)


@pytest.mark.parametrize("demonstration", [True, False])
def test_wherever_a_release_is_shown_it_says_that_it_is_not_proven(migrated: Database, *, demonstration: bool) -> None:
    world = World(migrated, demonstration=demonstration)
    events = history()
    events = events[: next(n for n, event in enumerate(events, 1) if released((event,)))]
    world.put(JOURNEY, events)

    async def shown() -> tuple[Room, JourneyAt, Timeline, WholeRecord]:
        async with world.context() as context:
            return (
                await show_session(context, ShowSession(journey_id=JOURNEY)),
                await show_journey(context, ShowJourney(journey_id=JOURNEY)),
                await show_timeline(context, ShowTimeline(journey_id=JOURNEY)),
                await show_record(context, ShowRecord(journey_id=JOURNEY)),
            )

    room, journey, happened, whole = asyncio.run(shown())
    sessions = set() if demonstration else {1}
    versions = {each.version for each in events if sessions and (released((each,)) or cleared((each,)))}
    assert room.moment == ("released" if demonstration else "not proven")
    assert journey.unproven == sessions
    assert happened.unproven == whole.unproven == versions
    for verb in ("show", "timeline", "why"):
        said = " ".join(call(world, "pathway", verb, str(JOURNEY), width=400).out.split())
        assert ("not proven: no dose is to be taken" in said) != demonstration
    for verb in ("show", "why"):
        assert call(world, "pathway", verb, str(JOURNEY), "--json").json["unproven_sessions"] == sorted(sessions)
    last = str(events[-1].version)
    for moments in (("1", last), ("1",), (last, last)):
        diff = ("pathway", "diff", str(JOURNEY), *moments)
        assert call(world, *diff, "--json").json["unproven_sessions"] == sorted(sessions)
        said = " ".join(call(world, *diff, width=400).out.split())
        assert ("Session 1, not proven: no dose is to be taken" in said) != demonstration
    assert bool(call(world, "pathway", "explain", str(JOURNEY), last, "--json").json["not_proven"]) != demonstration
    said = " ".join(call(world, "pathway", "explain", str(JOURNEY), last, width=400).out.split())
    assert ("not proven: no dose is to be taken" in said) != demonstration
    for sign_off in fold(events).sign_offs:
        clears = not demonstration and sign_off.kind is SignOffKind.CLEARANCE
        decided = ("signoff", "show", str(JOURNEY), sign_off.request)
        assert call(world, *decided, "--json").json["not_proven"] == clears
        said = " ".join(call(world, *decided, width=400).out.split())
        assert ("not proven: no dose is to be taken" in said) == clears
