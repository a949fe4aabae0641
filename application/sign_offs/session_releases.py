"""A clearance and a release are derived again where they are shown: whoever writes into the database behind the record
lets nobody take a dose."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from functools import partial
from hashlib import sha256
from uuid import UUID

import structlog

from activities.record import StoredEvent
from activities.record.event_codec import from_stored
from activities.record.stored import StoredCommand
from activities.record.verification.batches import prove_recorded
from activities.record.verification.builds import Builds
from activities.signatures.sessions import ThisLog, unproven_events
from activities.signatures.signer_registry import Register
from application.context import Context
from application.errors import UseCaseError
from application.identity.keyring import verified_register
from workflows.journey.aggregate import Journey, begin, evolve
from workflows.journey.decided import DecidedBy
from workflows.journey.events import Event, SessionReleased, SignedOff
from workflows.journey.evidence import is_approved, is_approved_by
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate

logger = structlog.get_logger("releases")


async def find_unproven(context: Context, journey: Journey, stored: Sequence[StoredEvent]) -> frozenset[int]:
    """Return the sessions whose clearance or release stands in a journey, at the version it is at, and does not follow
    from what people sent and signed, or of which that cannot be shown now. ``stored`` are the rows it was read from. In
    a demonstration people are invented and nobody takes anything, so it is taken as it is."""
    standing = dict(_standing(journey))
    if context.settings.demonstration or not standing:
        return frozenset()
    record = await context.record()
    try:
        register = verified_register(context)
    except UseCaseError as problem:
        for number, released in standing.items():
            _tell(journey.id, number if released else None, problem)
        return frozenset(standing)
    rests_on = (journey, stored, register)
    if context.proofs.rest_on(journey.id, rests_on):
        return frozenset()
    stored = _up_to(stored, journey.version)
    commands = await record.commands(journey.id, until_version=journey.version)
    log = ThisLog(await record.log_name())
    found = set[int]()
    for number, released in standing.items():
        given = (stored, commands, register, log, number if released else None)
        prove = partial(_prove, context.builds, context.proofs.turn, given)
        if not await context.proofs.holds(await asyncio.to_thread(proof_digest, *given), prove):
            found.add(number)
    if not found:
        context.proofs.keep(journey.id, rests_on)
    return frozenset(found)


async def _prove(
    builds: Builds,
    turn: asyncio.Semaphore,
    given: tuple[Sequence[StoredEvent], Sequence[StoredCommand], Register, ThisLog, int | None],
) -> bool:
    stored, commands, *_ = given
    by_builds = await builds.derive(stored, commands)
    async with turn:
        return await asyncio.to_thread(follows, *given, by_builds)


def _up_to(stored: Sequence[StoredEvent], version: int) -> Sequence[StoredEvent]:
    """Return the rows up to a version, with the rest of those of its command: they follow from it together."""
    last = {each.command_id for each in stored if each.version == version}
    return [each for each in stored if each.version <= version or each.command_id in last]


def _standing(journey: Journey) -> Iterator[tuple[int, bool]]:
    """Yield the sessions of which somebody may take a clearance or a release for one, and whether it is a release."""
    for number, session in journey.sessions.items():
        if session.dosed_at is None and session.stopped_at is None and session.ended_at is None:
            if session.released_at is not None:
                yield number, True
            elif is_approved(journey, SignOffKind.CLEARANCE, str(number)):
                yield number, False


def versions_of(events: Iterable[Event], sessions: Set[int]) -> frozenset[int]:
    """Return the versions of those of these events that clear or release one of these sessions."""
    subjects = {str(each) for each in sessions}
    found = set[int]()
    for event in events:
        match event.body:
            case SessionReleased(session=session) if session in sessions:
                found.add(event.version)
            case SignedOff(sign_off=SignOffKind.CLEARANCE, subject=subject) if subject in subjects:
                found.add(event.version)
    return frozenset(found)


def proof_digest(
    stored: Sequence[StoredEvent],
    commands: Sequence[StoredCommand],
    register: Register,
    log: ThisLog,
    session: int | None,
) -> bytes:
    """Return the digest of all that `follows` rests on."""
    seen = sha256(repr((log, session)).encode())
    seen.update(register.model_dump_json().encode())
    for row in (*stored, *commands):
        seen.update(f"{vars(row)}\n".encode())
    return seen.digest()


def follows(
    stored: Sequence[StoredEvent],
    commands: Sequence[StoredCommand],
    register: Register,
    log: ThisLog,
    session: int | None,
    by_builds: Mapping[DecidedBy, int],
) -> bool:
    """Whether a journey follows from its commands and everything signed in it counts. Of the release of a session, if
    one is given, also whether the dose gate was open, and who released it is proven. The gate is asked by itself, of
    these rules, whichever decided. ``by_builds`` says how much of the rest other builds have derived."""
    try:
        rows = [(each, from_stored(each)) for each in stored]
        prove_recorded(rows, commands, register, by_builds)
        if session is None or _is_released([event for _, event in rows], register, log, session):
            return True
        problem: Exception | None = None
    except Exception as error:  # a forged row can be wrong in any way
        problem = error
    _tell(stored[0].journey_id, session, problem)
    return False


def _tell(journey_id: UUID, session: int | None, problem: Exception | None) -> None:
    """Log that a clearance, or the release of a session, is not proven, and what kind of error said so; none where the
    dose gate was shut, or nobody proven released it."""
    error = None if problem is None else type(problem).__name__
    logger.error("release.not_proven", journey_id=str(journey_id), session=session, error=error)


def _is_released(events: Sequence[Event], register: Register, log: ThisLog, session: int) -> bool:
    """Whether a session is released, each time with the dose gate open, by somebody who is proven."""
    journey: Journey | None = None
    by = set[UUID]()
    for event in events:
        match event.body:
            case SessionReleased() as body if body.session == session:
                if journey is None or not _was_open(journey, body, event.at):
                    return False
                by.add(event.command_id)
        journey = begin(event) if journey is None else evolve(journey, event)
    clinic = getattr(events[0].body, "clinic", "")
    together = [each for each in events if each.command_id in by]
    return bool(together) and next(unproven_events(register, log, clinic, together), None) is None


def _was_open(journey: Journey, body: SessionReleased, at: datetime) -> bool:
    """Whether the dose gate was open at a moment (UTC), by the clearance that a release names and for its dose."""
    cleared = is_approved_by(journey, SignOffKind.CLEARANCE, str(body.session), body.clearance)
    plan = journey.plan
    return cleared and plan is not None and plan.dose_mg == body.dose_mg and not dose_gate(journey, body.session, at)
