"""Corrections of recorded facts: commands, events and state."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.entries import Entries, find
from workflows.journey.envelopes import ALWAYS, CommandBody, EventBody
from workflows.journey.stages.evaluation.model import (
    EvaluationRecorded,
    InstrumentRecorded,
    RecordEvaluation,
    RecordInstrument,
)
from workflows.journey.stages.follow_up.model import RecordVisit, VisitRecorded
from workflows.journey.stages.screening.model import RecordScreening, ScreeningRecorded
from workflows.journey.stages.sessions.commands import CheckSession, Observe, RecordDose
from workflows.journey.stages.sessions.events import DoseRecorded, SessionChecked, SessionObserved
from workflows.journey.vocabulary.actors import CLINICAL, STAFF, Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, Text, Whole
from workflows.journey.vocabulary.stage import Stage

Correction = RecordEvaluation | RecordInstrument | RecordScreening | CheckSession | RecordDose | Observe | RecordVisit


class Amend(CommandBody):
    """Correct a recorded fact: a new event with a reason. The earlier one stays, and signatures that relied on it are
    stale."""

    kind: Literal["pathway.amend"] = "pathway.amend"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    version: Annotated[Whole, Field(ge=1)]
    reason: Text
    correction: Annotated[Correction, Field(discriminator="kind")]


Amendable = (
    EvaluationRecorded | InstrumentRecorded | ScreeningRecorded | SessionChecked | DoseRecorded | SessionObserved
    | VisitRecorded
)  # fmt: skip


class MarkInError(CommandBody):
    """Say that a recorded fact was entered in error: for another patient, twice, or not as it was. It stays in the
    record, and counts no more once a second person has confirmed it, where that could loosen something."""

    kind: Literal["pathway.mark-in-error"] = "pathway.mark-in-error"
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = STAFF
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    version: Annotated[Whole, Field(ge=1)]
    reason: Text


class ConfirmCorrection(CommandBody):
    """Confirm a colleague's correction, by the version at which it was recorded. Until then it opens nothing."""

    kind: Literal["pathway.confirm-correction"] = "pathway.confirm-correction"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    correction: Annotated[Whole, Field(ge=1)]
    reason: Text


class RejectCorrection(CommandBody):
    """Reject a correction that nobody has confirmed, by the version at which it was recorded. A mark as entered in
    error falls away; a fact that was amended is first corrected again, as it should be."""

    kind: Literal["pathway.reject-correction"] = "pathway.reject-correction"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    correction: Annotated[Whole, Field(ge=1)]
    reason: Text


class FactAmended(EventBody):
    """A recorded fact was corrected. The event at ``version`` stays as it was; this one holds from now on, and opens
    nothing until a second, clinical person has confirmed it."""

    kind: Literal["fact.amended"] = "fact.amended"
    version: int
    reason: Text
    correction: Annotated[Amendable, Field(discriminator="kind")]


class EnteredInError(EventBody):
    """The fact at ``version`` was entered in error (FHIR's status of that name), of the kind ``fact``. One that is
    ``to_confirm`` counts until a second, clinical person has confirmed that."""

    kind: Literal["fact.entered-in-error"] = "fact.entered-in-error"
    version: int
    fact: Identifier
    reason: Text
    to_confirm: bool


class CorrectionConfirmed(EventBody):
    """A second, clinical person confirmed the ``correction`` recorded at this version."""

    kind: Literal["fact.correction-confirmed"] = "fact.correction-confirmed"
    correction: int
    reason: Text


class CorrectionRejected(EventBody):
    """The ``correction`` recorded at this version is not confirmed: the fact counts as it did, or as a later correction
    says."""

    kind: Literal["fact.correction-rejected"] = "fact.correction-rejected"
    correction: int
    reason: Text


class Fact(ImmutableModel):
    """What has to be known of an event, so that it can be marked as entered in error: its kind, what it is about, and
    which answers of a form it gave."""

    kind: Identifier
    subject: Identifier | None = None
    parts: tuple[str, ...] = ()


class CorrectionMade(ImmutableModel):
    """A correction of the fact at ``version``, what it is ``about``, by whom, and whether it waits for a second person.
    ``confirmed`` is the version at which that person confirmed it."""

    version: int
    fact: Identifier
    about: Fact
    by: Identifier
    in_error: bool
    to_confirm: bool
    confirmed: int | None = None


def _to_confirm(corrections: Mapping[int, CorrectionMade]) -> tuple[tuple[int, CorrectionMade], ...]:
    return tuple((version, made) for version, made in corrections.items() if made.to_confirm)


class CorrectionsState(PathwayState):
    """What was recorded, by version, and the corrections of it, by theirs."""

    facts: Entries[int, Fact] = Entries()
    corrections: Entries[int, CorrectionMade] = Entries()

    @property
    def in_error(self) -> tuple[int, ...]:
        """The versions of facts that were entered in error, and count no more."""
        return tuple(made.version for made in self.corrections.values() if made.in_error and not made.to_confirm)

    def count_in_error(self, kind: str) -> int:
        """How many facts of this kind count no more: ids are counted on, and none is given twice."""
        return sum(self.facts[version].kind == kind for version in self.in_error)

    @property
    def unconfirmed(self) -> dict[int, CorrectionMade]:
        """The corrections that wait for a second person, by their versions."""
        return dict(find(self.corrections, _to_confirm))
