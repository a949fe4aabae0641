"""Pregnancy tests: no dose without a negative one in its time, unless a clinician says that none is needed.

That none is needed counts for the protocol's days, and as long as what it rested on is as it was: the birth date, the
history, the medicines, the answers about pregnancy, and no test that was not negative since.

Sources: embryo-fetal toxicity, breastfeeding not recommended (esketamine label, 8.1 to 8.3; exclusion X18).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.holds.model import place
from workflows.journey.always.pregnancy.model import NOT_PREGNANT
from workflows.journey.always.safety.model import ask_support
from workflows.journey.obligation_types import PREGNANCY_TEST
from workflows.journey.requirements import Requirement, require
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import RefusalCode, refuse
from workflows.journey.vocabulary.severity import OF_PREGNANCY
from workflows.journey.vocabulary.stage import Stage

HOLD = "pregnancy"
"""The cause of the hold that a test places which is not negative."""


def record_test(journey: Journey, command: c.RecordPregnancyTest, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record a test that was made."""
    if command.taken_at > at:
        refuse(RefusalCode.WRONG_TIME, "this is still to come", "Give the time of the test", "taken_at")
    seen = by.role != Role.PATIENT
    yield e.PregnancyTested(taken_at=command.taken_at, result=command.result, seen_by_staff=seen)


def judge(journey: Journey, command: c.JudgePregnancy, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record a clinician's judgement. It takes nothing back of a test that is positive."""
    yield e.PregnancyJudged(possible=command.possible, because=command.because)


def react_test(journey: Journey, body: e.PregnancyTested, at: datetime) -> Iterator[e.EventBody]:
    """Hold care at once when a test is not negative, once for all that are to be released by a later one, and have a
    clinician speak with the patient: a dose may have been taken already."""
    if journey.pregnancy_found and body.result != "negative" and not journey.held_for(HOLD):
        found = f"a pregnancy test is {body.result} (X18)"
        yield place(journey, HOLD, found)
        yield ask_support(journey, OF_PREGNANCY, found)


def react_corrected(
    journey: Journey, body: e.EnteredInError | e.CorrectionConfirmed, at: datetime
) -> Iterator[e.EventBody]:
    """Hold care again where the test that had cleared another one counts no more."""
    if journey.pregnancy_found and not journey.held_for(HOLD):
        yield place(journey, HOLD, "a negative pregnancy test counts no more: the one before it was not negative (X18)")


def pregnancy_obstacles(journey: Journey, at: datetime) -> tuple[str, ...]:
    """Return why pregnancy prevents a dose at a moment (UTC), or is not known well enough."""
    rules, known = journey.protocol.pregnancy, journey.pregnancy_test
    if journey.pregnancy_found:
        return ("the latest pregnancy test is not negative",)
    until = _not_needed_until(journey)
    if journey.pregnancy_found_elsewhere:
        return ("a pregnancy test elsewhere was not negative, and none after it here is",)
    if rules.tests_valid_days is None or (until is not None and at <= until):
        return ()
    if known is None:
        return ("no negative pregnancy test that staff saw",)
    return ("the pregnancy test is too old",) if at - known.taken_at > timedelta(days=rules.tests_valid_days) else ()


def _not_needed_until(journey: Journey) -> datetime | None:
    """Return until when (UTC) it counts that no test is needed; None where nobody has judged so."""
    if journey.pregnancy_possible is not False or journey.pregnancy_judged_at is None:
        return None
    return journey.pregnancy_judged_at + timedelta(days=journey.protocol.pregnancy.judged_valid_days)


def require_not_found(journey: Journey, items: dict[str, bool]) -> None:
    """Refuse a checklist that says the patient is not pregnant where the latest test says otherwise.

    Raises:
        RefusalRaised: the latest test is not negative.
    """
    if items.get(NOT_PREGNANT) and (journey.pregnancy_found or journey.pregnancy_found_elsewhere):
        refuse(
            RefusalCode.CONTRADICTS,
            "the latest pregnancy test is not negative",
            "Record a later test, or answer no",
            f"items.{NOT_PREGNANT}",
        )


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for a test, or for a judgement that none is needed, before the first dose, and again before what counts
    longest expires, where the protocol does; and for a test after one elsewhere that was not negative."""
    valid, known = journey.protocol.pregnancy.tests_valid_days, journey.pregnancy_test
    counts, until, found = list[tuple[datetime, str]](), _not_needed_until(journey), journey.pregnancy_found_elsewhere
    if (valid is None and not found) or journey.stage not in (Stage.EDUCATION, Stage.SESSIONS):
        return
    if until is not None and not found:
        counts.append((until, "judgement"))
    if known is not None and valid is not None and not found:
        counts.append((known.taken_at + timedelta(days=valid), "renewal"))
    due, subject = max(counts, default=(None, None))
    yield require(
        PREGNANCY_TEST,
        subject=subject,
        owner=Role.CLINICIAN,
        person=journey.clinician,
        what="have a pregnancy test made, or judge that none is needed",
        due=due,
        care=False,
    )


DECISIONS: Decisions = {
    c.RecordPregnancyTest: record_test,
    c.JudgePregnancy: judge,
}
REACTIONS: Reactions = {
    e.PregnancyTested: react_test,
    e.EnteredInError: react_corrected,
    e.CorrectionConfirmed: react_corrected,
}
