"""What the console adds to what a person entered in a form, because the journey says it or nobody can enter it."""

from datetime import datetime, timedelta

from console.forms import Content
from workflows.journey.aggregate import Journey
from workflows.journey.commands import CommandBody, Observe, RecordDose


def complete(content: Content, model: type[CommandBody], journey: Journey) -> None:
    """Put into the content of a command, or of the correction of one, what belongs to it."""
    if model is Observe:
        _date_vitals(content, journey)
    if model is RecordDose:
        _time_dose(content, journey)


def _date_vitals(content: Content, journey: Journey) -> None:
    """Put in when vital signs were measured, where nothing else is said: in the minute that was observed."""
    session, vitals = journey.sessions.get(content.get("session", 0)), content.get("vitals")
    if isinstance(vitals, dict) and session is not None and session.dosed_at is not None:
        try:
            measured = session.dosed_at + timedelta(minutes=content.get("minute", 0))
        except OverflowError:
            measured = session.dosed_at  # no calendar has this minute: the form refuses it
        vitals.setdefault("measured_at", measured.isoformat())


def _time_dose(content: Content, journey: Journey) -> None:
    """A time is entered to the minute: a dose in the minute of its release was taken after the release, not before."""
    session, taken = journey.sessions.get(content.get("session", 0)), content.get("taken_at")
    if session is None or session.released_at is None or not isinstance(taken, str):
        return
    if datetime.fromisoformat(taken) == session.released_at.replace(second=0, microsecond=0):
        content["taken_at"] = session.released_at.isoformat()
