"""Decides recorded commands again, and says where the record has something else than what follows from them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

from pydantic_core import from_json

from activities.record.command_codec import KeptCommand, decided_by, digest_of, from_kept
from activities.record.errors import UnreadableEvent
from activities.record.event_codec import from_stored, to_new
from activities.record.stored import NewEvent, StoredCommand, StoredEvent
from workflows.journey.aggregate import Journey, begin, evolve
from workflows.journey.decided import DecidedBy, derive
from workflows.journey.events import Event, PathwayStarted
from workflows.journey.receipts import CommandReceipt, add_receipts

Underived: TypeAlias = Literal["no_command", "command_changed", "not_derived", "stray_command"]


class Divergence(NamedTuple):
    """Where a journey does not follow from its commands."""

    position: int
    version: int
    reason: Underived


class Derivation(NamedTuple):
    """What does not follow, the oldest first; how many events were derived; and how many were not, because other rules
    than these decided them: ``by_others`` are the versions of those."""

    faults: tuple[Divergence, ...]
    derived: int
    others: Mapping[DecidedBy, int]
    by_others: frozenset[int]


def derive_again(
    history: Sequence[StoredEvent], commands: Iterable[StoredCommand], *, by: DecidedBy | None = None
) -> Derivation:
    """Decide all commands of one journey again and compare what they give with its events, in order of version.

    Each is decided on the journey as recorded before it, so that one fault is one finding. What cannot be read counts
    as not having happened. ``by`` are the rules at hand, of this process if they are not given.
    """
    by = decided_by() if by is None else by
    kept = {command.version: command for command in commands}
    journey: Journey | None = None
    receipts: dict[UUID, CommandReceipt] = {}
    faults: list[Divergence] = []
    derived, others, by_others = 0, Counter[DecidedBy](), set[int]()
    for _, together in groupby(history, key=lambda stored: stored.command_id):
        rows = list(together)
        command = kept.pop(rows[0].version, None)
        events = [readable_event(row) for row in rows]
        read = None if command is None else _read(command, events[0])
        by_whom = None if command is None else said_by(command) if read is None else read.by
        if command is None:
            faults.append(_fault(rows[0], "no_command"))
        elif by_whom is None or any(_decision(row) != digest_of(command.payload) for row in rows):
            faults.append(_fault(rows[0], "command_changed"))
        elif by_whom != by:
            others[by_whom] += len(rows)
            by_others.update(row.version for row in rows)
        elif read is None:
            faults.append(_fault(rows[0], "command_changed"))
        else:
            odd = _first_odd(rows, _derived(journey, receipts, read), digest_of(command.payload))
            if odd is not None:
                faults.append(_fault(odd, "not_derived"))
            derived += len(rows)
        for event in events:
            if event is None:
                continue
            try:
                journey = begin(event) if journey is None else evolve(journey, event)
            except Exception:  # noqa: S112 - a forged row can be wrong in any way
                continue
            add_receipts(receipts, [event])
    last = history[-1].position if history else 0
    faults += (Divergence(last, version, "stray_command") for version in kept)
    return Derivation(tuple(faults), derived, others, frozenset(by_others))


def _fault(row: StoredEvent, reason: Underived) -> Divergence:
    return Divergence(row.position, row.version, reason)


def readable_event(stored: StoredEvent) -> Event | None:
    """Return the event of a row; None when it cannot be read, since a forged row may hold anything."""
    try:
        return from_stored(stored)
    except UnreadableEvent:
        return None


def _read(command: StoredCommand, first: Event | None) -> KeptCommand | None:
    opening = first.body if first is not None and isinstance(first.body, PathwayStarted) else None
    try:
        return from_kept(command.payload, opening)
    except Exception:
        return None


def said_by(command: StoredCommand) -> DecidedBy | None:
    """Return which rules decided a command that cannot be read: those of another build may know its form."""
    try:
        return DecidedBy.model_validate(from_json(command.payload)["by"])
    except (ValueError, TypeError, KeyError):
        return None


def _decision(stored: StoredEvent) -> str | None:
    """Return the digest by which a row names its command."""
    try:
        payload = from_json(stored.payload)
    except ValueError:
        return None
    return payload.get("decision") if isinstance(payload, dict) else None


def _derived(journey: Journey | None, receipts: dict[UUID, CommandReceipt], read: KeptCommand) -> tuple[Event, ...]:
    try:
        return derive(journey, receipts, read.decided)
    except Exception:  # the state before it may be wrong in any way
        return ()


def _first_odd(rows: Sequence[StoredEvent], events: Sequence[Event], decision: str) -> StoredEvent | None:
    """Return the first row that is not what was derived; where rows are missing, the last one."""
    for row, event in zip(rows, events, strict=False):
        same = {name: getattr(row, name) for name in NewEvent.model_fields} == dict(to_new(event, decision))
        if not same or (row.journey_id, row.version) != (event.journey_id, event.version):
            return row
    if len(rows) == len(events):
        return None
    return rows[min(len(events), len(rows) - 1)]
