"""Pregnancy tests: commands, events and state."""

from typing import ClassVar, Literal

from workflows.journey.actors import CLINICAL, Role
from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.base import Flag, ImmutableModel, Text
from workflows.journey.calendars import Instant
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions
from workflows.journey.stage import Stage

Result = Literal["negative", "positive", "unclear"]
NOT_PREGNANT = "X18_not_pregnant"
"""The item of a session's checklist that is checked against the tests."""


class RecordPregnancyTest(CommandBody):
    """Record a pregnancy test: when it was made, and its result. What the patient tells raises an alarm where it must,
    and clears nothing: a negative test counts once staff have seen it."""

    kind: Literal["pregnancy.test"] = "pregnancy.test"
    licensed: ClassVar[bool] = False
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, Role.COORDINATOR, Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    taken_at: Instant
    result: Result


class JudgePregnancy(CommandBody):
    """A clinician records whether this patient can become pregnant, and why. Until one has, tests are asked for."""

    kind: Literal["pregnancy.judge"] = "pregnancy.judge"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    possible: Flag
    because: Text


class PregnancyTested(EventBody):
    """A pregnancy test, when it was made (UTC), its result, and whether staff saw it."""

    kind: Literal["pregnancy.tested"] = "pregnancy.tested"
    taken_at: Instant
    result: Result
    seen_by_staff: bool


class PregnancyJudged(EventBody):
    """A clinician's judgement whether the patient can become pregnant."""

    kind: Literal["pregnancy.judged"] = "pregnancy.judged"
    possible: bool
    because: Text


class PregnancyTest(ImmutableModel):
    """The test that counts: any that is not negative, or else the latest negative one that staff saw."""

    taken_at: Instant
    result: Result


class PregnancyState(PathwayState):
    """Whether the patient can become pregnant (None: nobody has said), and the latest test."""

    pregnancy_possible: bool | None = None
    pregnancy_test: PregnancyTest | None = None

    @property
    def pregnancy_found(self) -> bool:
        """Whether the latest test is positive, or not clear."""
        return self.pregnancy_test is not None and self.pregnancy_test.result != "negative"


def _tested(state: PregnancyState, body: PregnancyTested, event: EventHeader) -> Changes:
    """A test that is not negative counts however late it is told. A negative one clears only what it came after."""
    known = state.pregnancy_test
    older = known is not None and body.taken_at < known.taken_at
    if body.result == "negative" and (older or not body.seen_by_staff):
        return {}
    return {"pregnancy_test": PregnancyTest(taken_at=body.taken_at, result=body.result)}


def _judged(state: PregnancyState, body: PregnancyJudged, event: EventHeader) -> Changes:
    return {"pregnancy_possible": body.possible}


EVOLUTIONS: Evolutions = {PregnancyTested: _tested, PregnancyJudged: _judged}
