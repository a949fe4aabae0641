"""Administer who may sign: make a key, enrol it, revoke it, list the register."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NamedTuple, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import StringConstraints, ValidationError, model_validator

from activities.record import RecordFault, RecordUnavailable
from activities.signatures import register_changes, register_file
from activities.signatures.keys import PrivateKey, key_id_of
from activities.signatures.signer_registry import (
    Passkey,
    Register,
    RegisterError,
    ServiceEntry,
    SignerEntry,
    require_fitting,
)
from application.context import Context
from application.errors import (
    NOTHING_WRITTEN,
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotVerified,
    SettingsError,
    SteppedBack,
)
from application.identity import keyring
from application.input import forms
from application.input.files import content_of, refuse_existing, replace, write_new
from application.profiles import key_path
from workflows.journey.vocabulary.actors import CLINICAL, Licence, Role
from workflows.journey.vocabulary.base import Identifier, InputModel, Short

ORGANISATION = "organisation"
"""The owner that the organisation's key file names."""
WHOSE = "the organisation's key"


class Applicant(InputModel):
    """Who asks to be enrolled."""

    person: Identifier
    role: Role
    printed_name: Short
    licence: Licence | None = None

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        require_fitting(self.role, self.licence)
        return self


class EnrolmentRequest(Applicant):
    """What somebody hands in to be enrolled: who they are, and the public half of their key. It is checked with the
    entry that is made of it."""

    public_key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]+$", max_length=1000)]
    key_id: Identifier
    passkey: Passkey | None = None


class MadeKey(NamedTuple):
    """A new key's file, and the enrolment request beside it."""

    request: EnrolmentRequest
    key_file: Path
    request_file: Path


class NewRegister(NamedTuple):
    """A new register, its file, and the public half of the organisation's key in hex."""

    register: Register
    file: Path
    public_key: str


def request_path(profile: Path) -> Path:
    """Return the file of the person's enrolment request. It is beside their profile."""
    return profile.with_suffix(".enrol.json")


def make_own_key(context: Context) -> MadeKey:
    """Make the person's own key beside their profile, and the request to enrol it.

    Raises:
        NotAllowed: nobody in their role has a key.
        InvalidInput, Conflict: the profile, the passphrase or a file cannot be used.
    """
    path = context.profile_path
    signer = keyring.require_key_holder(context.actor)
    assert signer.name is not None
    written = request_path(path)
    earlier = content_of(written)
    key = keyring.make_key(context, key_path(path), signer.id, "your key")
    request = EnrolmentRequest(
        person=signer.id,
        role=signer.role,
        printed_name=signer.name,
        licence=signer.licence if signer.role in CLINICAL else None,
        public_key=key.public_key.hex(),
        key_id=key.key_id,
    )
    replace(
        written,
        request.model_dump_json(indent=2).encode() + b"\n",
        earlier,
        state="Your key was made; the request to enrol it was not written: remove the key before you try again.",
    )
    return MadeKey(request, key_path(path), written)


def begin_register(context: Context, organisation: str, organisation_key: Path, register: Path | None) -> NewRegister:
    """Make the organisation's key and its empty register, once.

    Raises:
        Conflict: there is a register or a key already.
        InvalidInput: the name or the passphrase is not usable, or a file cannot be written.
    """
    path = keyring.register_path(register, context.settings)
    refuse_existing(path, "a register is never begun again")
    try:
        empty = Register(organisation=organisation, version=1, issued_at=context.now())
    except ValidationError:
        raise InvalidInput("NAME is no name", "Give one of at most 200 characters", state=NOTHING_WRITTEN) from None
    key = keyring.make_key(context, organisation_key, ORGANISATION, WHOSE)
    replace(
        path,
        register_file.publish(empty, key),
        None,
        state="The organisation's key was made; the register was not: remove the key before you try again.",
    )
    return NewRegister(empty, path, key.public_key.hex())


def find_register(context: Context, register: Path | None) -> Path:
    """Return the file of the register to change.

    Raises:
        InvalidInput: it is neither given nor set.
    """
    return keyring.register_path(register, context.settings)


def parse_request(raw: bytes) -> EnrolmentRequest:
    """Parse an enrolment request.

    Raises:
        InvalidInput: it is not one.
    """
    try:
        return forms.check(EnrolmentRequest, forms.read_object(raw))
    except InvalidInput as problem:
        raise InvalidInput(
            f"the enrolment request is not usable: {problem.reason}",
            "Give the file that `clinician key` wrote, or that was saved from the console, as it is",
            state=NOTHING_WRITTEN,
            fields=problem.fields,
        ) from None


def entry_of(context: Context, request: EnrolmentRequest, by: Sequence[str]) -> SignerEntry:
    """Make the register entry that a request asks for, enrolled by two people.

    Raises:
        NotAllowed: they are not two different people, or one of them is the one enrolled.
        InvalidInput: it cannot be enrolled.
    """
    if len(by) != 2 or len({request.person, *by}) != 3:
        raise NotAllowed(
            "two different people enrol a key, and neither of them is the one enrolled",
            "Give --by PERSON twice, with the ids of the two who are here",
            state=NOTHING_WRITTEN,
        )
    try:
        return SignerEntry(**dict(request), enrolled_at=context.now(), enrolled_by=(by[0], by[1]))
    except ValidationError as invalid:
        fields = forms.field_problems(invalid)
    raise InvalidInput(
        "this cannot be enrolled",
        "Have the request made again where it was made; ids of people are coded words",
        state=NOTHING_WRITTEN,
        fields=fields,
    )


class NewService(NamedTuple):
    """The key of a service that lets people in, enrolled, and the register it is in."""

    entry: ServiceEntry
    register: Register


def enrol_service(
    context: Context,
    service: str,
    ways: Sequence[str],
    by: Sequence[str],
    key_file: Path,
    organisation_key: Path,
    register: Path | None,
) -> NewService:
    """Make the key by which a service says whom it let in, in a new file, and enrol it, two people together.

    Raises:
        NotAllowed: they are not two different people.
        InvalidInput: it cannot be enrolled, or the file cannot be written.
        UseCaseError: as `enrol`. The key is then of no use: remove it.
    """
    if len(by) != 2 or len({*by}) != 2:
        raise NotAllowed(
            "two different people enrol a key",
            "Give --by PERSON twice, with the ids of the two who are here",
            state=NOTHING_WRITTEN,
        )
    refuse_existing(key_file, "no key is overwritten")
    key = Ed25519PrivateKey.generate()
    public_key = key.public_key().public_bytes_raw()
    try:
        entry = ServiceEntry(
            service=service,
            ways=tuple(ways),
            key_id=key_id_of(public_key),
            public_key=public_key.hex(),
            enrolled_at=context.now(),
            enrolled_by=(by[0], by[1]),
        )
    except ValidationError as invalid:
        fields = forms.field_problems(invalid)
        raise InvalidInput(
            "this cannot be enrolled",
            "Ids and ways are coded words, such as `console` and `link`",
            state=NOTHING_WRITTEN,
            fields=fields,
        ) from None
    changed = change_register(context, register, organisation_key, lambda known: register_changes.enrol(known, entry))
    write_new(key_file, f"{key.private_bytes_raw().hex()}\n".encode())
    return NewService(entry, changed)


def enrol(context: Context, entry: SignerEntry, organisation_key: Path, register: Path | None) -> Register:
    """Add an entry to the register, signed with the organisation's key; return the register.

    Raises:
        Conflict: the key is enrolled already, or somebody changed the register meanwhile.
        UseCaseError: the organisation's key or the register cannot be used.
    """
    return change_register(context, register, organisation_key, lambda known: register_changes.enrol(known, entry))


def revoke(
    context: Context,
    key_id: str,
    organisation_key: Path,
    register: Path | None,
    *,
    because: str,
    by: str,
    confirm: Callable[[SignerEntry | ServiceEntry], None],
) -> Register:
    """Revoke a key from now on; what it signed before stays valid. ``confirm`` may step back by raising.

    Raises:
        NotFound: no such key is enrolled.
        Conflict: it is revoked already, or somebody changed the register meanwhile.
        UseCaseError: the organisation's key or the register cannot be used.
    """

    def revoked(known: Register) -> Register:
        entry = known.entry(key_id) or known.service(key_id)
        if entry is None:
            raise NotFound("no such key is enrolled", "Look up its id: `clinician list`", state=NOTHING_WRITTEN)
        changed = register_changes.revoke(known, key_id, at=context.now(), because=because, by=by)
        confirm(entry)
        return changed

    return change_register(context, register, organisation_key, revoked)


def list_signers(context: Context, register: Path | None) -> Register:
    """Return the register, with every key there ever was.

    Raises:
        InvalidInput, NotVerified: it is missing, or not valid.
    """
    return keyring.verified_register(context, register)


async def list_used(context: Context, register: Path | None) -> Register:
    """Return the register as `list_signers`. Of the one that the settings name, processes believe only the newest that
    was used with the record: where that can be asked, an older one is told as what it is.

    Raises:
        InvalidInput, NotVerified: it is missing, not valid, or not the newest one.
    """
    found = list_signers(context, register)
    if register is None:
        with suppress(SettingsError, RecordUnavailable, RecordFault):
            await keyring.require_newest(context)
    return found


def confirm(context: Context, question: str) -> None:
    """Ask the person to confirm.

    Raises:
        SteppedBack: they did not.
    """
    if context.ask(f"{question}? [y/N]").strip().lower() not in ("y", "yes"):
        raise SteppedBack("you stepped back", "Run it again when you want to go on", state=NOTHING_WRITTEN)


def change_register(
    context: Context, register: Path | None, organisation_key: Path, change: Callable[[Register], Register]
) -> Register:
    """Change the register, sign it with the organisation's key, and replace the file."""
    path = keyring.register_path(register, context.settings)
    key = keyring.unlock(context, organisation_key, WHOSE)
    _require_ours(context, key)
    known = content_of(path)
    try:
        changed = change(keyring.read_register(context, path, key.public_key))
    except RegisterError as error:
        raise Conflict(error.reason, error.remedy, state=NOTHING_WRITTEN) from None
    replace(path, register_file.publish(changed, key), known)
    return changed


def _require_ours(context: Context, key: PrivateKey) -> None:
    known = context.settings.organisation_key
    if known is not None and known != key.public_key.hex():
        raise NotVerified(
            "this is not the organisation's key that CAREPATH_ORGANISATION_KEY names",
            "Give the key file it names, or correct the setting",
            state=NOTHING_WRITTEN,
        )
