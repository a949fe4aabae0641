"""What is open about a patient's safety stands before the next dose until a clinician has settled it."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.journey.play import SAID_HERE, Play, before
from workflows.journey import commands as c
from workflows.journey.obligation_types import OBLIGATION_TYPES, BeforeDose
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Obligation
from workflows.journey.stages.sessions.dose_gate import NOT_CLEARED, dose_gate, open_matters
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.refusals import RefusalCode

SECOND = 2
BY_ITSELF = {"release", "dose", "access_review"}
"""What may be awaited while a dose is taken: the release, the dose, and a look at who looked."""
PLANNED_AHEAD = {
    "pregnancy_test",
    "screening",
    "renewal",
    "check_in",
    "visit",
    "follow_up_visit",
    "measure",
    "crisis_contact",
} | {
    "adverse_event_outcome",
    "permission_end",
    "monitoring_check",
}
"""What is awaited long before its time, and stands before a dose from then on."""


def ready() -> Play:
    return before("session.release", SECOND)


def awaiting(kind: str, **changed: object) -> Play:
    """The same moment, with something else that is awaited."""
    play = ready()
    known = next(iter(play.journey.waiting.values()))
    fields = known.model_dump() | {"kind": kind, "subject": "something", "due": play.at, **changed}
    waiting = Obligation.model_validate(fields)
    return play.changed(waiting={**play.journey.waiting, waiting.id: waiting})


@pytest.mark.requirement("B18")
@pytest.mark.parametrize("kind", OBLIGATION_TYPES)
def test_whatever_is_awaited_stands_before_the_dose(kind: str) -> None:
    play = awaiting(kind)
    stands = f"({kind}:something)"
    assert any(stands in found for found in dose_gate(play.journey, SECOND, play.at)) is (kind not in BY_ITSELF)
    early = awaiting(kind, due=play.at + timedelta(seconds=1))
    expected = kind not in BY_ITSELF | PLANNED_AHEAD
    assert any(stands in found for found in dose_gate(early.journey, SECOND, play.at)) is expected


@pytest.mark.requirement("B18")
@pytest.mark.parametrize("kind", SignOffKind)
def test_whatever_is_to_be_signed_stands_before_the_dose(kind: SignOffKind) -> None:
    play = awaiting(kind.value, sign_off=kind, due=ready().at + timedelta(days=1))
    assert any(f"({kind.value}:something)" in found for found in dose_gate(play.journey, SECOND, play.at))


def test_a_new_kind_stands_before_the_dose_without_anybody_thinking_of_it() -> None:
    exceptions = {about.kind for about in OBLIGATION_TYPES.values() if about.before_dose != BeforeDose.ALWAYS}
    assert exceptions == BY_ITSELF | PLANNED_AHEAD


def support(urgency: str) -> Callable[[Play], None]:
    def ask(play: Play) -> None:
        play.do(c.RequestSupport.model_validate({"urgency": urgency, "text": "x"}), Role.PATIENT)

    return ask


def question(play: Play) -> None:
    play.do(c.AskQuestion(text="may I drive tomorrow?"), Role.PATIENT)


def mild_event(play: Play) -> None:
    play.do(c.ReportAdverseEvent(what="x", grade=1, serious=False, onset=play.at), Role.PATIENT)


def cancellation(play: Play) -> None:
    play.do(c.KeepCancellation(reason="x"), CLOCK)


def answered(play: Play) -> None:
    play.do(c.AnswerSupport(support="support-1", text="settled"), Role.ON_CALL_CLINICIAN)


def explained(play: Play) -> None:
    play.do(c.AnswerQuestion(question="question-1", text="no"))


def reviewed(play: Play) -> None:
    play.sign(SignOffKind.ADVERSE_EVENT, "adverse-event-1")


def read(play: Play) -> None:
    play.do(c.HandleMessage(message="message-1", text="x"), Role.MEDICAL_DIRECTOR)


@pytest.mark.requirement("B18")
@pytest.mark.parametrize(
    ("opens", "settles"),
    [
        (support("urgent"), answered),
        (support("clinical"), answered),
        (support("routine"), answered),
        (question, explained),
        (mild_event, reviewed),
        (cancellation, read),
    ],
)
def test_it_stands_until_it_is_settled(opens: Callable[[Play], None], settles: Callable[[Play], None]) -> None:
    play = ready()
    opens(play)
    assert open_matters(play.journey, play.at)
    play.refused(c.ReleaseSession(session=SECOND), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE)
    settles(play)
    if opens is not question:  # What concerns safety is over, and whoever cleared the session did not know of it.
        assert dose_gate(play.journey, SECOND, play.at) == (
            f"clear session {SECOND} (clearance:{SECOND})",
            NOT_CLEARED,
        )
        play.sign(SignOffKind.CLEARANCE, str(SECOND))
    assert dose_gate(play.journey, SECOND, play.at) == ()
    play.do(c.ReleaseSession(session=SECOND), Role.SESSION_MONITOR)


@pytest.mark.requirement("A15", "B18")
def test_an_unwell_check_in_stands_until_a_clinician_has_answered() -> None:
    play = before("session.check", SECOND)
    routine = play.waits_for("check_in")
    assert routine is not None
    assert routine.subject is not None
    play.at = routine.deadline
    play.do(
        c.CompleteCheckIn(check_in=routine.subject, feeling="unwell", side_effects="x", location=SAID_HERE),
        Role.PATIENT,
    )
    stands = "answer the request for support 1 (support:support-1)"
    assert stands in dose_gate(play.journey, SECOND, play.at)
    play.refused(c.AnswerSupport(support="support-1", text="x"), Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    answered(play)
    assert stands not in dose_gate(play.journey, SECOND, play.at)
