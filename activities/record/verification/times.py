"""Holds the times in events against the record's own clock, which nobody but the database sets."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Literal, TypeAlias

from activities.record.stored import StoredEvent
from activities.record.verification.verify_export import SIGNED, moment

WrongTime: TypeAlias = Literal["ahead_of_clock", "recorded_after_expiry"]


def check_times(stored: StoredEvent) -> Iterator[WrongTime]:
    """Yield what is wrong with the times in a row of a log that is no demonstration: where that is one, times may be
    invented, and there is nothing to ask."""
    if stored.occurred_at > stored.recorded_at:
        yield "ahead_of_clock"
    expires_at = _expiry(stored)
    if expires_at is not None and stored.recorded_at > expires_at:
        yield "recorded_after_expiry"


def _expiry(stored: StoredEvent) -> datetime | None:
    """Return when the signature of a decision expires; None where there is none that can be read."""
    if stored.event_type not in SIGNED:
        return None
    try:
        return moment(json.loads(stored.payload)["body"]["signature"]["expires_at"])
    except Exception:  # a forged row can be wrong in any way; that it has no signature is found otherwise
        return None
