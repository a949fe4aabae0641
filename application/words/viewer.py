"""The zone of the person who looks: where their day ends, and which times they read.

Whoever looks from a browser is where the browser says. Otherwise it comes from `CAREPATH_ZONE`, else from `TZ`, else
from what the machine is set to. All of them only name a zone: its rules are those of this build, as for patients and
clinics. A zone that is not known is an error, never UTC.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from application.errors import SettingsError
from application.settings import PREFIX, ZONE_EXAMPLE, zone_in_path, zone_named
from workflows.journey.vocabulary.calendars import local, zone_info

SETTING = f"{PREFIX}ZONE"
MEANT: Mapping[str, int | None] = {"CST": -6, "CDT": -5, "PST": -8, "IST": None}
"""Names of clocks that are used for several, and which one is meant by them, in hours from UTC: that of a state of the
US, where patients are. The others are told by their distance from UTC."""
LINK, NAMED = Path("/etc/localtime"), Path("/etc/timezone")
"""Where a machine says its zone: by a link into its zone data, or by name."""
_OF_REQUEST: ContextVar[ZoneInfo | None] = ContextVar("zone_of_request", default=None)
"""Where somebody looks from, during one request of a browser or one call of the command line; None outside, and where
it is not known."""


def viewers_zone() -> ZoneInfo:
    """Return the zone of the person who looks.

    Raises:
        SettingsError: it is not known.
    """
    return _OF_REQUEST.get() or _zone_of_machine()


def _zone_of_machine() -> ZoneInfo:
    for variable in (SETTING, "TZ"):
        if given := os.environ.get(variable, "").strip():
            try:
                return zone_named(given)
            except ValueError as problem:
                raise SettingsError([(variable, str(problem))]) from None
    for name in _names_of_the_machine():
        try:
            return zone_info(name)
        except ZoneInfoNotFoundError:
            continue
    raise SettingsError([(SETTING, f"is missing, and the machine does not say where you are; {ZONE_EXAMPLE}")])


def zone_of_browser(name: str) -> ZoneInfo | None:
    """Return the zone that a browser names; None where this build knows none of this name. It is never a path."""
    try:
        return zone_info(name)
    except ZoneInfoNotFoundError:
        return None


@contextmanager
def one_request() -> Iterator[None]:
    """Know nothing of where anybody else looks from, and forget afterwards what `look_from` said within."""
    before = _OF_REQUEST.set(None)
    try:
        yield
    finally:
        _OF_REQUEST.reset(before)


def look_from(zone: ZoneInfo | None) -> None:
    """Have times of this request be those of a zone; of None, where the machine is, which is asked once."""
    with suppress(SettingsError):
        zone = zone or _zone_of_machine()
    _OF_REQUEST.set(zone)


def in_viewers_zone(moment: datetime) -> datetime:
    """Return a moment on the wall clock of the person who looks.

    Raises:
        SettingsError: their zone is not known.
    """
    return moment.astimezone(viewers_zone())


def spell(moment: datetime, clock: str = "%H:%M") -> str:
    """Write a moment as the person who looks reads it, such as `Mon 2026-03-02 17:00 PST`."""
    return _spelled(moment.astimezone(UTC), _zone_if_known(), clock)


@lru_cache(maxsize=8192)
def _spelled(moment: datetime, zone: ZoneInfo | None, clock: str) -> str:
    """A page has a hundred times, and the next page the same ones. Given in UTC: the two moments of an hour that comes
    twice are equal on the clock of their zone."""
    shown = moment.astimezone(zone or UTC)
    return f"{shown:%a %Y-%m-%d {clock}} {clock_name(shown)}"


def clock_name(local_time: datetime) -> str:
    """Name the clock that a time is on, such as ``CET``; by its distance from UTC, where such a name is used for other
    clocks too."""
    name, distance = local_time.tzname() or "", local_time.utcoffset()
    if name not in MEANT or distance is None:
        return name
    meant = MEANT[name]
    return name if meant is not None and distance == timedelta(hours=meant) else f"UTC{local_time:%z}"


def spell_with_place(moment: datetime) -> str:
    """Write a moment with the name of its zone, such as `Mon 2026-03-02 17:00 PST (America/Los_Angeles)`."""
    return f"{spell(moment)} ({place()})"


def _zone_if_known() -> ZoneInfo | None:
    try:
        return viewers_zone()
    except SettingsError:
        return None


def place() -> str:
    """Return the name of the viewer's zone. Where it is not known, times are in UTC, and this says why."""
    try:
        return str(viewers_zone().key)
    except SettingsError:
        return f"your zone is not known: set {SETTING}"


def on_viewers_clock(moment: datetime) -> datetime:
    """Return a moment on the clock that the viewer reads. What was done is told even if nobody knows where they are."""
    return moment.astimezone(_zone_if_known() or UTC)


def _names_of_the_machine() -> Iterator[str]:
    if linked := zone_in_path(LINK):
        yield linked
    try:
        yield NAMED.read_text(encoding="utf-8", errors="replace")[:100].strip()
    except OSError:
        return


def shown_at(moment: datetime | None, zone: str) -> str:
    """Format a moment in the patient's zone, and also in the viewer's where that differs."""
    if moment is None:
        return ""
    theirs, yours = on_both_clocks(moment, zone)
    return f"{theirs} ({zone}), for you {yours}" if yours else f"{theirs} ({zone})"


def on_both_clocks(moment: datetime, zone: str) -> tuple[str, str]:
    """Return a moment in the patient's zone, and in the viewer's; the latter is empty where it is the same or not
    known."""
    return _spelled_on_both(moment.astimezone(UTC), zone, _zone_if_known())


@lru_cache(maxsize=8192)
def _spelled_on_both(moment: datetime, zone: str, yours: ZoneInfo | None) -> tuple[str, str]:
    theirs = local(moment, zone)
    same = yours is None or theirs.utcoffset() == moment.astimezone(yours).utcoffset()
    return f"{theirs:%a %Y-%m-%d %H:%M} {clock_name(theirs)}", "" if same else _spelled(moment, yours, "%H:%M")
