"""What is signed of who the patient is."""

from collections.abc import Iterator

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.obligation_types import Outlasts
from workflows.journey.protocol import SignOffKind
from workflows.journey.recall import find_entry
from workflows.journey.sign_off_type import Content, SignOffType
from workflows.journey.vocabulary.signed_statement import Meaning


def _merge(journey: Journey, subject: str | None) -> Content:
    merge = find_entry(journey, "merges", subject or "")
    return {"patient": journey.patient.ref, "merge": None if merge is None else merge.model_dump(mode="json")}


def _merge_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    merge = find_entry(journey, "merges", subject or "")
    return () if merge is None else (merge.proposed_by,)


def _merge_patients(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    merge = journey.merges.get(decided.subject or "")
    if merge is not None:
        yield e.PatientMerged(merge=merge.id, other=merge.other, sign_off=decided.request)


def _unmerge(journey: Journey, subject: str | None) -> Content:
    """Also what will count no more, of this journey: that is what is signed to be loosened."""
    return _merge(journey, subject) | {"counts_now": journey.elsewhere.model_dump(mode="json")}


def _doubter(journey: Journey, subject: str | None) -> tuple[str, ...]:
    merge = find_entry(journey, "merges", subject or "")
    return () if merge is None or merge.doubted_by is None else (merge.doubted_by,)


def _unmerge_patients(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    merge = journey.merges.get(decided.subject or "")
    if merge is not None:
        told = not (journey.died or journey.elsewhere.died)
        yield e.PatientUnmerged(merge=merge.id, other=merge.other, sign_off=decided.request, told=told)


TYPES = (
    SignOffType(
        kind=SignOffKind.PATIENT_MERGE,
        request="decide whether another patient of the organisation is this one",
        meaning=Meaning.IDENTITY_CONFIRMED,
        content=_merge,
        authors=_merge_author,
        written_by="one",
        approval=_merge_patients,
        reasoned=True,
        outlasts=Outlasts.DEATH,
        care=False,
    ),
    SignOffType(
        kind=SignOffKind.PATIENT_UNMERGE,
        request="decide whether a merge was wrong: the other patient is somebody else",
        meaning=Meaning.IDENTITY_CONFIRMED,
        content=_unmerge,
        authors=_doubter,
        written_by="one",
        approval=_unmerge_patients,
        # Nothing asks until somebody doubts again, and then also in the same words.
        declining="asks_again",
        reasoned=True,
        two_people=True,
        outlasts=Outlasts.DEATH,
        care=False,
    ),
)
