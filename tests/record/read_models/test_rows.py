"""Rows as a pure function: what they say is what the journey says, and a change is no more than what changed."""

from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.record.read_models.listed import ServiceLevel
from activities.record.read_models.row_types import TABLES, AudienceRow, CaseRow, ObligationRow, Row, StatusRow, key_of
from activities.record.read_models.rows import READ_FOR_WAIT, ProjectionState, apply, diff, row_groups, rows, trim
from simulation.people import STAFF
from tests.examples import examples
from tests.journey.play import standing_at
from tests.journey.properties.journeys import draw_command, moments, pauses
from tests.record.read_models.courses import course_of
from workflows.journey import events as e
from workflows.journey.aggregate import FIELD_BITS, Journey
from workflows.journey.authorization import licence_objection, may_decide
from workflows.journey.decide import decide
from workflows.journey.evidence import first_approval
from workflows.journey.obligations import obligations
from workflows.journey.protocol import Pathway
from workflows.journey.recall import recalled
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal
from workflows.protocols import list_pathways

STEPS = 10


def follow_all(events: tuple[e.Event, ...], known: ProjectionState | None = None) -> ProjectionState:
    for event in events:
        known = apply(known, event, 1 if known is None else known.position + 3, event.at)
    assert known is not None
    return known


def every_row(known: ProjectionState) -> list[Row]:
    return [row for group in row_groups(known).values() for row in group.rows()]


def up_to(pathway: Pathway, journey: Journey) -> ProjectionState:
    return follow_all(course_of(pathway)[: journey.version])


def check(known: ProjectionState) -> None:
    journey, shown = known.journey, every_row(known)
    assert len(rows(known)) == len(shown), "two rows have the same key"
    assert next(row for row in shown if isinstance(row, CaseRow)).version == journey.version

    waits = [row for row in shown if isinstance(row, ObligationRow)]
    still = [row for row in waits if row.closed_at is None]
    assert [(row.obligation, row.since, row.due, row.next_step) for row in still] == [
        (waiting.id, waiting.since, waiting.deadline, waiting.next_step) for waiting in obligations(journey)
    ]
    assert all(row.why and row.opened_version <= journey.version for row in still)
    asked = {(row.obligation, row.role, row.due) for row in shown if isinstance(row, AudienceRow)}
    assert asked == {(row.obligation, role, row.due) for row in still for role in row.asked}
    assert all(row.because and row.opened_version <= (row.closed_version or 0) for row in waits if row not in still)

    for row, waiting in zip(still, obligations(journey), strict=True):
        check_signing(row, waiting, known)

    stays = [row for row in shown if isinstance(row, StatusRow)]
    for earlier, later in pairwise(stays):
        assert (earlier.to_position, earlier.to_at) == (later.from_position, later.from_at)
        assert earlier.from_position < later.from_position
        assert earlier[6:] != later[6:]
    assert (stays[-1].stage, stays[-1].held, stays[-1].to_position) == (journey.stage, journey.held, None)


def check_signing(row: ObligationRow, waiting: Obligation, known: ProjectionState) -> None:
    """Who may sign finds it, and whose role it is and who may not does not, unless it is for a licence."""
    if waiting.sign_off is None:
        assert (row.signed_by, row.not_by, row.delegates, row.delegated_until) == ((), (), (), ())
        return
    journey, at = known.journey, known.at
    first = first_approval(journey, waiting.sign_off, waiting.subject)
    until = dict(zip(row.delegates, row.delegated_until, strict=True))
    for person in STAFF:
        delegated = person.id in until and until[person.id] > at
        listed = (person.role.value in row.signed_by or delegated) and person.id not in row.not_by
        may = may_decide(journey, waiting.sign_off, waiting.subject, person, at, first) is None
        assert listed or not may
        if person.role.value in row.signed_by and licence_objection(journey, person, at) is None:
            assert listed == may


@pytest.mark.long
@examples(0.3)
@given(st.data(), moments())
def test_rows_of_any_course(data: st.DataObject, where: tuple[Pathway, int]) -> None:
    play = standing_at(*where)
    known = up_to(where[0], play.journey)
    check(known)
    for _ in range(data.draw(st.integers(1, STEPS))):
        play.at += data.draw(pauses())
        decided = decide(play.journey, draw_command(data, play.journey, play.at), play.at)
        if isinstance(decided, Refusal) or not decided:
            continue
        before, known = known, follow_all(decided, known)
        play.journey = known.journey
        check(known)
        changed = diff(before, known)
        written = {key: row for key, row in rows(before).items() if key not in changed.gone}
        assert written | {key_of(row): row for row in changed.new} == rows(known)
        assert all(rows(before).get(key_of(row)) != row for row in changed.new)
        assert diff(trim(before), follow_all(decided, trim(before))) == changed


@pytest.mark.long
@pytest.mark.parametrize("pathway", list_pathways())
def test_rows_of_what_is_awaited_are_made_of_no_more_than_is_compared(pathway: Pathway) -> None:
    known: ProjectionState | None = None
    read: set[str] = set()
    for event in course_of(pathway):
        known = apply(known, event, event.version, event.at)
        read |= _read_for_waits(known)
    assert read == {"waiting", *READ_FOR_WAIT}


def _read_for_waits(known: ProjectionState) -> set[str]:
    """The fields of the journey that rows are made of, but for those of whole groups."""

    @recalled
    def make(journey: Journey) -> list[Row]:
        groups = row_groups(known._replace(journey=journey)).values()
        return [row for group in groups if len(group.of) > 1 for row in group.rows()]

    make(known.journey)
    bits = known.journey.memory[make.__wrapped__, ()].rests_on  # type: ignore[attr-defined]
    return {name for name, bit in FIELD_BITS.items() if bits & bit}


@given(st.data(), moments())
def test_any_event_on_any_course(data: st.DataObject, where: tuple[Pathway, int]) -> None:
    """Also events that could never follow: an old record, read by newer code, must still show."""
    known = up_to(where[0], standing_at(*where).journey)
    every = [event for pathway in list_pathways() for event in course_of(pathway)[1:]]
    for event in data.draw(st.lists(st.sampled_from(every), min_size=1, max_size=20)):
        later = event.model_copy(update={"version": known.journey.version + 1})
        known = apply(known, later, known.position + 1, event.at)
        assert len(rows(known)) == len(every_row(known))


def test_every_wait_of_a_course_is_shown_with_its_end() -> None:
    events = course_of()
    opened = [o for event in events if isinstance(event.body, e.ObligationsUpdated) for o in event.body.opened]
    known = follow_all(events)
    assert sorted(row.obligation for row in known.closed) == sorted(o.id for o in opened)
    assert not known.opened
    ended = [row.because for row in known.closed if row.closed_version == known.journey.version]
    assert set(ended) == {"done", "no_longer_needed"}, "the discharge was signed; nothing else is needed any more"


def test_signatures_stand_with_the_request_they_answer() -> None:
    events = course_of()
    signed = {event.body.request: event for event in events if isinstance(event.body, e.SignedOff)}
    shown = {row.obligation: row for row in follow_all(events).closed if row.decision is not None}
    assert shown.keys() == signed.keys()
    for request, event in signed.items():
        row = shown[request]
        assert (row.decided_by, row.decided_role, row.decided_at) == (event.actor_id, event.actor_role, event.at)
        assert row.sign_off is not None
        assert row.because == "done"


def test_last_contact_is_with_the_patient() -> None:
    events = course_of()
    known: ProjectionState | None = None
    for event in events:
        before = None if known is None else known.last_contact
        known = apply(known, event, event.version, event.at)
        if event.actor_role == Role.SYSTEM:
            assert known.last_contact == before
        if isinstance(event.body, e.CheckInCompleted | e.SessionObserved):
            assert known.last_contact == event.at


def test_no_free_text_leaves_the_record() -> None:
    """Everything that people of an invented journey write says that it is invented."""
    events = course_of()
    assert sum("Invented: " in event.model_dump_json() for event in events) > 20
    for row in rows(follow_all(events)).values():
        assert "Invented: " not in str(row)


def test_an_id_that_closes_and_opens_in_one_event_is_two_waits() -> None:
    known = up_to("PTSD", standing_at("PTSD", 3).journey)
    [first, *_] = obligations(known.journey)
    later = first.model_copy(update={"due": first.deadline + timedelta(days=1)})
    body = e.ObligationsUpdated(opened=(later,), closed=({"id": first.id, "because": "superseded"},))  # type: ignore[arg-type]
    event = course_of()[-1].model_copy(update={"version": known.journey.version + 1, "body": body})
    after = apply(known, event, known.position + 1, event.at)
    mine = [row for row in rows(after).values() if isinstance(row, ObligationRow) and row.obligation == first.id]
    assert sorted((row.closed_at is None, row.due) for row in mine) == [(False, first.deadline), (True, later.due)]


def test_the_journey_of_a_row_is_its_own() -> None:
    assert {row.journey_id for row in rows(follow_all(course_of())).values()} == {
        UUID("11111111-1111-4111-8111-111111111111")
    }


@pytest.mark.requirement("A62")
def test_no_list_and_no_figure_sets_an_outcome_beside_the_place_of_care() -> None:
    """Who would compare outcomes by place would need both in one row. How prompt a clinic is says nothing of either."""
    shown = [{*kind._fields} for kind in TABLES] + [{*ServiceLevel.model_fields}]
    assert any("outcome" in names for names in shown)
    places = ("setting", "location", "state", "zone", "home", "place")
    assert [name for names in shown for name in names if any(place in name.split("_") for place in places)] == []
    assert not {"outcome", "clinic"} & {*ServiceLevel.model_fields}
