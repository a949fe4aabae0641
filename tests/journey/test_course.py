"""Both courses, played from referral to discharge by people and a virtual clock through decide and evolve alone."""

from itertools import pairwise
from typing import Any

import pytest

from tests.journey.play import START, Play, before, course, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey, evolve, fold
from workflows.journey.obligations import next_deadline
from workflows.journey.protocol import Pathway
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.stage import Outcome
from workflows.protocols import list_pathways

both = pytest.mark.parametrize("pathway", list_pathways())

DISTURBED: dict[str, dict[str, Any]] = {
    "missed check-in": {"late": ("check-in-1-24h",)},
    "unwell": {"unwell": ("check-in-1-24h", "check-in-1-4h")},
    "everything in sessions late": {"late": ("checklist", "dose", "observation", "session_end")},
    "every contact late": {"late": ("check_in", "visit", "measure", "follow_up_visit")},
    "before treatment late": {"late": ("evaluation", "screening", "eligibility", "planning", "plan", "consent")},
}


EACH_IN_ONE = [
    pytest.param(pathway, how, marks=[pytest.mark.soak] if (number + nth) % 2 else [])
    for number, pathway in enumerate(list_pathways())
    for nth, how in enumerate(DISTURBED)
]
"""Each disturbance of each course. Before a merge, each in one of the courses, which differ in data alone."""


@pytest.mark.requirement("A41", "B08", "B16")
@both
def test_course_goes_through_the_stages_in_order_to_completion(pathway: Pathway) -> None:
    played = course(pathway)
    entered = [event.body.stage for event in played.events if isinstance(event.body, e.StageEntered)]
    assert entered == ["screening", "education", "sessions", "follow_up"]
    assert played.journey.outcome == Outcome.COMPLETED
    assert played.journey.closed
    assert played.journey.holds == {}
    assert len(played.journey.ended_sessions) == played.journey.protocol.sessions.planned


@pytest.mark.requirement("A18", "B16")
@both
def test_steps_shown_are_those_of_the_pathway(pathway: Pathway) -> None:
    shown = len(course(pathway).journey.protocol.steps_shown)
    assert shown == {"PTSD": 4, "ANXIETY": 5}[pathway]


@pytest.mark.requirement("A11", "B05")
@both
def test_every_wait_has_an_owner_a_due_time_and_an_escalation_policy_and_none_is_left(pathway: Pathway) -> None:
    played = course(pathway)
    opened: list[Obligation] = []
    for event in played.events:
        if isinstance(event.body, e.ObligationsUpdated):
            opened += event.body.opened
    assert opened
    for waiting in opened:
        assert waiting.owner in type(waiting.owner)
        assert waiting.deadline >= waiting.since or waiting.kind in ("check_in", "visit", "observation")
        assert (
            len(waiting.steps) == len(played.journey.protocol.escalation_policies[waiting.escalation_policy].steps) > 0
        )
        assert waiting.what
    assert played.journey.waiting == {}
    assert next_deadline(played.journey) is None


@both
def test_versions_have_no_gaps_and_ids_never_repeat(pathway: Pathway) -> None:
    events = course(pathway).events
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    assert len({event.event_id for event in events}) == len(events)
    assert all(later.at >= earlier.at for earlier, later in pairwise(events))
    causes = {event.event_id: event.version for event in events}
    assert all(event.causation_id is None or causes[event.causation_id] < event.version for event in events)


@both
def test_events_are_the_same_after_json(pathway: Pathway) -> None:
    for event in course(pathway).events:
        assert e.Event.model_validate_json(event.model_dump_json()) == event


@both
def test_folding_the_events_gives_the_state(pathway: Pathway) -> None:
    played = course(pathway)
    through_json = [e.Event.model_validate_json(event.model_dump_json()) for event in played.events]
    assert fold(played.events) == played.journey
    assert fold(through_json) == played.journey


@both
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_journey_is_the_same_after_json_at_the_steps_of_a_course(pathway: Pathway, every: int) -> None:
    moves = course(pathway).moves
    for journey, _, _ in moves[::-every]:
        assert Journey.model_validate_json(journey.model_dump_json()) == journey
    assert len(moves) > 50


@both
def test_commands_are_the_same_after_json(pathway: Pathway) -> None:
    for _, command, _ in course(pathway).moves:
        assert c.Command.model_validate_json(command.model_dump_json()) == command
        assert len(command.model_dump_json()) < c.COMMAND_LIMIT


@both
def test_every_event_is_marked_illustrative_in_a_demonstration(pathway: Pathway) -> None:
    assert all(event.illustrative for event in course(pathway).events)


@pytest.mark.long
@pytest.mark.parametrize(("pathway", "how"), EACH_IN_ONE)
def test_disturbed_course_is_completed_once_people_see_to_it(pathway: Pathway, how: str) -> None:
    played = started(pathway).go_on(lambda journey: journey.closed, **DISTURBED[how])
    assert played.journey.outcome == Outcome.COMPLETED
    assert not played.journey.held
    assert played.journey.waiting == {}
    assert fold(played.events) == played.journey
    undisturbed = course(pathway)
    assert len(played.events) > len(undisturbed.events)


def test_missed_check_in_holds_care_until_a_clinician_signs() -> None:
    played = started().go_on(lambda journey: journey.closed, late=("check-in-1-24h",))
    bodies = [event.body for event in played.events]
    [held] = [body for body in bodies if isinstance(body, e.HoldPlaced)]
    [released] = [body for body in bodies if isinstance(body, e.HoldReleased)]
    assert (held.cause, held.source) == ("missed_deadline", "check_in:check-in-1-24h")
    assert held.reason == "nobody came in time to answer the check-in 24 hours after session 1"
    assert released.hold == held.hold
    between = bodies[bodies.index(held) : bodies.index(released)]
    assert not [body for body in between if isinstance(body, e.SessionScheduled | e.SessionReleased | e.StageEntered)]


def test_same_people_at_the_same_time_play_the_same_course() -> None:
    again: Play = started(at=START).go_on(lambda journey: journey.closed)
    assert again.events == course("PTSD").events


def test_a_state_compares_and_prints_without_what_was_worked_out_about_it() -> None:
    journey = before("session.release").journey
    known = Journey.model_validate_json(journey.model_dump_json())
    assert journey.memory
    assert journey.mark is not known.mark
    assert not known.memory
    assert known == journey
    assert not journey.model_dump().keys() & {"memory", "mark"}
    assert evolve(journey, course("PTSD").events[-1]).mark is not journey.mark


def other_order(value: Any) -> Any:
    """The same JSON with the keys of its objects in another order. A database may give them back so."""
    if isinstance(value, dict):
        return {key: other_order(value[key]) for key in reversed(value)}
    return [other_order(each) for each in value] if isinstance(value, list) else value


@both
def test_the_state_does_not_depend_on_the_order_of_keys_in_events(pathway: Pathway) -> None:
    played = course(pathway)
    stored = [e.Event.model_validate(other_order(event.model_dump(mode="json"))) for event in played.events]
    assert fold(stored) == played.journey
