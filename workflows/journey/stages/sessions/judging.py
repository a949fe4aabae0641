"""What is seen of a patient, judged by the protocol's limits: the same in a session and outside.

Sources: blood pressure after a dose (esketamine label, 5.1 and 5.3); sedation wears off within the time of observation.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from workflows.journey.aggregate import Journey
from workflows.journey.protocol import EmergencyLimits, NotifyLimits, VitalsRules
from workflows.journey.vocabulary.clinical import Vitals
from workflows.journey.vocabulary.words import in_words

LEFT_OUT = ("heart_rate", "oxygen")
"""Vital signs that a measurement may lack."""
BLOOD_PRESSURE = "blood_pressure"
"""The vital sign that every measurement has."""
Readings = Sequence[tuple[datetime, Vitals]]
"""Measurements, each with the moment (UTC) that it is told of."""


def vitals_alert(
    rules: VitalsRules, vitals: Vitals | None, baseline: Vitals | None
) -> Literal["none", "notify", "emergency"]:
    """Judge vital signs after the dose by the protocol. A rise is counted from the checklist's reading."""
    if vitals is None:
        return "none"
    if _beyond(rules.emergency, vitals):
        return "emergency"
    notify = rules.notify
    risen = baseline is not None and (
        vitals.systolic - baseline.systolic >= notify.rise_systolic
        or vitals.diastolic - baseline.diastolic >= notify.rise_diastolic
    )
    return "notify" if risen or _beyond(notify, vitals) else "none"


def _beyond(limits: NotifyLimits | EmergencyLimits, vitals: Vitals) -> bool:
    return (
        vitals.systolic >= limits.systolic
        or vitals.diastolic >= limits.diastolic
        or vitals.systolic < limits.systolic_below
        or vitals.diastolic < limits.diastolic_below
        or any(_is_beyond(limits, vitals, sign) for sign in LEFT_OUT)
    )


def _is_beyond(limits: NotifyLimits | EmergencyLimits, vitals: Vitals, sign: str) -> bool:
    """Whether this vital sign was measured, and is beyond the limits."""
    if sign == "oxygen":
        return vitals.oxygen is not None and vitals.oxygen < limits.oxygen_below
    return vitals.heart_rate is not None and not limits.heart_rate_below <= vitals.heart_rate <= limits.heart_rate


def is_settled(rules: VitalsRules, vitals: Vitals, sign: str, baseline: Vitals | None) -> bool:
    """Whether a vital sign was measured, and is within the rule for the end: blood pressure in the range before a dose,
    or near the checklist's; nothing at the limits of an alert."""
    if sign != BLOOD_PRESSURE:
        return getattr(vitals, sign) is not None and not _is_beyond(rules.notify, vitals, sign)
    pressure = vitals.model_copy(update=dict.fromkeys(LEFT_OUT))
    if not vitals.plausible or vitals_alert(rules, pressure, baseline) != "none":
        return False
    pairs = (
        (vitals.systolic, rules.systolic.go[1], 0 if baseline is None else baseline.systolic),
        (vitals.diastolic, rules.diastolic.go[1], 0 if baseline is None else baseline.diastolic),
    )
    return all(now <= most or 100 * now <= (100 + rules.end_within_percent) * was for now, most, was in pairs)


def find_unsettled(
    rules: VitalsRules, measured: Readings, beside: Readings, baseline: Vitals | None
) -> tuple[tuple[str, datetime], ...]:
    """Return each vital sign that was not within the rule for the end when it was measured, in a session or told
    ``beside`` it, and not measured within it in the session since, and when that was (UTC).

    Each reading comes with the moment that it is told of; where it was measured at another one, what is beyond counts
    as of the later, and what is not as of the earlier. To leave a sign out of a later measurement settles nothing.
    """
    found = []
    for sign in (BLOOD_PRESSURE, *LEFT_OUT):
        beyond = [
            max(moment, taken.measured_at)
            for moment, taken in (*measured, *beside)
            if getattr(taken, sign, True) is not None and not is_settled(rules, taken, sign, baseline)
        ]
        within = [
            min(moment, taken.measured_at) for moment, taken in measured if is_settled(rules, taken, sign, baseline)
        ]
        if beyond and not any(moment > max(beyond) for moment in within):
            found.append((in_words(sign), max(beyond)))
    return tuple(found)


def is_drowsy_without_a_dose(journey: Journey, consciousness: str | None, seen_at: datetime) -> bool:
    """Whether a patient was not wide awake at a moment (UTC), and no dose is recent enough that it may be of it."""
    lasts = timedelta(minutes=journey.protocol.sessions.maximum_before_decision_minutes)
    recent = any(timedelta() <= seen_at - dose.taken_at <= lasts for dose in journey.known_doses)
    return consciousness == "voice" and not recent


def baseline_at(journey: Journey, seen_at: datetime) -> Vitals | None:
    """Return the vital signs before the dose of the session that ran at a moment (UTC), if one did."""
    for session in journey.sessions.values():
        began = session.dosed_at is not None and session.dosed_at <= seen_at
        if began and session.check is not None and (session.ended_at is None or seen_at <= session.ended_at):
            return session.check.vitals
    return None
