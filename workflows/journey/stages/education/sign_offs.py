"""What is signed of planning and education."""

from collections.abc import Iterator

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.patient_limits import limits
from workflows.journey.protocol import SignOffKind
from workflows.journey.recall import find_entry
from workflows.journey.sign_off_type import Content, SignOffType
from workflows.journey.vocabulary.signed_statement import Meaning


def _plan(journey: Journey, subject: str | None) -> Content:
    return {
        "plan": None if journey.plan is None else journey.plan.model_dump(mode="json"),
        "weight": None if journey.plan is None else {"kg": journey.plan.weight_kg, "lb": journey.plan.weight_lb},
        "counted_weight_kg": journey.counted_weight_kg,
        "weight_confirmed": journey.weight_confirmed,
        "revision": journey.plan_revision,
        "reason": journey.plan_reason,
        "rationale": journey.plan_rationale,
        "rests_on": None if journey.plan_basis is None else journey.plan_basis.model_dump(mode="json"),
        "limits": {name.value: value for name, value in limits(journey).items()},
    }


def _plan_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return () if journey.plan_author is None else (journey.plan_author,)


def _consent_version(journey: Journey, subject: str | None) -> Content:
    proposed = find_entry(journey, "proposed_consents", subject or "")
    return {
        "counts_now": journey.consent_versions.get(subject or ""),
        "proposed": None if proposed is None else proposed.model_dump(mode="json"),
    }


def _consent_version_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    proposed = find_entry(journey, "proposed_consents", subject or "")
    return () if proposed is None else (proposed.by,)


def _change_consent_version(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    proposed = journey.proposed_consents.get(decided.subject or "")
    if proposed is not None:
        yield e.ConsentVersionChanged(consent=proposed.consent, version=proposed.version)


TYPES = (
    SignOffType(
        kind=SignOffKind.PLAN,
        request="sign the plan",
        meaning=Meaning.PLAN_APPROVED,
        content=_plan,
        rests_on=(SignOffKind.ELIGIBILITY,),
        authors=_plan_author,
        written_by="one",
        returns_to_author=True,
    ),
    SignOffType(
        kind=SignOffKind.CONSENT_VERSION,
        request="sign the new version of consent {subject}",
        meaning=Meaning.AMENDMENT_AUTHORED,
        content=_consent_version,
        authors=_consent_version_author,
        written_by="one",
        returns_to_author=True,
        approval=_change_consent_version,
        reasoned=True,
        care=False,
    ),
)
