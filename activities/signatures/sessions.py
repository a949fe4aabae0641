"""Working sessions: opens them with a key, signs commands in them, and says whether a command is proven. No I/O.

Everybody who acts is proven. Whoever has a key opens a session with it; patients and observers, who have none, are let
in by a service whose key is in the register. A session ends by itself, and at once when the key that opened it is
revoked. It is judged where a command enters, again where its events are recorded, and again offline.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from activities.signatures.passkey_keys import PasskeyProblem
from activities.signatures.signer_registry import Register, ServiceEntry, SignerEntry
from activities.signatures.staff import ANYBODYS
from activities.signatures.verifying import SKEW, problem_with
from workflows.journey import events as e
from workflows.journey.commands import SIGNED, Command
from workflows.journey.receipts import command_digest
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.proof import (
    AHEAD,
    LONGEST_SESSION,
    WITHOUT_KEY,
    Proof,
    SessionCertificate,
    SessionStatement,
    command_bytes,
)
from workflows.journey.vocabulary.refusals import UNPROVEN, Refusal, RefusalCode

DEMONSTRATION = "demonstration"
"""The way by which the service of a demonstration lets in everybody. It counts in demonstrations only."""
SPOKEN_FOR = (*ANYBODYS, e.SignedOff, e.Delegated, e.CareTeamUpdated)
"""Events that need no session: what anybody may bring about, what has a signature of its own, and what the register
says."""


class ThisLog(NamedTuple):
    """The log in which a command is to count, and whether it is of a demonstration, where a session may be missing."""

    name: str
    demonstration: bool = False


class SessionProblem(StrEnum):
    """Why a command is not proven. The codes say nothing about a person, and may be logged."""

    NO_SESSION = "no_session"
    UNKNOWN_KEY = "unknown_key"
    BAD_SESSION = "bad_session"
    BAD_PROOF = "bad_proof"
    WRONG_PERSON = "wrong_person"
    WRONG_ROLE = "wrong_role"
    WRONG_ORGANISATION = "wrong_organisation"
    WRONG_LOG = "wrong_log"
    OTHER_CLINIC = "other_clinic"
    NOT_LET_IN = "not_let_in"
    TOO_LONG = "too_long"
    NOT_YET = "not_yet"
    OVER = "over"
    REVOKED = "revoked"
    SENT_OUTSIDE = "sent_outside"


_ANEW = "Open a working session with your own key (`working-session open`), and send it again"
_WORDS = {
    SessionProblem.NO_SESSION: "you have no working session",
    SessionProblem.UNKNOWN_KEY: "the register does not have the key that opened your session",
    SessionProblem.BAD_SESSION: "your session was not signed with the key it names",
    SessionProblem.BAD_PROOF: "this was not signed in your session, or was changed since",
    SessionProblem.WRONG_PERSON: "the session is somebody else's",
    SessionProblem.WRONG_ROLE: "the session is for another role",
    SessionProblem.WRONG_ORGANISATION: "the session is for another organisation",
    SessionProblem.WRONG_LOG: "the session is for another record",
    SessionProblem.OTHER_CLINIC: "the session is not for the clinic of this journey",
    SessionProblem.NOT_LET_IN: "nobody is let in in this way",
    SessionProblem.TOO_LONG: "the session lets itself last for too long",
    SessionProblem.NOT_YET: "the session begins later, or before its key was enrolled",
    SessionProblem.OVER: "your session is over",
    SessionProblem.REVOKED: "the key that opened your session has been revoked",
    SessionProblem.SENT_OUTSIDE: "by the time it bears, this was sent in the future, or before or after your session",
}


def open_session(key: Ed25519PrivateKey, statement: SessionStatement) -> SessionCertificate:
    """Sign a session with the person's own key, or with that of the service that lets them in."""
    return SessionCertificate(**dict(statement), value=key.sign(statement.signed_bytes()).hex())


def prove(
    session: SessionCertificate, session_key: Ed25519PrivateKey, journey_id: UUID, command: Command, sent_at: datetime
) -> Command:
    """Return a command signed by the key of a session, as sent at a moment (UTC)."""
    signed = command_bytes(session, journey_id, command.command_id, command_digest(command), sent_at)
    proof = Proof(session=session, value=session_key.sign(signed).hex())
    return command.model_copy(update={"proof": proof, "sent_at": sent_at})


def check_session(session: SessionCertificate, register: Register, log: ThisLog, at: datetime) -> SessionProblem | None:
    """Say why a session does not count now, at a moment (UTC); None when it does. It is over when its key is revoked,
    also by a clock that is behind."""
    problem = next(_session_problems(session, register, log, at), None)
    return SessionProblem.REVOKED if problem is None and register.is_revoked(session.key_id, at) else problem


def refuse_unproven(
    register: Register, log: ThisLog, clinic: str, journey_id: UUID, command: Command, at: datetime
) -> Refusal | None:
    """Say why a command for a journey of this clinic may not be decided at a moment (UTC): nothing proves its sender.

    A decision has a signature of its own, and no session adds to it. In a demonstration a session may be missing, but a
    proof that is there must hold.
    """
    if isinstance(command.body, SIGNED):
        return None
    if command.proof is None:
        return None if log.demonstration else refusal_of(SessionProblem.NO_SESSION)
    actor = command.actor
    sent = _Sent(journey_id, command.command_id, command_digest(command), actor.id, actor.role, command.sent_at)
    problem = next(_problems(command.proof, sent, register, log, clinic, at), None)
    if problem is None and register.is_revoked(command.proof.session.key_id, at):
        problem = SessionProblem.REVOKED
    return None if problem is None else refusal_of(problem)


def refusal_of(problem: SessionProblem) -> Refusal:
    """Say a problem in words for the person who acted."""
    return Refusal(code=RefusalCode.NOT_ALLOWED, reason=_WORDS[problem], remedy=_ANEW, field=UNPROVEN)


def unproven_events(register: Register, log: ThisLog, clinic: str, events: Sequence[e.Event]) -> Iterator[str]:
    """Yield why events of a journey of this clinic are not recorded: nothing proves who sent the command that they came
    of. The clock needs no proof; all that follows by rule has that of its command.

    A session that ended between the check of a command and its decision still counts for it.
    """
    for _, group in groupby(events, key=lambda event: event.command_id):
        together = [*group]
        first = together[0]
        if first.proof is not None:
            problem = _event_problem(first, register, log, clinic)
        elif not log.demonstration and any(map(needs_session, together)):
            problem = SessionProblem.NO_SESSION
        else:
            problem = None
        if problem is None and any(event.proof is not None for event in together[1:]):
            problem = SessionProblem.BAD_PROOF
        if problem is not None:
            yield f"version {first.version}: its sender is not proven ({problem.value})"


def needs_session(event: e.Event) -> bool:
    """Whether an event rests on a person that a session has to prove."""
    by_person = event.actor_role != Role.SYSTEM and event.causation_id is None
    return by_person and not isinstance(event.body, SPOKEN_FOR)


def _event_problem(event: e.Event, register: Register, log: ThisLog, clinic: str) -> SessionProblem | None:
    assert event.proof is not None
    if event.event_id != e.event_id(event.journey_id, event.command_id, 0):
        return SessionProblem.BAD_PROOF  # Copied from what it proves.
    sent = _Sent(
        event.journey_id, event.command_id, event.command_digest, event.actor_id, event.actor_role, event.sent_at
    )
    return next(_problems(event.proof, sent, register, log, clinic, event.at, grace=SKEW), None)


class _Sent(NamedTuple):
    """A command as its proof is about it."""

    journey_id: UUID
    command_id: UUID
    digest: str
    actor_id: str
    role: Role
    at: datetime | None


def _problems(
    proof: Proof,
    sent: _Sent,
    register: Register,
    log: ThisLog,
    clinic: str,
    at: datetime,
    grace: timedelta = timedelta(),
) -> Iterator[SessionProblem]:
    session = proof.session
    yield from _session_problems(session, register, log, at, grace)
    if sent.at is None:
        yield SessionProblem.BAD_PROOF
        return
    signed = command_bytes(session, sent.journey_id, sent.command_id, sent.digest, sent.at)
    if not _verifies(session.session_key, proof.value, signed):
        yield SessionProblem.BAD_PROOF
    if not (session.begins - AHEAD <= sent.at < session.ends) or sent.at - at > AHEAD:
        yield SessionProblem.SENT_OUTSIDE
    if session.person != sent.actor_id:
        yield SessionProblem.WRONG_PERSON
    if session.role != sent.role:
        yield SessionProblem.WRONG_ROLE
    if session.role not in WITHOUT_KEY and clinic not in session.clinics:
        yield SessionProblem.OTHER_CLINIC


def _session_problems(
    session: SessionCertificate, register: Register, log: ThisLog, at: datetime, grace: timedelta = timedelta()
) -> Iterator[SessionProblem]:
    """Yield what is wrong with a session, its signature first: without a valid one nothing else can be believed."""
    own = session.let_in_by is None
    entry = register.entry(session.key_id) if own else register.service(session.key_id)
    if entry is None:
        yield SessionProblem.UNKNOWN_KEY
        return
    if _opening_problem(entry, session, register.origins) is not None:
        yield SessionProblem.BAD_SESSION
    signer = register.entry(session.key_id)
    if signer is not None and session.person != signer.person:
        yield SessionProblem.WRONG_PERSON
    if signer is not None and session.role != signer.role:
        yield SessionProblem.WRONG_ROLE
    if not own and not _is_let_in(session, register, log):
        yield SessionProblem.NOT_LET_IN
    if session.organisation != register.organisation:
        yield SessionProblem.WRONG_ORGANISATION
    if session.log != log.name:
        yield SessionProblem.WRONG_LOG
    if session.ends - session.begins > LONGEST_SESSION:
        yield SessionProblem.TOO_LONG
    if session.begins - at > SKEW or session.begins < entry.enrolled_at:
        yield SessionProblem.NOT_YET
    if at - session.ends >= grace:
        yield SessionProblem.OVER
    revoked_at = entry.revoked_at
    if revoked_at is not None and (revoked_at <= session.begins or at - revoked_at >= grace):
        yield SessionProblem.REVOKED


def _is_let_in(session: SessionCertificate, register: Register, log: ThisLog) -> bool:
    """Whether a service may let this person in in this way."""
    service = register.service(session.key_id)
    if service is None or session.let_in_by not in service.ways:
        return False
    if session.let_in_by == DEMONSTRATION:
        return log.demonstration
    return session.role in WITHOUT_KEY


@lru_cache(maxsize=1024)
def _opening_problem(
    entry: SignerEntry | ServiceEntry, session: SessionCertificate, origins: tuple[str, ...]
) -> PasskeyProblem | None:
    """Say why a session was not signed with this key. The same session is looked at with each of its commands."""
    return problem_with(entry, session, session.signed_bytes(), origins)


@lru_cache(maxsize=1024)
def _verifies(public_key: str, value: str, signed: bytes) -> bool:
    """Whether the key of a session made a signature."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(value), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def session_statement(
    actor: Actor,
    *,
    organisation: str,
    log: str,
    clinics: Sequence[str],
    purpose: str,
    begins: datetime,
    lasts: timedelta,
    session_key: Ed25519PrivateKey,
    key_id: str,
    let_in_by: str | None = None,
) -> SessionStatement:
    """Return what is signed to open a session for somebody, from a moment (UTC) on."""
    return SessionStatement(
        organisation=organisation,
        log=log,
        person=actor.id,
        role=actor.role,
        clinics=tuple(clinics),
        purpose=purpose,
        begins=begins,
        ends=begins + lasts,
        session_key=session_key.public_key().public_bytes_raw().hex(),
        key_id=key_id,
        let_in_by=let_in_by,
    )
