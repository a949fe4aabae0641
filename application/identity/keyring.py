"""People's keys and the register of signers, as use cases need them.

A passphrase is asked of a person (`Context.ask`) and used once. It is never stored, logged or taken from elsewhere.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, StringConstraints, ValidationError

from activities.private_files import NotPrivate, read_private
from activities.signatures import keys, register_file
from activities.signatures.keys import KeyFileError, PrivateKey, WrongPassphrase
from activities.signatures.signer_registry import Register, RegisterError
from application.context import Context
from application.errors import NOTHING_WRITTEN, InvalidInput, NotAllowed, NotVerified, SteppedBack, UseCaseError
from application.input.files import content_of, is_missing, refuse_existing, write_new
from application.profiles import key_path
from application.settings import Settings
from workflows.journey.vocabulary.actors import CLINICAL, STAFF_ROLES, Actor, Licence
from workflows.journey.vocabulary.base import InputModel
from workflows.journey.vocabulary.signed_statement import Signer, signer_of


def require_signer(actor: Actor) -> Signer:
    """Return the person as printed beside a signature.

    Raises:
        NotAllowed: their role does not sign.
        InvalidInput: their profile has no name or licence.
    """
    if actor.role not in CLINICAL:
        raise NotAllowed(
            f"a {actor.role.value} does not sign",
            f"It is for: {', '.join(CLINICAL)}. Choose another profile with --profile",
            state=NOTHING_WRITTEN,
        )
    try:
        return signer_of(actor)
    except ValueError:
        raise InvalidInput(
            "a signature shows a printed name and a licence, and the profile lacks one of them",
            "Put `name` and `licence` into the profile; docs/reference/command-line.md shows one",
            state=NOTHING_WRITTEN,
        ) from None


def require_key_holder(actor: Actor) -> Actor:
    """Return the person, as enrolled for their working sessions.

    Raises:
        NotAllowed: nobody in their role has a key.
        InvalidInput: their profile has no name, or as a clinician no licence.
    """
    if actor.role not in STAFF_ROLES:
        raise NotAllowed(
            f"a {actor.role.value} has no key of their own",
            f"The service lets them in. A key is for: {', '.join(STAFF_ROLES)}",
            state=NOTHING_WRITTEN,
        )
    if actor.role in CLINICAL:
        require_signer(actor)
    elif actor.name is None:
        raise InvalidInput(
            "a key is enrolled under a printed name, and the profile lacks it",
            "Put `name` into the profile; docs/reference/command-line.md shows one",
            state=NOTHING_WRITTEN,
        )
    return actor


def make_key(context: Context, path: Path, person: str, whose: str) -> PrivateKey:
    """Make a new key in a new file, under a passphrase that is asked for twice.

    Raises:
        Conflict: there is a file already.
        InvalidInput: the passphrase is too short or was mistyped, or the file cannot be written.
    """
    refuse_existing(path, "no key is overwritten")
    passphrase = context.ask(f"New passphrase of {whose}, at least {keys.SHORTEST_PASSPHRASE} characters", secret=True)
    if len(passphrase) >= keys.SHORTEST_PASSPHRASE and context.ask("The same again", secret=True) != passphrase:
        raise InvalidInput(
            "the two passphrases are not the same", "Run it again and take your time", state=NOTHING_WRITTEN
        )
    try:
        return keys.generate(path, person, passphrase)
    except KeyFileError as error:
        raise InvalidInput(error.reason, error.remedy, state=NOTHING_WRITTEN) from None


def unlock(context: Context, path: Path, whose: str) -> PrivateKey:
    """Ask for the passphrase of a key, and open it. Drop it after signing.

    Raises:
        InvalidInput: there is no such key, or it cannot be used.
        NotAllowed: the passphrase is wrong.
    """
    if is_missing(path):
        raise InvalidInput(
            f"there is no file {path.name} with {whose}",
            "Make a key with `clinician key`, or give the place of the one there is",
            state=NOTHING_WRITTEN,
        )
    try:
        return keys.unlock(path, context.ask(f"Passphrase of {whose}", secret=True))
    except KeyFileError as error:
        raise InvalidInput(error.reason, error.remedy, state=NOTHING_WRITTEN) from None
    except WrongPassphrase:
        raise NotAllowed(
            f"this passphrase does not open {whose}",
            "Run it again with the right one; nobody can recover it. If it is lost, make a new key",
            state=NOTHING_WRITTEN,
        ) from None


def unlock_own(context: Context, signer: Signer | Actor) -> PrivateKey:
    """Open the key beside the person's profile, as `unlock` does.

    Raises:
        InvalidInput, NotAllowed: as `unlock`, or it is another person's.
    """
    key = unlock(context, key_path(context.profile_path), "your key")
    if key.person != signer.id:
        raise NotAllowed(
            "the key beside this profile is another person's",
            "Use your own profile and key; a key signs only for its owner",
            state=NOTHING_WRITTEN,
        )
    return key


def unlock_for_signing(context: Context, signer: Signer) -> PrivateKey:
    """Open the key beside the person's profile for a signature (21 CFR 11.200(a)(1)).

    At the first signing of a session the person gives their id and the passphrase. Within ``signing_minutes`` of the
    last one, they give the passphrase alone.

    Raises:
        UseCaseError: as `unlock_own`, or they gave another id than their profile's.
    """
    window = timedelta(minutes=context.settings.signing_minutes)
    session = context.profile_path.with_suffix(".signed")
    last, now = _last_signed(session), context.now()
    asks = "person" in keys.components_asked_for(None if last is None else last.at, now, window)
    if asks:
        require_same(context, signer)
    key = unlock_own(context, signer)
    if not asks and last is not None and not keys.is_session_mark(key, last.at, last.mark):
        require_same(context, signer)  # Somebody put it there.
    with suppress(OSError, UseCaseError):  # without this file, the next signing asks for both again
        session.unlink(missing_ok=True)
        write_new(session, _LastSigned(at=now, mark=keys.session_mark(key, now)).model_dump_json().encode())
    return key


def require_same(context: Context, signer: Signer) -> None:
    """Ask for the person's id, the first component of a signature, and require that it is theirs.

    Raises:
        SteppedBack: they gave another id than their profile's.
    """
    if context.ask("To sign this, enter your id").strip() != signer.id:
        raise SteppedBack(
            "not signed: this is not the id of your profile", "Run it again to sign", state=NOTHING_WRITTEN
        )


class _LastSigned(InputModel):
    """When the person signed last, as their key says."""

    at: AwareDatetime
    mark: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


def _last_signed(session: Path) -> _LastSigned | None:
    try:
        return _LastSigned.model_validate_json(read_private(session, keys.KEY_FILE_LIMIT))
    except (OSError, NotPrivate, ValidationError):
        return None


def require_enrolled(register: Register, key_id: str, signer: Signer | Actor, at: datetime) -> None:
    """Require that the register has this key for this person now.

    Raises:
        NotAllowed: it does not, the key is revoked, or the licence is over.
    """
    entry = register.entry(key_id)
    if entry is None or entry.state_at(at) == "not_enrolled":
        reason, remedy = "your key is not enrolled", "Hand in the request that `clinician key` wrote, and sign after"
    elif entry.state_at(at) == "revoked":
        reason, remedy = "your key is revoked", "Make a new one with `clinician key` and have it enrolled"
    elif (signer.id, signer.role, signer.name, _licence(signer)) != (
        *(entry.person, entry.role, entry.printed_name, entry.licence),
    ):
        reason = "your profile says another id, role, name or licence than the register"
        remedy = "Correct the profile; if the register is out of date, make a new key and have it enrolled"
    elif entry.licence is not None and entry.licence.ends() <= at:
        reason, remedy = "your licence is over", "Have the renewed licence enrolled, with a new key"
    else:
        return
    raise NotAllowed(reason, remedy, state=NOTHING_WRITTEN)


def _licence(signer: Signer | Actor) -> Licence | None:
    """The licence as it is enrolled: only who decides has one in the register."""
    return signer.licence if signer.role in CLINICAL else None


def register_path(given: Path | None, settings: Settings) -> Path:
    """Return the file of the register.

    Raises:
        InvalidInput: it is neither given nor set.
    """
    path = given or settings.register_file
    if path is None:
        raise InvalidInput(
            "it is not known where the register is",
            "Set CAREPATH_REGISTER_FILE; `clinician register` makes a new one",
            state=NOTHING_WRITTEN,
        )
    return path


def read_register(context: Context, path: Path, organisation_key: bytes) -> Register:
    """Read the register in a file, and verify its signature. An older one than was read there before is not taken.

    Raises:
        InvalidInput: there is no file.
        NotVerified: it cannot be believed.
    """
    if is_missing(path):
        raise InvalidInput(
            "there is no register where it should be",
            "Put the newest one back, or check CAREPATH_REGISTER_FILE. Where there never was one, `clinician register` "
            "makes it",
            state=NOTHING_WRITTEN,
        )
    try:
        return context.registers.read(path, organisation_key)
    except RegisterError as error:
        raise NotVerified(error.reason, error.remedy, state=NOTHING_WRITTEN) from None


async def require_newest(context: Context, given: Path | None = None) -> None:
    """Require that the register, where there is one, is not older than one that was used with the record.

    Raises:
        NotVerified: it is older, or another one of that version, or cannot be believed.
        RecordUnavailable, RecordFault: as the record does.
    """
    path = given or context.settings.register_file
    content = None if path is None else content_of(path)
    newest = await (await context.record()).seen_register()
    if content is None or newest is None:
        return
    register = verified_register(context, path)
    try:
        register_file.require_newest(register, register_file.content_hash(content), newest)
    except RegisterError as error:
        raise NotVerified(error.reason, error.remedy, state=NOTHING_WRITTEN) from None


def verified_register(context: Context, given: Path | None = None) -> Register:
    """Read the register, and verify it with the organisation's key that the settings name.

    Raises:
        InvalidInput: a setting or the file is missing.
        NotVerified: it cannot be believed.
    """
    settings = context.settings
    path = register_path(given, settings)
    if settings.organisation_key is None:
        raise InvalidInput(
            "it is not known by which key the register is to be believed",
            "Set CAREPATH_ORGANISATION_KEY to the public key that `clinician register` printed",
            state=NOTHING_WRITTEN,
        )
    return read_register(context, path, bytes.fromhex(settings.organisation_key))
