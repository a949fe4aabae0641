"""What is signed of the sessions."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.adverse_events.model import AdverseEvent
from workflows.journey.always.holds.model import Hold, place
from workflows.journey.always.safety.model import Crisis, Support, ask_support
from workflows.journey.entries import find
from workflows.journey.obligation_types import Outlasts
from workflows.journey.patient_limits import limits
from workflows.journey.protocol import SignOffKind
from workflows.journey.recall import find_entry
from workflows.journey.sign_off_type import Content, SignOffType
from workflows.journey.stages.evaluation.sign_offs import dump_measurements, dump_response
from workflows.journey.stages.follow_up.model import OwedContact
from workflows.journey.vocabulary.signed_statement import Meaning
from workflows.journey.vocabulary.stage import Outcome, Stage

CLEARED = dict.fromkeys(
    (
        "number",
        "starts_at",
        "supervising_clinician",
        "session_monitor",
        "live_clinician",
        "interpreter",
        "instructed",
        "acknowledged",
        "check",
    ),
    True,
)
"""What of a session a clearance covers."""


def _clearance(journey: Journey, subject: str | None) -> Content:
    session = find_entry(journey, "sessions", int(subject or 0))
    risk = journey.asked_risk
    return {
        "session": None if session is None else session.model_dump(mode="json", include=CLEARED),
        "suicide_risk": None if risk is None else risk.model_dump(mode="json"),
        "limits": {name.value: value for name, value in limits(journey).items()},
        "corrections": [made.model_dump(mode="json") for made in journey.corrections.values()],
        "dispatch_address": journey.patient.dispatch_address_ref,
        "pregnancy": {
            "possible": journey.pregnancy_possible,
            "test": None if journey.pregnancy_test is None else journey.pregnancy_test.model_dump(mode="json"),
        },
        "medicines": [m.model_dump(mode="json") for m in journey.medicines.values() if m.taken],
        "doses": [dose.model_dump(mode="json") for dose in journey.known_doses],
        "elsewhere": journey.elsewhere.model_dump(mode="json", exclude={"doses": True}),
        "happened": journey.happened.model_dump(mode="json"),
        "since_last_clearance": _happened_since(journey, _last_clearance(journey, subject)),
    }


def _end_decision(journey: Journey, subject: str | None) -> Content:
    """Also what has happened at all: whatever was told since takes a new decision."""
    return _attestation(journey, subject) | {"happened": journey.happened.model_dump(mode="json")}


def _last_clearance(journey: Journey, subject: str | None) -> datetime:
    """When the last clearance of another session was signed (UTC), or else when the journey began."""
    signed = (
        decided.at
        for decided in reversed(journey.sign_offs)
        if decided.kind == SignOffKind.CLEARANCE and decided.subject != subject and decided.decision == "approve"
    )
    return next(signed, journey.started_at)


def _happened_since(journey: Journey, since: datetime) -> Content:
    """What is new about the patient since a moment (UTC). How much there is at all, and of what kind, the evidence says
    besides."""
    return {
        "adverse_events": [*find(journey.adverse_events, _adverse_events, since)],
        "holds": [*find(journey.holds, _holds, since)],
        "crises": [*find(journey.crises, _crises, since)],
        "support": [*find(journey.support, _support, since)],
        "contacts": [*find(journey.contacts, _contacts, since)],
        "measured": dump_measurements(tuple(m for m in journey.measurements if m.known_at >= since)),
        "sessions": [s.model_dump(mode="json") for s in journey.ended_sessions if s.ended_at and s.ended_at >= since],
    }


def _adverse_events(known: Mapping[str, AdverseEvent], since: datetime) -> tuple[Content, ...]:
    told = (
        (event, (event.reported_at, event.followed_up_at, *(each.at for each in event.gradings)))
        for event in known.values()
    )
    return tuple(
        event.model_dump(mode="json") for event, times in told if any(at is not None and at >= since for at in times)
    )


def _holds(placed: Mapping[str, Hold], since: datetime) -> tuple[Content, ...]:
    return tuple(hold.model_dump(mode="json") for hold in placed.values() if hold.placed_at >= since)


def _crises(opened: Mapping[str, Crisis], since: datetime) -> tuple[Content, ...]:
    return tuple(crisis.model_dump(mode="json") for crisis in opened.values() if crisis.opened_at >= since)


def _support(asked: Mapping[str, Support], since: datetime) -> tuple[Content, ...]:
    return tuple(request.model_dump(mode="json") for request in asked.values() if request.at >= since)


def _contacts(owed: Mapping[str, OwedContact], since: datetime) -> tuple[Content, ...]:
    made = ((contact, contact.done_at or contact.no_show_at) for contact in owed.values())
    return tuple(contact.model_dump(mode="json") for contact, at in made if at is not None and at >= since)


def _session_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    session = find_entry(journey, "sessions", int(subject or 0))
    return () if session is None or session.check is None else (session.check.by,)


def _end_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    session = find_entry(journey, "sessions", int(subject or 0))
    return () if session is None or session.end_proposed_by is None else (session.end_proposed_by,)


def _end_session(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    session = next((each for each in journey.sessions.values() if str(each.number) == decided.subject), None)
    if session is not None and session.end_proposed is not None:
        proposed = session.end_proposed
        yield e.SessionEnded(
            session=session.number, criteria=proposed.criteria, clinician_decision=proposed.clinician_decision
        )


def _attestation(journey: Journey, subject: str | None) -> Content:
    session = find_entry(journey, "sessions", int(subject or 0))
    return {"session": None if session is None else session.model_dump(mode="json")}


def _response_review(journey: Journey, subject: str | None) -> Content:
    """Also what was told of a visit before a correction that waits for a second person: it is reviewed, too."""
    told = (record for k in journey.contacts.values() for record in (*k.told_before, k.record) if record is not None)
    return {
        **dump_response(journey),
        "visits": [record.model_dump(mode="json") for record in told],
        "sessions": [session.model_dump(mode="json") for session in journey.ended_sessions],
        "therapy": [session.model_dump(mode="json") for session in journey.therapy],
        "adverse_events": [event.model_dump(mode="json") for event in journey.adverse_events.values()],
    }


def _act_on_review(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    match decided.choice:
        case "pause":
            yield place(journey, "paused", decided.rationale or decided.meaning)
        case "add_support":
            yield ask_support(journey, "routine", "the response review asks for additional support")
        case "stop" if journey.stage != Stage.FOLLOW_UP:
            yield e.StageEntered(stage=Stage.FOLLOW_UP)
        # A plan is owed, and with it sessions may begin again: their stage is where both belong.
        case "adjust" | "maintenance" | "switch_to_in_clinic" if journey.stage == Stage.FOLLOW_UP:
            yield e.StageEntered(stage=Stage.SESSIONS)


TYPES = (
    SignOffType(
        kind=SignOffKind.CLEARANCE,
        request="clear session {subject}",
        meaning=Meaning.SESSION_CLEARED,
        content=_clearance,
        rests_on=(SignOffKind.PLAN,),
        authors=_session_author,
        written_by="one",
        urgent=True,
    ),
    SignOffType(
        kind=SignOffKind.END_DECISION,
        request="decide whether session {subject} ends although what was observed does not agree",
        meaning=Meaning.SESSION_END_DECIDED,
        content=_end_decision,
        authors=_end_author,
        written_by="one",
        returns_to_author=True,
        approval=_end_session,
        reasoned=True,
        urgent=True,
        outlasts=Outlasts.ENDING,
        care=False,
    ),
    SignOffType(
        kind=SignOffKind.ATTESTATION,
        request="attest session {subject}",
        meaning=Meaning.SESSION_ATTESTED,
        content=_attestation,
        authors=_session_author,
        written_by="one",
        declining="asks_again",
        care=False,
    ),
    SignOffType(
        kind=SignOffKind.RESPONSE_REVIEW,
        request="review the response so far",
        meaning=Meaning.AMENDMENT_AUTHORED,
        content=_response_review,
        choices={
            "continue": None,
            "adjust": None,
            "add_support": None,
            "pause": None,
            "switch_to_in_clinic": Outcome.IN_CLINIC,
            "stop": None,
            "maintenance": None,
        },
        approval=_act_on_review,
        declining="asks_again",
        reasoned=True,
        care=False,
    ),
)
