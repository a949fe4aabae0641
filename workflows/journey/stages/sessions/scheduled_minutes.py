"""Which minute of the protocol's schedule an observation makes. Minutes count from the dose, times are UTC."""

from datetime import datetime, timedelta

from workflows.journey.protocol import Sessions
from workflows.journey.vocabulary import Vitals


def find_made_minute(rules: Sessions, dosed_at: datetime, minute: int, vitals: Vitals | None) -> int | None:
    """Return the scheduled minute that an observation at a minute after the dose (UTC) makes: the nearest one, if it is
    near, and has the vital signs that are asked for then."""
    nearest = rules.nearest_minute(minute)
    near = abs(nearest - minute) <= rules.observe_window_minutes
    whole = nearest not in rules.vitals_minutes or is_measured_then(rules, dosed_at, minute, vitals)
    return nearest if near and whole else None


def is_made_by(rules: Sessions, minute: int, due: datetime, seen_at: datetime, vitals: Vitals | None) -> bool:
    """Whether a look at the patient at a moment makes the observation of a scheduled minute that is due then (UTC)."""
    near = abs(seen_at - due) <= timedelta(minutes=rules.observe_window_minutes)
    return near and (minute not in rules.vitals_minutes or is_measured_then(rules, seen_at, 0, vitals))


def is_measured_then(rules: Sessions, dosed_at: datetime, minute: int, vitals: Vitals | None) -> bool:
    """Whether vital signs were measured near the minute after the dose (UTC) that they are told of. Those of another
    time are kept and judged, and stand for no measurement that is due; nor does a lower pressure that is not below the
    upper one, which is nobody's."""
    if vitals is None or not vitals.plausible:
        return False
    apart = abs(vitals.measured_at - dosed_at - timedelta(minutes=minute))
    return apart <= timedelta(minutes=rules.observe_window_minutes)
