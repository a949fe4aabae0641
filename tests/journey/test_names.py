"""Whatever opens something gives it a name that nothing else has, however many rules react to one event."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journey.always.test_death import died
from tests.journey.play import Play, after, standing_at, started
from tests.journey.properties.journeys import draw_command, moments
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey, evolve
from workflows.journey.always.adverse_events.findings import open_adverse_event
from workflows.journey.always.holds.model import place
from workflows.journey.always.safety.model import ask_support
from workflows.journey.dispatch import REACTIONS
from workflows.journey.envelopes import EventBody, give_free_name
from workflows.journey.protocol import Pathway
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal

BODIES: tuple[type[EventBody], ...] = get_args(get_args(e.AnyEventBody)[0])
OPENING = [body for body in BODIES if body.opens is not None]


@pytest.mark.parametrize("body", OPENING, ids=lambda body: body.__name__)
def test_what_opens_something_says_where_its_name_is(body: type[EventBody]) -> None:
    assert body.opens is not None
    field, entries = body.opens
    assert field in body.model_fields
    assert entries in Journey.model_fields


def test_one_rule_may_open_several_and_two_rules_may_react_to_one_event(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(journey: Journey, body: EventBody, at: datetime) -> Iterator[EventBody]:
        for n in range(2):
            yield ask_support(journey, "urgent", f"Invented: {n}")
            yield place(journey, "invented", f"Invented: {n}")
            yield open_adverse_event(journey, ("red_flag",), onset=at, session=None)

    reactions: dict[Any, Any] = REACTIONS
    monkeypatch.setitem(reactions, e.QuestionAsked, (twice, twice))
    play = started()
    opened = play.do(c.AskQuestion(text="Invented: what if?"), Role.PATIENT)
    for kind, entries in (
        (e.SupportRequested, "support"),
        (e.HoldPlaced, "holds"),
        (e.AdverseEventReported, "adverse_events"),
    ):
        count = sum(isinstance(body, kind) for body in opened)
        assert count >= 4
        assert len(getattr(play.journey, entries)) == count


@pytest.mark.parametrize("taken", [0, 1, 2, 7])
def test_a_name_that_is_taken_gives_way_to_the_next(taken: int) -> None:
    play = started()
    for _ in range(taken):
        play.do(c.RequestSupport(urgency="routine", text="Invented"), Role.PATIENT)
    for given_name in ("support-1", f"support-{taken + 1}"):
        body = e.SupportRequested(support=given_name, urgency="routine", text="Invented")
        named = give_free_name(play.journey, body)
        assert isinstance(named, e.SupportRequested)
        assert named.support == f"support-{taken + 1}"


def assert_new_names(play: Play, decided: tuple[e.Event, ...]) -> Journey:
    journey = play.journey
    for event in decided:
        if event.body.opens is not None:
            field, entries = event.body.opens
            assert getattr(event.body, field) not in getattr(journey, entries), event.body.kind
        journey = evolve(journey, event)
    return journey


@given(st.data(), moments(), st.booleans())
def test_no_name_is_given_twice(data: st.DataObject, where: tuple[Pathway, int], dead: bool) -> None:
    play = standing_at(*where)
    if dead and not play.journey.closed and not play.journey.deaths:
        died(play)
    for _ in range(3):
        command = draw_command(data, play.journey, play.at)
        decided = play.decide(command)
        if not isinstance(decided, Refusal):
            play.journey = assert_new_names(play, decided)


def test_two_of_a_kind_that_wait_are_told_apart_by_their_titles() -> None:
    play = after("session.end")
    for number in range(2):
        play.later(minutes=1).do(c.PlaceHold(reason="invented"), Role.PATIENT)
        play.do(c.RequestSupport(urgency="urgent", text=f"invented {number}"), Role.PATIENT)
        play.do(c.AskQuestion(text="Invented: what if?"), Role.PATIENT)
        play.do(c.ReportAdverseEvent(what="invented", grade=3, serious=False, onset=play.at), Role.PATIENT)
        play.do(c.KeepReport(about="adverse-event.report", said=f"x{number}", fields=("grade",)), Role.OBSERVER)
    waiting = [each.what for each in play.journey.waiting.values()]
    assert [what for what in waiting if waiting.count(what) > 1] == []
    assert {"decide on hold 1", "review adverse event 2", "answer question 2 of the patient"} <= {*waiting}
