"""What a patient sees: where they stand and what is next, in signed words, with the disclaimer and a name."""

from uuid import uuid4

import pytest
from pydantic import ValidationError

from tests.journey.play import after, before, course
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.obligations import obligations
from workflows.journey.protocol import Pathway
from workflows.journey.views.notices import Notice
from workflows.journey.views.patient_view import PatientSummary, patient_summary
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.stage import Stage

PATHWAYS: tuple[Pathway, ...] = ("PTSD", "ANXIETY")


def states(pathway: Pathway) -> list[Journey]:
    """Every state of the undisturbed course at which somebody acted, and its last one."""
    whole = course(pathway)
    return [journey for journey, _, _ in whole.moves] + [whole.journey]


@pytest.mark.requirement("A53")
@pytest.mark.parametrize("pathway", PATHWAYS)
def test_the_patient_is_told_where_they_are_and_what_is_next_in_every_stage(pathway: Pathway) -> None:
    told: dict[Stage, PatientSummary] = {}
    for journey in states(pathway):
        seen = told[journey.stage] = patient_summary(journey)
        text = journey.protocol.patient_texts.stages[journey.stage]
        assert (seen.where, seen.steps) == (text.where, tuple(step.name for step in journey.protocol.steps_shown))
        if not journey.held and (journey.closed or journey.closing is None):
            assert seen.next == text.next
    assert list(told) == list(Stage)
    assert len({seen.where for seen in told.values()}) == len({seen.next for seen in told.values()}) == len(Stage)
    assert [seen.step for stage, seen in told.items() if stage == Stage.CLOSED] == [None]


@pytest.mark.requirement("A53")
@pytest.mark.parametrize("pathway", PATHWAYS)
def test_the_patient_sees_all_that_is_asked_of_them_and_nothing_that_is_asked_of_others(pathway: Pathway) -> None:
    asked = set()
    for journey in states(pathway):
        theirs = [(task.what, task.due) for task in patient_summary(journey).tasks]
        waiting = obligations(journey)
        assert len({each.what for each in waiting}) == len(waiting), "two of one name are not told apart"
        assert theirs == [(each.what, each.deadline) for each in waiting if each.owner == Role.PATIENT]
        asked |= {what for what, _ in theirs}
    assert {"decide about the consents", "answer the check-in 24 hours after session 1"} <= asked


@pytest.mark.requirement("A58", "A63", "A65", "A66", "B58")
@pytest.mark.parametrize("pathway", PATHWAYS)
def test_nothing_is_shown_without_disclaimer_name_limits_and_whom_to_reach(pathway: Pathway) -> None:
    for journey in states(pathway):
        seen, texts = patient_summary(journey), journey.protocol.patient_texts
        assert (seen.disclaimer, seen.organisation) == (texts.disclaimer, texts.organisation)
        assert seen.part_of_care == texts.part_of_care
        assert seen.topics == texts.topics
        assert all(topic.benefit and topic.limitation for topic in seen.topics.values())
        assert seen.whom_to_reach == journey.protocol.contact_routes
        assert list(seen.whom_to_reach) == ["emergency", "urgent", "clinical", "routine"]


@pytest.mark.requirement("A58", "A65", "B58")
def test_the_shipped_words_say_what_the_sources_say() -> None:
    texts = course("PTSD").journey.protocol.patient_texts
    assert "one part of your care" in texts.part_of_care
    for words in ("information only", "not medical advice", "after a comprehensive evaluation"):
        assert words in texts.disclaimer


@pytest.mark.requirement("A63")
def test_a_changed_word_is_another_version_to_sign() -> None:
    protocol = course("PTSD").journey.protocol
    texts = protocol.patient_texts.model_copy(update={"part_of_care": "Invented"})
    assert protocol.model_copy(update={"patient_texts": texts}).digest != protocol.digest


@pytest.mark.requirement("A53")
def test_a_hold_and_an_ending_are_told_without_their_reason() -> None:
    play = before("session.check")
    texts = play.journey.protocol.patient_texts
    play.do(c.PlaceHold(reason="Invented: a secret"), Role.CLINICIAN)
    seen = patient_summary(play.journey)
    assert seen.next == texts.held
    assert "secret" not in seen.model_dump_json()
    play = after("session.release")
    play.do(c.Withdraw(), Role.PATIENT)
    assert play.journey.closing is not None
    assert not play.journey.held
    assert patient_summary(play.journey).next == texts.ending


@pytest.mark.requirement("A65")
def test_a_notice_has_no_words_that_would_need_a_disclaimer() -> None:
    ids = {"journey_id": uuid4(), "event_id": uuid4(), "to": Role.PATIENT}
    assert set(Notice.model_fields) == {*ids, "kind", "about", "alarm"}
    assert Notice.model_validate({**ids, "kind": "ask", "about": "check-in"}).about == "check-in"
    for words in ({"kind": "You will feel better"}, {"kind": "ask", "about": "You will feel better"}):
        with pytest.raises(ValidationError):
            Notice.model_validate({**ids, **words})
