"""What a run hands to the record: the commands of a journey that was played, and what they gave."""

from collections.abc import Iterable, Sequence
from functools import cache
from uuid import UUID

from activities.record import StoredEvent
from activities.record.command_codec import decided_by, to_kept
from activities.record.event_codec import to_new
from activities.record.stored import StoredCommand
from activities.signatures.keys import new_seal, sign
from tests.journey.play import JOURNEY, Decision, course
from tests.signatures.room import KEYS
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey, fold
from workflows.journey.always.sign_offs.statements import of_command
from workflows.journey.decided import Batch, Decided, DecidedCommand, derive, events_digest
from workflows.journey.receipts import CommandReceipt, add_receipts


def handed(decided: Decided, events: Sequence[e.Event]) -> DecidedCommand:
    return DecidedCommand(decided=decided, events=len(events), digest=events_digest(events))


def batch(decisions: Sequence[Decision], journey_id: UUID = JOURNEY) -> Batch:
    first = decisions[0].events[0].version
    commands = tuple(handed(*each) for each in decisions)
    return Batch(journey_id=journey_id, expected_version=first - 1, commands=commands, by=decided_by())


def signed_course() -> list[Decision]:
    """The undisturbed course, in which everybody signed what they are said to have signed."""
    return list(_signed_course())


@cache
def _signed_course() -> tuple[Decision, ...]:
    return tuple(signed(course("PTSD").decisions))


def signed(decisions: Iterable[Decision]) -> list[Decision]:
    """The same decisions with the signatures of those who made them."""
    journey: Journey | None = None
    receipts: dict[UUID, CommandReceipt] = {}
    found = []
    for decided, _ in decisions:
        command = decided.command
        if isinstance(command.body, c.SIGNED) and decided.refusal is None and journey is not None:
            key = KEYS[command.actor.role]
            sealed = new_seal(key.key_id, decided.at)
            signature = sign(key, of_command(JOURNEY, journey.scope, command.body, command.actor, sealed))
            body = command.body.model_copy(update={"signature": signature})
            decided = decided.model_copy(update={"command": command.model_copy(update={"body": body})})
        events = derive(journey, receipts, decided)
        journey = fold(events, journey)
        add_receipts(receipts, events)
        found.append(Decision(decided, events))
    return found


def row(event: e.Event, decision: str | None = None) -> StoredEvent:
    """An event as the record would hand it out, without its place in the chains."""
    return StoredEvent(
        **to_new(event, decision).model_dump(),
        log_id=1,
        position=event.version,
        journey_id=event.journey_id,
        version=event.version,
        recorded_at=event.at,
        content_hash=b"",
        journey_hash=b"",
        log_hash=b"",
    )


def kept(decisions: Iterable[Decision]) -> tuple[list[StoredEvent], list[StoredCommand]]:
    """One journey and its commands as the record would hand them out."""
    rows: list[StoredEvent] = []
    commands: list[StoredCommand] = []
    for decided, events in decisions:
        payload, digest = to_kept(decided, decided_by())
        version = events[0].version
        commands.append(StoredCommand(journey_id=JOURNEY, version=version, events=len(events), payload=payload))
        rows += (row(event, digest) for event in events)
    return rows, commands
