"""Whether the times in a command can be true: nothing happened before the patient was born, or is planned for a time
that nobody plans for, and nobody stands in for ever. What else is still to come, or has passed, each decision says
itself."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.envelopes import CommandBody
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.calendars import local
from workflows.journey.vocabulary.refusals import RefusalCode, refuse

MEASURED = ("measured_at", "weighed_at", "symptoms_since")
"""Fields of commands that say when something was found out, and that no decision compares with now."""
LONGEST = timedelta(days=366)
"""How long somebody may stand in for a colleague, or decide for them, at once."""
FARTHEST = timedelta(days=3660)
"""How far ahead anything is planned, or a permission is known."""
CLOCKS_DIFFER = timedelta(minutes=5)
"""How far the clock of a device that measures may be ahead."""


def require_plausible(journey: Journey, body: CommandBody, at: datetime) -> None:
    """Refuse a time that cannot be true at a moment (UTC).

    Raises:
        RefusalRaised: it is before the patient's birth, still to come though it was measured, or further ahead than
            anybody decides at once.
    """
    if isinstance(body, c.CorrectBirthDate) or Role.SYSTEM in body.roles:
        return
    zone = journey.patient.zone
    for name, when in _times(body, ""):
        day = local(when, zone).date() if isinstance(when, datetime) else when
        if day < journey.patient.born:
            refuse(RefusalCode.WRONG_TIME, "this is before the patient was born", "Correct the time", name)
        latest = at + CLOCKS_DIFFER if name.endswith("measured_at") else at
        ahead = when > latest if isinstance(when, datetime) else day > local(at, zone).date()
        if ahead and name.rpartition(".")[2] in MEASURED:
            refuse(RefusalCode.WRONG_TIME, "this is still to come", "Say when it was measured", name)
        if day > local(at, zone).date() + FARTHEST:
            refuse(
                RefusalCode.OUT_OF_LIMITS,
                f"this is more than {FARTHEST.days // 366} years ahead",
                "Correct the time",
                name,
            )
    if isinstance(body, c.Cover | c.Delegate) and body.until - at > LONGEST:
        refuse(
            RefusalCode.OUT_OF_LIMITS,
            f"this is more than {LONGEST.days} days ahead",
            "Give an earlier time; it can be prolonged then",
            "until",
        )


def _times(value: BaseModel | Mapping[Any, Any] | tuple[Any, ...], name: str) -> Iterator[tuple[str, datetime | date]]:
    """List every time and day in a form, by the path of its field. A signature says itself how long it counts, and when
    answers were given is judged with them: risk that they show is kept."""
    parts: Iterable[tuple[Any, Any]]
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        parts = ((field, getattr(value, field)) for field in fields if field not in ("signature", "answered_at"))
    elif isinstance(value, Mapping):
        parts = value.items()
    else:
        parts = enumerate(value)
    for part, each in parts:
        if isinstance(each, date):
            yield f"{name}.{part}".lstrip("."), each
        elif isinstance(each, BaseModel | Mapping | tuple):
            yield from _times(each, f"{name}.{part}".lstrip("."))
