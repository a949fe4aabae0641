"""Bring back what a record lost that was put back to an older copy, from what Temporal's histories still hold.

Every run keeps the batches that it handed to the record, with the record's answer. What is missing is recorded again by
the same activity, which proves it as always: nothing that nobody decided comes in this way. Anything else that was lost
with the record (the access log, who claimed what, anchors) is not in Temporal.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog

from activities.record import Record
from activities.record.reconciliation import heads_of, mark_version
from activities.signatures.register_file import RegisterFile
from activities.signatures.signer_registry import RegisterError
from application.context import Context
from application.errors import InvalidInput, UseCaseError
from application.reading.access_log import keep_look_after, require_looks_after_it
from application.record.comparison import at_once
from application.settings import Settings
from application.temporal.journeys import Journeys, KeptBatch, Run

log = structlog.get_logger("recover")


class Recovery(NamedTuple):
    """A journey of which Temporal's histories hold more than the record, or may, where one cannot be read: up to which
    version it was ``recorded`` when this was asked, up to which it can be, and how many events that are. ``problem`` is
    why not all of it can be, or could not."""

    journey_id: UUID
    recorded: int
    version: int
    events: int
    problem: str | None = None


async def recover(context: Context, *, apply: bool) -> tuple[Recovery, ...]:
    """Return the journeys of which Temporal holds more than the record; with ``apply``, record it again.

    It may be run again at any time: what is recorded already is found recorded. The look is kept.

    Raises:
        NotAllowed: the person does not look after the service.
        InvalidInput: no register is set, by which to prove what is recorded.
        Unavailable: Temporal cannot be reached, or does not answer.
        RecordUnavailable, RecordFault: as the record does.
    """
    require_looks_after_it(context)
    found = await _recover(context, apply=apply)
    await keep_look_after(context, "record recover", (each.journey_id for each in found))
    return found


async def _recover(context: Context, *, apply: bool) -> tuple[Recovery, ...]:
    record, journeys = await context.record(), await context.journeys()
    register = _register(context.settings) if apply else None
    runs: dict[UUID, list[Run]] = {}
    async for run in journeys.all_runs():
        runs.setdefault(run.journey_id, []).append(run)
    looked_at = await at_once(lambda each: _missing(record, journeys, *each, context.now()), runs.items())
    missing = [found for found in looked_at if found is not None]
    if register is None:
        return tuple(found for found, _ in missing)
    problems = await journeys.record_again(record, register, [kept for _, batches in missing for kept in batches])
    done = []
    for found, _ in missing:
        whole = await _recorded(record, found.journey_id) >= found.version
        problem = problems.get(found.journey_id, found.problem)
        done.append(found._replace(problem=problem if problem or whole else "not all of it is recorded yet"))
        if whole and found.events:
            await _go_on(journeys, found.journey_id, context.now())
    return tuple(done)


def _register(settings: Settings) -> RegisterFile:
    if settings.register_file is None or settings.organisation_key is None:
        raise InvalidInput(
            "what is recorded is proved by the register, and none is set",
            "Set CAREPATH_REGISTER_FILE and CAREPATH_ORGANISATION_KEY",
        )
    register = RegisterFile(settings.register_file, bytes.fromhex(settings.organisation_key))
    try:
        register.current()
    except RegisterError as error:
        raise InvalidInput(f"the register cannot be used: {error.reason}", "Put the newest register back") from None
    return register


async def _missing(
    record: Record, journeys: Journeys, journey_id: UUID, runs: Sequence[Run], now: datetime
) -> tuple[Recovery, Sequence[KeptBatch]] | None:
    """Return what the record lacks of a journey, and the batches that hold it in their order. A history that cannot be
    read is its ``problem``, and keeps no other journey from being brought back."""
    try:
        latest = await journeys.find(journey_id, now)
        recorded = await _recorded(record, journey_id)
        if latest is None or mark_version(latest.mark) <= recorded:
            return None
        kept = sorted([each for run in runs for each in await journeys.kept(run)], key=lambda each: each.at)
    except UseCaseError as error:
        recorded = await _recorded(record, journey_id)
        return Recovery(journey_id, recorded, recorded, 0, error.reason), ()
    wanted, reached, problem = [], recorded, None
    while True:
        # Of two runs that handed in the same versions the later one is what the record had.
        after = [each for each in kept if each.batch.expected_version <= reached < each.batch.last_version]
        if not after:
            break
        wanted.append(after[-1])
        reached = after[-1].batch.last_version
    if reached < mark_version(latest.mark):
        problem = f"the histories that Temporal still has do not hold versions after {reached}"
    return Recovery(journey_id, recorded, reached, reached - recorded, problem), wanted


async def _recorded(record: Record, journey_id: UUID) -> int:
    """Return up to which version a journey is recorded; 0 for none."""
    heads = await heads_of(record, [journey_id])
    return heads[0].version if heads else 0


async def _go_on(journeys: Journeys, journey_id: UUID, now: datetime) -> None:
    """Have a journey that was quarantined meanwhile go on from the record, which is whole again."""
    try:
        run = await journeys.find(journey_id, now)
        if run is not None and run.health == "diverged" and not run.ended:
            await journeys.set_back(run)
    except UseCaseError:
        log.warning("recover.still_quarantined", journey_id=str(journey_id))
