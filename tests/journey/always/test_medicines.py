"""The list of medicines: whatever changes it stands before the next dose until a clinician has reviewed it."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import checklist
from tests.journey.play import Play, after, before, kinds, one, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.medicines.model import MedicationStatus
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.evaluation.rules import find_missing
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

SEDATIVE = c.AddMedicine(what="invented", classes=("benzodiazepine",), dosage="at night (invented)")
HARMLESS = c.AddMedicine(what="invented", classes=("other",), dosage="in the morning (invented)")


def reviewed(play: Play, **classes: tuple[str, ...]) -> c.ReconcileMedicines:
    changes = tuple(play.journey.unreviewed_medicine_changes)
    return c.ReconcileMedicines(changes=changes, classes=classes, assessment="looked at (invented)")


def obstacles(play: Play) -> list[str]:
    return [found for found in dose_gate(play.journey, 1, play.at) if "medicines_review" in found]


@pytest.mark.requirement("B49")
@pytest.mark.parametrize("by", [Role.PATIENT, Role.COORDINATOR, Role.THERAPIST, Role.CLINICIAN])
def test_a_change_stands_before_the_dose_until_a_clinician_has_reviewed_it(by: Role) -> None:
    play = before("session.release")
    assert obstacles(play) == []
    play.do(HARMLESS, by)
    assert obstacles(play)
    refused = play.refused(c.ReleaseSession(session=1), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE)
    assert "review the medicines" in refused.reason
    play.do(reviewed(play), Role.ON_CALL_CLINICIAN)
    assert obstacles(play) == []


def test_what_was_cleared_before_a_change_is_not_cleared_after_it() -> None:
    play = before("session.release")
    play.do(HARMLESS)
    play.do(reviewed(play))
    assert "no clearance signed over exactly this evidence" in dose_gate(play.journey, 1, play.at)


def test_stopping_is_a_change_too_and_only_clinicians_review() -> None:
    play = before("session.check")
    play.do(c.StopMedicine(medicine="medicine-1", reason="invented"), Role.PATIENT)
    assert play.journey.medicines["medicine-1"].status == "stopped"
    assert obstacles(play)
    assert play.waits_for("medicines_review")
    play.refused(reviewed(play), Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    again = c.StopMedicine(medicine="medicine-1", reason="invented")
    play.refused(again, Role.PATIENT, code=RefusalCode.ALREADY_DONE, field="medicine")
    play.do(reviewed(play))
    assert play.waits_for("medicines_review") is None


def test_what_the_patient_takes_is_kept_after_the_pathway_closed() -> None:
    play = before("session.check")
    play.do(c.Withdraw(), Role.PATIENT)
    play.go_on(lambda journey: journey.closed)
    play.do(SEDATIVE, Role.PATIENT)
    play.do(c.StopMedicine(medicine="medicine-1", reason="invented"), Role.PATIENT)
    assert [each.status for each in play.journey.medicines.values()] == ["stopped", "active"]
    assert play.journey.closed
    assert not play.journey.waiting


def test_a_change_that_came_after_they_looked_is_not_reviewed() -> None:
    play = before("session.check")
    play.do(HARMLESS, Role.PATIENT)
    seen = reviewed(play)
    play.do(SEDATIVE, Role.PATIENT)
    play.refused(seen, code=RefusalCode.INCOMPLETE, field="changes", says="medicine-change-3")
    unknown = seen.model_copy(update={"changes": ("medicine-change-1",)})
    play.refused(unknown, code=RefusalCode.UNKNOWN, field="changes")


def test_a_medicine_without_a_class_is_not_reviewed() -> None:
    play = before("session.check")
    play.do(c.AddMedicine(what="something white (invented)", dosage="invented"), Role.PATIENT)
    play.refused(reviewed(play), code=RefusalCode.INCOMPLETE, field="classes", says="medicine-2")
    unknown = reviewed(play, **{"medicine-2": ("white",)})
    play.refused(unknown, code=RefusalCode.UNKNOWN, field="classes")
    play.do(reviewed(play, **{"medicine-2": ("other",)}))
    assert play.journey.medicines["medicine-2"].classes == ("other",)
    assert not play.journey.held


@pytest.mark.parametrize("classed_by", ["patient", "clinician"])
def test_a_new_medicine_that_an_exclusion_asks_about_holds_care(classed_by: str) -> None:
    play = before("session.check")
    if classed_by == "patient":
        followed = play.do(SEDATIVE, Role.PATIENT)
    else:
        play.do(SEDATIVE.model_copy(update={"classes": ()}), Role.PATIENT)
        followed = play.do(reviewed(play, **{"medicine-2": SEDATIVE.classes}))
    hold = one(followed, e.HoldPlaced)
    assert (hold.cause, hold.source) == ("medicine", "medicine-2")
    assert "X28" in hold.reason


def test_a_change_after_the_release_holds_the_dose_at_hand() -> None:
    play = before("session.dose")
    assert one(play.do(HARMLESS, Role.PATIENT), e.HoldPlaced).cause == "medicine"
    [dose] = [move[1].body for move in after("session.dose").moves]
    taken = one(play.do(dose, Role.SESSION_MONITOR), e.DoseRecorded)
    assert not taken.released
    assert "the journey is held" in taken.deviations


def test_the_hold_is_released_after_the_review_only() -> None:
    play = before("session.check")
    play.do(SEDATIVE, Role.PATIENT)
    signed = play.command(play.signature(SignOffKind.HOLD_RELEASE, "hold-1"), Role.CLINICIAN)
    refused = play.take(signed)
    assert isinstance(refused, Refusal)
    assert "reviews the medicines" in refused.reason
    play.do(reviewed(play))
    assert not isinstance(play.take(signed.model_copy(update={"command_id": play.journey.id})), Refusal)


@pytest.mark.requirement("B53")
def test_medicines_are_reconciled_at_each_visit() -> None:
    play = after("visit.record")
    assert play.journey.reconciliation_owed_by == "visit-1"
    assert obstacles(play)
    assert play.waits_for("medicines_review")
    play.do(reviewed(play))
    assert obstacles(play) == []


def test_the_evaluation_is_complete_once_the_list_is_reviewed() -> None:
    play = started()
    assert "the list of medicines, reviewed by a clinician" in find_missing(play.journey)
    play.do(HARMLESS)
    play.do(reviewed(play))
    assert "the list of medicines, reviewed by a clinician" not in find_missing(play.journey)
    play.do(SEDATIVE, Role.PATIENT)
    assert "the list of medicines, reviewed by a clinician" in find_missing(play.journey)


def test_no_answer_contradicts_the_list() -> None:
    play = before("screening.record")
    play.do(SEDATIVE, Role.PATIENT)
    for code, answer, refused in (("X28", "no", True), ("X28", "yes", False), ("X29", "no", False)):
        given_ = c.RecordScreening(exclusions={code: c.ScreeningAnswer.model_validate({"answer": answer})})
        if refused:
            play.refused(given_, code=RefusalCode.CONTRADICTS, field=f"exclusions.{code}", says="benzodiazepine")
        else:
            play.do(given_)


def test_a_checklist_does_not_say_there_is_no_change_where_there_is_one() -> None:
    play = before("session.check")
    play.do(HARMLESS, Role.PATIENT)
    made = checklist(play.journey, 1, play.at)
    item = "no_unreviewed_change_of_medicines"
    made = made.model_copy(update={"items": {**made.items, item: True}})
    play.refused(made, Role.SESSION_MONITOR, code=RefusalCode.CONTRADICTS, field=f"items.{item}")
    play.do(made.model_copy(update={"items": {**made.items, item: False}}), Role.SESSION_MONITOR)


def test_unknown_classes_and_empty_changes_are_refused() -> None:
    play = before("session.check")
    unknown = HARMLESS.model_copy(update={"classes": ("sweets",)})
    play.refused(unknown, code=RefusalCode.UNKNOWN, field="classes")
    nothing = c.ChangeMedicine(medicine="medicine-1", reason="invented")
    play.refused(nothing, code=RefusalCode.INCOMPLETE, field="dosage")
    missing_one = c.ChangeMedicine(medicine="medicine-9", dosage="invented", reason="invented")
    play.refused(missing_one, code=RefusalCode.UNKNOWN, field="medicine")
    assert kinds(play.do(c.ChangeMedicine(medicine="medicine-1", dosage="invented", reason="x"))) == [
        "medicine.recorded"
    ]


STATUSES: st.SearchStrategy[Any] = st.sampled_from(get_args(MedicationStatus))
CLASSES = st.lists(st.sampled_from(["benzodiazepine", "other", "memantine"]), max_size=2).map(tuple)


@given(st.data())
def test_an_unreviewed_change_always_stands_before_a_release(data: st.DataObject) -> None:
    """Whatever anybody changes, in whatever order, between reviews in between."""
    play = before("session.release")
    for _ in range(data.draw(st.integers(1, 6))):
        name = data.draw(st.sampled_from(list(play.journey.medicines)))
        by = data.draw(st.sampled_from([Role.PATIENT, Role.COORDINATOR, Role.CLINICIAN]))
        what = data.draw(st.sampled_from(["add", "change", "stop", "review"]))
        body: c.CommandBody
        if what == "add":
            body = HARMLESS.model_copy(update={"classes": data.draw(CLASSES), "status": data.draw(STATUSES)})
        elif what == "change":
            body = c.ChangeMedicine(medicine=name, status=data.draw(STATUSES), reason="invented")
        elif what == "stop":
            body = c.StopMedicine(medicine=name, reason="invented")
        else:
            unclassed = [m.id for m in play.journey.medicines.values() if not m.classes]
            body, by = reviewed(play, **dict.fromkeys(unclassed, data.draw(CLASSES) or ("other",))), Role.CLINICIAN
        accepted = not isinstance(play.take(play.command(body, by)), Refusal)
        if accepted and what != "review":
            assert play.journey.unreviewed_medicine_changes
        if play.journey.unreviewed_medicine_changes:
            assert obstacles(play)
            assert isinstance(play.take(play.command(c.ReleaseSession(session=1), Role.SESSION_MONITOR)), Refusal)
        else:
            assert what == "review" or not accepted
