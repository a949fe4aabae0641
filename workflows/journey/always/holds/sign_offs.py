"""What is signed of holds."""

from collections.abc import Iterator

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.holds.model import ACTED_BY_PATIENT, LIMITS, PARTED, SUPPLY, Hold
from workflows.journey.protocol import SignOffKind
from workflows.journey.recall import find_entry
from workflows.journey.sign_off_type import Content, SignOffType
from workflows.journey.vocabulary.signed_statement import Meaning


def _hold_release(journey: Journey, subject: str | None) -> Content:
    hold = find_entry(journey, "holds", subject or "")
    source = None if hold is None or hold.source is None else hold.source
    event = find_entry(journey, "adverse_events", source or "")
    risk = journey.asked_risk
    return {
        "suicide_risk": None if risk is None else risk.model_dump(mode="json"),
        "hold": None if hold is None else hold.model_dump(mode="json", exclude={"released"}),
        "adverse_event": None if event is None else event.model_dump(mode="json"),
        "found": None if hold is None else _found(journey, hold),
    }


def _found(journey: Journey, hold: Hold) -> Content | None:
    """What a hold rests on, as it is known now, where that may go on while it stands: what becomes known after a
    release was signed is not covered by it."""
    if hold.cause == LIMITS:
        return {"doses": [known.model_dump(mode="json") for known in journey.known_doses]}
    if hold.cause == PARTED:
        return {"parted": dict(journey.parted), "counts_now": journey.elsewhere.model_dump(mode="json")}
    if hold.cause == ACTED_BY_PATIENT:
        theirs = [s for s in journey.sign_offs if journey.is_patient(s.by)]
        signed = [s.model_dump(mode="json", include={"request", "kind", "decision", "at"}) for s in theirs]
        return {"signed": signed, "did": {who: did for who, did in journey.acted.items() if journey.is_patient(who)}}
    if hold.cause == "no_go":
        checks = {f"session-{session.number}": session.check for session in journey.sessions.values()}
        check = checks.get(hold.source or "")
        return {"checklist": None if check is None else check.model_dump(mode="json")}
    if hold.cause == SUPPLY:
        asked = [each for each in journey.support.values() if each.cause == "supply" and each.at >= hold.placed_at]
        return {"not_accounted_for": [each.model_dump(mode="json", include={"id", "at", "text"}) for each in asked]}
    if hold.cause == "pregnancy":
        return {"tests": [test.model_dump(mode="json") for test in journey.pregnancy_tests]}
    if hold.cause == "medicine":
        taken = {name: medicine.model_dump(mode="json") for name, medicine in journey.medicines.items()}
        return {"medicines": taken, "changes": journey.medicine_changes}
    if hold.cause == "exclusion":
        screened = journey.screening
        answers = {code: answer.model_dump(mode="json") for code, answer in screened.exclusions.items()}
        return {"exclusions": answers, "changes": screened.changes}
    return None


def _hold_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    """Who placed it by hand. They may release it, unless the protocol says ``not_author``: whoever stops care to be
    sure has no reason to wait with it for fear of being unable to go on. A hold that came of harm is severe, or stands
    until that is reviewed, whoever placed another one. Source: a hold is released by a clinician's signature, with the
    reason; of a severe event or a crisis by a second clinician or the medical director."""
    hold = find_entry(journey, "holds", subject or "")
    return (hold.placed_by,) if hold is not None and hold.cause == "placed_by_hand" else ()


def _release_hold(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    yield e.HoldReleased(hold=decided.subject or "", sign_off=decided.request)


TYPES = tuple(
    SignOffType(
        kind=kind,
        request="decide on {name}",
        meaning=Meaning.HOLD_RELEASED,
        content=_hold_release,
        authors=_hold_author,
        written_by="one",
        approval=_release_hold,
        declining="asks_again",
        reasoned=True,
        opens_care=True,
        care=False,
    )
    for kind in (SignOffKind.HOLD_RELEASE, SignOffKind.SEVERE_HOLD_RELEASE)
)
