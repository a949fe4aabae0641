"""Amounts and lengths of time in words."""

from datetime import datetime

_YEAR = 365.25 * 86_400


def format_dose(dose_mg: float | None) -> str:
    """Render how much a dose was. What nobody knows is not nothing."""
    return "unknown amount" if dose_mg is None else f"{dose_mg:g} mg"


def format_duration(seconds: float | None) -> str:
    """Format a duration in its two largest units, rounded down; empty for None."""
    if seconds is None:
        return ""
    minutes = int(seconds // 60)
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    first = next((n for n, (count, _) in enumerate(parts) if count), None)
    if first is None:
        return f"{int(seconds)} s"
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)


def format_elapsed(seconds: float) -> str:
    """Format a duration in its largest unit, rounded down."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


def format_time_left(due: datetime, at: datetime) -> str:
    """Say how long there is until something is due, or for how long it is overdue."""
    left = (due - at).total_seconds()
    if left >= 2 * _YEAR:
        return f"in {int(left // _YEAR)} years"
    return f"in {format_elapsed(left)}" if left >= 0 else f"overdue by {format_elapsed(-left)}"
