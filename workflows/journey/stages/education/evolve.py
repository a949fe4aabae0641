"""What events change in the plan, education, questions and consents."""

from workflows.journey.always.particulars.model import PatientUpdated, speaks_otherwise
from workflows.journey.always.sign_offs.model import SignedOff
from workflows.journey.entries import put
from workflows.journey.envelopes import Changes, EventHeader, Evolutions, change_entry, keep_short
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.education.events import (
    ConsentGiven,
    ConsentVersionChanged,
    ConsentVersionProposed,
    ConsentWithdrawn,
    ConsentWitnessed,
    PaperConsentEntered,
    PlanRecorded,
    QuestionAnswered,
    QuestionAsked,
    ReadingConfirmed,
    ReadingSent,
    StatementsAcknowledged,
    TopicsExplained,
    UnderstandingConfirmed,
)
from workflows.journey.stages.education.state import (
    Education,
    EducationState,
    PaperConsent,
    ProposedConsent,
    Question,
    Reading,
)
from workflows.journey.stages.education.weights import is_one_weighing, weigh
from workflows.journey.vocabulary.clinical import IN_CLINIC


def _planned(state: EducationState, body: PlanRecorded, event: EventHeader) -> Changes:
    told_again = state.plan is not None and is_one_weighing(body.plan, state.plan)
    return {
        "plan": body.plan,
        "plan_revision": body.revision,
        "plan_reason": body.reason,
        "plan_rationale": body.rationale,
        "plan_basis": body.rests_on,
        "plan_author": event.actor_id,
        "plan_owed_since": None,
        "weighed_by": state.weighed_by if told_again else event.actor_id,
        **weigh(state, body.plan, event.at, by_another=body.weighed_by_another),
    }


def _reviewed(state: EducationState, body: SignedOff, event: EventHeader) -> Changes:
    """A response review that adjusts treatment, sends the patient to the clinic or goes over to maintenance asks for a
    new plan. A version of a
    consent that is declined is not proposed any more."""
    if body.sign_off == SignOffKind.CONSENT_VERSION and body.decision == "decline":
        left = {name: each for name, each in state.proposed_consents.items() if name != body.subject}
        return {"proposed_consents": left}
    review = body.sign_off == SignOffKind.RESPONSE_REVIEW and not body.first_of_two
    switched = body.choice == "switch_to_in_clinic" and IN_CLINIC in state.protocol.sessions.settings
    owed = review and (switched or body.choice in ("adjust", "maintenance"))
    return {"plan_owed_since": event.version} if owed else {}


def _explained(state: EducationState, body: TopicsExplained, event: EventHeader) -> Changes:
    explained = {**state.education.explained, **dict.fromkeys(body.topics, body.content_version)}
    understood = tuple(topic for topic in state.education.understood if topic not in body.topics)
    times = {**state.education.explained_at, **dict.fromkeys(body.topics, event.at)}
    known = {"explained": explained, "explained_at": times, "understood": understood}
    return {"education": state.education.model_copy(update=known)}


def _confirmed(state: EducationState, body: UnderstandingConfirmed, event: EventHeader) -> Changes:
    """What is to be explained again counts as not explained, and the patient agreed to nothing before they understood
    it."""
    known = state.education
    again = [topic for topic, heard in body.topics.items() if heard == "explain_again"]
    heard = sorted(topic for topic in body.topics if topic not in again)
    understood = tuple(topic for topic in dict.fromkeys((*known.understood, *heard)) if topic not in again)
    explained = {topic: version for topic, version in known.explained.items() if topic not in again}
    changed = {"explained": explained, "understood": understood, "understood_at": event.at}
    heard_now = known.model_copy(update=changed)
    return _ask_again(heard_now, event) if again else {"education": heard_now}


def _ask_again(known: Education, event: EventHeader) -> Changes:
    """Ask for everything again that the patient acknowledged and agreed to, also what they signed on paper until now:
    nobody agrees to what they did not understand."""
    again = {"acknowledged": (), "unclear_at": event.at}
    return {"education": known.model_copy(update=again), "consents": {}, "papers": {}}


def _sent(state: EducationState, body: ReadingSent, event: EventHeader) -> Changes:
    sent = Reading(content_version=body.content_version, sent_at=event.at)
    return {
        "education": state.education.model_copy(update={"reading": {**state.education.reading, body.reading: sent}})
    }


def _read(state: EducationState, body: ReadingConfirmed, event: EventHeader) -> Changes:
    reading = state.education.reading
    if body.reading not in reading:
        return {}
    read = reading[body.reading].model_copy(update={"read_at": event.at})
    return {"education": state.education.model_copy(update={"reading": {**reading, body.reading: read}})}


def _acknowledged(state: EducationState, body: StatementsAcknowledged, event: EventHeader) -> Changes:
    acknowledged = tuple(dict.fromkeys((*state.education.acknowledged, *body.statements)))
    times = {**state.education.acknowledged_at, **dict.fromkeys(body.statements, event.at)}
    return {"education": state.education.model_copy(update={"acknowledged": acknowledged, "acknowledged_at": times})}


def _asked(state: EducationState, body: QuestionAsked, event: EventHeader) -> Changes:
    return {"questions": put(state.questions, body.question, Question(id=body.question, text=body.text))}


def _answered(state: EducationState, body: QuestionAnswered, event: EventHeader) -> Changes:
    question = state.questions.get(body.question)
    text = {} if question is None else {"text": keep_short(question.text)}
    return change_entry(state, "questions", body.question, answer=keep_short(body.text), **text)


def _consented(state: EducationState, body: ConsentGiven, event: EventHeader) -> Changes:
    return {
        "consents": {**state.consents, **body.consents},
        "consented_at": {**state.consented_at, **dict.fromkeys(body.consents, event.at)},
    }


def _withdrawn(state: EducationState, body: ConsentWithdrawn, event: EventHeader) -> Changes:
    """A paper that waits for its witness is void with what it says."""
    return {
        "consents": {name: version for name, version in state.consents.items() if name != body.consent},
        "papers": {name: paper for name, paper in state.papers.items() if body.consent not in paper.consents},
        "consents_withdrawn_at": {**state.consents_withdrawn_at, body.consent: event.at},
    }


def _paper_entered(state: EducationState, body: PaperConsentEntered, event: EventHeader) -> Changes:
    paper = PaperConsent(
        id=body.paper,
        consents=body.consents,
        signed_at=body.signed_at,
        document_ref=body.document_ref,
        entered_by=event.actor_id,
    )
    return {"papers": {**state.papers, paper.id: paper}, "papers_entered": state.papers_entered + 1}


def _witnessed(state: EducationState, body: ConsentWitnessed, event: EventHeader) -> Changes:
    paper = state.papers.get(body.paper)
    given = {} if paper is None else paper.consents
    papers = {name: each for name, each in state.papers.items() if name != body.paper}
    signed = {} if paper is None else dict.fromkeys(given, paper.signed_at)
    consented = {"consents": {**state.consents, **given}, "consented_at": {**state.consented_at, **signed}}
    return {"papers": papers, **consented}


def _version_proposed(state: EducationState, body: ConsentVersionProposed, event: EventHeader) -> Changes:
    proposed = ProposedConsent(consent=body.consent, version=body.version, reason=body.reason, by=event.actor_id)
    return {"proposed_consents": {**state.proposed_consents, body.consent: proposed}}


def _version_changed(state: EducationState, body: ConsentVersionChanged, event: EventHeader) -> Changes:
    """A paper to another version that waits for its witness never counts: the patient is asked again."""
    papers = {n: paper for n, paper in state.papers.items() if paper.consents.get(body.consent) in (None, body.version)}
    return {
        "papers": papers,
        "renewed_consents": {**state.renewed_consents, body.consent: body.version},
        "proposed_consents": {name: p for name, p in state.proposed_consents.items() if name != body.consent},
    }


def _speaks_otherwise(state: EducationState, body: PatientUpdated, event: EventHeader) -> Changes:
    """Who turns out to speak another language, or to need an interpreter, is heard again in their own words."""
    if not speaks_otherwise(state, body):
        return {}
    return _ask_again(state.education.model_copy(update={"understood": ()}), event)


EVOLUTIONS: Evolutions = {
    PatientUpdated: _speaks_otherwise,
    PlanRecorded: _planned,
    SignedOff: _reviewed,
    TopicsExplained: _explained,
    StatementsAcknowledged: _acknowledged,
    QuestionAsked: _asked,
    QuestionAnswered: _answered,
    ConsentGiven: _consented,
    ConsentWithdrawn: _withdrawn,
    PaperConsentEntered: _paper_entered,
    ConsentWitnessed: _witnessed,
    ConsentVersionProposed: _version_proposed,
    ConsentVersionChanged: _version_changed,
    UnderstandingConfirmed: _confirmed,
    ReadingSent: _sent,
    ReadingConfirmed: _read,
}
