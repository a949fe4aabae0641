"""What is said at check-ins and visits that go as they should, and a journey that enters follow-up."""

from typing import Any

from tests.journey.play import HERE, SAID_HERE, Play, after
from workflows.journey import commands as c
from workflows.journey.protocol import SignOffKind

SYMPTOMS = dict.fromkeys(("intrusive_thoughts", "emotional_distress", "mood_instability"), 4)


def answer(check_in: str, feeling: str = "well") -> c.CompleteCheckIn:
    given: dict[str, Any] = {"check_in": check_in, "feeling": feeling, "side_effects": "tired"}
    given |= {"symptoms": SYMPTOMS, "location": SAID_HERE}
    return c.CompleteCheckIn.model_validate(given)


def visit(name: str, **changed: Any) -> c.RecordVisit:
    good: dict[str, Any] = {
        "visit": name,
        "assessments": dict.fromkeys(("symptom_changes", "side_effects", "overall_response"), "invented"),
        "answers": dict.fromkeys(("urinary_symptoms", "cognition", "misuse"), "none"),
        "symptoms": SYMPTOMS,
        "function": dict.fromkeys(("sleep", "thinking", "daily_functioning"), "better"),
        "outcome": "responding",
        "concurrent_care": "weekly psychotherapy",
        "location": HERE,
    }
    return c.RecordVisit.model_validate(good | changed)


def handover(**receiver: Any) -> c.ProposeHandover:
    """A handover to a clinician from elsewhere, or to this receiver."""
    somebody = {"name": "Dr. Invented", "organisation": "city hospital", "reached_by": "+15550100"}
    said = {"receiver": {"accepted": True, **(receiver or somebody)}, "reason": "admitted there (invented)"}
    return c.ProposeHandover.model_validate(said)


def following_up() -> Play:
    """The journey as it enters follow-up."""
    play = after("session.end", 3)
    play.sign(SignOffKind.RESPONSE_REVIEW, "session-3", choice="continue")
    return play


def in_week_one() -> Play:
    """The journey in follow-up, when the visit of its first week is due."""
    play = following_up()
    play.at = play.journey.contacts["follow-up-week-1"].due
    return play
