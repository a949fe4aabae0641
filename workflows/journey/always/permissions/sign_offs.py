"""What is signed of permissions of the clinic."""

from collections.abc import Iterator

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.protocol import SignOffKind
from workflows.journey.sign_off_type import Content, SignOffType
from workflows.journey.vocabulary.signed_statement import Meaning


def _permission(journey: Journey, subject: str | None) -> Content:
    proposed = journey.proposed_permission
    counts = journey.permission_until or journey.protocol.permissions.remote_prescribing_last_day
    return {
        "counts_now": counts.isoformat(),
        "proposed": None if proposed is None else proposed.model_dump(mode="json"),
    }


def _permission_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return () if journey.proposed_permission is None else (journey.proposed_permission.by,)


def _change_permission(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    if journey.proposed_permission is not None:
        yield e.PermissionChanged(until=journey.proposed_permission.until)


TYPES = (
    SignOffType(
        kind=SignOffKind.PERMISSION,
        request="sign the last day of the permission to prescribe remotely",
        meaning=Meaning.AMENDMENT_AUTHORED,
        content=_permission,
        authors=_permission_author,
        written_by="one",
        returns_to_author=True,
        approval=_change_permission,
        reasoned=True,
        care=False,
    ),
)
