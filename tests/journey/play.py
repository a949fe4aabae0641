"""Playing journeys through the core: people and the clock on a virtual clock, with every step kept to the rules.

Any moment of an undisturbed course is a starting point: `before` and `after` give a `Play` standing there,
which a test then takes elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from simulation.moves.signing import signer
from simulation.people import PEOPLE, look_up, member_of, person_of, referral
from simulation.player import at_once, play
from tests.journey.memories import looked_through, with_own_memory
from tests.journey.variants import unspread
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey, fold
from workflows.journey.always.care_team.rules import list_people_to_look_up, named_in
from workflows.journey.always.supply.rules import balance
from workflows.journey.decide import decide, keep_refusal
from workflows.journey.decided import FOUND_BEFORE, Decided
from workflows.journey.evidence import first_approval
from workflows.journey.obligations import next_deadline, obligations
from workflows.journey.protocol import Pathway, Protocol, SignOffKind
from workflows.journey.receipts import CommandReceipt, add_receipts, answer_repeated, receipts_of
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import CLOCK, Actor, CareTeamMember, Role
from workflows.journey.vocabulary.command_ids import own_id
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.signed_statement import Signature
from workflows.protocols import list_pathways
from workflows.protocols.demonstration import load_demonstration
from workflows.shell.ledger import Ledger

START = datetime(2026, 11, 23, 17, tzinfo=UTC)
NEWS = (e.ObligationsUpdated, e.CareTeamUpdated)
JOURNEY = UUID("11111111-1111-4111-8111-111111111111")
HERE = c.Location(state="CA", confirmed=True)
SAID_HERE = c.SaidLocation(state="CA", confirmed=True)


PROTOCOLS = {pathway: unspread(load_demonstration(pathway)) for pathway in list_pathways()}


class Decision(NamedTuple):
    """A command as it was decided, and the events it gave."""

    decided: Decided
    events: tuple[e.Event, ...]


@dataclass
class Play:
    """A journey and the virtual time it stands at. ``events`` are those of this play, oldest first."""

    journey: Journey
    at: datetime
    events: list[e.Event] = field(default_factory=list)
    moves: list[tuple[Journey, c.Command, datetime]] = field(default_factory=list)
    receipts: dict[UUID, CommandReceipt] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)

    def branch(self) -> Play:
        """The same play, to be taken another way."""
        events, moves, decisions = [*self.events], [*self.moves], [*self.decisions]
        journey, receipts = with_own_memory(self.journey), dict(self.receipts)
        return replace(self, journey=journey, events=events, moves=moves, decisions=decisions, receipts=receipts)

    def command(self, body: c.CommandBody, by: Role | Actor) -> c.Command:
        actor = by if isinstance(by, Actor) else person_of(self.journey.id, by)
        number = f"{self.journey.version}:{len(self.events)}:{len(self.moves)}:{body.kind}"  # type: ignore[attr-defined]
        name = own_id if actor.role == Role.SYSTEM else uuid5
        return c.Command.model_validate(
            {"command_id": name(self.journey.id, number), "actor": actor, "body": body, "named": self.look_up(body)}
        )

    def look_up(self, body: c.CommandBody) -> tuple[CareTeamMember, ...]:
        """What a register would say in which everybody is entered who is named, for the part they are named for."""
        known = look_up(self.journey, body)
        roles = self.journey.protocol.care_team.roles
        others = {
            name: person(name, roles[part][0])
            for part, name, _ in named_in(body)
            if part in roles and name not in [member.id for member in known] and name != self.journey.patient.ref
        }
        known_ids = [*others, *(member.id for member in known)]
        asked = [name for name in list_people_to_look_up(self.journey, body) if name not in known_ids]
        signed = [(s.by, s.role, s.licence) for s in self.journey.sign_offs if s.by in asked]
        signed += [(d.by, d.role, d.licence) for d in self.journey.delegations.values() if d.by in asked]
        others |= {by: person(by, role).model_copy(update={"licence": licence}) for by, role, licence in signed}
        return (*known, *(member_of(other) for other in others.values()))

    def take(self, command: c.Command) -> tuple[e.Event, ...] | Refusal:
        """Decide a command now and, if it is accepted, go on from there."""
        command = sealed(command, self.at)
        decided = self.decide(command)
        if not isinstance(decided, Refusal):
            self.moves.append((self.journey, command, self.at))
            self.follow(Decided(command=command, at=self.at, own=command.actor == CLOCK), decided)
        return decided

    def decide(self, command: c.Command) -> tuple[e.Event, ...] | Refusal:
        """What becomes of a command now: nothing new, if it was decided before."""
        repeated = answer_repeated(self.receipts, command)
        if isinstance(repeated, CommandReceipt):
            return ()
        return repeated or decide(self.journey, command, self.at)

    def keep(self, command: c.Command, refusal: Refusal, *, unanswered: bool = False) -> tuple[e.Event, ...]:
        """Keep a refusal where it matters, and go on from there."""
        command = sealed(command, self.at)
        kept = keep_refusal(self.journey, self.receipts, command, refusal, self.at, unanswered=unanswered)
        found_before = refusal if refusal.code in FOUND_BEFORE else None
        self.follow(Decided(command=command, at=self.at, refusal=found_before, unanswered=unanswered), kept)
        return kept

    def follow(self, decided: Decided, events: tuple[e.Event, ...]) -> None:
        """Go on from what was decided."""
        if events:
            self.decisions.append(Decision(decided, events))
            self.journey = fold(events, self.journey)
            self.events += events
            add_receipts(self.receipts, events)

    def do(self, body: c.CommandBody, by: Role | Actor = Role.CLINICIAN) -> list[e.EventBody]:
        """Send a command that must be accepted; what followed, without what is awaited and what the register says."""
        decided = self.take(self.command(body, by))
        assert not isinstance(decided, Refusal), str(decided)
        return [event.body for event in decided if not isinstance(event.body, NEWS)]

    def refused(
        self,
        body: c.CommandBody,
        by: Role | Actor = Role.CLINICIAN,
        *,
        code: RefusalCode,
        field: str | None = None,
        says: str = "",
    ) -> Refusal:
        """Send a command that must be refused, for this reason."""
        decided = self.take(self.command(body, by))
        assert isinstance(decided, Refusal), f"accepted: {[event.body.kind for event in decided]}"
        assert (decided.code, decided.field) == (code, field), str(decided)
        assert says in decided.reason, str(decided)
        return decided

    def wait(self, **time: float) -> list[e.EventBody]:
        """Let time pass with nobody acting: the clock takes every step that falls into it."""
        until, passed = self.at + timedelta(**time), []
        while (deadline := next_deadline(self.journey)) is not None and deadline <= until:
            self.at = max(self.at, deadline)
            passed += self.clock()
        self.at = until
        return passed

    def clock(self) -> list[e.EventBody]:
        """What the clock brings about at this moment, by as many commands as it takes."""
        passed = self.do(c.PassDeadline(), CLOCK)
        while (deadline := next_deadline(self.journey)) is not None and deadline <= self.at:
            passed += self.do(c.PassDeadline(), CLOCK)
        return passed

    def later(self, **time: float) -> Play:
        """Another time of day, on which no clock has looked yet."""
        self.at += timedelta(**time)
        return self

    def go_on(
        self,
        until: Callable[[Journey], bool],
        *,
        late: Collection[str] = (),
        unwell: Collection[str] = (),
        most: int = 400,
    ) -> Play:
        """Let everybody do what they should, and the clock what it must, until something holds."""
        at_once(play(self, until=until, late=late, unwell=unwell, most=most))
        return self

    async def look(self) -> tuple[Journey, datetime]:
        self.wait()
        return self.journey, self.at

    async def submit(self, command: c.Command) -> None:
        decided = self.take(command)
        assert not isinstance(decided, Refusal), f"{command.body.kind}: {decided}"

    async def wait_until(self, moment: datetime) -> None:
        self.wait(seconds=(moment - self.at).total_seconds())

    def request(self, kind: SignOffKind, subject: str | None = None) -> Obligation:
        """The open request for this sign-off."""
        [found] = [w for w in obligations(self.journey) if (w.sign_off, w.subject) == (kind, subject)]
        return found

    def asks_for(self, kind: SignOffKind, subject: str | None = None) -> bool:
        return any((w.sign_off, w.subject) == (kind, subject) for w in obligations(self.journey))

    def signature(self, kind: SignOffKind, subject: str | None = None, **changed: Any) -> c.Sign:
        """A valid approval of the open request, with some fields changed."""
        request, rule = self.request(kind, subject), self.journey.protocol.sign_offs[kind]
        return c.Sign.model_validate(
            {
                "request": request.id,
                "decision": "approve",
                "meaning": rule.meaning,
                "evidence": request.evidence,
                "rationale": "because",
                **changed,
            }
        )

    def sign(
        self, kind: SignOffKind, subject: str | None = None, by: Role | Actor | None = None, **changed: Any
    ) -> list[Any]:
        """The decision, by as many people as it takes; what followed."""
        followed = self.sign_once(kind, subject, by, **changed)
        if first_approval(self.journey, kind, subject) is not None:
            followed += self.sign_once(kind, subject, **changed)
        return followed

    def sign_once(
        self, kind: SignOffKind, subject: str | None = None, by: Role | Actor | None = None, **changed: Any
    ) -> list[Any]:
        body = self.signature(kind, subject, **changed)
        return self.do(body, by or signer(self.journey, self.request(kind, subject)))

    def version_of(self, kind: str, nth: int = -1) -> int:
        """The version of the n-th fact of this kind."""
        return [version for version, fact in self.journey.facts.items() if fact.kind == kind][nth]

    def reach(self, contact: c.RecordCrisisContact, by: Role | Actor = Role.CLINICIAN) -> list[e.EventBody]:
        """A contact that reached a patient at risk, and its signature; what followed."""
        return self.do(contact, by) + self.sign(SignOffKind.CRISIS_REACHED, contact.crisis)

    def waits_for(self, kind: str, subject: str | None = None) -> Obligation | None:
        """The open obligation of this kind, if there is one."""
        found = [w for w in obligations(self.journey) if w.kind == kind and subject in (None, w.subject)]
        return found[0] if found else None

    def dosed_at(self, session: int = 1) -> datetime:
        taken = self.journey.sessions[session].dosed_at
        assert taken is not None
        return taken

    def loosely_spaced(self) -> Play:
        """The same moment under a protocol that lets doses come as close as its shortest interval, whatever was
        planned."""
        protocol = self.journey.protocol
        sessions = protocol.sessions.model_copy(update={"spacing_tolerance_hours": 1000})
        return self.changed(protocol=protocol.model_copy(update={"sessions": sessions}))

    def changed(self, **fields: Any) -> Play:
        """The same moment of a journey that differs in these fields of its state."""
        return Play(self.journey.model_copy(update=fields), self.at, receipts=dict(self.receipts))

    def redosed(self, dose: str = "dose-1", **fields: Any) -> Play:
        """The same moment of a journey in which this dose was another one."""
        changed = self.journey.doses[dose].model_copy(update=fields)
        return self.changed(doses={**self.journey.doses, dose: changed})


def awaits(kind: str) -> Callable[[Journey], bool]:
    """Whether something of this kind is awaited, to `go_on` until it is."""
    return lambda journey: any(waiting.kind == kind for waiting in journey.waiting.values())


def collected(play: Play) -> Play:
    """The same moment, with no dose left at the patient's home."""
    if left := balance(play.journey):
        play.do(c.MoveSupply(movement="returned", doses=left, moved_at=play.at), Role.COORDINATOR)
    return play


def person(name: str, role: Role, **licence: Any) -> Actor:
    """Somebody else in this role, with a licence like that of the invented one, changed where it says so."""
    known, own = PEOPLE[role], {"number": f"INVENTED-{name}", **licence}
    changed = None if known.licence is None else known.licence.model_copy(update=own)
    return known.model_copy(update={"id": name, "name": f"{name} Invented", "licence": changed})


def ruled(exception_cosigned_by: list[str] | None = None, /, **rules: dict[str, Any]) -> Protocol:
    """The demonstration protocol with other rules for these kinds of sign-off, and for exceptions if so said."""
    values: dict[str, Any] = PROTOCOLS["PTSD"].model_dump(mode="json")
    if exception_cosigned_by is not None:
        values["eligibility"]["prior_treatments"]["exception_cosigned_by"] = exception_cosigned_by
    for kind, changed in rules.items():
        values["sign_offs"][kind] |= changed
    return Protocol.model_validate_json(json.dumps(values), strict=True)


def started(
    pathway: Pathway = "PTSD", *, protocol: Protocol | None = None, at: datetime = START, **kwargs: str
) -> Play:
    """A journey that was just referred."""
    usual = not (protocol or kwargs)
    return _started(pathway, at).branch() if usual else _start(protocol or PROTOCOLS[pathway], at, **kwargs)


@cache
def _started(pathway: Pathway, at: datetime) -> Play:
    return _start(PROTOCOLS[pathway], at)


def _start(protocol: Protocol, at: datetime, **kwargs: str) -> Play:
    command = referral(protocol, JOURNEY, **kwargs)
    decided = decide(None, command, at)
    assert not isinstance(decided, Refusal), str(decided)
    opening = Decision(Decided(command=command, at=at), decided)
    return Play(fold(decided), at, list(decided), receipts=receipts_of(decided), decisions=[opening])


@cache
def course(pathway: Pathway, at: datetime = START) -> Play:
    """The undisturbed course of a pathway, from referral to discharge. Do not take it further: branch."""
    return started(pathway, at=at).go_on(lambda journey: journey.closed)


def before(kind: str, nth: int = 1, pathway: Pathway = "PTSD") -> Play:
    """The undisturbed course, just before the n-th command of this kind."""
    return standing_at(pathway, _number(kind, nth, pathway))


def _number(kind: str, nth: int, pathway: Pathway) -> int:
    return [number for number, move in enumerate(course(pathway).moves) if move[1].body.kind == kind][nth - 1]


def standing_at(pathway: Pathway, number: int) -> Play:
    """The undisturbed course, just before a command of this number."""
    return _standing_at(pathway, number).branch()


@cache
def _standing_at(pathway: Pathway, number: int) -> Play:
    journey, _, at = course(pathway).moves[number]
    return standing(looked_through(journey), at, pathway)


def standing(journey: Journey, at: datetime, pathway: Pathway) -> Play:
    """A play that stands at a moment of the undisturbed course of a pathway."""
    return Play(with_own_memory(journey), at, receipts=dict(_known(pathway, journey.version)))


def closed() -> Play:
    """A play that stands at the end of the undisturbed course."""
    return standing(course("PTSD").journey, course("PTSD").at, "PTSD")


def ledger_of(play: Play) -> Ledger:
    """What a run of the shell would know at this moment."""
    return Ledger(play.journey, play.receipts, play.journey.version)


@cache
def _known(pathway: Pathway, version: int) -> dict[UUID, CommandReceipt]:
    return receipts_of(event for event in course(pathway).events if event.version <= version)


def after(kind: str, nth: int = 1, pathway: Pathway = "PTSD") -> Play:
    """The undisturbed course, just after the n-th command of this kind."""
    return _after(kind, nth, pathway).branch()


@cache
def _after(kind: str, nth: int, pathway: Pathway) -> Play:
    play = before(kind, nth, pathway)
    assert not isinstance(play.take(course(pathway).moves[_number(kind, nth, pathway)][1]), Refusal)
    return play


def sealed(command: c.Command, at: datetime) -> c.Command:
    """A decision with a signature that nobody made: the core asks that there is one; whether it holds, others check."""
    if not isinstance(command.body, c.SIGNED) or command.body.signature is not None:
        return command
    nonce = sha256(f"{command.command_id}".encode()).hexdigest()[:32]
    signature = Signature(
        key_id="nobody", nonce=nonce, signed_at=at, expires_at=at + timedelta(minutes=10), value="00" * 64
    )
    body = command.body.model_copy(update={"signature": signature})
    return command.model_copy(update={"body": body})


def kinds(bodies: list[e.EventBody]) -> list[str]:
    return [body.kind for body in bodies]  # type: ignore[attr-defined]


def one(bodies: list[e.EventBody], kind: type[e.EventBody]) -> Any:
    """The only body of this type."""
    [found] = [body for body in bodies if isinstance(body, kind)]
    return found


def followed_up(event: str, outcome: str, ended_at: datetime | None = None) -> c.FollowUpAdverseEvent:
    """A follow-up of an adverse event, with the outcome so far."""
    said = {"adverse_event": event, "findings": "x", "action_taken": "x", "outcome": outcome, "ended_at": ended_at}
    return c.FollowUpAdverseEvent.model_validate(said)
