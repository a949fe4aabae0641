"""`clinician key`, `register`, `enrol`, `revoke` and `list`: who may sign, by keys that only they have."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from activities.signatures import signer_registry as registers
from activities.signatures.keys import PrivateKey
from activities.signatures.signer_registry import Entry, Register, RegisterError
from door import forms, shell
from door.outcomes import ExitCode, Problem
from door.profiles import key_path, profile_path, read_profile
from door.screen import Screen, facts, row, table
from door.services import Services
from door.signatures import keyring
from door.signatures.keyring import UNCHANGED
from workflows.journey.actors import Licence, Role
from workflows.journey.base import Identifier, InputModel, Short
from workflows.journey.signed_statement import Sha256

ORGANISATION = "organisation"
"""Whose the organisation's key is, in its file."""
WHOSE = "the organisation's key"

RegisterOption = Annotated[
    Path | None,
    typer.Option("--register", metavar="FILE", help="Otherwise CAREPATH_REGISTER_FILE.", show_default=False),
]
OrganisationKey = Annotated[
    Path,
    typer.Option("--organisation-key", metavar="KEYFILE", help="The offline key file.", show_default=False),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for a confirmation; the passphrase is always asked for.")]


class EnrolmentRequest(InputModel):
    """What a clinician hands over to be enrolled: who they are, and the public half of their key."""

    person: Identifier
    role: Role
    printed_name: Short
    licence: Licence
    public_key: Sha256
    key_id: Identifier


def request_path(profile: Path) -> Path:
    """Where the enrolment request of the person in a profile is written: beside it."""
    return profile.with_suffix(".enrol.json")


def add_commands(group: typer.Typer) -> None:
    """Give the commands to their group."""
    group.command("key")(key_command)
    group.command("register")(register_command)
    group.command("enrol")(enrol_command)
    group.command("revoke")(revoke_command)
    group.command("list")(list_command)


def key_command(context: typer.Context, profile: shell.Profile = None, json: shell.Json = False) -> None:
    """Make your own key, on your own computer, and the request to enrol it. For: who signs.

    The key is written beside your profile, readable by you alone and only with the passphrase you are asked for.
    Hand over the request, never the key.
    """
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        path = profile_path(profile, services.settings_without_servers().profile)
        signer = keyring.require_signer(read_profile(path))
        written = request_path(path)
        earlier = keyring.content_of(written)
        key = keyring.make_key(services, key_path(path), signer.id, "your key")
        request = EnrolmentRequest(
            person=signer.id,
            role=signer.role,
            printed_name=signer.name,
            licence=signer.licence,
            public_key=key.public_key.hex(),
            key_id=key.key_id,
        )
        keyring.replace(
            written,
            request.model_dump_json(indent=2).encode() + b"\n",
            earlier,
            state="Your key was made; the request to enrol it was not written: remove the key before you try again.",
        )
        if screen.json_only:
            screen.data(request.model_dump(mode="json"))
            return
        screen.show(
            facts(
                {
                    **_who(request),
                    "key file": key_path(path).name,
                    "request": str(written),
                    "next": "hand over the request, and compare the key id when it is enrolled",
                },
                "clinician key: made",
            )
        )

    shell.run(act, json_only=json)


def register_command(
    context: typer.Context,
    organisation: Annotated[
        str, typer.Option("--organisation", metavar="NAME", help="As it is to be printed.", show_default=False)
    ],
    organisation_key: OrganisationKey,
    register: RegisterOption = None,
    json: shell.Json = False,
) -> None:
    """Make the organisation's key and its empty register, once. Keep the key file offline."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        path = keyring.register_path(register, services.settings_without_servers())
        keyring.refuse_existing(path, "a register is never begun again")
        try:
            empty = Register(organisation=organisation, version=1, issued_at=services.now())
        except ValidationError:
            raise Problem(
                ExitCode.USAGE, "NAME is no name", "Give one of at most 200 characters", state=UNCHANGED
            ) from None
        key = keyring.make_key(services, organisation_key, ORGANISATION, WHOSE)
        keyring.replace(
            path,
            registers.publish(empty, key),
            None,
            state="The organisation's key was made; the register was not: remove the key before you try again.",
        )
        public = key.public_key.hex()
        if screen.json_only:
            screen.data({"organisation": empty.organisation, "public_key": public, "version": empty.version})
            return
        screen.show(
            facts(
                {
                    "organisation": empty.organisation,
                    "register": str(path),
                    "key file": str(organisation_key),
                    "next": "keep the key file offline; set everybody's CAREPATH_ORGANISATION_KEY to this public key:",
                },
                "clinician register: made",
            )
        )
        screen.text(public)  # by itself, so that it can be copied whole

    shell.run(act, json_only=json)


def enrol_command(
    context: typer.Context,
    request: Annotated[str, typer.Argument(metavar="REQUEST.json", help="As `clinician key` wrote it; - for input.")],
    by: Annotated[list[str], typer.Option("--by", metavar="PERSON", help="Who enrols: twice, two people.")],
    organisation_key: OrganisationKey,
    register: RegisterOption = None,
    yes: Yes = False,
    json: shell.Json = False,
) -> None:
    """Enrol a clinician's key, two people together, neither of them the one enrolled.

    Check identity and licence before, and compare the key id with the one on the clinician's own screen.
    """
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        path = keyring.register_path(register, services.settings_without_servers())
        asked = _request(request)
        entry = _entry(asked, by, services)
        if not screen.json_only:
            screen.show(facts({**_who(asked), "enrolled by": " and ".join(by)}, "clinician enrol"))
        _confirm(services, f"Enrol {asked.printed_name} with key {asked.key_id}", yes=yes)
        changed = _change(services, path, organisation_key, lambda known: registers.enrol(known, entry))
        also = [
            other.key_id
            for other in changed.entries
            if other.person == entry.person and other.key_id != entry.key_id and other.revoked_at is None
        ]
        if also:
            screen.note(f"{entry.person} has other keys that are not revoked: {', '.join(also)}")
        _tell(screen, changed, entry.key_id, "clinician enrol: done")

    shell.run(act, json_only=json)


def revoke_command(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="See `clinician list`.", show_default=False)],
    because: Annotated[
        str,
        typer.Option("--because", metavar="TEXT", help="Why, in a few words; nothing about a patient."),
    ],
    by: Annotated[str, typer.Option("--by", metavar="PERSON", help="Who revokes; one is enough.")],
    organisation_key: OrganisationKey,
    register: RegisterOption = None,
    yes: Yes = False,
    json: shell.Json = False,
) -> None:
    """Revoke a key: from now on nothing is accepted that it signs. What it signed before stays valid."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        path = keyring.register_path(register, services.settings_without_servers())

        def revoked(known: Register) -> Register:
            entry = known.entry(key_id)
            if entry is None:
                raise Problem(
                    ExitCode.NOT_FOUND,
                    "no such key is enrolled",
                    "Look up its id: `clinician list`",
                    state=UNCHANGED,
                )
            changed = registers.revoke(known, key_id, at=services.now(), because=because, by=by)
            _confirm(services, f"Revoke the key of {entry.printed_name} ({entry.role.value})", yes=yes)
            return changed

        changed = _change(services, path, organisation_key, revoked)
        _tell(screen, changed, key_id, "clinician revoke: done")

    shell.run(act, json_only=json)


def list_command(context: typer.Context, register: RegisterOption = None, json: shell.Json = False) -> None:
    """List every key there ever was: whose, with which licence, since when, by whom, and whether it is revoked."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        found = keyring.believed_register(services.settings_without_servers(), register)
        if screen.json_only:
            screen.data([entry.model_dump(mode="json") for entry in found.entries])
            return
        title = f"{found.organisation}: register version {found.version} of {_minute(found.issued_at)}"
        listed = table("who", "id", "enrolled and revoked", title=title)
        for entry in found.entries:
            revoked = f"\nrevoked {_revocation(entry)}" if entry.revoked_at else ""
            row(
                listed,
                f"{entry.printed_name}\n{entry.person}, {entry.role.value}\n{_licence(entry.licence)}",
                entry.key_id,
                f"enrolled {_minute(entry.enrolled_at)} by {' and '.join(entry.enrolled_by)}{revoked}",
            )
        screen.show(listed)

    shell.run(act, json_only=json)


def _request(source: str) -> EnrolmentRequest:
    try:
        return forms.check(EnrolmentRequest, forms.read_object(forms.read_input(source)))
    except Problem as problem:
        raise Problem(
            ExitCode.USAGE,
            f"the enrolment request is not usable: {problem.reason}",
            "Give the file that `clinician key` wrote, as it is",
            state=UNCHANGED,
            fields=problem.fields,
        ) from None


def _entry(request: EnrolmentRequest, by: Sequence[str], services: Services) -> Entry:
    if len(by) != 2 or len({request.person, *by}) != 3:
        raise Problem(
            ExitCode.NOT_ALLOWED,
            "two different people enrol a key, and neither of them is the one enrolled",
            "Give --by PERSON twice, with the ids of the two who are here",
            state=UNCHANGED,
        )
    try:
        return Entry(**dict(request), enrolled_at=services.now(), enrolled_by=(by[0], by[1]))
    except ValidationError as invalid:
        fields = forms.field_problems(invalid)
    raise Problem(
        ExitCode.USAGE,
        "this cannot be enrolled",
        "Have the request made again with `clinician key`; ids of people are coded words",
        state=UNCHANGED,
        fields=fields,
    )


def _confirm(services: Services, question: str, *, yes: bool) -> None:
    if not yes and services.ask(f"{question}? [y/N]").strip().lower() not in ("y", "yes"):
        raise Problem(ExitCode.FAULT, "you stepped back", "Run it again when you want to go on", state=UNCHANGED)


def _change(services: Services, path: Path, organisation_key: Path, change: Callable[[Register], Register]) -> Register:
    """The register, changed, signed with the organisation's key and put in its place."""
    key = keyring.unlock(services, organisation_key, WHOSE)
    _require_ours(services, key)
    known = keyring.content_of(path)
    try:
        changed = change(keyring.read_register(path, key.public_key))
    except RegisterError as error:
        raise keyring.told(error, ExitCode.REFUSED) from None
    keyring.replace(path, registers.publish(changed, key), known)
    return changed


def _require_ours(services: Services, key: PrivateKey) -> None:
    known = services.settings_without_servers().organisation_key
    if known is not None and known != key.public_key.hex():
        raise Problem(
            ExitCode.UNVERIFIED,
            "this is not the organisation's key that CAREPATH_ORGANISATION_KEY names",
            "Give the key file it names, or correct the setting",
            state=UNCHANGED,
        )


def _tell(screen: Screen, register: Register, key_id: str, title: str) -> None:
    entry = register.entry(key_id)
    assert entry is not None
    if screen.json_only:
        screen.data({"version": register.version, "entry": entry.model_dump(mode="json")})
        return
    screen.show(
        facts(
            {
                "person": entry.person,
                "name": entry.printed_name,
                "key id": entry.key_id,
                "revoked": _revocation(entry),
                "register": f"version {register.version}",
            },
            title,
        )
    )


def _who(request: EnrolmentRequest) -> dict[str, Any]:
    return {
        "person": request.person,
        "name": request.printed_name,
        "role": request.role.value,
        "licence": _licence(request.licence),
        "key id": request.key_id,
    }


def _licence(licence: Licence) -> str:
    return f"{licence.number}: {', '.join(licence.states)}, until {licence.expires}"


def _revocation(entry: Entry) -> str:
    if entry.revoked_at is None:
        return ""
    return f"{_minute(entry.revoked_at)} by {entry.revoked_by}: {entry.revoked_because}"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
