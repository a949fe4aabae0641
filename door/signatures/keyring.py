"""Keys, the register and the files they stand in, as the door uses them: every error in words for who is signing.

Passphrases are asked of a person (`Services.ask`), used once, and never kept, logged or taken from anywhere else.
"""

import os
import secrets
import shutil
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from activities.signatures import keys
from activities.signatures import signer_registry as registers
from activities.signatures.keys import KeyFileError, PrivateKey, WrongPassphrase
from activities.signatures.signer_registry import Register, RegisterError
from door.outcomes import ExitCode, Problem
from door.profiles import key_path
from door.services import Services
from workflows.journey.actors import CLINICAL, Actor
from workflows.journey.signed_statement import Signer, signer_of

if TYPE_CHECKING:
    from application.settings import Settings

UNCHANGED = "Nothing was written or changed."


def told(error: Exception, code: ExitCode) -> Problem:
    """The error of a key file or a register, which says what happened and then what to do."""
    reason, _, remedy = str(error).partition(". ")
    return Problem(code, reason, remedy, state=UNCHANGED)


def require_signer(actor: Actor) -> Signer:
    """The person as they are printed beside a signature.

    Raises:
        Problem: their role does not sign, or their profile has no name or licence.
    """
    if actor.role not in CLINICAL:
        raise Problem(
            ExitCode.NOT_ALLOWED,
            f"a {actor.role.value} does not sign",
            f"It is for: {', '.join(CLINICAL)}. Choose another profile with --profile",
            state=UNCHANGED,
        )
    try:
        return signer_of(actor)
    except ValueError:
        raise Problem(
            ExitCode.USAGE,
            "a signature shows a printed name and a licence, and the profile lacks one of them",
            "Put `name` and `licence` into the profile; docs/door.md shows one",
            state=UNCHANGED,
        ) from None


def make_key(services: Services, path: Path, person: str, whose: str) -> PrivateKey:
    """A new key in a new file, under a passphrase that is asked for twice.

    Raises:
        Problem: there is a file already, the passphrase is too short or was mistyped, or it cannot be written.
    """
    refuse_existing(path, "no key is overwritten")
    passphrase = services.ask(f"New passphrase of {whose}, at least {keys.SHORTEST_PASSPHRASE} characters", secret=True)
    if len(passphrase) >= keys.SHORTEST_PASSPHRASE and services.ask("The same again", secret=True) != passphrase:
        raise Problem(
            ExitCode.USAGE, "the two passphrases are not the same", "Run it again and take your time", state=UNCHANGED
        )
    try:
        return keys.generate(path, person, passphrase)
    except KeyFileError as error:
        raise told(error, ExitCode.USAGE) from None


def unlock(services: Services, path: Path, whose: str) -> PrivateKey:
    """A key, opened with the passphrase its owner is asked for. Sign with it, and let go of it.

    Raises:
        Problem: there is no such key, it cannot be used, or the passphrase is wrong.
    """
    if _missing(path):
        raise Problem(
            ExitCode.USAGE,
            f"there is no file {path.name} with {whose}",
            "Make a key with `clinician key`, or give the place of the one there is",
            state=UNCHANGED,
        )
    try:
        return keys.unlock(path, services.ask(f"Passphrase of {whose}", secret=True))
    except KeyFileError as error:
        raise told(error, ExitCode.USAGE) from None
    except WrongPassphrase:
        raise Problem(
            ExitCode.NOT_ALLOWED,
            f"this passphrase does not open {whose}",
            "Run it again with the right one; nobody can recover it. If it is lost, make a new key",
            state=UNCHANGED,
        ) from None


def unlock_own(services: Services, profile: Path, signer: Signer) -> PrivateKey:
    """The key beside a person's profile, as `unlock`.

    Raises:
        Problem: as `unlock`, or it is another person's.
    """
    key = unlock(services, key_path(profile), "your key")
    if key.person != signer.id:
        raise Problem(
            ExitCode.NOT_ALLOWED,
            "the key beside this profile is another person's",
            "Use your own profile and key; a key signs only for its owner",
            state=UNCHANGED,
        )
    return key


def unlock_for_signing(services: Services, profile: Path, signer: Signer, window: timedelta) -> PrivateKey:
    """The key beside a person's profile, once they have given what a signing asks for (`keys.asked_for`): who they
    are and the passphrase at the first signing of a session, the passphrase alone within ``window`` of the last.

    Raises:
        Problem: as `unlock_own`, or they gave another id than their profile's.
    """
    session = profile.with_suffix(".signed")
    if "person" in keys.asked_for(_last_signed(session), services.now(), window):
        require_same(services, signer)
    key = unlock_own(services, profile, signer)
    with suppress(OSError):  # without it, the next signing asks for everything again
        session.write_text(services.now().isoformat())
    return key


def require_same(services: Services, signer: Signer) -> None:
    """The person names themselves: the first component of a signature.

    Raises:
        Problem: they gave another id than their profile's.
    """
    if services.ask("To sign this, enter your id").strip() != signer.id:
        raise Problem(
            ExitCode.FAULT, "not signed: this is not the id of your profile", "Run it again to sign", state=UNCHANGED
        )


def _last_signed(session: Path) -> datetime | None:
    try:
        moment = datetime.fromisoformat(session.read_text().strip())
    except (OSError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None


def require_enrolled(register: Register, key: PrivateKey, signer: Signer, at: datetime) -> None:
    """That the register knows this key as this signer's, now.

    Raises:
        Problem: it does not, the key is revoked, or the licence is over.
    """
    entry = register.entry(key.key_id)
    if entry is None or entry.state_at(at) == "not_enrolled":
        reason, remedy = "your key is not enrolled", "Hand in the request that `clinician key` wrote, and sign after"
    elif entry.state_at(at) == "revoked":
        reason, remedy = "your key is revoked", "Make a new one with `clinician key` and have it enrolled"
    elif signer != Signer(id=entry.person, role=entry.role, name=entry.printed_name, licence=entry.licence):
        reason = "your profile says another id, role, name or licence than the register"
        remedy = "Correct the profile; if the register is out of date, make a new key and have it enrolled"
    elif entry.licence.expires < at.date():
        reason, remedy = "your licence is over", "Have the renewed licence enrolled, with a new key"
    else:
        return
    raise Problem(ExitCode.NOT_ALLOWED, reason, remedy, state=UNCHANGED)


def register_path(given: Path | None, settings: "Settings") -> Path:
    """The file of the register.

    Raises:
        Problem: it is neither given nor set.
    """
    path = given or settings.register_file
    if path is None:
        raise Problem(
            ExitCode.USAGE,
            "it is not known where the register is",
            "Set CAREPATH_REGISTER_FILE; `clinician register` makes a new one",
            state=UNCHANGED,
        )
    return path


def read_register(path: Path, organisation_key: bytes) -> Register:
    """The register in a file, once its signature has proved right.

    Raises:
        Problem: there is no file, or it cannot be believed (UNVERIFIED).
    """
    if _missing(path):
        raise Problem(
            ExitCode.USAGE,
            "there is no register where it should be",
            "Check CAREPATH_REGISTER_FILE; `clinician register` makes a new one",
            state=UNCHANGED,
        )
    try:
        return registers.read(path, organisation_key)
    except RegisterError as error:
        raise told(error, ExitCode.UNVERIFIED) from None


def believed_register(settings: "Settings", given: Path | None = None) -> Register:
    """The register, believed by the organisation's key that the settings name.

    Raises:
        Problem: a setting or the file is missing, or it cannot be believed (UNVERIFIED).
    """
    path = register_path(given, settings)
    if settings.organisation_key is None:
        raise Problem(
            ExitCode.USAGE,
            "it is not known by which key the register is to be believed",
            "Set CAREPATH_ORGANISATION_KEY to the public key that `clinician register` printed",
            state=UNCHANGED,
        )
    return read_register(path, bytes.fromhex(settings.organisation_key))


def refuse_existing(path: Path, because: str) -> None:
    """That nothing is in the way of a new file.

    Raises:
        Problem: there is a file of this name.
    """
    if not _missing(path):
        raise Problem(
            ExitCode.REFUSED,
            f"there is a file {path.name} already, and {because}",
            "Choose another place, or move the old file away first",
            state=UNCHANGED,
        )


def content_of(path: Path) -> bytes | None:
    """What a file holds; None if there is none.

    Raises:
        Problem: it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Problem(
            ExitCode.USAGE, f"{path.name} cannot be read ({error.strerror})", "Check the file", state=UNCHANGED
        ) from None


def replace(path: Path, content: bytes, known: bytes | None, *, state: str = UNCHANGED) -> None:
    """Put a new file in the place of the one whose content was ``known``, wholly or not at all.

    Raises:
        Problem: somebody else has changed it meanwhile, or it cannot be written; then it is as it was.
    """
    path = path.resolve()  # a link stays one
    if content_of(path) != known:
        raise Problem(
            ExitCode.REFUSED,
            f"{path.name} was changed by somebody else meanwhile",
            "Run it again, on what it says now",
            state=state,
        )
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            with new.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if known is not None:
                shutil.copymode(path, new)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise Problem(
            ExitCode.USAGE,
            f"{path.name} cannot be written ({error.strerror})",
            "Check the directory, then run it again",
            state=state,
        ) from None
    with suppress(OSError):  # it is in its place; only a power cut now could undo that
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _missing(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except OSError:  # whoever opens it says why it cannot be
        return False
    return False
