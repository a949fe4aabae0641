"""What is signed of suicide risk and crises."""

from collections.abc import Iterator

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.holds.model import RISK_CAUSES
from workflows.journey.instruments import C_SSRS_FORMS
from workflows.journey.obligation_types import Outlasts
from workflows.journey.protocol import SignOffKind
from workflows.journey.recall import find_entry
from workflows.journey.sign_off_type import Content, SignOffType
from workflows.journey.vocabulary.signed_statement import Meaning


def _risk_level(journey: Journey, subject: str | None) -> Content:
    """The answers that a clinician was given, their level, and the item 9 that they answer."""
    asked = [m for m in journey.measurements if m.instrument in C_SSRS_FORMS and m.level_name == subject]
    item_9 = [m for m in journey.measurements if m.risk_found is not None]
    return {
        "asked": [m.model_dump(mode="json") for m in asked],
        "item_9": [m.model_dump(mode="json") for m in item_9 if asked and m.found < asked[-1].version],
    }


def _sign_level(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    for measured in journey.measurements:
        if measured.level_name == decided.subject:
            yield e.RiskLevelSigned(found=measured.found, sign_off=decided.request)


def _reached(journey: Journey, subject: str | None) -> Content:
    crisis = find_entry(journey, "crises", subject or "")
    return {"crisis": None if crisis is None else crisis.model_dump(mode="json", exclude={"contacts", "closed"})}


def _contact_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    crisis = find_entry(journey, "crises", subject or "")
    return () if crisis is None or crisis.to_sign is None else (crisis.to_sign.by,)


def _count_as_reached(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    crisis = journey.crises.get(decided.subject or "")
    if crisis is not None and crisis.to_sign is not None:
        until = crisis.to_sign.contact.next_contact_at
        yield e.CrisisReached(crisis=crisis.id, sign_off=decided.request, next_contact_at=until)


def _settle_risk(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    """Close every open crisis. Where the risk is settled here, let care go on that was held because of it, and sign the
    level that it was settled by."""
    to = journey.handover.receiver.called if decided.choice == "handed_over" and journey.handover else None
    for crisis in journey.open_crises:
        yield e.CrisisClosed(crisis=crisis.id, sign_off=decided.request, to=to)
    risk = journey.asked_risk
    if decided.choice == "settled" and risk is not None and risk.found not in journey.signed_levels:
        yield e.RiskLevelSigned(found=risk.found, sign_off=decided.request)
    if decided.choice == "settled":
        for hold in journey.holds.values():
            if hold.cause in RISK_CAUSES and not hold.released:
                yield e.HoldReleased(hold=hold.id, sign_off=decided.request)


def _risk_decision(journey: Journey, subject: str | None) -> Content:
    """What was found, who reached the patient, what was asked again, when they are spoken with next, and who is to take
    over."""
    asked = [m for m in journey.measurements if m.instrument in C_SSRS_FORMS or m.score.needs_c_ssrs]
    held = [h for h in journey.standing_holds if h.cause in RISK_CAUSES]
    return {
        "crises": [crisis.model_dump(mode="json") for crisis in journey.open_crises],
        "holds": [hold.model_dump(mode="json") for hold in held],
        "asked": [m.model_dump(mode="json") for m in asked],
        "handover": None if journey.handover is None else journey.handover.model_dump(mode="json"),
    }


TYPES = (
    SignOffType(
        kind=SignOffKind.RISK_LEVEL,
        request="sign the suicide risk level that was found",
        meaning=Meaning.RISK_LEVEL_FOUND,
        content=_risk_level,
        approval=_sign_level,
        urgent=True,
        outlasts=Outlasts.ENDING,
        care=False,
    ),
    SignOffType(
        kind=SignOffKind.CRISIS_REACHED,
        request="sign that the patient was reached",
        meaning=Meaning.PATIENT_REACHED,
        content=_reached,
        authors=_contact_author,
        written_by="one",
        returns_to_author=True,
        approval=_count_as_reached,
        urgent=True,
        outlasts=Outlasts.ENDING,
        care=False,
    ),
    SignOffType(
        kind=SignOffKind.RISK_DECISION,
        request="decide on the suicide risk",
        meaning=Meaning.RISK_DECIDED,
        content=_risk_decision,
        choices={"settled": None, "handed_over": None},
        approval=_settle_risk,
        declining="asks_again",
        reasoned=True,
        two_people=True,
        urgent=True,
        care=False,
        outlasts=Outlasts.ENDING,
    ),
)
