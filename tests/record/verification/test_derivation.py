"""Whatever happens in a journey is decided again from its commands, offline, and forgeries are found."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities import record_activities
from activities.record import Record, StoredEvent
from activities.record.stored import StoredCommand
from activities.record.verification import left_notices
from activities.record.verification.derivation import derive_again
from activities.record.verification.record import verify_record
from activities.record_activities import RecordActivities
from tests.examples import examples
from tests.journey.play import JOURNEY, Decision, course, standing_at
from tests.journey.properties.journeys import draw_command, moments, pauses
from tests.record.handed import batch, kept, signed_course
from tests.record.helpers import Connection
from tests.record.test_redeliveries import register_of
from workflows.journey.aggregate import fold
from workflows.journey.decide import decide
from workflows.journey.decided import DecidedBy, derive
from workflows.journey.folded import JourneyState
from workflows.journey.protocol import Pathway
from workflows.journey.receipts import receipts_of
from workflows.journey.vocabulary.refusals import Refusal

STEPS = 10
BEGUN = 35
"""So many commands of a course go as far as its first session."""


@examples(0.25)
@given(st.data(), moments())
def test_any_journey_is_derived_again(data: st.DataObject, moment: tuple[Pathway, int]) -> None:
    play = standing_at(*moment)
    before = [each for each in course(moment[0]).decisions if each.events[-1].version <= play.journey.version]
    for _ in range(STEPS):
        play.at += data.draw(pauses())
        command = draw_command(data, play.journey, play.at)
        decided = play.take(command)
        if isinstance(decided, Refusal):
            play.keep(command, decided, unanswered=data.draw(st.booleans()))
    rows, commands = kept([*before, *play.decisions])
    derivation = derive_again(rows, commands)
    assert derivation.faults == ()
    assert (derivation.derived, derivation.others) == (len(rows), {})


@pytest.mark.long
def test_a_state_that_was_kept_in_between_decides_the_same() -> None:
    """Runs go on from states that went through JSON."""
    play = course("PTSD")
    for journey, command, at in play.moves[::7]:
        state = JourneyState.model_construct(journey=journey, receipts={})
        read = JourneyState.model_validate_json(state.model_dump_json(exclude_none=True)).journey
        assert decide(read, command, at) == decide(journey, command, at)


def row(number: int, **changed: Any) -> Callable[[list[StoredEvent], list[StoredCommand]], None]:
    def forge(rows: list[StoredEvent], _commands: list[StoredCommand]) -> None:
        rows[number] = rows[number].model_copy(update=changed)

    return forge


def added(rows: list[StoredEvent], _commands: list[StoredCommand]) -> None:
    last = rows[-1]
    rows.append(last.model_copy(update={"version": last.version + 1, "position": last.position + 1}))


def added_apart(rows: list[StoredEvent], _commands: list[StoredCommand]) -> None:
    last, command_id = rows[-1], rows[3].command_id
    changed = {"version": last.version + 1, "position": last.position + 1, "command_id": command_id}
    rows.append(last.model_copy(update=changed))


def removed(_rows: list[StoredEvent], commands: list[StoredCommand]) -> None:
    del commands[5]


def said_otherwise(_rows: list[StoredEvent], commands: list[StoredCommand]) -> None:
    changed = commands[5].payload.replace(b'"unanswered":false', b'"unanswered":true')
    commands[5] = commands[5].model_copy(update={"payload": changed})


def said_by_others(_rows: list[StoredEvent], commands: list[StoredCommand]) -> None:
    """Put off as another build's, so that nobody decides it again."""
    changed = commands[5].payload.replace(b'"core":"', b'"core":"f')
    commands[5] = commands[5].model_copy(update={"payload": changed})


def cut(rows: list[StoredEvent], _commands: list[StoredCommand]) -> None:
    del rows[-1:]


FORGED: dict[str, tuple[Callable[[list[StoredEvent], list[StoredCommand]], None], set[str]]] = {
    "an event added to a command": (added, {"not_derived"}),
    "an event added by itself": (added_apart, {"no_command"}),
    "the last event cut off": (cut, {"not_derived", "stray_command"}),
    "a command removed": (removed, {"no_command"}),
    "a command changed": (said_otherwise, {"command_changed"}),
    "a command put off as another build's": (said_by_others, {"command_changed"}),
    "another person": (row(20, actor_id="somebody"), {"not_derived"}),
    "another kind": (row(20, event_type="session.released"), {"not_derived"}),
    "another cause": (row(21, causation_id=None), {"not_derived"}),
}


@pytest.mark.parametrize("what", FORGED)
def test_what_somebody_wrote_into_the_record_is_found(what: str) -> None:
    rows, commands = kept(signed_course()[:BEGUN])
    forge, reasons = FORGED[what]
    forge(rows, commands)
    found = {fault.reason for fault in derive_again(rows, commands).faults}
    assert found
    assert found <= reasons


@pytest.mark.long
def test_a_row_dated_otherwise_is_found_where_it_is() -> None:
    rows, commands = kept(signed_course()[:BEGUN])
    for number in range(0, len(rows), 20):
        forged = list(rows)
        forged[number] = rows[number].model_copy(
            update={"occurred_at": rows[number].occurred_at + timedelta(seconds=1)}
        )
        [fault, *_] = derive_again(forged, commands).faults
        assert (fault.version, fault.reason) == (rows[number].version, "not_derived")


def test_what_other_rules_decided_is_counted_and_not_judged() -> None:
    rows, commands = kept(signed_course())
    derivation = derive_again(rows, commands, by=DecidedBy(core="another", zones="build"))
    assert (derivation.faults, derivation.derived) == ((), 0)
    assert sum(derivation.others.values()) == len(rows)


async def test_a_record_is_derived_again_and_a_command_that_a_superuser_took_away_is_found(
    record: Record, tmp_path: Path, admin: Connection
) -> None:
    recording = RecordActivities(record, register_of(tmp_path), demonstrations=True)
    decisions = signed_course()[:40]
    for decision in decisions:
        await recording.append(batch([decision]))
    whole = await verify_record(record, derive=True)
    assert whole.findings == ()
    assert (whole.derived, dict(whole.others)) == (whole.events, {})

    taken = decisions[20].events[0].version
    await admin.execute("ALTER TABLE record.command DISABLE TRIGGER append_only")
    await admin.execute("DELETE FROM record.command WHERE version = $1", taken)
    found = (await verify_record(record, derive=True)).findings
    assert [(finding.version, finding.reason) for finding in found] == [(taken, "no_command")]


@pytest.mark.parametrize("other_rules", [False, True])
async def test_a_notice_that_a_superuser_took_away_changed_or_put_in_is_found(
    record: Record, tmp_path: Path, admin: Connection, monkeypatch: pytest.MonkeyPatch, other_rules: bool
) -> None:
    """Else an alarm could be silenced before it is sent, and nobody would know of it. Other rules may have told others
    of what they decided, and of that alone."""
    monkeypatch.setattr(left_notices, "LEFT_WITHIN", timedelta())
    recording = RecordActivities(record, register_of(tmp_path), demonstrations=True)
    *decisions, last = signed_course()[:40]
    for decision in decisions:
        await recording.append(batch([decision]))
    with monkeypatch.context() as another:
        if other_rules:
            another.setattr(record_activities, "decided_by", lambda: DecidedBy(core="another", zones="build"))
        await recording.append(batch([last]))
    assert (await verify_record(record, derive=True)).findings == ()
    told = await admin.fetch(
        "SELECT DISTINCT ON (e.version) e.version, n.notice_id FROM record.notice n "
        "JOIN record.journey_event e ON e.event_id = n.event_id ORDER BY e.version LIMIT 3"
    )
    gone, changed, doubled = told
    await admin.execute("ALTER TABLE record.notice DISABLE TRIGGER append_only")
    await admin.execute("DELETE FROM record.notice WHERE notice_id = $1", gone["notice_id"])
    await admin.execute("UPDATE record.notice SET recipient_role = 'ops' WHERE notice_id = $1", changed["notice_id"])
    await admin.execute(
        "INSERT INTO record.notice SELECT log_id, gen_random_uuid(), journey_id, event_id, kind, recipient_role, "
        "recipients, clinic, alarm, created_at FROM record.notice WHERE notice_id = $1",
        doubled["notice_id"],
    )
    found = [(each.version, each.reason) for each in (await verify_record(record, derive=True)).findings]
    assert found == [
        (gone["version"], "notice_lost"),
        (changed["version"], "notice_differs"),
        (doubled["version"], "notice_differs"),
    ]
    monkeypatch.setattr(left_notices, "LEFT_WITHIN", timedelta(minutes=5))
    found = [(each.version, each.reason) for each in (await verify_record(record, derive=True)).findings]
    assert (gone["version"], "notice_lost") not in found, "it may still be on its way"


async def test_what_is_recorded_already_is_answered_with_what_it_gave(record: Record, tmp_path: Path) -> None:
    """Whatever the time of the repetition: nothing is recorded, and the run is told to read the record."""
    recording = RecordActivities(record, register_of(tmp_path), demonstrations=True)
    first, second, *_ = signed_course()
    await recording.append(batch([first]))
    recorded = await recording.append(batch([second]))
    later = second.decided.model_copy(update={"at": second.decided.at + timedelta(seconds=30)})
    journey = fold(first.events)
    again = Decision(later, derive(journey, receipts_of(first.events), later))
    for worker in (recording, RecordActivities(record, register_of(tmp_path), demonstrations=True)):
        assert (await worker.append(batch([again]))).version == first.events[-1].version
        assert (await worker.append(batch([second]))).version == recorded.version
    assert len(await record.load(JOURNEY)) == recorded.version
