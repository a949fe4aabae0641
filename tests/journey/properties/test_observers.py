"""The adult who stays with the patient has a part in the session whose checklist names them, until it is over."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import checklist, person_of
from tests.examples import examples
from tests.journey.play import JOURNEY, Play, before, course, kinds, standing_at
from tests.journey.properties.journeys import BODIES, MOMENTS, of_model
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.care_team.rules import has_part, list_sessions_observed
from workflows.journey.protocol import Pathway
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

FIRST = person_of(JOURNEY, Role.OBSERVER)
SECOND = Actor(id="neighbour", role=Role.OBSERVER)
THEIRS = [body for body in BODIES if Role.OBSERVER in body.roles and not body.by_anybody]
WITH_SESSIONS = [
    (pathway, number) for pathway, number in MOMENTS if any(course(pathway).moves[number][0].sessions)
]  # fmt: skip


def replaced(play: Play) -> list[e.EventBody]:
    """Have another adult named by the checklist of the session at hand, where that may be done now."""
    number = play.journey.next_session
    if number not in play.journey.sessions:
        return []
    observer = c.Observer(ref=SECOND.id, adult=True, physically_present=True, briefed=True)
    body = checklist(play.journey, number, play.at).model_copy(update={"observer": observer})
    decided = play.take(play.command(body, Role.SESSION_MONITOR))
    return [] if isinstance(decided, Refusal) else [event.body for event in decided]


def observing(events: Sequence[e.EventBody]) -> tuple[dict[int, str | None], set[int]]:
    """Who stays in which session as its events tell, and which are over."""
    named: dict[int, str | None] = {}
    over = set[int]()
    for body in events:
        match body:
            case e.SessionScheduled() | e.SessionCancelled():
                named[body.session] = None
            case e.SessionEnded():
                over.add(body.session)
            case e.SessionChecked():
                named[body.session] = None if body.observer is None else body.observer.ref
    return named, over


@examples(0.5)
@given(data=st.data(), moment=st.sampled_from(WITH_SESSIONS), replaces=st.booleans())
def test_an_observer_sees_and_sends_of_the_session_they_stay_for_and_of_no_other(
    data: st.DataObject, moment: tuple[Pathway, int], replaces: bool
) -> None:
    play = standing_at(*moment)
    told: list[e.EventBody] = [
        event.body for event in course(moment[0]).events if event.version <= play.journey.version
    ]
    told += replaced(play) if replaces else []
    named, over = observing(told)
    checks = [body.observer for body in told if isinstance(body, e.SessionChecked)]
    last = next((observer.ref for observer in reversed(checks) if observer is not None), None)
    for who in (FIRST, SECOND):
        theirs = tuple(number for number, ref in named.items() if ref == who.id)
        assert list_sessions_observed(play.journey, who.id) == tuple(number for number in theirs if number not in over)
        assert has_part(play.journey, who) == (last == who.id)
        body: Any = data.draw(of_model(data.draw(st.sampled_from(THEIRS)), play.journey, play.at))
        session = getattr(body, "session", None)
        if last == who.id if session is None else session in theirs:
            continue
        refused = play.decide(play.command(body, who))
        assert isinstance(refused, Refusal)
        assert refused.code == RefusalCode.NOT_ALLOWED


@pytest.mark.requirement("B22")
def test_who_was_replaced_changes_nothing_and_what_they_saw_of_harm_is_kept() -> None:
    play = before("session.release")
    assert replaced(play)
    calm = c.RecordObservation(seen_at=play.at, consciousness="alert", breathing_normal=True)
    refused = play.refused(calm, FIRST, code=RefusalCode.NOT_ALLOWED, says="no part")
    assert not refused.kept
    answer = play.decide(play.command(calm.model_copy(update={"breathing_normal": False}), FIRST))
    assert isinstance(answer, Refusal)
    assert answer.kept
    for body in (c.RequestSupport(urgency="emergency", text="They do not answer."), c.PlaceHold(reason="worried")):
        assert "care-team.stranger-heard" in kinds(play.do(body, FIRST))
