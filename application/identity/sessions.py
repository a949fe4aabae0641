"""Working sessions: a person opens one with their own key, and every command they send is then signed in it unnoticed.

The session's key is in a file beside the person's profile that only they can read. It is not encrypted: whoever can
read the file can act as this person until the session ends, twelve hours at most, but signs no decision, for which the
passphrase is asked each time. Patients and observers have no key: the service lets them in, for one command at a time.
"""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from activities.private_files import NotPrivate, read_private
from activities.record.verification.anchors import AnchorKeyError, read_key
from activities.signatures.keys import key_id_of
from activities.signatures.sessions import (
    DEMONSTRATION,
    SessionProblem,
    ThisLog,
    check_session,
    open_session,
    prove,
    refusal_of,
    session_statement,
)
from activities.signatures.signer_registry import Register
from activities.signatures.staff import members
from application.context import Context, KeptSession
from application.errors import NOTHING_HAPPENED, NOTHING_WRITTEN, InvalidInput, NotAllowed, UseCaseError
from application.identity import keyring
from application.input.files import is_missing, write_new
from workflows.journey.commands import SIGNED, Command
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.proof import LONGEST_SESSION, WITHOUT_KEY, SessionCertificate

SESSION_FILE_LIMIT = 64 * 1024
ONE_COMMAND = timedelta(minutes=10)
"""How long a session lasts in which a service lets somebody in for one command."""


class WorkingSession(NamedTuple):
    """The working session of the person who acts, and why it does not count now; None when it does."""

    certificate: SessionCertificate
    problem: SessionProblem | None


def session_path(profile: Path) -> Path:
    """Return the file of the person's working session. It is beside their profile."""
    return profile.with_suffix(".session")


async def open_working_session(context: Context, lasts: timedelta = LONGEST_SESSION) -> SessionCertificate:
    """Open a working session for the person who acts, in place of an earlier one, after they gave the passphrase of
    their key. It is for the clinics for which the register says that they work in their role.

    Raises:
        NotAllowed: their role has no key, the passphrase is wrong, or the register does not know them or their key.
        InvalidInput: the key, the register or the profile cannot be used.
    """
    person = keyring.require_key_holder(context.actor)
    register, now = keyring.verified_register(context), context.now()
    await keyring.require_newest(context)
    clinics = _clinics_of(register, context)
    log = await (await context.record()).log_name()
    key = keyring.unlock_own(context, person)
    keyring.require_enrolled(register, key.key_id, person, now)
    session_key = Ed25519PrivateKey.generate()
    certificate = open_session(
        key.key,
        session_statement(
            person,
            organisation=register.organisation,
            log=log,
            clinics=clinics,
            purpose=context.purpose.value,
            begins=now,
            lasts=lasts,
            session_key=session_key,
            key_id=key.key_id,
        ),
    )
    path = session_path(context.profile_path)
    close_working_session(context)
    kept = KeptSession(session=certificate, key=session_key.private_bytes_raw().hex())
    write_new(path, kept.model_dump_json().encode())
    return certificate


def close_working_session(context: Context) -> bool:
    """End the person's working session here: forget its key. Return whether there was one.

    Raises:
        InvalidInput: the file cannot be removed.
    """
    try:
        session_path(context.profile_path).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise InvalidInput(
            f"the file of the session cannot be removed ({error.strerror})",
            "Remove it yourself: it is beside your profile and ends in .session",
            state=NOTHING_WRITTEN,
        ) from None
    return True


async def current_session(context: Context) -> WorkingSession | None:
    """Return the working session of the person who acts; None when none was opened.

    Raises:
        InvalidInput: its file, or the register, cannot be used.
    """
    kept = _kept(context)
    return None if kept is None else WorkingSession(kept.session, await _problem(context, kept.session))


async def session_of(context: Context) -> tuple[SessionCertificate, Ed25519PrivateKey]:
    """Return the working session of the person who acts, and its key.

    Raises:
        NotAllowed: none is open, or it is over.
        UseCaseError: the session, the register or the record cannot be used.
    """
    found = await _session_for(context, context.actor)
    if found is None:
        raise _refused(SessionProblem.NO_SESSION)
    return found


async def require_session(context: Context) -> None:
    """Require that the person acts in a working session, as for a command. A demonstration needs none.

    Raises:
        NotAllowed: none is open, or it is over.
        UseCaseError: the session, the register or the record cannot be used.
    """
    await _session_for(context, context.actor)


async def prove_command(context: Context, journey_id: UUID, command: Command) -> Command:
    """Return a command signed in the working session of the person who acts, as sent now. Where none is needed and none
    is open, nothing proves it: what anybody may send counts all the same, and is marked as unproven. Prove anew what is
    sent again: what bears an old time is not taken.

    Raises:
        NotAllowed: it needs a session, and none is open, or it is over.
        UseCaseError: the session, the register or the record cannot be used.
    """
    if isinstance(command.body, SIGNED) or not _is_own(context, command.actor):
        return command
    try:
        found = await _session_for(context, command.actor)
    except UseCaseError:
        if command.body.by_anybody:
            return command.model_copy(update={"sent_at": context.now()})
        raise
    return command if found is None else prove(*found, journey_id, command, context.now())


async def _session_for(context: Context, actor: Actor) -> tuple[SessionCertificate, Ed25519PrivateKey] | None:
    """Return the session in which somebody acts, and its key; None where it may be missing."""
    kept = _kept(context)
    problem = SessionProblem.NO_SESSION if kept is None else await _problem(context, kept.session)
    if kept is not None and problem is None:
        return kept.session, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(kept.key))
    demonstration = context.settings.demonstration
    way = context.let_in_by
    if context.settings.service_key_file is not None and way and (actor.role in WITHOUT_KEY or demonstration):
        return await _let_in(context, actor, DEMONSTRATION if demonstration else way)
    if demonstration and way:
        return None
    raise _refused(problem or SessionProblem.NO_SESSION)


def _refused(problem: SessionProblem) -> NotAllowed:
    refusal = refusal_of(problem)
    return NotAllowed(refusal.reason, refusal.remedy, state=NOTHING_HAPPENED)


async def _let_in(context: Context, actor: Actor, way: str) -> tuple[SessionCertificate, Ed25519PrivateKey]:
    """Let somebody in with the service's key, for one command."""
    assert context.settings.service_key_file is not None
    try:
        key = read_key(context.settings.service_key_file)
    except AnchorKeyError:
        raise InvalidInput(
            "the key with which this service lets people in cannot be used",
            "Check CAREPATH_SERVICE_KEY_FILE; `clinician let-in` makes such a key",
            state=NOTHING_HAPPENED,
        ) from None
    session_key = Ed25519PrivateKey.generate()
    statement = session_statement(
        actor,
        organisation=keyring.verified_register(context).organisation,
        log=await (await context.record()).log_name(),
        clinics=actor.clinics,
        purpose=context.purpose.value,
        begins=context.now(),
        lasts=ONE_COMMAND,
        session_key=session_key,
        key_id=key_id_of(key.public_key().public_bytes_raw()),
        let_in_by=way,
    )
    return open_session(key, statement), session_key


async def _problem(context: Context, session: SessionCertificate) -> SessionProblem | None:
    """Say why a session does not count now for the person who acts: any file can stand beside a profile."""
    if session.person != context.actor.id:
        return SessionProblem.WRONG_PERSON
    if session.role != context.actor.role:
        return SessionProblem.WRONG_ROLE
    log = ThisLog(await (await context.record()).log_name(), context.settings.demonstration)
    return check_session(session, keyring.verified_register(context), log, context.now())


def _is_own(context: Context, actor: Actor) -> bool:
    """Whether a command is of the person who acts, and not one that is handed on for somebody."""
    try:
        return (context.actor.id, context.actor.role) == (actor.id, actor.role)
    except UseCaseError:
        return False


def _clinics_of(register: Register, context: Context) -> tuple[str, ...]:
    """Return the clinics for which the register says that the person works now, in their role."""
    person, now = context.actor, context.now()
    known = [member for member in members(register, [person.id]) if member.role == person.role]
    clinics = [clinic for member in known for clinic in member.clinics if member.works_at(clinic, now)]
    if not clinics:
        raise NotAllowed(
            "the register has no entry at this time that says for which clinics you work in this role",
            "Correct your profile, or have the register corrected (`clinician enter`)",
            state=NOTHING_WRITTEN,
        )
    return tuple(dict.fromkeys(clinics))


def _kept(context: Context) -> KeptSession | None:
    """Return the session that the person acts in, or what the file of it holds; None where there is none."""
    if context.session is not None or not context.has_profile:
        return context.session
    path = session_path(context.profile_path)
    if is_missing(path):
        return None
    try:
        raw = read_private(path, SESSION_FILE_LIMIT)
    except NotPrivate as shared:
        raise _unusable(shared.reason) from None
    except OSError as error:
        raise _unusable(f"it cannot be read ({error.strerror})") from None
    with suppress(ValidationError):
        return KeptSession.model_validate_json(raw)
    raise _unusable("it is none")


def _unusable(why: str) -> InvalidInput:
    return InvalidInput(
        f"the file of your working session cannot be used: {why}",
        "Close it (`working-session close`) and open a new one (`working-session open`)",
        state=NOTHING_HAPPENED,
    )
