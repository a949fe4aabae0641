"""Proves what a batch rests on before it is recorded: who sent it, who signed it, and all that is recorded before."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import structlog
from temporalio.exceptions import ApplicationError

from activities.append_outcomes import may_try_again
from activities.record.recorded_journeys import RecordedJourney
from activities.record.store import Record
from activities.record.verification.batches import (
    MOVES,
    Derived,
    NotDerivable,
    Unproven,
    counts_until,
    prove_recorded,
    prove_signed,
)
from activities.record.verification.builds import Builds
from activities.seen_registers import SeenRegisters
from activities.signatures.sessions import ThisLog, needs_session, unproven_events
from activities.signatures.staff import claims_staff, members, unknown_actors
from activities.signatures.verifying import is_ours
from activities.standing import Standing, read_standing
from workflows.journey.aggregate import begin
from workflows.journey.decided import Batch
from workflows.journey.events import Delegated, PathwayStarted, SignedOff
from workflows.messages import OTHER_BUILD

log = structlog.get_logger("record")

PROOF_KEPT = timedelta(minutes=2)
"""How long the proof of a journey is kept for an attempt that asks for it later. The next attempt comes sooner."""
_Proved: TypeAlias = tuple[UUID, bytes | None]
"""A journey, and the hash of what is proven of it."""


class UnknownSender(Unproven):
    """An event is said to be done by somebody whom the register does not know."""


def _moves(derived: Derived) -> bool:
    return any(isinstance(event.body, MOVES) for event in derived.events)


def _first_in_the_way(found: Sequence[Derived]) -> int | None:
    """Return the place of the first command that moves care on, if there are others that do not: a hold, a report and
    an alarm are recorded without it. The run sees to it that those it has accepted meanwhile are."""
    return None if all(map(_moves, found)) else _first_that_moves(found)


def _first_that_moves(found: Sequence[Derived]) -> int:
    return next(place for place, each in enumerate(found) if _moves(each))


def _is_signed(derived: Derived) -> bool:
    return any(isinstance(event.body, PathwayStarted | SignedOff | Delegated) for event in derived.events)


def _claims(derived: Derived) -> bool:
    """Whether somebody says who they are, so that the register has to say whether it is so."""
    return any(claims_staff(event) or needs_session(event) or event.proof for event in derived.events)


def needs_register(derived: Derived, *, proven: bool) -> bool:
    """Whether a command can be recorded only while the register is read, after a journey that is ``proven`` or not."""
    return _claims(derived) or _is_signed(derived) or (not proven and _moves(derived))


class BatchProofs:
    """Proves batches. ``log`` says which log's sessions count, unless it is read from the record; builds derive what
    other rules decided, except among ``demonstrations``."""

    def __init__(
        self, record: Record, registers: SeenRegisters, builds: Builds, log: ThisLog | None, *, demonstrations: bool
    ) -> None:
        self._record, self._registers, self._builds = record, registers, builds
        self._log, self._demonstrations = log, demonstrations
        self._proofs: dict[_Proved, asyncio.Task[None]] = {}

    async def prove(
        self, batch: Batch, standing: Standing, found: Sequence[Derived], after: RecordedJourney
    ) -> tuple[RecordedJourney, datetime | None]:
        """Prove who sent a batch, what is recorded before it if it moves care on, and all that is signed in it. Return
        the journey after it, and until when that may be recorded.

        Raises:
            Unproven: something of that does not hold.
            RegisterError: it cannot be said now.
        """
        await self._prove_staff(after.journey.clinic, found)
        if not after.proven and any(map(_moves, found)):
            try:
                await self._prove_before(batch, standing)
            except NotDerivable as problem:
                log.error("record.not_derivable", journey_id=str(batch.journey_id))
                if may_try_again():
                    raise ApplicationError("what is recorded cannot be derived here", type=OTHER_BUILD) from None
                raise Unproven(str(problem), _first_that_moves(found)) from None
            except Unproven as problem:
                raise Unproven(str(problem), _first_in_the_way(found)) from None
            after = after._replace(proven=True)
        if not any(map(_is_signed, found)):
            return after, None
        register = await self._registers.current()
        prove_signed(standing.before, found, register)
        return after, counts_until([event for derived in found for event in derived.events], register)

    async def _prove_before(self, batch: Batch, standing: Standing) -> None:
        """Prove what is recorded before a batch. Of a very long journey that takes longer than one attempt may: nobody
        else waits for it, and the next attempt takes the same proof, whether or not it is made by then.

        Raises:
            Unproven: it does not follow, or somebody did not sign.
        """

        async def prove() -> None:
            rows = standing.rows or (await read_standing(self._record, batch)).rows
            commands = await self._record.commands(batch.journey_id, until_version=batch.expected_version)
            derived = None if self._demonstrations else await self._builds.derive([row for row, _ in rows], commands)
            await asyncio.to_thread(prove_recorded, rows, commands, await self._registers.current(), derived)

        what = (batch.journey_id, standing.before and standing.before.journey_hash)
        proof = self._proofs.get(what)
        if proof is None:
            proof = self._proofs[what] = asyncio.create_task(prove())
            loop, kept = asyncio.get_running_loop(), PROOF_KEPT.total_seconds()
            proof.add_done_callback(lambda made: loop.call_later(kept, self._drop_proof, what, made))
        # Whoever gives up waiting ends no proof.
        await asyncio.wait([proof])
        if self._proofs.get(what) is proof:
            del self._proofs[what]
        proof.result()

    def _drop_proof(self, what: _Proved, made: asyncio.Task[None]) -> None:
        """Forget a proof for which no attempt came back. One that failed is told at least in the log."""
        if self._proofs.get(what) is made:
            del self._proofs[what]
            if not made.cancelled() and (problem := made.exception()) is not None:
                log.error("record.proof_failed", journey_id=str(what[0]), error=type(problem).__name__)

    async def _prove_staff(self, clinic: str, found: Sequence[Derived]) -> None:
        """Refuse what was done by somebody whom nothing proves, or whom the register does not know. It is read only for
        events that need it, so that a hold or a report never waits for it."""
        if not any(map(_claims, found)):
            return
        if self._log is None:
            self._log = ThisLog(await self._record.log_name(), self._demonstrations)
        register = await self._registers.current()
        first = found[0].events[0]
        if isinstance(first.body, PathwayStarted) and not is_ours(
            begin(first).scope, register.organisation, self._log.name
        ):
            raise Unproven("version 1: it was begun for another organisation or record", 0)
        for place, derived in enumerate(found):
            problem = next(unknown_actors(register, clinic, derived.events), None)
            if members(register, derived.not_looked_up):
                problem = "it rests on somebody of whom the register was not asked"
            problem = problem or next(unproven_events(register, self._log, clinic, derived.events), None)
            if problem is not None:
                raise UnknownSender(problem, place)
