"""Decides again what a run has decided, before it is recorded: what does not come out the same is not recorded."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from activities.record.recorded_journeys import RecordedJourney
from activities.record.stored import BEFORE_THE_FIRST, StoredCommand, StoredEvent
from activities.record.verification.derivation import derive_again
from activities.signatures.signer_registry import Register
from activities.signatures.verifying import SKEW, SignatureProblem, check, check_protocol, may_lend
from workflows.journey import events as e
from workflows.journey.aggregate import Journey, begin, evolve, fold
from workflows.journey.always.care_team.rules import list_claims, list_people_to_look_up
from workflows.journey.always.sign_offs.rules import lent_keys
from workflows.journey.always.sign_offs.statements import of_event
from workflows.journey.commands import StartPathway
from workflows.journey.decided import Decided, DecidedBy, DecidedCommand, derive, events_digest
from workflows.journey.receipts import CommandReceipt, add_receipts, command_digest
from workflows.journey.vocabulary.actors import Actor

MOVES = (
    e.SignedOff,
    e.Delegated,
    e.CrisisClosed,
    e.CrisisReached,
    e.RiskLevelSigned,
    e.SessionEnded,
    e.DeathEnteredInError,
    e.HoldReleased,
    e.SessionReleased,
    e.PatientMerged,
    e.PatientUnmerged,
    e.StageEntered,
    e.DeathConfirmed,
    e.WatchHandedOver,
    e.PathwayEnding,
    e.PathwayClosed,
)
"""What moves care on. It is recorded only after a journey that is proven from its beginning. Everything else is
recorded whatever somebody did to the record before: a hold, a report and an alarm never wait for that."""


class Unproven(Exception):
    """A batch does not follow from its commands, or claims a decision that nobody made. The text says where, and why;
    ``command`` is the place in the batch of the command of which that is so, if it is one's."""

    def __init__(self, why: str, command: int | None = None) -> None:
        super().__init__(why)
        self.command = command


class NotDerivable(Unproven):
    """Other rules are said to have decided something that is recorded, and no build that is at hand derives it."""


class OtherRules(Exception):
    """A batch does not follow from its commands by these rules, and by others than these it was decided."""


class Derived(NamedTuple):
    """A command, the events it gives, and the people it rests on of whom it does not claim what the register says."""

    decided: Decided
    events: tuple[e.Event, ...]
    not_looked_up: tuple[str, ...] = ()


def _not_looked_up(journey: Journey | None, decided: Decided) -> tuple[str, ...]:
    if journey is None or decided.refusal is not None:
        return ()
    claimed = {member.id for member in list_claims(journey, decided.command)}
    asked = list_people_to_look_up(journey, decided.command.body)
    return tuple(person for person in asked if person not in claimed)


def is_known_already(commands: Iterable[DecidedCommand], receipts: Sequence[Mapping[UUID, CommandReceipt]]) -> bool:
    """Whether one of these commands, with the same content, has a receipt among these."""
    for each in commands:
        command = each.decided.command
        known = [of_some[command.command_id] for of_some in receipts if command.command_id in of_some]
        if any(receipt.digest == command_digest(command) for receipt in known):
            return True
    return False


def derive_batch(
    journey_id: UUID, commands: Iterable[DecidedCommand], before: RecordedJourney | None, *, same_rules: bool
) -> tuple[tuple[Derived, ...], RecordedJourney]:
    """Decide the commands of a batch after what is recorded, and return what they give, and the journey then.

    ``before`` is used up: its receipts become those of the journey after the batch.

    Raises:
        Unproven: it does not come out as the run said.
        OtherRules: neither does it, and ``same_rules`` is false.
    """
    journey = None if before is None else before.journey
    receipts = {} if before is None or before.receipts is None else before.receipts
    at = None if before is None else before.at
    found: list[Derived] = []
    for place, handed in enumerate(commands):
        decided, version = handed.decided, 1 if journey is None else journey.version + 1
        body = decided.command.body
        if isinstance(body, StartPathway) and body.journey_id != journey_id:
            raise Unproven(f"version {version}: it starts another journey", place)
        # Not to the moment: Temporal's hosts are a little apart, and a journey may go on on another one.
        if at is not None and at - decided.at > SKEW:
            raise Unproven(f"version {version}: it is dated before what was recorded earlier", place)
        events = derive(journey, receipts, decided)
        if (len(events), events_digest(events)) != (handed.events, handed.digest) or not events:
            problem = f"version {version}: it does not follow from its command"
            raise Unproven(problem, place) if same_rules else OtherRules(problem)
        not_looked_up = _not_looked_up(journey, decided)
        journey = fold(events, journey)
        add_receipts(receipts, events)
        at = decided.at
        found.append(Derived(decided, events, not_looked_up))
    assert journey is not None
    return tuple(found), RecordedJourney(
        journey, BEFORE_THE_FIRST, receipts, at, proven=before is None or before.proven
    )


def second_identity(found: Sequence[Derived]) -> int | None:
    """Return the place of the second command that says who is who, if there are two. It is recorded by itself: which
    keys are whose is read from the record, where the first one has to be by then."""
    said = (
        place
        for place, derived in enumerate(found)
        if any(isinstance(event.body, e.PatientMerged | e.PatientUnmerged) for event in derived.events)
    )
    return next(islice(said, 1, None), None)


def signature_problem(journey: Journey | None, event: e.Event, register: Register, *, new: bool = True) -> str | None:
    """Return why what a person signed in an event does not count; None where it does, or nothing is signed.

    An event that is recorded is not ``new``: a key revoked since with an earlier date does not undo it.
    """
    problem = next(_problems(journey, event, register, new=new), None)
    return None if problem is None else f"version {event.version}: {problem}"


def _problems(journey: Journey | None, event: e.Event, register: Register, *, new: bool) -> Iterator[str]:
    match event.body:
        case e.PathwayStarted() as body:
            yield from _start_problems(event, body, register, new=new)
        case e.SignedOff() | e.Delegated() as body if journey is not None:
            yield from _signature_problems(journey, event, body, register, new=new)
            if new and isinstance(body, e.SignedOff):
                yield from _lent_problems(journey, event, body, register)


def prove_signed(before: RecordedJourney | None, found: Iterable[Derived], register: Register) -> None:
    """Prove that everything that people signed in derived events counts.

    Raises:
        Unproven: the first that does not.
    """
    journey = None if before is None else before.journey
    for place, derived in enumerate(found):
        for event in derived.events:
            problem = signature_problem(journey, event, register)
            if problem is not None:
                raise Unproven(problem, place)
            journey = begin(event) if journey is None else evolve(journey, event)


def counts_until(events: Iterable[e.Event], register: Register) -> datetime | None:
    """Return until when (UTC) all that people decided in these events may be recorded: until its signature expires, and
    its key is revoked. None where nobody decided anything."""
    ends: list[datetime] = []
    for event in events:
        if isinstance(event.body, e.SignedOff | e.Delegated):
            entry = register.entry(event.body.signature.key_id)
            ends.append(event.body.signature.expires_at)
            if entry is not None and entry.revoked_at is not None:
                ends.append(entry.revoked_at)
    return min(ends, default=None)


def prove_recorded(
    history: Iterable[tuple[StoredEvent, e.Event]],
    commands: Iterable[StoredCommand],
    register: Register,
    by_builds: Mapping[DecidedBy, int] | None,
) -> None:
    """Prove that what is recorded of a journey follows from its commands, and that everything signed in it counts.

    ``by_builds`` says how many events other builds have derived, of those that they decided. It is None for a
    demonstration: there what other rules decided is taken as it is.

    Raises:
        NotDerivable: other rules decided something that no build has derived.
        Unproven: the first of which this is not so.
    """
    rows = list(history)
    derivation = derive_again([row for row, _ in rows], commands)
    for fault in derivation.faults:
        raise Unproven(f"version {fault.version}: it does not follow from a command ({fault.reason})")
    for by, events in derivation.others.items():
        if by_builds is not None and by_builds.get(by, 0) != events:
            raise NotDerivable(f"other rules decided {events} events: core {by.core[:12]}, zones {by.zones[:12]}")
    journey: Journey | None = None
    for _, event in rows:
        problem = signature_problem(journey, event, register, new=False)
        if problem is not None:
            raise Unproven(problem)
        journey = begin(event) if journey is None else evolve(journey, event)


def _start_problems(event: e.Event, body: e.PathwayStarted, register: Register, *, new: bool) -> Iterator[str]:
    if body.protocol.digest != body.protocol_digest:
        yield "the protocol is not the one it names"
    if event.illustrative:
        return
    problem = (
        SignatureProblem.NOT_TWO_PEOPLE
        if body.approval is None
        else check_protocol(body.approval, body.protocol_digest, register, event.at, clinic=body.clinic)
    )
    if problem is not None and (new or problem is not SignatureProblem.REVOKED):
        yield f"the protocol is not approved ({problem.value})"


def _signature_problems(
    journey: Journey, event: e.Event, body: e.SignedOff | e.Delegated, register: Register, *, new: bool
) -> Iterator[str]:
    try:
        statement = of_event(event, body.signature)
    except ValueError:
        yield "it means nothing there is"
        return
    problem = check(statement, body.signature, register, at=event.at, scope=journey.scope)
    if problem is not None and (new or problem is not SignatureProblem.REVOKED):
        yield f"its signature does not count ({problem.value})"
    if body.signature.nonce in journey.nonces:
        yield "its signature was used before"


def _lent_problems(journey: Journey, event: e.Event, body: e.SignedOff, register: Register) -> Iterator[str]:
    by = Actor(id=event.actor_id, role=event.actor_role, name=body.name, licence=body.licence)
    clinic, state = journey.clinic, journey.patient.state
    lent = lent_keys(journey, by, body.request, event.at)
    if lent and not any(may_lend(register, key, clinic=clinic, state=state, at=event.at) for key in lent):
        yield "whoever lent them the right has none any more"
