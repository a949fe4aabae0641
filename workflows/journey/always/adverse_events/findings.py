"""Which findings are an emergency that opens its adverse event by itself, and with which grade.

An emergency is nothing that somebody has to think of reporting: an observation, or a dose that was not the one
released, opens the adverse event in the same step, graded as the protocol says until a clinician grades it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from workflows.journey import events as e
from workflows.journey.aggregate import Journey

Finding = Literal["unresponsive", "breathing", "red_flag", "vital_signs", "overdose", "unreleased_dose", "second_dose"]
"""The kinds of emergency, as the protocol's ``adverse_events.emergency_grades`` names them."""

WORDS: dict[Finding, str] = {
    "unresponsive": "not responsive, or only to pain",
    "breathing": "breathing not normal",
    "red_flag": "a red flag of the protocol",
    "vital_signs": "vital signs at the protocol's emergency limit",
    "overdose": "a dose above the one planned, by the protocol's percentage an overdose",
    "unreleased_dose": "a dose that was not released",
    "second_dose": "a second dose in one session",
}


def open_adverse_event(
    journey: Journey, findings: tuple[Finding, ...], *, onset: datetime, session: int | None
) -> e.AdverseEventReported:
    """Return the adverse event (onset in UTC) that these findings are: it has the highest of their grades."""
    grades = journey.protocol.adverse_events.emergency_grades
    first = max(findings, key=lambda finding: getattr(grades, finding))
    return e.AdverseEventReported(
        adverse_event=f"adverse-event-{len(journey.adverse_events) + 1}",
        what="; ".join(WORDS[finding] for finding in findings),
        grade=getattr(grades, first),
        serious=False,
        serious_because=(),
        onset=onset,
        session=session,
        causality="unknown",
        finding=first,
    )


def observed_emergencies(body: e.SessionObserved) -> tuple[Finding, ...]:
    """Return what makes an observation an emergency, by the protocol's limits and red flags."""
    if body.alert != "emergency":
        return ()
    found: list[Finding] = []
    if body.consciousness in ("pain", "unresponsive"):
        found.append("unresponsive")
    if not body.breathing_normal:
        found.append("breathing")
    if body.red_flags:
        found.append("red_flag")
    return tuple(found) or ("vital_signs",)


def dose_emergencies(
    journey: Journey, *, dose_mg: float, taken_at: datetime, released_at: datetime | None, earlier: bool
) -> tuple[Finding, ...]:
    """Return what makes a dose (mg, UTC) an emergency: more than planned, by the protocol's percentage; not released,
    or under a hold; a second one (``earlier``: its session has had one)."""
    return tuple(_dose_emergencies(journey, dose_mg, taken_at, released_at, earlier))


def _dose_emergencies(
    journey: Journey, dose_mg: float, taken_at: datetime, released_at: datetime | None, earlier: bool
) -> Iterator[Finding]:
    planned = None if journey.plan is None else journey.plan.dose_mg
    if planned is not None and 100 * dose_mg >= journey.protocol.adverse_events.overdose_from_percent * planned:
        yield "overdose"
    held = any(
        hold.placed_at <= taken_at and not hold.released and (released_at is None or hold.placed_at >= released_at)
        for hold in journey.holds.values()
    )
    if planned is None or released_at is None or taken_at < released_at or held:
        yield "unreleased_dose"
    if earlier:
        yield "second_dose"


def onset_of(session_dosed_at: datetime | None, minute: int, at: datetime) -> datetime:
    """Return when (UTC) something observed at a minute after the dose began, at the latest."""
    return at if session_dosed_at is None else min(at, session_dosed_at + timedelta(minutes=minute))
