"""Compare what Temporal runs with the record, and mend what can be mended without anybody's decision."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import structlog

from activities.record import KeyAway, Record, RecordUnavailable
from activities.record.patients import find_uninformed
from activities.record.reconciliation import find_gone_on_beside, find_open, find_with_tasks_of, last_complete_pass
from activities.signatures.staff import departed
from application.context import Context
from application.errors import UseCaseError
from application.identity.keyring import verified_register
from application.record.comparison import at_once, compare
from application.record.drift import SETTLED, Drift, Drifted, commands_to_move, has_its_turn
from application.record.repair import mend
from application.temporal.journeys import REGISTERED, Journeys
from workflows.journey.vocabulary.actors import Role

log = structlog.get_logger("reconcile")

MENDING = timedelta(minutes=3)
"""How long it may take to mend one journey: a long one is read from its beginning."""


class Reconciled(NamedTuple):
    """A journey that drifted, and whether it was repaired."""

    journey_id: UUID
    drift: Drift
    repaired: bool


class Reconciliation(NamedTuple):
    """How many open journeys were compared, those that differ, what else was mended in Temporal, and the commands of
    which ops run one, where only they can know which."""

    looked_at: int
    found: tuple[Reconciled, ...]
    also: tuple[str, ...] = ()
    to_run: tuple[str, ...] = ()


async def reconcile(context: Context, *, repair: bool, informed: dict[UUID, bytes] | None = None) -> Reconciliation:
    """Compare every journey that waits with what Temporal runs. With ``repair``, mend what can be mended without
    anybody's decision. It may be run again at any time. Whoever does that regularly keeps ``informed``, as
    `find_uninformed` has it.

    Raises:
        Unavailable: Temporal cannot be reached, or does not answer.
        RecordUnavailable, RecordFault: as the record does.
    """
    settings, record, journeys = context.settings, await context.record(), await context.journeys()
    await context.go_by_record()
    also: tuple[str, ...] = ()
    if repair:
        wanted = settings.anchors_dir is not None and settings.anchor_key_file is not None
        also = await journeys.keep_up(timedelta(minutes=settings.anchor_minutes) if wanted else None, context.now())
    # Another name may now stand where the values of one were.
    anew = any(what.startswith(REGISTERED) for what in also)
    looked_at, found = await compare(record, journeys, now=context.now(), show_all=anew)

    async def seen_to(drifted: Drifted) -> Reconciled:
        mended = False
        try:
            if repair:
                async with asyncio.timeout(MENDING.total_seconds()):
                    mended = await mend(context, record, journeys, drifted)
        except Exception as problem:  # Whatever is wrong with one journey keeps no other from being mended.
            if isinstance(problem, RecordUnavailable) and not isinstance(problem, KeyAway):
                raise
            log.warning("reconcile.not_mended", journey_id=str(drifted.journey_id), exc_info=True)
        if mended:
            log.warning("reconcile.mended", journey_id=str(drifted.journey_id), drift=drifted.drift.value)
        elif repair:
            log.error("reconcile.left", journey_id=str(drifted.journey_id), drift=drifted.drift.value)
        return Reconciled(drifted.journey_id, drifted.drift, mended)

    mended = await at_once(seen_to, found)
    if repair:
        await _have_looked(context, record, journeys, {} if informed is None else informed)
    stranded = any(each.drift == Drift.STRANDED and not each.repaired for each in mended)
    builds = await journeys.builds(context.now())
    if builds.strangers:
        log.error(
            "reconcile.strange_build", builds=",".join(sorted(each or "unversioned" for each in builds.strangers))
        )
    to_run = commands_to_move(builds, settings.build_id) if repair and (stranded or builds.strangers) else ()
    return Reconciliation(looked_at, tuple(mended), also, to_run)


async def _have_looked(context: Context, record: Record, journeys: Journeys, informed: dict[UUID, bytes]) -> None:
    """Have every journey look again beside which another one of its patient went on since the last pass, those of
    patients taken apart that do not know it (whoever did that may have ended before it could tell them), and those that
    await something of somebody who has left. Once a day each shows anew how it stands."""
    last = await last_complete_pass(record)

    async def look(journey_id: UUID) -> None:
        with suppress(UseCaseError):  # It has no run now. Where it should, that was found.
            await journeys.look(journey_id)

    beside = await find_gone_on_beside(record, None if last is None else last.began - SETTLED)
    left = await find_with_tasks_of(record, _departed(context))
    await at_once(look, dict.fromkeys((*beside, *await find_uninformed(record, informed), *left)))

    async def show(journey_id: UUID) -> None:
        with suppress(UseCaseError):
            await journeys.show(journey_id)

    # A task that somebody completed by hand, or took as a build that has stopped, is found when the run is to go on.
    since, now = None if last is None else last.began, context.now()
    await at_once(show, [each for each in await find_open(record) if has_its_turn(each, since, now)])


def _departed(context: Context) -> frozenset[tuple[str, str, Role]]:
    """Who has left which role at which clinic; nobody where the register cannot be read."""
    if context.settings.register_file is None:
        return frozenset()
    try:
        return departed(verified_register(context), context.now())
    except UseCaseError:
        return frozenset()
