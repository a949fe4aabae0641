"""The ledger of doses: every dose is accounted for, and what is left over does not stay at home."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import PEOPLE
from tests.journey.correcting import confirm, mark
from tests.journey.planning import planned
from tests.journey.play import Play, after, before, course, kinds, one, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.supply.rules import balance, may_be_of_any_lot
from workflows.journey.evidence import evidence
from workflows.journey.protocol import DoseLimit, SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.stages.sessions.dosing import expected_doses_left
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.stage import Outcome


def moved(play: Play, movement: str, doses: int, **ago: float) -> c.MoveSupply:
    at = play.at - timedelta(**ago)
    return c.MoveSupply.model_validate({"movement": movement, "doses": doses, "moved_at": at})


ANY_LOT: dict[str, tuple[Callable[[Play], c.CommandBody | None], bool]] = {
    "each with its lot": (lambda _: None, False),
    "dispensed without": (lambda play: moved(play, "dispensed", 1), True),
    "found again": (lambda play: moved(play, "found", 1), True),
    "returned without": (lambda play: moved(play, "returned", 1), False),
    "taken though none was there": (lambda play: c.RecordDose(dose_mg=1, route="oral", taken_at=play.at), True),
}


@pytest.mark.parametrize("how", ANY_LOT)
def test_a_dose_of_which_nobody_knows_the_lot_may_be_of_any(how: str) -> None:
    """A recall by lot passed over it."""
    play, (told, may_be) = after("supply.move"), ANY_LOT[how]
    body = told(play)
    if isinstance(body, c.RecordDose):
        play.do(c.MoveSupply(movement="lost", doses=balance(play.journey), moved_at=play.at), Role.PATIENT)
    if body is not None:
        play.do(body, Role.COORDINATOR)
    assert may_be_of_any_lot(play.journey) is may_be


def none_at_home() -> Play:
    play = before("session.check")
    play.do(moved(play, "returned", 2), Role.COORDINATOR)
    return play


@pytest.mark.requirement("B31")
def test_no_release_without_a_dose_at_home_by_the_ledger() -> None:
    play = none_at_home()
    assert balance(play.journey) == 0
    waiting = play.waits_for("dispensing")
    assert waiting is not None
    assert waiting.owner == Role.COORDINATOR
    assert any("(dispensing)" in found for found in dose_gate(play.journey, 1, play.at))
    play.do(moved(play, "dispensed", 1), Role.COORDINATOR)
    assert play.waits_for("dispensing") is None
    assert expected_doses_left(play.journey) == 0


@pytest.mark.requirement("B31")
@pytest.mark.parametrize(("counted", "adds_up"), [(2, True), (1, False), (3, False), (0, False)])
def test_a_count_that_does_not_add_up_is_told_to_a_clinician_and_holds_care(counted: int, adds_up: bool) -> None:
    play = before("session.check")
    followed = play.do(c.CountSupply(doses=counted, counted_at=play.at), Role.SESSION_MONITOR)
    assert one(followed, e.SupplyCounted).expected == 2
    if adds_up:
        assert kinds(followed) == ["supply.counted"]
        return
    assert one(followed, e.HoldPlaced).cause == "supply"
    assert one(followed, e.SupportRequested).urgency == "clinical"


@pytest.mark.requirement("B31")
@pytest.mark.parametrize(("counted", "adds_up"), [(2, True), (1, False)])
def test_a_count_that_is_told_late_is_judged_by_the_ledger_of_then(counted: int, adds_up: bool) -> None:
    """One dose short before the session looked right after it."""
    play = after("session.end")
    assert balance(play.journey) == 1
    before_it = play.dosed_at() - timedelta(minutes=1)
    told = play.branch()
    bodies = told.do(c.CountSupply(doses=counted, counted_at=before_it), Role.COORDINATOR)
    assert ("hold.placed" in kinds(bodies)) is not adds_up
    play.do(moved(play, "returned", 1), Role.COORDINATOR)
    bodies = play.do(c.CountSupply(doses=counted, counted_at=before_it), Role.COORDINATOR)
    assert "count them again" in one(bodies, e.SupportRequested).text


@pytest.mark.parametrize(("movement", "doses"), [("lost", 1), ("found", 1), ("returned", 3), ("dispensed", 1)])
def test_what_cannot_be_is_recorded_and_told(movement: str, doses: int) -> None:
    """Doses that were lost, more than ever came, and more than may be at home."""
    play = before("session.check")
    followed = play.do(moved(play, movement, doses), Role.COORDINATOR)
    assert one(followed, e.HoldPlaced).cause == "supply"


@pytest.mark.requirement("B31")
def test_doses_that_nobody_prescribed_are_told() -> None:
    """They were dispensed in the evaluation, and taken for what a plan would have."""
    play = started()
    followed = play.do(moved(play, "dispensed", 1), Role.COORDINATOR)
    assert one(followed, e.HoldPlaced).cause == "supply"
    assert one(followed, e.SupportRequested).urgency == "clinical"


@pytest.mark.requirement("B31")
@pytest.mark.parametrize("by", ["the plan", "the patient's own limit"])
def test_more_doses_at_home_than_was_decided_for_this_patient_are_told(by: str) -> None:
    """The protocol's number bound, and the lower one that a clinician had set for this patient did not."""
    play = before("plan.record")
    most = play.journey.protocol.dose.max_doses_dispensed
    assert most is not None
    if by == "the plan":
        play.do(planned(doses_dispensed=most - 1))
        play.sign(SignOffKind.PLAN)
    else:
        play = before("session.schedule")
        play.do(c.SetLimits(limits={DoseLimit.MAX_DOSES_DISPENSED: most - 1}, reason="x"))
    told = one(play.do(moved(play, "dispensed", most), Role.COORDINATOR), e.SupportRequested).text
    assert f"at most {most - 1} may be" in told


NOT_NOW: dict[str, tuple[Callable[[Play], object], str]] = {
    "held": (lambda play: play.do(c.PlaceHold(reason="x"), Role.OBSERVER), "care is held"),
    "ending": (lambda play: play.do(c.Withdraw(), Role.PATIENT), "has ended"),
    "withdrawn": (
        lambda play: play.do(c.WithdrawSignOff(request=plan_of(play), reason="x")),
        "nobody has signed a plan",
    ),
}
"""What happened before doses were dispensed, and what is told then."""


def plan_of(play: Play) -> str:
    """The request under which the plan was signed."""
    return next(signed.request for signed in play.journey.sign_offs if signed.kind == SignOffKind.PLAN)


@pytest.mark.requirement("B31")
@pytest.mark.parametrize("happened", NOT_NOW)
def test_doses_that_are_dispensed_when_none_is_to_be_taken_are_told(happened: str) -> None:
    play, (happens, says) = before("session.schedule"), NOT_NOW[happened]
    sent = play.at
    happens(play.later(minutes=1))
    late = play.branch()
    followed = play.later(minutes=1).do(moved(play, "dispensed", 1), Role.COORDINATOR)
    told = one(followed, e.SupportRequested)
    assert (told.urgency, told.cause) == ("clinical", "supply")
    assert says in told.text
    if happened != "withdrawn":
        before_it = c.MoveSupply(movement="dispensed", doses=1, moved_at=sent)
        assert not [body for body in late.do(before_it, Role.COORDINATOR) if isinstance(body, e.SupportRequested)]


@pytest.mark.requirement("B31")
@pytest.mark.parametrize(
    ("movement", "doses", "also"),
    [("dispensed", 3, "nobody has signed a plan"), ("found", 3, "were found"), ("lost", 1, "were lost")],
)
def test_everything_that_a_movement_shows_is_told(movement: str, doses: int, also: str) -> None:
    play = started()
    told = one(play.do(moved(play, movement, doses), Role.COORDINATOR), e.SupportRequested).text
    assert also in told
    assert ("more doses went" if movement == "lost" else "at most 2 may be") in told


@pytest.mark.requirement("B31")
def test_a_disposal_counts_once_somebody_else_has_witnessed_it() -> None:
    play = before("session.check")
    play.do(moved(play, "disposed", 1), Role.SESSION_MONITOR)
    assert balance(play.journey) == 2
    assert play.waits_for("witness", "supply-2")
    witness = c.WitnessDisposal(disposal="supply-2")
    play.refused(witness, Role.SESSION_MONITOR, code=RefusalCode.NOT_ALLOWED, says="does not witness")
    play.refused(witness, Role.PATIENT, code=RefusalCode.NOT_ALLOWED)
    play.do(witness, Role.CLINICIAN)
    assert balance(play.journey) == 1
    assert play.waits_for("witness") is None
    play.refused(witness, Role.CLINICIAN, code=RefusalCode.UNKNOWN, field="disposal")


@pytest.mark.requirement("B31")
@pytest.mark.parametrize(
    ("by", "witness", "counts"),
    [
        (Role.PATIENT, Role.OBSERVER, False),
        (Role.OBSERVER, Role.PATIENT, False),
        (Role.PATIENT, Role.COORDINATOR, True),
        (Role.OBSERVER, Role.CLINICIAN, True),
        (Role.SESSION_MONITOR, Role.OBSERVER, True),
    ],
)
def test_of_the_two_who_see_a_disposal_one_is_staff(by: Role, witness: Role, counts: bool) -> None:
    """The patient and who stays with them could keep a dose, and say together that it is gone."""
    play = after("session.check")
    play.do(moved(play, "disposed", 1), by)
    seen = c.WitnessDisposal(disposal="supply-2")
    if counts:
        play.do(seen, witness)
    else:
        play.refused(seen, witness, code=RefusalCode.NOT_ALLOWED)
    assert balance(play.journey) == (1 if counts else 2)


@pytest.mark.parametrize("days_ago", [0, 1])
def test_a_movement_that_never_was_makes_no_count_too_old(days_ago: int) -> None:
    """It was entered for a moment after the count, and is marked: what was counted adds up again."""
    play = before("session.check")
    play.do(moved(play, "lost", 1), Role.COORDINATOR)
    if days_ago:
        play.do(moved(play, "found", 1, days=days_ago), Role.COORDINATOR)
        mark(play, "supply.moved", by=Role.COORDINATOR)
        confirm(play)
    mark(play, "supply.moved", nth=-1 - (days_ago > 0), by=Role.COORDINATOR)
    confirm(play)
    counted = play.at - timedelta(minutes=1)
    assert kinds(play.do(c.CountSupply(doses=2, counted_at=counted), Role.COORDINATOR)) == ["supply.counted"]


def test_who_gives_doses_or_takes_them_back_says_so() -> None:
    play = before("session.check")
    play.refused(moved(play, "dispensed", 1), Role.PATIENT, code=RefusalCode.NOT_ALLOWED, field="movement")
    play.refused(moved(play, "lost", 1, hours=-1), Role.PATIENT, code=RefusalCode.WRONG_TIME, field="moved_at")
    late = c.CountSupply(doses=2, counted_at=play.at + timedelta(hours=1))
    play.refused(late, Role.PATIENT, code=RefusalCode.WRONG_TIME, field="counted_at")
    play.do(moved(play, "lost", 1), Role.PATIENT)


@pytest.mark.requirement("B31")
@pytest.mark.parametrize(
    "ending",
    [
        c.Withdraw(),
        c.StopForSafety(reason="x", referral="x"),
        c.Transfer(reason="x", referral="x"),
    ],
)
def test_no_ending_leaves_doses_at_home(ending: c.CommandBody) -> None:
    play = before("session.check")
    play.do(ending)
    waiting = play.waits_for("leftovers")
    assert waiting is not None
    assert (waiting.owner, waiting.person) == (Role.COORDINATOR, play.journey.coordinator)
    assert play.journey.outcome is None
    play.do(moved(play, "returned", 1), Role.COORDINATOR)
    assert play.waits_for("leftovers") is not None
    play.do(moved(play, "lost", 1), Role.COORDINATOR)
    play.go_on(lambda journey: journey.closed)
    assert play.journey.outcome != Outcome.COMPLETED


def test_follow_up_begins_with_what_is_left_over_and_the_course_ends_with_nothing() -> None:
    play = after("session.end", 3)
    play.go_on(lambda journey: journey.stage == "follow_up")
    assert balance(play.journey) == 1
    assert play.waits_for("leftovers")
    assert balance(course("PTSD").journey) == 0


MOVEMENTS = ("dispensed", "found", "returned", "disposed", "lost", "witness", "count", "dose")


@given(st.lists(st.tuples(st.sampled_from(MOVEMENTS), st.integers(1, 4)), max_size=10))
def test_the_balance_is_what_came_less_what_went(moves: list[tuple[str, int]]) -> None:
    """Of anything that may be recorded, in whatever order; what is not accounted for is always told."""
    play = before("session.check")
    there, waits = 2, dict[str, int]()
    for what, doses in moves:
        play.at += timedelta(minutes=1)
        told = len(play.journey.support)
        if what == "witness":
            name = next(iter(waits), "none")
            answer = play.take(play.command(c.WitnessDisposal(disposal=name), Role.CLINICIAN))
            assert isinstance(answer, Refusal) == (name == "none")
            there -= waits.pop(name, 0)
        elif what == "count":
            play.do(c.CountSupply(doses=doses, counted_at=play.at), Role.SESSION_MONITOR)
            assert (len(play.journey.support) > told) == (doses != there)
        elif what == "dose":
            taken = c.RecordDose(dose_mg=100, route="sublingual", taken_at=play.at, doses_left=0)
            play.do(taken, Role.SESSION_MONITOR)
            there -= 1
        else:
            play.do(moved(play, what, doses), Role.COORDINATOR)
            if what == "disposed":
                waits[f"supply-{play.journey.supply_movements}"] = doses
            else:
                there += doses if what in ("dispensed", "found") else -doses
            if there < 0 or what in ("lost", "found"):
                assert len(play.journey.support) > told
                assert play.journey.held
        assert balance(play.journey) == there


@pytest.mark.parametrize("third", ["count", "lost", "more than may be"])
def test_one_hold_stands_for_all_that_is_not_accounted_for_and_is_released_over_all_of_it(third: str) -> None:
    """Each count that was off asked for a signature of its own."""
    play = before("session.check")
    for doses in (1, 1, 0):
        play.do(c.CountSupply(doses=doses, counted_at=play.at), Role.PATIENT)
        play.later(minutes=1)
    [hold] = play.journey.standing_holds
    early = play.signature(SignOffKind.HOLD_RELEASE, hold.id)
    found: dict[str, c.CommandBody] = {
        "count": c.CountSupply(doses=1, counted_at=play.at),
        "lost": moved(play, "lost", 1),
        "more than may be": moved(play, "dispensed", 1),
    }
    play.do(found[third], Role.COORDINATOR)
    assert [each.id for each in play.journey.standing_holds] == [hold.id]
    play.refused(early, code=RefusalCode.STALE, field="request")
    shown = evidence(play.journey, SignOffKind.HOLD_RELEASE, hold.id)["content"]["found"]["not_accounted_for"]
    assert len(shown) == 4
    play.sign(SignOffKind.HOLD_RELEASE, hold.id)
    assert not play.journey.held
    play.later(minutes=1)
    play.do(c.CountSupply(doses=50, counted_at=play.at), Role.PATIENT)
    [again] = play.journey.standing_holds
    assert again.id != hold.id
    shown = evidence(play.journey, SignOffKind.HOLD_RELEASE, again.id)["content"]["found"]["not_accounted_for"]
    assert len(shown) == 1


def test_doses_that_cannot_have_been_there_are_told_once_their_disposal_counts() -> None:
    play = after("session.end")
    left = balance(play.journey)
    moved = c.MoveSupply(movement="disposed", doses=left + 1, moved_at=play.at)
    disposal = one(play.do(moved, Role.COORDINATOR), e.SupplyMoved).supply
    followed = play.do(c.WitnessDisposal(disposal=disposal), Role.CLINICIAN)
    assert one(followed, e.HoldPlaced).cause == "supply"
    assert "more doses went than ever came" in one(followed, e.SupportRequested).text


def test_doses_that_never_came_are_told_once_more_went() -> None:
    """Who marked a dispensing as entered in error left a ledger below nothing, and nobody was told."""
    play = after("session.end")
    mark(play, "supply.moved", 0, by=Role.COORDINATOR)
    assert not play.journey.held, "it counts until a second person has confirmed that"
    followed = confirm(play, Role.CLINICIAN)
    assert balance(play.journey) < 0
    assert one(followed, e.HoldPlaced).cause == "supply"
    assert one(followed, e.SupportRequested).urgency == "clinical"


def test_doses_that_never_went_back_are_told_once_more_are_at_home_than_may_be() -> None:
    """Who marked a return as entered in error left four doses at home where two may be, and nobody was told."""
    play = none_at_home()
    play.do(moved(play, "dispensed", 2), Role.COORDINATOR)
    assert not play.journey.held
    mark(play, "supply.moved", -2, by=Role.COORDINATOR)
    followed = confirm(play, Role.CLINICIAN)
    assert balance(play.journey) == 4
    assert one(followed, e.HoldPlaced).cause == "supply"
    assert one(followed, e.SupportRequested).urgency == "clinical"


def test_a_dose_that_nobody_took_is_told_once_more_are_at_home_than_may_be() -> None:
    """Who marked a dose as entered in error left three at home where two may be, and nobody was told."""
    play = after("session.end")
    play.do(moved(play, "dispensed", 1), Role.COORDINATOR)
    assert not play.journey.held
    mark(play, "session.dosed", by=Role.COORDINATOR)
    assert not play.journey.held, "it counts until a second person has confirmed that"
    followed = confirm(play)
    assert balance(play.journey) == 3
    assert one(followed, e.HoldPlaced).cause == "supply"
    assert "a dose counts no more" in one(followed, e.SupportRequested).text


@pytest.mark.parametrize("role", [Role.PATIENT, Role.COORDINATOR, Role.CLINICIAN, Role.MEDICAL_DIRECTOR])
def test_the_doses_at_home_are_counted_after_a_released_session_is_cancelled_by_whomever(role: Role) -> None:
    play = after("session.release")
    play.do(c.CancelSession(session=1, reason="none was taken, they say (invented)"), role)
    asked = play.waits_for("supply_count")
    assert asked is not None
    assert (asked.owner, asked.person) == (Role.CLINICIAN, None if role == Role.CLINICIAN else play.journey.clinician)
    play.later(minutes=1)
    before_it = c.CountSupply(doses=balance(play.journey), counted_at=play.at - timedelta(hours=1))
    play.do(before_it, Role.SESSION_MONITOR)
    assert play.waits_for("supply_count"), "a count from before it says nothing"
    play.do(c.CountSupply(doses=balance(play.journey), counted_at=play.at), Role.PATIENT)
    assert play.waits_for("supply_count"), "what the patient says themselves clears nothing"
    counted = c.CountSupply(doses=balance(play.journey), counted_at=play.at)
    play.do(counted, role)
    assert play.waits_for("supply_count"), "one person's word that none was taken ends no watch"
    if role in CLINICAL:
        twin = PEOPLE[role].model_copy(update={"id": "twin"})
        play.do(counted, twin)
        assert play.waits_for("supply_count"), "nor under another id"
    play.do(c.CountSupply(doses=balance(play.journey) - 1, counted_at=play.at), Role.SESSION_MONITOR)
    assert play.waits_for("supply_count") is None
    assert play.journey.held, "the dose was taken, or is not accounted for"


def test_nobody_who_cancelled_a_released_session_since_the_last_count_makes_it() -> None:
    play = after("session.release", nth=2)
    earlier = play.at - timedelta(days=1)
    play = play.changed(to_count_since=earlier, release_cancelled_by=(PEOPLE[Role.CLINICIAN].id,))
    play.do(c.CancelSession(session=2, reason="none was taken, they say (invented)"), Role.COORDINATOR)
    counted = c.CountSupply(doses=balance(play.journey), counted_at=play.at)
    for role in (Role.CLINICIAN, Role.COORDINATOR):
        play.do(counted, role)
        assert play.waits_for("supply_count"), role
    play.do(counted, Role.SESSION_MONITOR)
    assert play.waits_for("supply_count") is None


def test_a_count_that_was_entered_in_error_is_made_again() -> None:
    play = after("session.release")
    play.do(c.CancelSession(session=1, reason="none was taken, they say (invented)"))
    play.later(minutes=1)
    play.do(c.CountSupply(doses=balance(play.journey), counted_at=play.at), Role.SESSION_MONITOR)
    assert play.waits_for("supply_count") is None
    mark(play, "supply.counted", by=Role.COORDINATOR)
    assert play.waits_for("supply_count")
    play.do(c.CountSupply(doses=balance(play.journey), counted_at=play.at), Role.SESSION_MONITOR)
    assert play.waits_for("supply_count") is None


def test_the_doses_at_home_are_counted_after_the_pathway_has_ended_too() -> None:
    play = after("session.release")
    play.do(c.Withdraw(), Role.PATIENT)
    play.do(c.CancelSession(session=1, reason="none was taken, they say (invented)"))
    assert play.waits_for("supply_count")
    play.go_on(lambda journey: journey.closed and not journey.waiting, most=60)


def test_a_session_that_was_not_released_is_cancelled_without_a_count() -> None:
    play = before("session.release")
    play.do(c.CancelSession(session=1, reason="not today (invented)"))
    assert play.waits_for("supply_count") is None


def test_a_disposal_waits_for_its_witness_whatever_has_ended() -> None:
    """Until it is witnessed the doses count as there: who is to see to them is told whom that waits for."""
    play = after("session.end")
    play.do(c.Withdraw(), Role.PATIENT)
    left = balance(play.journey)
    play.do(c.MoveSupply(movement="disposed", doses=left, moved_at=play.at), Role.COORDINATOR)
    disposal = next(iter(play.journey.disposals))
    assert play.waits_for("leftovers")
    waiting = play.waits_for("witness", disposal)
    assert waiting is not None
    assert waiting.owner == Role.CLINICIAN
    play.do(c.WitnessDisposal(disposal=disposal), Role.CLINICIAN)
    assert play.waits_for("leftovers") is None
