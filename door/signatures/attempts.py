"""`signoff attempts`: what somebody tried to sign, release or give and was refused, as the record kept it."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from door import shell
from door.access.looking import reader
from door.screen import Screen, row, shown_at, table
from workflows.journey import events as e
from workflows.journey.decide import MATTERS

if TYPE_CHECKING:
    from activities.record import Record, StoredEvent

PAGE = 500
LOOKED_BACK = 50_000
"""Events of the whole record that are looked through for the latest attempts."""


class Attempt(NamedTuple):
    """An attempt that was refused, and where in the record it stands."""

    position: int
    event: e.Event
    body: e.CommandRefused


def attempts_command(
    context: typer.Context,
    journey: Annotated[str | None, typer.Argument(metavar="JOURNEY", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the latest.")] = 50,
    profile: shell.Profile = None,
    purpose: shell.Purpose = None,
    json: shell.Json = False,
) -> None:
    """Show attempts to sign, release or give that were refused: when, by whom they claimed to be, and why.

    Of one journey, or the latest of all that you may look at.
    """
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        who = reader(context, profile, purpose)
        if journey is not None:
            history = await who.stored(shell.journey_id(journey))
            whole = [attempt for stored in history if (attempt := _attempt(stored)) is not None]
            found, more = whole[-limit:], len(whole) > limit
        else:
            async with services.record() as record:
                seen = [attempt async for attempt in _latest(record, limit + 1)]
                theirs = await who.journeys(record, dict.fromkeys(attempt.event.journey_id for attempt in seen))
            ids = [each.id for each in theirs]
            found = [attempt for attempt in seen[:limit][::-1] if attempt.event.journey_id in ids]
            more = len(seen) > limit
        if screen.json_only:
            screen.data([_for_scripts(attempt) for attempt in found])
        else:
            screen.illustrative(any(attempt.event.illustrative for attempt in found))
            shown = table("journey", "version", "at", "claimed to be", "tried", "why it was refused", title="Refused")
            for _, event, body in found:
                by = f"{event.actor_role.value} {event.actor_id}"
                at = shown_at(event.at, "UTC")
                row(shown, event.journey_id, event.version, at, by, body.command_kind, f"{body.code}: {body.reason}")
            screen.show(shown)
            if not found:
                screen.note("No attempt was refused, as far as was looked.")
        if more:
            screen.note(f"There are more than {limit}; raise --limit.")
        elif journey is None:
            screen.note(f"Only the latest {LOOKED_BACK:,} events of the record were looked through; name a journey.")

    shell.run(act, json_only=json)


async def _latest(record: "Record", most: int) -> AsyncIterator[Attempt]:
    """The latest attempts in the record, the newest first."""
    head = await record.log_head()
    after = end = 0 if head is None else head[0]
    while after > max(0, end - LOOKED_BACK):
        after = max(0, after - PAGE)
        for stored in reversed(await record.tail(after, limit=PAGE)):
            attempt = _attempt(stored)
            # Events may have come since the end was looked for: each is taken once, with its own page.
            if attempt is not None and stored.position <= after + PAGE:
                yield attempt
                most -= 1
                if not most:
                    return


def _attempt(stored: "StoredEvent") -> Attempt | None:
    from activities.record.event_codec import from_stored

    if stored.event_type != "command.refused":
        return None
    try:
        event = from_stored(stored)
    except ValueError:  # `record verify` finds it
        return None
    body = event.body
    if not isinstance(body, e.CommandRefused) or body.command_kind not in MATTERS:
        return None
    return Attempt(stored.position, event, body)


def _for_scripts(attempt: Attempt) -> dict[str, Any]:
    position, event, body = attempt
    return {
        "journey_id": str(event.journey_id),
        "illustrative": event.illustrative,
        "version": event.version,
        "position": position,
        "at": event.at.isoformat(),
        "tried": body.command_kind,
        "claimed_by": event.actor_id,
        "claimed_role": event.actor_role.value,
        "code": body.code,
        "reason": body.reason,
    }
