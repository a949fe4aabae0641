"""What is signed of limits of doses."""

from collections.abc import Iterator

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.patient_limits import limits
from workflows.journey.protocol import SignOffKind
from workflows.journey.sign_off_type import Content, SignOffType
from workflows.journey.stages.evaluation.sign_offs import dump_response
from workflows.journey.vocabulary.signed_statement import Meaning


def _own_limits(journey: Journey, subject: str | None) -> Content:
    return {
        "own": {name.value: value for name, value in journey.own_limits.items()},
        "reason": journey.own_limits_reason,
    }


def _limits_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return () if journey.own_limits_by is None else (journey.own_limits_by,)


def _override(journey: Journey, subject: str | None) -> Content:
    proposed = journey.override
    return {
        "proposed": None if proposed is None else proposed.model_dump(mode="json"),
        "in_force": {name.value: value for name, value in limits(journey).items()},
        "doses": [known.model_dump(mode="json") for known in journey.known_doses],
        **dump_response(journey),
    }


def _override_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return () if journey.override_by is None else (journey.override_by,)


def _override_limits(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    if journey.override is not None:
        limits = journey.override.limits
        elsewhere = {name: value for name, value in journey.elsewhere.limits.items() if name in limits}
        yield e.LimitsOverridden(limits=limits, elsewhere=elsewhere, sign_off=decided.request)


TYPES = (
    SignOffType(
        kind=SignOffKind.PATIENT_LIMITS,
        request="sign the patient's own limits",
        meaning=Meaning.LIMITS_SET,
        content=_own_limits,
        authors=_limits_author,
        written_by="one",
        care=False,
    ),
    SignOffType(
        kind=SignOffKind.LIMIT_OVERRIDE,
        request="decide on the override of a limit",
        meaning=Meaning.LIMITS_SET,
        content=_override,
        authors=_override_author,
        written_by="one",
        approval=_override_limits,
        reasoned=True,
        opens_care=True,
        care=False,
    ),
)
