"""The medicines a patient takes: anybody may report a change, and a clinician reviews it before the next dose.

Sources: "reconciliation at each review" and "safety depends on proper screening, dosing, and medical supervision" (both
source documents); sedatives, MAO inhibitors, stimulants and medicines that change how ketamine is broken down need a
clinician's decision (esketamine label, 7; exclusions X28 to X30).
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.holds.model import place
from workflows.journey.always.medicines.model import Medicine
from workflows.journey.obligation_types import MEDICINES_REVIEW
from workflows.journey.requirements import Requirement, require
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import RefusalCode, list_some, refuse, require_known
from workflows.journey.vocabulary.stage import Stage

NO_UNREVIEWED_CHANGE = "no_unreviewed_change_of_medicines"
"""The item of a session's checklist that is checked against the list."""


def add(journey: Journey, command: c.AddMedicine, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Add a medicine, reported by anybody of the journey."""
    require_known(command.classes, journey.protocol.medicines.classes, "classes")
    name = f"medicine-{len(journey.medicines) + 1}"
    yield e.MedicineRecorded(medicine=name, change=_next(journey), **command.model_dump(exclude={"kind"}))


def change(journey: Journey, command: c.ChangeMedicine, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Change a medicine of the list. What is not named stays."""
    medicine = _known(journey, command.medicine)
    if command.classes is not None:
        require_known(command.classes, journey.protocol.medicines.classes, "classes")
    given = command.model_dump(include={"classes", "dosage", "status"}, exclude_none=True)
    if not given:
        refuse(RefusalCode.INCOMPLETE, "this changes nothing", "Give the dosage, the classes or the status", "dosage")
    yield _recorded(journey, medicine, command.reason, **given)


def stop(journey: Journey, command: c.StopMedicine, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record that a medicine is no longer taken. Stopping one is a change like any other, and is reviewed."""
    medicine = _known(journey, command.medicine)
    if not medicine.taken:
        refuse(RefusalCode.ALREADY_DONE, "this medicine is not taken any more", "Nothing is left to stop", "medicine")
    yield _recorded(journey, medicine, command.reason, status="stopped")


def reconcile(journey: Journey, command: c.ReconcileMedicines, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record a clinician's review of the list, and of the changes of it that they name. A change that came since they
    looked still waits, and no change counts as reviewed while nobody has said the class of the medicine."""
    open_changes = journey.unreviewed_medicine_changes
    for name in command.changes:
        if name not in open_changes:
            refuse(RefusalCode.UNKNOWN, "no such change waits for a review", "See `pathway show`", "changes")
    left = [name for name in open_changes if name not in command.changes]
    if left:
        refuse(
            RefusalCode.INCOMPLETE,
            f"these changes of the list are not among those reviewed: {list_some(left, ', ')}",
            "Look at each of them, and name all",
            "changes",
        )
    for name, classes in command.classes.items():
        _known(journey, name, "classes")
        require_known(classes, journey.protocol.medicines.classes, "classes")
    unclassed = [
        medicine.id
        for medicine in journey.medicines.values()
        if medicine.taken and not medicine.classes and medicine.id not in command.classes
    ]
    if unclassed:
        refuse(
            RefusalCode.INCOMPLETE,
            f"nobody has said the class of {list_some(unclassed, ', ')}",
            f"Name it in `classes`: {', '.join(journey.protocol.medicines.classes)}",
            "classes",
        )
    yield e.MedicinesReconciled(**command.model_dump(exclude={"kind"}))


def react_medicine(journey: Journey, body: e.MedicineRecorded, at: datetime) -> Iterator[e.EventBody]:
    """Hold care when a medicine changes that an exclusion asks about, and when any changes once a session is released:
    the dose at hand is not taken before somebody has looked."""
    released = any(s.released_at is not None and s.dosed_at is None for s in journey.sessions.values())
    held = any(hold.source == body.medicine for hold in journey.standing_holds)
    if released and not held:
        yield place(journey, "medicine", "a medicine changed after the session was released", source=body.medicine)
    elif journey.stage == Stage.SESSIONS and journey.medicines[body.medicine].taken:
        yield from _hold(journey, body.classes, body.medicine)


def react_reconciled(journey: Journey, body: e.MedicinesReconciled, at: datetime) -> Iterator[e.EventBody]:
    """A medicine that turns out to be one that an exclusion asks about holds care too."""
    if journey.stage == Stage.SESSIONS:
        for name, classes in body.classes.items():
            if journey.medicines[name].taken:
                yield from _hold(journey, classes, name)


def _hold(journey: Journey, classes: tuple[str, ...], medicine: str) -> Iterator[e.EventBody]:
    asked = tuple(code for each in classes for code in exclusions_about(journey, each))
    held = any(hold.source == medicine for hold in journey.standing_holds)
    if asked and not held:
        codes = ", ".join(dict.fromkeys(asked))
        yield place(journey, "medicine", f"a medicine changed that {codes} asks about", source=medicine)


def exclusions_about(journey: Journey, medicine_class: str) -> tuple[str, ...]:
    """Return the codes of the exclusions that ask about this class of medicines."""
    return tuple(
        exclusion.code
        for exclusion in journey.protocol.exclusions
        if exclusion.known_from is not None and medicine_class in (exclusion.known_from.medicines or ())
    )


def medicine_obstacles(journey: Journey) -> tuple[str, ...]:
    """Return why the list of medicines prevents a dose: nobody has reviewed it, a change of it, or it at a visit."""
    found = [f"{name} of the medicines not reviewed" for name in journey.unreviewed_medicine_changes]
    if journey.reconciled_at is None:
        found.append("the medicines were never reviewed")
    elif journey.reconciliation_owed_by is not None:
        found.append(f"the medicines were not reviewed at {journey.reconciliation_owed_by}")
    return tuple(found)


def require_agreement(journey: Journey, items: dict[str, bool]) -> None:
    """Refuse a checklist that says there is no unreviewed change where there is one.

    Raises:
        RefusalRaised: the list says otherwise.
    """
    if items.get(NO_UNREVIEWED_CHANGE) and medicine_obstacles(journey):
        refuse(
            RefusalCode.CONTRADICTS,
            f"the checklist contradicts the list of medicines: {list_some(medicine_obstacles(journey))}",
            "A clinician reviews it first (`medicine reconcile`), or answer no",
            f"items.{NO_UNREVIEWED_CHANGE}",
        )


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for the review of changes, and of the list after a visit. The first review is part of the evaluation."""
    if journey.stage != Stage.EVALUATION and medicine_obstacles(journey):
        yield require(
            MEDICINES_REVIEW,
            owner=Role.CLINICIAN,
            person=journey.clinician,
            what="review the medicines the patient takes",
            care=False,
        )


def _recorded(journey: Journey, medicine: Medicine, reason: str, **changed: object) -> e.MedicineRecorded:
    kept = {**medicine.model_dump(exclude={"id"}), **changed}
    return e.MedicineRecorded(medicine=medicine.id, change=_next(journey), reason=reason, **kept)


def _next(journey: Journey) -> str:
    return f"medicine-change-{journey.medicine_changes + 1}"


def _known(journey: Journey, name: str, field: str = "medicine") -> Medicine:
    medicine = journey.medicines.get(name)
    if medicine is None:
        refuse(RefusalCode.UNKNOWN, "no such medicine is on the list", "See `pathway show`, or add it", field)
    return medicine


DECISIONS: Decisions = {
    c.AddMedicine: add,
    c.ChangeMedicine: change,
    c.StopMedicine: stop,
    c.ReconcileMedicines: reconcile,
}
REACTIONS: Reactions = {
    e.MedicineRecorded: react_medicine,
    e.MedicinesReconciled: react_reconciled,
}
