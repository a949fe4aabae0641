"""Education: what is explained, understood, read, acknowledged and consented to before sessions."""

import pytest

from tests.journey.play import HERE, after, before, kinds, started
from workflows.journey import commands as c
from workflows.journey.stages.education.rules import find_not_understood, find_untaught
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.stage import Stage


@pytest.mark.requirement("A25", "A27", "A38", "B28")
def test_topics_are_explained_by_a_clinician() -> None:
    play = before("education.explain")
    topics = play.journey.protocol.education_topics
    told = c.ExplainTopics(topics=topics, content_version="v1", location=HERE)
    play.refused(told, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    play.refused(told.model_copy(update={"topics": ("miracles",)}), code=RefusalCode.UNKNOWN, field="topics")
    play.do(c.ExplainTopics(topics=topics[:-1], content_version="v1", location=HERE))
    assert play.waits_for("education") is not None
    assert play.waits_for("acknowledgement") is None
    play.do(c.ExplainTopics(topics=topics[-1:], content_version="v1", location=HERE))
    assert play.waits_for("acknowledgement") is None
    play.do(c.ConfirmUnderstanding(topics=dict.fromkeys(topics, "understood"), in_their_words="x", location=HERE))
    assert play.waits_for("education") is None
    assert play.waits_for("acknowledgement") is not None


@pytest.mark.requirement("A26")
def test_what_was_explained_is_understood_before_anybody_consents() -> None:
    play = before("education.confirm")
    topics = play.journey.protocol.education_topics
    consents = play.journey.consent_versions
    play.refused(c.GiveConsent(consents=consents), Role.PATIENT, code=RefusalCode.INCOMPLETE, says="own words")
    heard = {topics[0]: "explain_again", **dict.fromkeys(topics[1:], "understood")}
    play.do(c.ConfirmUnderstanding.model_validate({"topics": heard, "in_their_words": "invented", "location": HERE}))
    assert find_untaught(play.journey) == topics[:1], "it is explained again"
    alone = c.ConfirmUnderstanding(topics={topics[0]: "understood"}, in_their_words="invented", location=HERE)
    play.refused(alone, code=RefusalCode.INCOMPLETE, field="topics", says=topics[0])
    play.refused(alone, Role.PATIENT, code=RefusalCode.NOT_ALLOWED)
    play.do(c.ExplainTopics(topics=topics[:1], content_version="v2", location=HERE))
    play.do(alone)
    assert find_not_understood(play.journey) == ()


@pytest.mark.requirement("A26")
def test_what_is_explained_anew_is_heard_anew_and_stands_before_the_dose() -> None:
    play = before("session.release")
    topic = play.journey.protocol.education_topics[0]
    play.do(c.ExplainTopics(topics=(topic,), content_version="v2", location=HERE))
    assert any("(education)" in found for found in dose_gate(play.journey, 1, play.at))


@pytest.mark.requirement("A23")
def test_background_reading_is_sent_before_the_evaluation_and_tracked() -> None:
    play = started()
    body = c.SendReading(reading="psychiatric_evaluation", content_version="v1")
    read = c.ConfirmReading(reading="psychiatric_evaluation", content_version="v1")
    play.refused(read, Role.PATIENT, code=RefusalCode.UNKNOWN, field="reading")
    play.do(body, Role.COORDINATOR)
    sent = play.journey.education.reading["psychiatric_evaluation"]
    assert (sent.content_version, sent.sent_at, sent.read_at) == ("v1", play.at, None)
    other = read.model_copy(update={"content_version": "v0"})
    play.refused(other, Role.PATIENT, code=RefusalCode.STALE, field="content_version")
    play.later(hours=1).do(read, Role.PATIENT)
    assert play.journey.education.reading["psychiatric_evaluation"].read_at == play.at
    medicine = body.model_copy(update={"reading": "off_label_and_fda_warning"})
    play.refused(medicine, Role.COORDINATOR, code=RefusalCode.UNKNOWN, field="reading")


@pytest.mark.requirement("A40", "A54", "A55", "A56", "A57", "B10", "B45")
def test_statements_are_acknowledged_by_the_patient_alone() -> None:
    play = before("education.acknowledge")
    statements = play.journey.protocol.acknowledgements
    play.refused(c.Acknowledge(statements=statements), code=RefusalCode.NOT_ALLOWED)
    play.refused(c.Acknowledge(statements=("is_a_cure",)), Role.PATIENT, code=RefusalCode.UNKNOWN, field="statements")
    play.do(c.Acknowledge(statements=statements[1:]), Role.PATIENT)
    assert play.waits_for("acknowledgement") is not None
    play.do(c.Acknowledge(statements=statements[:1]), Role.PATIENT)
    assert play.waits_for("acknowledgement") is None


@pytest.mark.requirement("B06")
def test_consents_come_after_the_explanation() -> None:
    play = before("education.explain")
    consents = play.journey.protocol.consents
    play.refused(c.GiveConsent(consents=consents), Role.PATIENT, code=RefusalCode.INCOMPLETE, says="not yet explained")


@pytest.mark.requirement("A52", "B57")
def test_consents_come_after_the_patients_questions_are_answered() -> None:
    play = before("consent.give")
    consents = play.journey.protocol.consents
    play.do(c.AskQuestion(text="what if I feel sick?"), Role.PATIENT)
    assert play.waits_for("question", "question-1") is not None
    play.refused(c.GiveConsent(consents=consents), Role.PATIENT, code=RefusalCode.INCOMPLETE, says="open questions")
    play.refused(c.AnswerQuestion(question="question-1", text="x"), Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    play.refused(c.AnswerQuestion(question="question-9", text="x"), code=RefusalCode.UNKNOWN, field="question")
    play.do(c.AnswerQuestion(question="question-1", text="call us"))
    play.refused(c.AnswerQuestion(question="question-1", text="x"), code=RefusalCode.ALREADY_DONE, field="question")
    play.do(c.GiveConsent(consents=consents), Role.PATIENT)
    assert play.journey.stage == Stage.SESSIONS


def test_consent_is_to_the_version_in_force_and_the_patients_own() -> None:
    play = before("consent.give")
    play.refused(
        c.GiveConsent(consents={"treatment": "treatment-0"}), Role.PATIENT, code=RefusalCode.STALE, field="consents"
    )
    play.refused(c.GiveConsent(consents={"sale": "sale-1"}), Role.PATIENT, code=RefusalCode.UNKNOWN, field="consents")
    play.refused(c.GiveConsent(consents=play.journey.protocol.consents), code=RefusalCode.NOT_ALLOWED)


def test_sessions_begin_only_when_nothing_is_missing() -> None:
    play = before("consent.give")
    first, *others = play.journey.protocol.consents.items()
    play.do(c.GiveConsent(consents=dict([first])), Role.PATIENT)
    assert play.waits_for("consent") is not None
    followed = kinds(play.do(c.GiveConsent(consents=dict(others)), Role.PATIENT))
    assert followed == ["consent.given", "stage.entered", "contacts.scheduled"]
    assert play.journey.stage == Stage.SESSIONS


@pytest.mark.requirement("A40")
def test_withdrawn_consent_cancels_the_session_that_is_planned() -> None:
    play = before("session.check")
    bodies = play.do(c.WithdrawConsent(consent="treatment"), Role.PATIENT)
    assert kinds(bodies) == ["consent.withdrawn", "session.cancelled"]
    assert play.journey.sessions == {}
    assert play.waits_for("consent") is not None
    assert play.waits_for("scheduling") is None
    play.refused(c.WithdrawConsent(consent="treatment"), Role.PATIENT, code=RefusalCode.ALREADY_DONE, field="consent")


def test_withdrawn_consent_does_not_stop_the_observation_of_a_running_session() -> None:
    play = after("session.dose")
    play.do(c.WithdrawConsent(consent="treatment"), Role.PATIENT)
    assert play.journey.sessions[1].running
    assert play.waits_for("observation") is not None


@pytest.mark.requirement("A52")
def test_early_question_needs_no_stage() -> None:
    play = started()
    play.do(c.AskQuestion(text="how long does this take?"), Role.PATIENT)
    assert play.waits_for("question", "question-1") is not None


def test_a_question_is_answered_whatever_has_ended() -> None:
    play = before("session.schedule")
    play.do(c.AskQuestion(text="may I drive again?"), Role.PATIENT)
    play.do(c.Withdraw(), Role.PATIENT)
    assert play.waits_for("question", "question-1")
    play.do(c.AnswerQuestion(question="question-1", text="invented"))
    play.go_on(lambda journey: journey.closed)
    play.do(c.AskQuestion(text="and swim?"), Role.PATIENT)
    assert play.waits_for("question", "question-2")
    play.do(c.AnswerQuestion(question="question-2", text="invented"))
    assert play.journey.closed
    assert not play.journey.waiting
