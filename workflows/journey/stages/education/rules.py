"""Education and planning: a personal plan, what the patient must have heard, and what they agree to.

Sources: the clinician explains process, experience and safety; plans hold dosing schedule, monitoring,
appointments and preparation besides other care; consents are versioned and withdrawable; goals reduce
symptoms and promise nothing.
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Actor, Role
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.evidence import approved, current, sign_off_requirement
from workflows.journey.obligation_types import ACKNOWLEDGEMENT, CONSENT, EDUCATION, PLANNING, QUESTION, ObligationType
from workflows.journey.protocol import SignOffKind
from workflows.journey.refusals import RefusalCode, refuse, require_known
from workflows.journey.requirements import Requirement, require
from workflows.journey.stage import Stage


def explain(journey: Journey, command: c.ExplainTopics, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record which topics a clinician explained: a clinician, not a leaflet (both source documents)."""
    require_known(command.topics, journey.protocol.education_topics, "topics")
    yield e.TopicsExplained(topics=command.topics, content_version=command.content_version)


def acknowledge(journey: Journey, command: c.Acknowledge, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record which statements the patient acknowledged, once every topic was explained to them."""
    require_known(command.statements, journey.protocol.acknowledgements, "statements")
    lacking = untaught(journey)
    if lacking:
        refuse(RefusalCode.INCOMPLETE, f"not yet explained: {', '.join(lacking)}", "A clinician explains them first")
    yield e.StatementsAcknowledged(statements=command.statements)


def ask(journey: Journey, command: c.AskQuestion, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record a question. It is never refused."""
    yield e.QuestionAsked(question=f"question-{len(journey.questions) + 1}", text=command.text)


def answer(journey: Journey, command: c.AnswerQuestion, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record the answer to an open question."""
    question = journey.questions.get(command.question)
    if question is None:
        refuse(RefusalCode.UNKNOWN, "there is no such question", "See `pathway show`", "question")
    if question.answer is not None:
        refuse(RefusalCode.ALREADY_DONE, "this question has been answered", "Ask a new one to add to it", "question")
    yield e.QuestionAnswered(question=command.question, text=command.text)


def consent(journey: Journey, command: c.GiveConsent, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record consents to the current versions, once every topic was explained and no question of the patient is open.
    Both source documents require informed consent, with the chance to ask."""
    versions = journey.protocol.consents
    require_known({**command.consents}, tuple(versions), "consents")
    for name, version in command.consents.items():
        if version != versions[name]:
            refuse(
                RefusalCode.STALE,
                f"consent {name} is now at version {versions[name]}",
                "Show the patient the current version",
                "consents",
            )
    open_questions = unanswered_questions(journey)
    if open_questions:
        refuse(
            RefusalCode.INCOMPLETE,
            f"the patient has open questions: {', '.join(open_questions)}",
            "A clinician answers them first (`question answer`)",
        )
    lacking = untaught(journey)
    if lacking:
        refuse(RefusalCode.INCOMPLETE, f"not yet explained: {', '.join(lacking)}", "A clinician explains them first")
    yield e.ConsentGiven(consents=command.consents)


def withdraw_consent(journey: Journey, command: c.WithdrawConsent, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Take back a consent that is in force. It is the patient's right at any time."""
    require_known((command.consent,), tuple(journey.protocol.consents), "consent")
    if command.consent not in journey.consents:
        refuse(RefusalCode.ALREADY_DONE, "this consent is not in force", "Nothing is left to withdraw", "consent")
    yield e.ConsentWithdrawn(consent=command.consent, reason=command.reason)


def react_consent_withdrawn(journey: Journey, body: e.ConsentWithdrawn, at: datetime) -> Iterator[e.EventBody]:
    """Cancel at once every session that was not released. One that was waits for its dose, or for word that none was
    taken: the patient has it in their hands."""
    for session in journey.sessions.values():
        if session.released_at is None and session.dosed_at is None:
            yield e.SessionCancelled(session=session.number, reason=f"consent {body.consent} was withdrawn")


def untaught(journey: Journey) -> tuple[str, ...]:
    """Return topics of the protocol that nobody has explained."""
    return tuple(topic for topic in journey.protocol.education_topics if topic not in journey.education.explained)


def unacknowledged(journey: Journey) -> tuple[str, ...]:
    """Statements of the protocol that the patient has not acknowledged."""
    known = journey.education.acknowledged
    return tuple(statement for statement in journey.protocol.acknowledgements if statement not in known)


def unanswered_questions(journey: Journey) -> tuple[str, ...]:
    """Ids of the questions that wait for an answer."""
    return tuple(q.id for q in journey.questions.values() if q.answer is None)


def unconsented(journey: Journey) -> tuple[str, ...]:
    """Consents that are not in force at the protocol's version."""
    return tuple(name for name, v in journey.protocol.consents.items() if journey.consents.get(name) != v)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for answers to questions; until treatment has ended, also for the plan, education, acknowledgements and
    consents."""
    for question in unanswered_questions(journey):
        yield require(
            QUESTION,
            subject=question,
            owner=Role.CLINICIAN,
            person=journey.clinician,
            what="answer the patient's question",
            care=False,
        )
    if journey.stage not in (Stage.EDUCATION, Stage.SESSIONS):
        return
    owed = journey.plan is None or journey.plan_owed_since is not None
    signed = None if owed else current(journey, SignOffKind.PLAN)
    if owed or (signed is not None and signed.decision == "decline"):
        yield _mine(journey, PLANNING, "write the plan")
    elif approved(journey, SignOffKind.ELIGIBILITY):
        request = sign_off_requirement(journey, SignOffKind.PLAN)
        if request:
            yield request
    if untaught(journey):
        yield _mine(journey, EDUCATION, "explain the education topics")
    elif unacknowledged(journey):
        yield require(
            ACKNOWLEDGEMENT,
            owner=Role.PATIENT,
            what="acknowledge what this treatment is and is not",
        )
    if not untaught(journey) and not unanswered_questions(journey) and unconsented(journey):
        yield require(CONSENT, owner=Role.PATIENT, what="decide about the consents")


def _mine(journey: Journey, about: ObligationType, what: str) -> Requirement:
    return require(about, owner=Role.CLINICIAN, person=journey.clinician, what=what)


def advance(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    """Begin sessions once the plan is signed, and all topics, acknowledgements and consents are complete."""
    ready = not (untaught(journey) or unacknowledged(journey) or unanswered_questions(journey) or unconsented(journey))
    if journey.stage == Stage.EDUCATION and ready and approved(journey, SignOffKind.PLAN):
        yield e.StageEntered(stage=Stage.SESSIONS)


DECISIONS: Decisions = {
    c.ExplainTopics: explain,
    c.Acknowledge: acknowledge,
    c.AskQuestion: ask,
    c.AnswerQuestion: answer,
    c.GiveConsent: consent,
    c.WithdrawConsent: withdraw_consent,
}
REACTIONS: Reactions = {
    e.ConsentWithdrawn: react_consent_withdrawn,
}
