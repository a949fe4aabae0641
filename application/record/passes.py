"""Reconciliation by itself, in every worker: one pass after the other, by one worker at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

import structlog

from activities.record import Record, RecordFault, RecordUnavailable
from activities.record.access_log import seal_access
from activities.record.blobs import drop_blobs, has_blobs
from activities.record.locks import HeldElsewhere, alone
from activities.record.reconciliation import Pass, keep_pass, list_passes, seconds_since_pass
from activities.record.schema_objects import find_schema_differences
from activities.record.watching import Look, last_look
from application.caches.registers import Registers
from application.context import Context, clocks_differ
from application.errors import UseCaseError, outage
from application.reading.access_log import keep_look_after, require_looks_after_it
from application.record.drift import Drift
from application.record.reconcile import Reconciliation, reconcile
from application.settings import Settings
from application.temporal.journeys import Journeys
from application.words.quantities import format_elapsed
from application.words.viewer import spell_with_place

log = structlog.get_logger("reconcile")

BLOBS_KEPT = timedelta(days=90)
"""How long a state is kept after it was handed over, if no open run needs it: longer than Temporal should keep the
histories of runs that are over, which refer to it."""
LATE = timedelta(minutes=15)
"""After so long without a pass nobody watches whether journeys run."""
AWAITED = timedelta(minutes=1)
"""How long a pass that somebody asks for waits until that of a worker is over."""
SILENT = timedelta(minutes=10)
"""After so long without a sign of life, or without a page that arrives, nobody would page."""


async def last_passes(context: Context) -> tuple[Pass, ...]:
    """Return the last passes of the workers, the latest first.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
    """
    return await list_passes(await context.record())


def is_late(passes: tuple[Pass, ...], now: datetime) -> bool:
    """Whether workers used to reconcile, and none did lately."""
    return bool(passes) and now - passes[0].ended > LATE


def describe_clock(passes: tuple[Pass, ...]) -> str | None:
    """Say of the latest of these passes that a machine made whose clock is wrong how far it was from the record's; None
    where there is none."""
    wrong = next((each for each in passes if clocks_differ(timedelta(seconds=each.clock_ahead))), None)
    if wrong is None:
        return None
    where = f"{format_elapsed(abs(wrong.clock_ahead))} {'ahead of' if wrong.clock_ahead > 0 else 'behind'}"
    ended = spell_with_place(wrong.ended)
    return f"The clock of the machine that made the pass of {ended} was {where} the record's. Set it right."


async def watchdog_look(context: Context) -> Look | None:
    """Return the last look of the watchdog; None where none ever looked.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
    """
    return await last_look(await context.record())


def is_silent(look: Look | None) -> bool:
    """Whether a watchdog used to look and did not lately, or cannot page."""
    if look is None:
        return False
    ago = timedelta(seconds=look.ago)
    return ago > SILENT or (look.mute_since is not None and look.looked_at + ago - look.mute_since > SILENT)


@asynccontextmanager
async def reconciling(
    settings: Settings, connect: Callable[[Settings], AbstractAsyncContextManager[Journeys]]
) -> AsyncIterator[None]:
    """Reconcile in the background while the context is open, as often as the settings say."""
    stop = asyncio.Event()
    working = asyncio.create_task(_reconcile_regularly(settings, connect, stop))
    try:
        yield
    finally:
        stop.set()
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


async def _reconcile_regularly(
    settings: Settings, connect: Callable[[Settings], AbstractAsyncContextManager[Journeys]], stop: asyncio.Event
) -> None:
    every = float(settings.reconcile_seconds)
    began, informed, registers = monotonic(), dict[UUID, bytes](), Registers()
    while not stop.is_set():
        try:
            # A context of its own, and so connections of its own: no append waits for one.
            async with Context(load=lambda: settings, connect=connect, registers=registers) as context:
                await _tell_of_schema(await context.record())
                while not stop.is_set():
                    record = await context.record()
                    ago = await seconds_since_pass(record)
                    # Where there was none ever, it is not late before one could have been.
                    left = every - (monotonic() - began if ago is None else ago)
                    if left <= 0:
                        await run_pass(context, informed)
                    await _pause(stop, max(1.0, min(left, every)) if left > 0 else every)
        except (RecordUnavailable, RecordFault, UseCaseError) as problem:
            log.warning("reconcile.waiting", error=type(problem).__name__)
            await _pause(stop, min(every, 10.0))
        except Exception as defect:
            # Journeys go on without it; that no row is left tells whoever watches.
            log.error("reconcile.failed", error=type(defect).__name__)
            await _pause(stop, every)


async def reconcile_now(context: Context, *, repair: bool) -> Reconciliation:
    """Reconcile because somebody asks for it. What repairs waits until no other pass is under way. It leaves no row:
    rows say whether workers do it by themselves. The look is kept.

    Raises:
        NotAllowed: the person does not look after the service.
        Unavailable: another pass is under way and takes long; or Temporal cannot be reached, or does not answer.
        RecordUnavailable, RecordFault: as the record does.
    """
    require_looks_after_it(context)
    found = await _reconcile_alone(context) if repair else await reconcile(context, repair=False)
    await keep_look_after(context, "record reconcile", (each.journey_id for each in found.found))
    return found


async def _reconcile_alone(context: Context) -> Reconciliation:
    record, until = await context.record(), monotonic() + AWAITED.total_seconds()
    while True:
        try:
            async with alone(record, "record.reconcile_alone"):
                return await reconcile(context, repair=True)
        except HeldElsewhere:
            if monotonic() > until:
                raise outage("another pass is under way, and takes long", state="This one changed nothing.") from None
        await asyncio.sleep(0.5)


async def run_pass(context: Context, informed: dict[UUID, bytes] | None = None) -> Reconciliation | None:
    """Reconcile once and leave the row of the pass; None when another process does, or it could not be done.
    ``informed`` as in `reconcile`.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
    """
    record, build = await context.record(), context.settings.build_id or "unversioned"
    await _tell_if_silent(record)
    try:
        async with alone(record, "record.reconcile_alone"):
            await _tell_of_schema(record)
            await seal_access(record)
            await context.go_by_record()
            began, ahead = context.now(), round(context.ahead.total_seconds())
            try:
                done = await reconcile(context, repair=True, informed=informed)
            except UseCaseError as problem:
                log.error("reconcile.not_done", error=type(problem).__name__)
                await keep_pass(record, Pass(began, began, build, 0, 0, 0, 0, 0, type(problem).__name__, ahead))
                return None
            await keep_pass(record, _summary(done, began, build, ahead))
            await _drop_blobs(context, before=began - BLOBS_KEPT)
    except HeldElsewhere:
        await _tell_if_late(record)
        return None
    for mended in done.also:
        log.warning("reconcile.mended", drift=mended.partition(":")[0].replace(" ", "-"))
    log.info("reconcile.done", looked_at=done.looked_at, different=len(done.found))
    return done


async def _drop_blobs(context: Context, before: datetime) -> None:
    record = await context.record()
    if not await has_blobs(record, before=before):
        return
    try:
        open_runs = {run.journey_id: run.began async for run in (await context.journeys()).runs()}
    except UseCaseError as problem:
        log.warning("blobs.not_dropped", error=type(problem).__name__)
        return
    log.info("blobs.dropped", counted=await drop_blobs(record, before=before, began=open_runs))


async def _tell_if_late(record: Record) -> None:
    ago = await seconds_since_pass(record)
    if ago is not None and ago > LATE.total_seconds():
        log.error("reconcile.late", seconds=round(ago))


async def _tell_if_silent(record: Record) -> None:
    """Say whether nobody would page. The watchdog tells of the workers, and they of it."""
    look = await last_look(record)
    if look is None:
        log.warning("watchdog.never_looked")
    elif look.ago > SILENT.total_seconds():
        log.error("watchdog.silent", seconds=round(look.ago))
    elif is_silent(look):
        log.error("watchdog.cannot_page")


async def _tell_of_schema(record: Record) -> None:
    """Say what somebody changed in the schema. Care goes on meanwhile: what is recorded is proven in other ways too."""
    for found in await find_schema_differences(record):
        log.error("schema.differs", different=found.name.partition("(")[0].replace(" ", ":"), code=found.how)


def _summary(done: Reconciliation, began: datetime, build: str, ahead: int) -> Pass:
    mended = sum(each.repaired for each in done.found)
    return Pass(
        began=began,
        ended=began,
        build=build,
        looked_at=done.looked_at,
        lost=sum(each.drift in (Drift.LOST, Drift.ENDED) for each in done.found),
        different=len(done.found),
        mended=mended,
        failed=len(done.found) - mended,
        code=None,
        clock_ahead=ahead,
    )


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
