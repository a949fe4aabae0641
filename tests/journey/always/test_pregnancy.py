"""Which pregnancy test counts, in whatever order they are told, corrected or taken back."""

from collections.abc import Callable
from datetime import date, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import checklist
from tests.journey.correcting import confirm, mark
from tests.journey.elsewhere import told as tell_elsewhere
from tests.journey.play import Play, after, before, kinds
from workflows.journey import commands as c
from workflows.journey.always.pregnancy.model import TestResult
from workflows.journey.always.pregnancy.rules import pregnancy_obstacles
from workflows.journey.evidence import evidence_of
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.screening.rules import find_unanswered
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.severity import OF_NO_GO


def told(play: Play, result: TestResult, hours_ago: float, by: Role = Role.COORDINATOR) -> int:
    """Record a test; the version of the fact."""
    play.do(c.RecordPregnancyTest(taken_at=play.at - timedelta(hours=hours_ago), result=result), by)
    return play.version_of("pregnancy.tested")


def marked(play: Play, version: int) -> None:
    play.do(c.MarkInError(version=version, reason="another patient's (invented)"), Role.COORDINATOR)
    [correction] = play.journey.unconfirmed
    play.do(c.ConfirmCorrection(correction=correction, reason="seen"), Role.MEDICAL_DIRECTOR)


@pytest.mark.requirement("B43")
def test_a_positive_test_counts_again_once_the_negative_one_after_it_is_taken_back() -> None:
    play = before("session.check")
    told(play, "positive", 30)
    negative = told(play, "negative", 1)
    [hold] = play.journey.standing_holds
    play.sign(SignOffKind.HOLD_RELEASE, hold.id)
    assert not play.journey.held
    marked(play, negative)
    assert play.journey.pregnancy_found
    [again] = play.journey.standing_holds
    assert again.cause == "pregnancy"
    assert "the latest pregnancy test is not negative" in dose_gate(play.journey, 1, play.at)
    sign = play.signature(SignOffKind.HOLD_RELEASE, again.id)
    play.refused(sign, code=RefusalCode.INCOMPLETE, says="a later pregnancy test is negative")


@pytest.mark.requirement("B43")
def test_a_test_elsewhere_opens_the_answer_that_speaks_against_it() -> None:
    """Tests travel with the patient: the screening here said that she is not pregnant, and nothing asked again."""
    play = before("session.check")
    told(play, "negative", 30)
    found_at = play.at - timedelta(hours=2)
    reopened = play.branch()
    tell_elsewhere(reopened, pregnancy_found_at=found_at)
    assert "exclusion X18" in find_unanswered(reopened.journey)
    answer = c.RecordScreening(exclusions={"X18": c.ScreeningAnswer(answer="no")})
    reopened.refused(answer, code=RefusalCode.CONTRADICTS, field="exclusions.X18", says="pregnancy test")
    told(reopened, "negative", 1)
    reopened.do(answer)
    tell_elsewhere(play, pregnancy_found_at=play.at - timedelta(hours=31))
    assert not find_unanswered(play.journey), "the negative one here was made after it"


def test_a_hold_for_a_test_here_is_not_released_over_one_elsewhere() -> None:
    play = before("session.check")
    told(play, "positive", 30)
    told(play, "negative", 20)
    [hold] = play.journey.standing_holds
    tell_elsewhere(play, pregnancy_found_at=play.at - timedelta(hours=2))
    sign = play.signature(SignOffKind.HOLD_RELEASE, hold.id)
    play.refused(sign, code=RefusalCode.INCOMPLETE, says="a later pregnancy test is negative")


def test_a_release_covers_no_test_that_came_after_it_was_signed() -> None:
    play = before("session.check")
    told(play, "positive", 30)
    told(play, "negative", 20)
    [hold] = play.journey.standing_holds
    early = play.signature(SignOffKind.HOLD_RELEASE, hold.id)
    told(play, "positive", 10)
    told(play, "negative", 1)
    play.refused(early, code=RefusalCode.STALE, field="request")
    play.sign(SignOffKind.HOLD_RELEASE, hold.id)
    assert not play.journey.held


def test_a_positive_test_that_was_wrong_counts_no_more() -> None:
    play = before("session.check")
    positive = told(play, "positive", 30)
    marked(play, positive)
    assert not play.journey.pregnancy_found
    assert play.journey.held, "a clinician releases the hold"


@pytest.mark.parametrize("order", [*permutations(("negative", "positive", "unclear"), 2)])
def test_of_two_results_of_one_moment_the_worse_one_counts(order: tuple[TestResult, TestResult]) -> None:
    play = before("session.check")
    for result in order:
        told(play, result, 2)
    assert play.journey.pregnancy_found


@given(st.lists(st.tuples(st.sampled_from(["negative", "positive", "unclear"]), st.integers(0, 5), st.booleans()),
                min_size=1, max_size=5), st.integers(0, 4))  # fmt: skip
def test_to_take_one_back_is_as_if_it_had_never_been_told(
    tests: list[tuple[TestResult, int, bool]], wrong: int
) -> None:
    """And whatever is told, a test that is not negative is cleared only by one that staff saw and was made after it."""
    wrong, marked_version = wrong % len(tests), 0
    with_it, without = before("session.check"), before("session.check")
    for number, (result, hours, staff) in enumerate(tests):
        by = Role.COORDINATOR if staff else Role.PATIENT
        version = told(with_it, result, hours, by)
        if number == wrong:
            marked_version = version
        else:
            told(without, result, hours, by)
    found = [hours for result, hours, _ in tests if result != "negative"]
    cleared = [hours for result, hours, staff in tests if result == "negative" and staff]
    if found and not any(hours < min(found) for hours in cleared):
        assert with_it.journey.pregnancy_found
    marked(with_it, marked_version)
    one, other = with_it.journey.pregnancy_test, without.journey.pregnancy_test
    assert (one and (one.taken_at, one.result)) == (other and (other.taken_at, other.result))
    assert with_it.journey.held or not with_it.journey.pregnancy_found


def test_a_test_that_is_not_negative_is_kept_though_its_time_is_wrong() -> None:
    play = after("session.end")
    for result in ("positive", "unclear", "negative"):
        ahead = c.RecordPregnancyTest(taken_at=play.at + timedelta(minutes=1), result=result)
        command = play.command(ahead, Role.PATIENT)
        refusal = play.take(command)
        assert isinstance(refusal, Refusal)
        assert refusal.kept == (result != "negative")
        kept = kinds([event.body for event in play.keep(command, refusal)])
        assert ("hold.placed" in kept) == (result != "negative")


def test_each_judgement_takes_a_clearance_of_its_own() -> None:
    """That no test is needed was recorded after the clearance, and the session was released on it."""
    plays = [before("session.release").changed(pregnancy_possible=possible) for possible in (None, True, False)]
    assert len({evidence_of(play.journey, SignOffKind.CLEARANCE, "1") for play in plays}) == 3


def screened(play: Play) -> None:
    answers = play.journey.screening.exclusions | {"X18": c.ScreeningAnswer(answer="yes", note="x")}
    play.do(c.RecordScreening(exclusions=answers))


def corrected(play: Play) -> None:
    body = {"version": play.version_of("evaluation.recorded"), "reason": "misheard (invented)"}
    told = c.RecordEvaluation(sections={"medical_context": "an operation (invented)"})
    play.do(c.Amend.model_validate({**body, "correction": told}))


def never_screened(play: Play) -> None:
    mark(play, "screening.recorded")
    confirm(play)


def treated_otherwise(play: Play, by: Role = Role.PATIENT) -> None:
    play.do(c.AddMedicine(what="Invented hormone", classes=("other",), dosage="1 daily"), by)


def classed(play: Play) -> None:
    name = next(iter(play.journey.medicines))
    changes = tuple(play.journey.unreviewed_medicine_changes)
    play.do(c.ReconcileMedicines(changes=changes, classes={name: ("other", "antidepressant")}, assessment="x"))


def checked(play: Play) -> None:
    made = checklist(play.journey, 1, play.at)
    play.do(made.model_copy(update={"items": {**made.items, "X18_not_pregnant": False}}), Role.SESSION_MONITOR)


WHAT_IT_RESTED_ON: dict[str, Callable[[Play], object]] = {
    "the age": lambda play: play.do(c.CorrectBirthDate(born=date(1976, 4, 2), reason="misread (invented)")),
    "the history": corrected,
    "the history, which was never so": lambda play: mark(play, "evaluation.recorded"),
    "the screening": screened,
    "the screening, which was never so": never_screened,
    "a medicine": treated_otherwise,
    "what a medicine is": classed,
    "the checklist": checked,
    "a test": lambda play: told(play, "unclear", 1),
}


@pytest.mark.requirement("B43")
@pytest.mark.parametrize("what", WHAT_IT_RESTED_ON)
def test_that_no_test_is_needed_is_judged_again_when_what_it_rested_on_changes(what: str) -> None:
    play = before("session.release")
    play.do(c.JudgePregnancy(possible=False, because="x"))
    assert not pregnancy_obstacles(play.journey, play.at)
    WHAT_IT_RESTED_ON[what](play)
    assert pregnancy_obstacles(play.journey, play.at)
    waiting = play.waits_for("pregnancy_test")
    assert waiting is not None
    assert waiting.subject != "judgement", "it is asked for at once"


@pytest.mark.requirement("B43")
def test_that_no_test_is_needed_stands_for_the_protocols_days_while_what_it_rested_on_is_said_again() -> None:
    play = before("session.release")
    play.do(c.JudgePregnancy(possible=False, because="x"))
    same = c.RecordEvaluation(sections=play.journey.evaluation.sections)
    body = {"version": play.version_of("evaluation.recorded"), "reason": "for the date (invented)"}
    play.do(c.Amend.model_validate({**body, "correction": same}))
    assert not pregnancy_obstacles(play.journey, play.at)
    waiting = play.waits_for("pregnancy_test", "judgement")
    assert waiting is not None
    until = play.at + timedelta(days=play.journey.protocol.pregnancy.judged_valid_days)
    assert waiting.deadline == until
    assert not pregnancy_obstacles(play.journey, until)
    assert pregnancy_obstacles(play.journey, until + timedelta(microseconds=1))
    play.at = until + timedelta(hours=2)
    told(play, "negative", 1)
    assert not pregnancy_obstacles(play.journey, play.at)
    renewed = play.waits_for("pregnancy_test")
    assert renewed is not None
    assert renewed.deadline > play.at, "a test takes the place of the judgement"


@pytest.mark.parametrize("result", ["positive", "unclear"])
@pytest.mark.parametrize("start", [before("session.check"), after("session.end")])
def test_a_test_that_is_not_negative_reaches_whom_a_checklist_that_says_so_reaches(
    start: Play, result: TestResult
) -> None:
    """A checklist with "not pregnant: no" called a clinician within the hour, and a positive test waited for a working
    day."""
    play = start.branch()
    told(play, result, 1, by=Role.PATIENT)
    asked = play.waits_for("support")
    assert asked is not None
    assert asked.escalation_policy == OF_NO_GO["told"]
    told(play, result, 0)
    assert len(play.journey.support) == 1, "it is said once, while care is held for it"
