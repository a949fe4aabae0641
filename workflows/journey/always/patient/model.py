"""The patient beyond this journey: commands, events and state."""

from typing import ClassVar, Literal
from uuid import UUID

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.always.sign_offs.model import SignedOff
from workflows.journey.envelopes import (
    ALWAYS,
    Changes,
    CommandBody,
    EventBody,
    EventHeader,
    Evolutions,
    change_entry,
)
from workflows.journey.instruments import RiskFinding
from workflows.journey.protocol import DoseLimit, Positive, SignOffKind
from workflows.journey.stages.sessions.events import Recheck
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import Flag, Identifier, ImmutableModel, Position, Short, SortedDict, Text
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.clinical import KnownDose, UsState
from workflows.journey.vocabulary.severity import Severity
from workflows.journey.vocabulary.stage import Stage

CONFIRMED = "confirmed"
"""What a death is called that a second person signed."""


class ReleasedSession(ImmutableModel):
    """A session of another journey that was released (UTC), and of which no dose is recorded; or was cancelled then
    after its release, and nobody else has found out yet whether one was taken. ``open``: its journey is, so that the
    dose may still be taken. ``source`` tells nobody the journey."""

    source: UUID
    released_at: Instant
    open: bool


class KnownRisk(ImmutableModel):
    """A risk of the patient that another journey found, since when (UTC). ``what`` is the code or the level of it, and
    never its text. ``open``: it was not settled there. ``severity`` is that of what somebody has to see to, ``severe``
    says that it is a hold which no one person releases, and ``ended`` that the journey has. ``source`` tells nobody the
    journey."""

    source: UUID
    type: Literal[
        "hold", "crisis", "item_9", "adverse_event", "report", "death", "support", "medicine", "exclusion", "ending"
    ]
    what: Short
    since: Instant
    open: bool
    severity: Severity | None = None
    severe: bool = False
    ended: bool = False

    @property
    def unsettled(self) -> bool:
        """Whether it stands before every dose of the patient: somebody has to see to it in the journey that found it.
        What is left in one that has ended is seen to in the others; a death is undone only where it was recorded."""
        return self.open and (self.type == "death" or (self.severity is not None and not self.ended))


class ToldParticular(ImmutableModel):
    """What another journey says of where the patient is, whom to call or how to speak with them, and when it was told
    last (UTC)."""

    value: Identifier
    told_at: Instant


class Elsewhere(ImmutableModel):
    """What the other journeys of the patient say, at any clinic of the record: doses, sessions that may become one,
    risks, whether one of them with the same medicine is open, and whether one cannot be read; until when (UTC) a no-go
    stands, which limits were made tighter for the patient, and every reference of theirs where two people signed that
    there are several. It names no clinic and no journey."""

    doses: tuple[KnownDose, ...] = ()
    released: tuple[ReleasedSession, ...] = ()
    risks: tuple[KnownRisk, ...] = ()
    same_medicine_open: bool = False
    unreadable: bool = False
    unconfirmed: bool = False
    """Whether a correction of a dose, a checklist, a questionnaire or the screening waits there for a second person:
    until then it opens nothing here either."""
    no_go_until: Instant | None = None
    pregnancy_found_at: Instant | None = None
    """When the latest pregnancy test was made there that is not negative, and that no later one clears there."""
    recheck: Recheck | None = None
    """Vital signs that were to be measured again there."""
    limits: SortedDict[DoseLimit, Positive] = {}
    also_known_as: tuple[Identifier, ...] = ()
    suicidal: SortedDict[RiskFinding, Instant] = {}
    """Since when suicidal intent or behaviour that clinicians found there last is recent, by what it is."""
    told_parted: tuple[Identifier, ...] = ()
    """Of which references the patient was told there that they are somebody else's."""
    identity_asked: bool = False
    """Whether two people are asked there if another reference is this patient too, or was wrongly taken for them; also
    in the journey of another patient, who may be this one."""
    particulars: SortedDict[Identifier, ToldParticular] = {}
    """What was told last in an open journey of the state in which the patient lives, of their language and whether they
    need an interpreter, and at the same clinic of whom to call and where to send help: there references mean the same.
    """
    born: SortedDict[Identifier, Instant] = {}
    """Every birth date that is recorded there (ISO 8601), with when somebody told it last (UTC)."""

    @property
    def died(self) -> bool:
        """Whether the death of the patient is confirmed there."""
        return any(risk.type == "death" and risk.what == CONFIRMED for risk in self.risks)


class TakeInHistory(CommandBody):
    """Take in what the patient's other journeys say, true up to a ``position`` of the record. Sent by who reads it.

    ``undone``: something was decided without it, was not recorded because of that, and is decided again.
    """

    kind: Literal["clock.take-in"] = "clock.take-in"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.SYSTEM,)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    elsewhere: Elsewhere
    position: Position
    undone: Flag = False


class ProposeMerge(CommandBody):
    """Say that another reference of the organisation is this patient too. Two people decide on it; until then no dose
    of either is released. From then on the doses of both, and "one open journey with a medicine", count together."""

    kind: Literal["patient.merge"] = "patient.merge"
    licensed: ClassVar[bool] = False
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    other: Identifier
    reason: Text


class ProposeUnmerge(CommandBody):
    """Say that a merge was wrong: the other reference is somebody else. Two people decide on it. From then on both
    patients are themselves again; what came from the other stays in the events that took it in, and counts no more.
    Care that rested on it is held until two people have looked."""

    kind: Literal["patient.unmerge"] = "patient.unmerge"
    licensed: ClassVar[bool] = False
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    merge: Identifier
    reason: Text


class MergeProposed(EventBody):
    """Somebody says that another reference is this patient too."""

    kind: Literal["patient.merge-proposed"] = "patient.merge-proposed"
    opens: ClassVar = ("merge", "merges")
    merge: Identifier
    other: Identifier
    reason: Text


class PatientMerged(EventBody):
    """Two people signed that another reference is this patient too: from here on they are one, wherever the record
    counts something over a patient. ``sign_off`` is the request they decided."""

    kind: Literal["patient.merged"] = "patient.merged"
    merge: Identifier
    other: Identifier
    sign_off: Identifier


class UnmergeProposed(EventBody):
    """Somebody says that a merge was wrong. It counts until two people have signed that it was."""

    kind: Literal["patient.unmerge-proposed"] = "patient.unmerge-proposed"
    merge: Identifier
    reason: Text


class PatientUnmerged(EventBody):
    """Two people signed that another reference is not this patient: from here on they are two again, wherever the
    record counts something over a patient. ``sign_off`` is the request they decided. ``told``: so is the patient,
    unless they died, as far as is known by then."""

    kind: Literal["patient.unmerged"] = "patient.unmerged"
    merge: Identifier
    other: Identifier
    sign_off: Identifier
    told: bool = True


class HistoryTakenIn(EventBody):
    """All that the patient's other journeys said up to a ``position`` of the record. This journey rests on it from here
    on. ``unsettled`` are the sources of the open risks that it did not know before, or not as so bad; ``doses`` those
    of the doses it did not know; ``undone``, that something was decided without it, and not recorded because of that.
    ``parted`` are references that were this patient's and were signed since to be somebody else's: what came with them
    counts no more. ``told``: the patient hears by this that somebody else was taken for them, and had not before.
    ``moved`` is the state in which they live by what was told there, where that is another one, and news.
    """

    kind: Literal["history.taken-in"] = "history.taken-in"
    elsewhere: Elsewhere
    position: int
    unsettled: tuple[UUID, ...] = ()
    doses: tuple[UUID, ...] = ()
    undone: bool = False
    parted: tuple[Identifier, ...] = ()
    told: bool = False
    moved: UsState | None = None


class Merge(ImmutableModel):
    """Another reference that may be this patient too: by whom that was said and why, and whether it is signed.
    ``doubt``: why somebody said since that it is not, and ``doubted_by`` who. ``undone``: that was signed, too, and
    ``told``, that the patient heard of it."""

    id: Identifier
    other: Identifier
    reason: Text
    proposed_by: Identifier
    merged: bool = False
    doubt: Text | None = None
    doubted_by: Identifier | None = None
    undone: bool = False
    told: bool = False

    @property
    def proposed(self) -> bool:
        """Whether nobody has signed yet that it is, or was."""
        return not (self.merged or self.undone)

    @property
    def doubted(self) -> bool:
        """Whether it counts, and somebody says that it is wrong."""
        return self.merged and self.doubt is not None


class PatientState(PathwayState):
    """What the patient's other journeys say, as last taken in; by which references they know the patient, also those
    that cannot be read now; the references that are said to be theirs too; and those that turned out to be somebody
    else's, with the version of the event that said so last."""

    elsewhere: Elsewhere = Elsewhere()
    also_known_as: tuple[Identifier, ...] = ()
    merges: dict[Identifier, Merge] = {}
    parted: dict[Identifier, int] = {}
    acted: dict[Identifier, dict[Identifier, int]] = {}
    """What everybody but the patient did here, by who: of each kind of event the version of the last one."""
    told_parted: tuple[Identifier, ...] = ()
    """The references of which this journey told the patient that they are somebody else's."""

    @property
    def patient_refs(self) -> tuple[Identifier, ...]:
        """Every reference by which the patient is known."""
        merged = (merge.other for merge in self.merges.values() if merge.merged)
        return (self.patient.ref, *merged, *self.also_known_as)

    def is_patient(self, person: str) -> bool:
        """Whether this is the patient, by whichever of their references."""
        return person in self.patient_refs

    def lacks_interpreter(self, named: str | None) -> bool:
        """Whether the patient needs an interpreter, and nobody else is named as one."""
        return self.patient.interpreter and (named is None or self.is_patient(named))


def add_act(state: PatientState, kind: str, event: EventHeader) -> dict[Identifier, dict[Identifier, int]]:
    """Return what everybody did with one more event. What somebody sends who is known to be the patient is theirs."""
    if state.is_patient(event.actor_id):
        return state.acted
    did = state.acted.get(event.actor_id, {})
    return {**state.acted, event.actor_id: {**did, kind: event.version}}


def _taken_in(state: PatientState, body: HistoryTakenIn, event: EventHeader) -> Changes:
    known = (*state.also_known_as, *body.elsewhere.also_known_as) if body.elsewhere.unreadable else None
    told = {name: merge.model_copy(update={"told": True}) for name, merge in state.merges.items() if merge.undone}
    again = [ref for ref in body.elsewhere.also_known_as if ref not in state.also_known_as]
    heard = body.told or any(ref in state.told_parted for ref in body.parted)
    untold = [merge.other for merge in state.merges.values() if body.told and merge.undone]
    of = (*(ref for ref in state.told_parted if ref not in again), *(body.parted if heard else ()), *untold)
    return {
        "told_parted": tuple(dict.fromkeys(of)),
        "elsewhere": body.elsewhere,
        "also_known_as": body.elsewhere.also_known_as if known is None else tuple(dict.fromkeys(known)),
        "merges": {**state.merges, **told} if body.told else state.merges,
        "parted": {**state.parted, **dict.fromkeys(body.parted, event.version)},
    }


def _merge_proposed(state: PatientState, body: MergeProposed, event: EventHeader) -> Changes:
    merge = Merge(id=body.merge, other=body.other, reason=body.reason, proposed_by=event.actor_id)
    return {"merges": {**state.merges, merge.id: merge}}


def _merged(state: PatientState, body: PatientMerged, event: EventHeader) -> Changes:
    told = tuple(ref for ref in state.told_parted if ref != body.other)
    return change_entry(state, "merges", body.merge, merged=True) | {"told_parted": told}


def _unmerge_proposed(state: PatientState, body: UnmergeProposed, event: EventHeader) -> Changes:
    return change_entry(state, "merges", body.merge, doubt=body.reason, doubted_by=event.actor_id)


def _decided(state: PatientState, body: SignedOff, event: EventHeader) -> Changes:
    """Of a doubt that was declined nothing is left: a new one is decided on anew."""
    if body.sign_off != SignOffKind.PATIENT_UNMERGE or body.decision != "decline":
        return {}
    return change_entry(state, "merges", body.subject, doubt=None, doubted_by=None)


def _unmerged(state: PatientState, body: PatientUnmerged, event: EventHeader) -> Changes:
    undone = change_entry(state, "merges", body.merge, merged=False, undone=True, told=body.told)
    told = (*state.told_parted, *((body.other,) if body.told else ()))
    return undone | {"parted": {**state.parted, body.other: event.version}, "told_parted": told}


EVOLUTIONS: Evolutions = {
    HistoryTakenIn: _taken_in,
    MergeProposed: _merge_proposed,
    PatientMerged: _merged,
    UnmergeProposed: _unmerge_proposed,
    SignedOff: _decided,
    PatientUnmerged: _unmerged,
}
