"""Whether the times in a command can be true: nothing happened before the patient was born, and nobody stands in for
ever. What is still to come, or has passed, each decision says itself."""

from datetime import date, datetime, timedelta

from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.calendars import local
from workflows.journey.envelopes import CommandBody
from workflows.journey.refusals import RefusalCode, refuse

HAPPENED = (
    "checked_at", "counted_at", "ended_at", "held_at", "moved_at", "onset", "seen_at", "signed_at", "since",
    "symptoms_since", "taken_at",
)  # fmt: skip
"""Fields of commands that say when something happened, or since when it lasts."""
LONGEST = timedelta(days=366)
"""How long somebody may stand in for a colleague, or decide for them, at once."""


def require_plausible(journey: Journey, body: CommandBody, at: datetime) -> None:
    """Refuse a time that cannot be true at a moment (UTC).

    Raises:
        Refused: it is before the patient's birth, or further ahead than anybody decides at once.
    """
    if isinstance(body, c.Amend):
        body = body.correction
    for name in HAPPENED:
        when = getattr(body, name, None)
        day = local(when, journey.patient.zone).date() if isinstance(when, datetime) else when
        if isinstance(day, date) and day < journey.patient.born:
            refuse(RefusalCode.WRONG_TIME, "this is before the patient was born", "Correct the time", name)
    if isinstance(body, c.RecordPlan) and body.plan.weighed_at > at:
        refuse(RefusalCode.WRONG_TIME, "this is still to come", "Say when they were weighed", "plan.weighed_at")
    if isinstance(body, c.Cover | c.Delegate) and body.until - at > LONGEST:
        refuse(
            RefusalCode.OUT_OF_LIMITS,
            f"this is more than {LONGEST.days} days ahead",
            "Give an earlier time; it can be prolonged then",
            "until",
        )
