"""The medicines a patient takes: commands, events and state. The words are those of FHIR's MedicationStatement."""

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions
from workflows.journey.stages.follow_up.model import VisitRecorded
from workflows.journey.vocabulary.actors import CLINICAL, STAFF, Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, Short, SortedDict, Text
from workflows.journey.vocabulary.calendars import Day, Instant
from workflows.journey.vocabulary.stage import Stage

MedicationStatus = Literal[
    "active", "intended", "on-hold", "unknown", "completed", "stopped", "not-taken", "entered-in-error"
]
NOT_TAKEN = ("completed", "stopped", "not-taken", "entered-in-error")
"""With every other status a medicine counts as taken: missing is not negative."""


class AddMedicine(CommandBody):
    """Add a medicine to the list. The patient need not know its classes; the clinician who reviews it does."""

    kind: Literal["medicine.add"] = "medicine.add"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, *STAFF)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    what: Short
    classes: tuple[Identifier, ...] = ()
    dosage: Text
    status: MedicationStatus = "active"
    since: Day | None = None


class ChangeMedicine(CommandBody):
    """Change a medicine of the list: its dosage, its classes or its status, with the reason."""

    kind: Literal["medicine.change"] = "medicine.change"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, *STAFF)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    medicine: Identifier
    classes: tuple[Identifier, ...] | None = None
    dosage: Text | None = None
    status: MedicationStatus | None = None
    reason: Text


class StopMedicine(CommandBody):
    """Record that a medicine is no longer taken. It stays on the list as stopped."""

    kind: Literal["medicine.stop"] = "medicine.stop"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, *STAFF)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    medicine: Identifier
    reason: Text


class ReconcileMedicines(CommandBody):
    """A clinician compared the list with what the patient takes, and reviewed these changes of it. ``classes`` gives
    medicines the classes that they lack."""

    kind: Literal["medicine.reconcile"] = "medicine.reconcile"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    changes: tuple[Identifier, ...] = ()
    classes: SortedDict[Identifier, Annotated[tuple[Identifier, ...], Field(min_length=1)]] = {}
    assessment: Text


class MedicineRecorded(EventBody):
    """A medicine as it is from now on, and the number of the change that made it so."""

    kind: Literal["medicine.recorded"] = "medicine.recorded"
    medicine: Identifier
    change: Identifier
    what: Short
    classes: tuple[Identifier, ...]
    dosage: Text
    status: MedicationStatus
    since: date | None = None
    reason: Text | None = None


class MedicinesReconciled(EventBody):
    """A clinician reviewed the list, and these changes of it."""

    kind: Literal["medicines.reconciled"] = "medicines.reconciled"
    changes: tuple[Identifier, ...]
    classes: SortedDict[Identifier, tuple[Identifier, ...]]
    assessment: Text


class Medicine(ImmutableModel):
    """One medicine, as it was last recorded."""

    id: Identifier
    what: Short
    classes: tuple[Identifier, ...]
    dosage: Text
    status: MedicationStatus
    since: date | None = None

    @property
    def taken(self) -> bool:
        """Whether it counts as taken."""
        return self.status not in NOT_TAKEN


class MedicineChange(ImmutableModel):
    """A change of the list that no clinician has reviewed: of which medicine, by whom and when (UTC)."""

    id: Identifier
    medicine: Identifier
    by: Identifier
    at: Instant


class MedicinesState(PathwayState):
    """The list, and the changes of it that no clinician has reviewed.

    ``reconciliation_owed_by`` is the visit after which nobody has reviewed the list yet.
    """

    medicines: dict[Identifier, Medicine] = {}
    medicine_changes: int = 0
    unreviewed_medicine_changes: dict[Identifier, MedicineChange] = {}
    reconciled_at: Instant | None = None
    reconciliation_owed_by: Identifier | None = None

    @property
    def medicine_classes(self) -> tuple[str, ...]:
        """The classes of all medicines that count as taken."""
        return tuple(dict.fromkeys(each for m in self.medicines.values() if m.taken for each in m.classes))


def _recorded(state: MedicinesState, body: MedicineRecorded, event: EventHeader) -> Changes:
    fields = {name: getattr(body, name) for name in Medicine.model_fields if name != "id"}
    change = MedicineChange(id=body.change, medicine=body.medicine, by=event.actor_id, at=event.at)
    return {
        "medicines": {**state.medicines, body.medicine: Medicine(id=body.medicine, **fields)},
        "medicine_changes": state.medicine_changes + 1,
        "unreviewed_medicine_changes": {**state.unreviewed_medicine_changes, change.id: change},
    }


def _reconciled(state: MedicinesState, body: MedicinesReconciled, event: EventHeader) -> Changes:
    left = {name: each for name, each in state.unreviewed_medicine_changes.items() if name not in body.changes}
    classed = {
        name: medicine.model_copy(update={"classes": body.classes.get(name, medicine.classes)})
        for name, medicine in state.medicines.items()
    }
    return {
        "medicines": classed,
        "unreviewed_medicine_changes": left,
        "reconciled_at": event.at,
        "reconciliation_owed_by": None,
    }


def _visited(state: MedicinesState, body: VisitRecorded, event: EventHeader) -> Changes:
    return {"reconciliation_owed_by": body.visit}


EVOLUTIONS: Evolutions = {
    MedicineRecorded: _recorded,
    MedicinesReconciled: _reconciled,
    VisitRecorded: _visited,
}
