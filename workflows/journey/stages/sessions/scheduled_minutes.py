"""Which minute of the protocol's schedule a look at the patient makes, in a session or outside one. Times are UTC."""

from datetime import datetime, timedelta

from workflows.journey.protocol import Sessions
from workflows.journey.vocabulary.clinical import Vitals


def find_made_minute(
    rules: Sessions, dosed_at: datetime, seen_at: datetime, entered_at: datetime, vitals: Vitals | None
) -> int | None:
    """Return the scheduled minute after a dose that a look at the patient makes: the nearest one, if it is near, was
    entered in time, and has the vital signs that are asked for then."""
    minute = (seen_at - dosed_at) / timedelta(minutes=1)
    nearest = rules.nearest_minute(minute)
    near = abs(nearest - minute) <= rules.observe_window_minutes
    in_time = entered_at - seen_at <= timedelta(minutes=rules.observe_entry_minutes)
    measured = nearest not in rules.vitals_minutes or is_measured_then(rules, seen_at, vitals)
    whole = measured and all(getattr(vitals, sign, None) is not None for sign in rules.measured_at(nearest))
    return nearest if near and in_time and whole else None


def is_measured_then(rules: Sessions, seen_at: datetime, vitals: Vitals | None) -> bool:
    """Whether vital signs were measured near the moment that they are told of. Those of another time are kept and
    judged, and stand for no measurement that is due; nor does a lower pressure that is not below the upper one, which
    is nobody's."""
    if vitals is None or not vitals.plausible:
        return False
    return abs(vitals.measured_at - seen_at) <= timedelta(minutes=rules.observe_window_minutes)
