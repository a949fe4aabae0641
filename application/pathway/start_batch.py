"""Start journeys from many referrals at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from activities.privacy.patient_keys import PatientKeys
from activities.record import RecordUnavailable
from activities.record.patients import patient_keys
from application.context import Context
from application.errors import NOTHING_HAPPENED, UNKNOWN_STATE, Refused, UseCaseError, is_outage, record_outage
from application.input import forms
from application.pathway import requests
from application.pathway.start import Referral, Started, Starter
from workflows.journey.commands import Command, StartPathway
from workflows.journey.vocabulary.refusals import Refusal


@dataclass(frozen=True, slots=True)
class SameAs:
    """A row that makes the same request as an earlier one. What is said of that one is true of it."""

    row: int
    journey_id: UUID
    request_id: UUID


RowOutcome: TypeAlias = Started | SameAs | Referral | UseCaseError
"""The result of one row: started, the same as an earlier one, would be started (a dry run), or why not."""


async def start_batch(
    context: Context,
    starter: Starter,
    rows: Iterable[tuple[int, bytes]],
    *,
    at_once: int,
    dry_run: bool,
    stopped: Callable[[], bool] = lambda: False,
) -> AsyncIterator[tuple[int, RowOutcome]]:
    """Start many referrals, each given as its row's number and JSON; yield a result as each is done.

    Rows about one request or one patient come one after the other, in their order; the others are independent. All are
    begun in their order. In an outage, and once it is to be ``stopped``, what was begun is brought to its end and no
    other row is begun, so there may be fewer results than rows.

    Raises:
        Unavailable, RecordUnavailable: the record or Temporal cannot be reached at all.
    """
    record = await context.record()
    await record.log_name()  # known from here on: no row waits for it
    patients = record.patients
    if not dry_run:
        await context.journeys()
    waiting, known = iter(rows), requests.BatchRows()
    done: asyncio.Queue[tuple[int, RowOutcome] | None] = asyncio.Queue()
    outages = 0

    async def work() -> None:
        nonlocal outages
        while not stopped() and (row := next(waiting, None)) is not None:
            number, raw = row
            outcome = await _row(starter, known, patients, number, raw, dry_run=dry_run)
            outages = outages + 1 if is_outage(outcome) else outages
            outages = 0 if isinstance(outcome, Started | SameAs | Referral) else outages
            done.put_nowait((number, outcome))
            if outages > 3 * at_once:
                return

    async def work_all() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(work())
        finally:
            done.put_nowait(None)

    working = asyncio.create_task(work_all())
    try:
        while (answer := await done.get()) is not None:
            yield answer
    except BaseException:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        raise
    await working


async def _row(
    starter: Starter, rows: requests.BatchRows, patients: PatientKeys, number: int, raw: bytes, *, dry_run: bool
) -> RowOutcome:
    # Up to its turn no row waits for anything, so that rows take their turns in the order in which they are begun.
    try:
        referral = forms.check(Referral, forms.read_object(forms.require_small(raw))).identified(patients)
        command = await starter.command(referral)
        async with rows.turn(referral.request, patient_keys(patients, referral.clinic, referral.patient)):
            return await _row_in_turn(starter, rows, number, referral, command, dry_run=dry_run)
    except RecordUnavailable as away:
        return record_outage(away, state=NOTHING_HAPPENED if dry_run else UNKNOWN_STATE)
    except UseCaseError as problem:
        return problem


async def _row_in_turn(
    starter: Starter, rows: requests.BatchRows, number: int, referral: Referral, command: Command, *, dry_run: bool
) -> RowOutcome:
    assert isinstance(command.body, StartPathway)
    first = rows.same_as(number, referral.request, command.body)
    if first is not None:
        return SameAs(first, referral.journey_id, referral.request)
    medicine = command.body.protocol.dose.medicine
    try:
        if dry_run:
            decided = await starter.try_out(referral, command, rows)
        else:
            decided = await starter.start(referral, command)
    except requests.JourneyOpen:
        row = rows.open_of(referral.request, medicine)
        if row is None:
            raise
        raise requests.journey_of_row(row) from None
    if isinstance(decided, Refusal):
        return Refused(decided)
    rows.keep_open(number, referral.request, medicine)
    return decided if isinstance(decided, Started) else referral
