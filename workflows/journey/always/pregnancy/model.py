"""Pregnancy tests: commands, events and state."""

from datetime import datetime
from typing import Any, ClassVar, Literal

from workflows.journey.always.patient.model import PatientState
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions
from workflows.journey.stages.sessions.events import SessionChecked
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.base import Flag, ImmutableModel, Text
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.stage import Stage

TestResult = Literal["negative", "positive", "unclear"]
NOT_PREGNANT = "X18_not_pregnant"
"""The item of a session's checklist that is checked against the tests."""


class RecordPregnancyTest(CommandBody):
    """Record a pregnancy test: when it was made, and its result. What the patient tells raises an alarm where it must,
    and clears nothing: a negative test counts once staff have seen it."""

    kind: Literal["pregnancy.test"] = "pregnancy.test"
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, Role.COORDINATOR, Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    taken_at: Instant
    result: TestResult


class JudgePregnancy(CommandBody):
    """A clinician records whether this patient can become pregnant, and why. Until one has, tests are asked for, and
    again once that no test is needed was judged too long ago, or what it rested on has changed."""

    kind: Literal["pregnancy.judge"] = "pregnancy.judge"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    possible: Flag
    because: Text


class PregnancyTested(EventBody):
    """A pregnancy test, when it was made (UTC), its result, and whether staff saw it."""

    kind: Literal["pregnancy.tested"] = "pregnancy.tested"
    taken_at: Instant
    result: TestResult
    seen_by_staff: bool


class PregnancyJudged(EventBody):
    """A clinician's judgement whether the patient can become pregnant."""

    kind: Literal["pregnancy.judged"] = "pregnancy.judged"
    possible: bool
    because: Text


class PregnancyTest(ImmutableModel):
    """A test: when it was made (UTC), its result, whether staff saw it, and the version of the event."""

    taken_at: Instant
    result: TestResult
    seen_by_staff: bool = True
    version: int = 0


class PregnancyState(PatientState):
    """Whether the patient can become pregnant (None: nobody has said, or it is to be judged again), when that was
    judged (UTC), and the tests, as they were recorded."""

    pregnancy_possible: bool | None = None
    pregnancy_judged_at: Instant | None = None
    pregnancy_tests: tuple[PregnancyTest, ...] = ()

    @property
    def pregnancy_test(self) -> PregnancyTest | None:
        """The test that counts: the latest that is not negative, however late it was told, unless staff have seen a
        negative one since, made after it; or else the latest negative one that staff saw."""
        negative = [test for test in self.pregnancy_tests if test.result == "negative" and test.seen_by_staff]
        found = [test for test in self.pregnancy_tests if test.result != "negative"]
        standing = [test for test in found if not any(_clears(later, test) for later in negative)]
        return max(standing or negative, key=_when, default=None)

    @property
    def pregnancy_found(self) -> bool:
        """Whether the latest test is positive, or not clear."""
        return self.pregnancy_test is not None and self.pregnancy_test.result != "negative"

    @property
    def pregnancy_found_elsewhere(self) -> bool:
        """Whether a test in another journey of the patient was not negative, and none after it that counts here is."""
        found, known = self.elsewhere.pregnancy_found_at, self.pregnancy_test
        return found is not None and (known is None or known.taken_at <= found)


def _clears(negative: PregnancyTest, found: PregnancyTest) -> bool:
    """Whether it was told after the one that is not negative, and made after it. Of two results of one moment, the one
    that is not negative counts."""
    return negative.version > found.version and negative.taken_at > found.taken_at


def _when(test: PregnancyTest) -> tuple[datetime, int]:
    return test.taken_at, test.version


def _tested(state: PregnancyState, body: PregnancyTested, event: EventHeader) -> Changes:
    test = PregnancyTest(**body.model_dump(exclude={"kind"}), version=event.version)
    again = judge_again(state) if body.result != "negative" else {}
    return {"pregnancy_tests": (*state.pregnancy_tests, test), **again}


def _judged(state: PregnancyState, body: PregnancyJudged, event: EventHeader) -> Changes:
    return {"pregnancy_possible": body.possible, "pregnancy_judged_at": event.at}


def judge_again(state: PregnancyState) -> Changes:
    """Return what changes when that on which it rests that no test is needed is not as it was."""
    return {"pregnancy_possible": None} if state.pregnancy_possible is False else {}


def rests_on_other(before: Any, after: Any) -> bool:
    """Whether that on which it rests that no test is needed is not as it was, whatever changed it: the birth date, the
    history, the medicines, and the answers about pregnancy. The first answer is news only where it is not a no."""
    same_patient = before.patient is after.patient and before.medicines is after.medicines
    if same_patient and before.evaluation is after.evaluation and before.screening is after.screening:
        return False  # As after nearly every event: values of the state are replaced, never changed.
    if (before.patient.born, before.medicines) != (after.patient.born, after.medicines):
        return True
    if before.evaluation.sections != after.evaluation.sections:
        return True
    asked = (x.code for x in after.protocol.exclusions if x.known_from and x.known_from.checklist == NOT_PREGNANT)
    answers = ((before.screening.exclusions.get(code), after.screening.exclusions.get(code)) for code in asked)
    return any(was != now and (was is not None or now.answer != "no") for was, now in answers)


def _checked(state: PregnancyState, body: SessionChecked, event: EventHeader) -> Changes:
    return judge_again(state) if body.items.get(NOT_PREGNANT) is False else {}


EVOLUTIONS: Evolutions = {
    PregnancyTested: _tested,
    PregnancyJudged: _judged,
    SessionChecked: _checked,
}
