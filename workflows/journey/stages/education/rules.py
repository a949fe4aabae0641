"""Education and planning: a personal plan, what the patient must have heard, and what they agree to.

Sources: the clinician explains process, experience and safety; plans hold dosing schedule, monitoring,
appointments and preparation besides other care; consents are versioned and withdrawable; goals reduce
symptoms and promise nothing.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.care_team.identity import is_same_person
from workflows.journey.entries import find
from workflows.journey.evidence import current_decision, is_approved, sign_off_requirement
from workflows.journey.obligation_types import (
    ACKNOWLEDGEMENT,
    CONSENT,
    EDUCATION,
    PLANNING,
    QUESTION,
    WITNESS,
    ObligationType,
)
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Requirement, each_needs, require
from workflows.journey.stages.education.state import Question
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.calendars import local
from workflows.journey.vocabulary.refusals import RefusalCode, list_some, refuse, require_known
from workflows.journey.vocabulary.stage import Stage
from workflows.journey.vocabulary.words import name_of


def explain(journey: Journey, command: c.ExplainTopics, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record which topics a clinician explained: a clinician, not a leaflet (both source documents)."""
    require_known(command.topics, journey.protocol.education_topics, "topics")
    yield e.TopicsExplained(**command.model_dump(exclude={"kind"}))


def confirm(journey: Journey, command: c.ConfirmUnderstanding, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record what the patient could say in their own words (teach-back; AHRQ, Health Literacy Universal Precautions
    Toolkit, tool 5). Only what was explained can be understood."""
    require_known({**command.topics}, journey.protocol.education_topics, "topics")
    unheard = [topic for topic in command.topics if topic not in journey.education.explained]
    if unheard:
        refuse(RefusalCode.INCOMPLETE, f"not yet explained: {', '.join(unheard)}", "Explain them first", "topics")
    if journey.lacks_interpreter(command.interpreter):
        refuse(RefusalCode.INCOMPLETE, "this patient needs an interpreter", "Name who interprets", "interpreter")
    yield e.UnderstandingConfirmed(**command.model_dump(exclude={"kind"}))


def send_reading(journey: Journey, command: c.SendReading, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record that background reading was sent. It is none of what comes only after an evaluation."""
    require_known((command.reading,), journey.protocol.background_reading, "reading")
    yield e.ReadingSent(reading=command.reading, content_version=command.content_version)


def confirm_reading(journey: Journey, command: c.ConfirmReading, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record that the patient read what was sent, in the version that was sent last."""
    sent = journey.education.reading.get(command.reading)
    if sent is None:
        refuse(RefusalCode.UNKNOWN, "this was not sent", "See `pathway show` for what was", "reading")
    if sent.content_version != command.content_version:
        refuse(RefusalCode.STALE, "another version was sent since", "Read that one", "content_version")
    yield e.ReadingConfirmed(reading=command.reading, content_version=command.content_version)


def acknowledge(journey: Journey, command: c.Acknowledge, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record which statements the patient acknowledged, once every topic was explained to them."""
    require_known(command.statements, journey.protocol.acknowledgements, "statements")
    lacking = find_untaught(journey)
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
    """Record consents to the current versions, once every topic was explained and understood and no question of the
    patient is open. Both source documents require informed consent, with the chance to ask."""
    _require_informed(journey, command.consents)
    yield e.ConsentGiven(consents=command.consents)


def enter_paper(journey: Journey, command: c.EnterPaperConsent, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Enter consents that the patient signed on paper, by the same rules as any. They do not count yet."""
    _require_informed(journey, command.consents)
    if command.signed_at > at:
        refuse(RefusalCode.WRONG_TIME, "this is still to come", "Give the time at which it was signed", "signed_at")
    zone, understood = journey.patient.zone, journey.education.understood_at
    if understood is None or local(command.signed_at, zone).date() < local(understood, zone).date():
        refuse(
            RefusalCode.STALE,
            "the paper was signed on a day before it was explained and understood",
            "Ask the patient again",
            "signed_at",
        )
    unclear = journey.education.unclear_at
    if unclear is not None and command.signed_at <= unclear:
        refuse(
            RefusalCode.STALE,
            "the paper was signed before it turned out that the patient had not understood",
            "Ask the patient again",
            "signed_at",
        )
    withdrawn = journey.consents_withdrawn_at
    if any(name in withdrawn and command.signed_at <= withdrawn[name] for name in command.consents):
        refuse(
            RefusalCode.STALE,
            "the patient withdrew this consent after they signed the paper",
            "Ask them again",
            "signed_at",
        )
    paper = f"paper-{journey.papers_entered + 1}"
    yield e.PaperConsentEntered(paper=paper, **command.model_dump(exclude={"kind"}))


def witness(journey: Journey, command: c.WitnessConsent, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Let consents on paper count: two different people of the clinic saw them, and neither is the patient."""
    paper = journey.papers.get(command.paper)
    if paper is None:
        refuse(RefusalCode.UNKNOWN, "no such paper waits for a witness", "See `pathway show`", "paper")
    if journey.is_patient(by.id) or is_same_person(journey, by.id, paper.entered_by, by.licence):
        refuse(RefusalCode.NOT_ALLOWED, "who entered a paper does not witness it", "Have a colleague witness it")
    _require_informed(journey, paper.consents)
    yield e.ConsentWitnessed(paper=command.paper)


def propose_version(
    journey: Journey, command: c.ProposeConsentVersion, by: Actor, at: datetime
) -> Iterator[e.EventBody]:
    """Propose another version of a consent for this journey, whose protocol is pinned."""
    versions = journey.consent_versions
    require_known((command.consent,), tuple(versions), "consent")
    if versions[command.consent] == command.version:
        refuse(RefusalCode.ALREADY_DONE, "this version counts already", "Nothing is left to do", "version")
    yield e.ConsentVersionProposed(**command.model_dump(exclude={"kind"}))


def _require_informed(journey: Journey, consents: dict[str, str]) -> None:
    versions = journey.consent_versions
    require_known({**consents}, tuple(versions), "consents")
    for name, version in consents.items():
        if version != versions[name]:
            refuse(
                RefusalCode.STALE,
                f"consent {name} is now at version {versions[name]}",
                "Show the patient the current version",
                "consents",
            )
    open_questions = find_unanswered_questions(journey)
    if open_questions:
        refuse(
            RefusalCode.INCOMPLETE,
            f"the patient has open questions: {list_some(open_questions, ', ')}",
            "A clinician answers them first (`question answer`)",
        )
    lacking = find_untaught(journey)
    if lacking:
        refuse(RefusalCode.INCOMPLETE, f"not yet explained: {', '.join(lacking)}", "A clinician explains them first")
    unclear = find_not_understood(journey)
    if unclear:
        refuse(
            RefusalCode.INCOMPLETE,
            f"not yet said in the patient's own words: {', '.join(unclear)}",
            "A clinician asks them to, and records it (`education confirm`)",
        )


def withdraw_consent(journey: Journey, command: c.WithdrawConsent, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Take back a consent that is in force, or that waits on paper for its witness. It is the patient's right at any
    time."""
    require_known((command.consent,), tuple(journey.protocol.consents), "consent")
    waits = any(command.consent in paper.consents for paper in journey.papers.values())
    if command.consent not in journey.consents and not waits:
        refuse(RefusalCode.ALREADY_DONE, "this consent is not in force", "Nothing is left to withdraw", "consent")
    yield e.ConsentWithdrawn(consent=command.consent, reason=command.reason)


def react_consent_withdrawn(journey: Journey, body: e.ConsentWithdrawn, at: datetime) -> Iterator[e.EventBody]:
    """Cancel at once every session that was not released. One that was waits for its dose, or for word that none was
    taken: the patient has it in their hands."""
    for session in journey.sessions.values():
        if session.released_at is None and session.dosed_at is None:
            yield e.SessionCancelled(session=session.number, reason=f"consent {body.consent} was withdrawn")


def find_untaught(journey: Journey) -> tuple[str, ...]:
    """Return topics of the protocol that nobody has explained."""
    return tuple(topic for topic in journey.protocol.education_topics if topic not in journey.education.explained)


def find_not_understood(journey: Journey) -> tuple[str, ...]:
    """Return topics of the protocol that the patient has not said in their own words."""
    return tuple(topic for topic in journey.protocol.education_topics if topic not in journey.education.understood)


def find_unacknowledged(journey: Journey) -> tuple[str, ...]:
    """Statements of the protocol that the patient has not acknowledged."""
    known = journey.education.acknowledged
    return tuple(statement for statement in journey.protocol.acknowledgements if statement not in known)


def find_unanswered_questions(journey: Journey) -> tuple[str, ...]:
    """Ids of the questions that wait for an answer."""
    return tuple(find(journey.questions, _unanswered))


def _unanswered(questions: Mapping[str, Question]) -> tuple[str, ...]:
    return tuple(q.id for q in questions.values() if q.answer is None and not q.in_error)


def find_unconsented(journey: Journey) -> tuple[str, ...]:
    """Consents that are not in force at the version that counts."""
    return tuple(name for name, v in journey.consent_versions.items() if journey.consents.get(name) != v)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Until treatment has ended, ask for the plan, education, acknowledgements and consents."""
    yield from _consents(journey)
    if journey.stage not in (Stage.EDUCATION, Stage.SESSIONS):
        return
    owed = journey.plan is None or journey.plan_owed_since is not None
    signed = None if owed else current_decision(journey, SignOffKind.PLAN)
    if owed or (signed is not None and signed.decision == "decline"):
        yield _mine(journey, PLANNING, "write the plan")
    elif is_approved(journey, SignOffKind.ELIGIBILITY):
        request = sign_off_requirement(journey, SignOffKind.PLAN)
        if request:
            yield request
    if find_untaught(journey):
        yield _mine(journey, EDUCATION, "explain the education topics")
    elif find_not_understood(journey):
        yield _mine(journey, EDUCATION, "hear from the patient, in their own words, what was explained")
    elif find_unacknowledged(journey):
        yield require(
            ACKNOWLEDGEMENT,
            owner=Role.PATIENT,
            what="acknowledge what this treatment is and is not",
        )
    informed = (
        not find_untaught(journey) and not find_not_understood(journey) and not find_unanswered_questions(journey)
    )
    if informed and find_unconsented(journey):
        yield require(CONSENT, owner=Role.PATIENT, what="decide about the consents")


def _answer(question: Question, clinician: str | None) -> Iterator[Requirement]:
    if question.answer is None and not question.in_error:
        yield require(
            QUESTION,
            subject=question.id,
            owner=Role.CLINICIAN,
            person=clinician,
            what=f"answer {name_of(question.id)} of the patient",
            care=False,
        )


EACH_NEEDS = (each_needs("questions", _answer, "clinician"),)


def _consents(journey: Journey) -> Iterator[Requirement]:
    """Ask for the witness of each paper, and for the signature under each new version."""
    for paper in journey.papers.values():
        colleague = paper.entered_by == journey.clinician
        yield require(
            WITNESS,
            subject=paper.id,
            owner=Role.COORDINATOR if colleague else Role.CLINICIAN,
            person=journey.coordinator if colleague else journey.clinician,
            what="witness the consent on paper",
        )
    for name in journey.proposed_consents:
        asked = sign_off_requirement(journey, SignOffKind.CONSENT_VERSION, name)
        if asked:
            yield asked


def _mine(journey: Journey, about: ObligationType, what: str) -> Requirement:
    return require(about, owner=Role.CLINICIAN, person=journey.clinician, what=what)


def advance(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    """Begin sessions once the plan is signed, and all topics, acknowledgements and consents are complete."""
    if journey.stage != Stage.EDUCATION:
        return
    ready = not (
        find_untaught(journey)
        or find_not_understood(journey)
        or find_unacknowledged(journey)
        or find_unanswered_questions(journey)
        or find_unconsented(journey)
    )
    if ready and is_approved(journey, SignOffKind.PLAN):
        yield e.StageEntered(stage=Stage.SESSIONS)


DECISIONS: Decisions = {
    c.ExplainTopics: explain,
    c.Acknowledge: acknowledge,
    c.AskQuestion: ask,
    c.AnswerQuestion: answer,
    c.GiveConsent: consent,
    c.WithdrawConsent: withdraw_consent,
    c.EnterPaperConsent: enter_paper,
    c.WitnessConsent: witness,
    c.ProposeConsentVersion: propose_version,
    c.ConfirmUnderstanding: confirm,
    c.SendReading: send_reading,
    c.ConfirmReading: confirm_reading,
}
REACTIONS: Reactions = {
    e.ConsentWithdrawn: react_consent_withdrawn,
}
