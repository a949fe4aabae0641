"""Profiles: who acts, as a file says or the register. The person is never a field of a command."""

import os
from datetime import datetime
from pathlib import Path

from activities.signatures.signer_registry import Register
from application.errors import InvalidInput, NotAllowed
from application.input import forms
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.limits import COMMAND_LIMIT

_NO_PROFILE = "Give --profile FILE or set CAREPATH_PROFILE; docs/reference/command-line.md shows one"


class Profile(Actor):
    """A person: who they are, and the clinics they work for, whose journeys they may see."""

    @property
    def actor(self) -> Actor:
        """Return the person as commands name them."""
        return Actor(**dict(self))


def profile_path(given: str | None, default: Path | None) -> Path:
    """Return the file of the profile that was given by file or name, or else of the default one.

    A name means NAME.json beside the default profile, or in carepath/profiles of the user's own configuration.

    Raises:
        InvalidInput: none was given, and there is no default.
    """
    path = default if given is None else _find(given, default)
    if path is None:
        raise InvalidInput("who acts is not known", _NO_PROFILE)
    return path


def key_path(profile: Path) -> Path:
    """Return the file of the person's key. It is beside their profile, encrypted with their passphrase."""
    return profile.with_suffix(".key")


def read_profile(path: Path) -> Profile:
    """Read the person in a profile file.

    Raises:
        InvalidInput: there is no such profile, or it is malformed.
        NotAllowed: nobody may act in its role.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(COMMAND_LIMIT)
    except OSError as error:
        raise InvalidInput(f"the profile cannot be read ({error.strerror})", _NO_PROFILE) from None
    try:
        person = forms.check(Profile, forms.read_object(raw))
    except InvalidInput as problem:
        raise InvalidInput(
            f"the profile is not usable: {problem.reason}",
            "Correct the profile; docs/reference/command-line.md shows one",
            fields=problem.fields,
        ) from None
    if person.role == Role.SYSTEM:
        raise NotAllowed("no person acts in the role system", "Use the profile of a person", state="Nothing was sent.")
    return person


def profiles_in(register: Register, person: str, at: datetime) -> tuple[Profile, ...]:
    """Return who somebody is by the register at a moment (UTC): one profile for each role in which they work then, with
    all clinics for which they do."""
    found: dict[Role, Profile] = {}
    for entry in register.staff:
        member = entry.member
        if member.id != person or not any(member.works_at(clinic, at) for clinic in member.clinics):
            continue
        known = found.get(member.role) or Profile(
            id=member.id, role=member.role, name=entry.printed_name, licence=member.licence
        )
        clinics = tuple(dict.fromkeys((*known.clinics, *member.clinics)))
        found[member.role] = known.model_copy(update={"clinics": clinics})
    return tuple(found.values())


def own_configuration() -> Path:
    """Return the directory of a user's own configuration: profiles, and saved filters of the worklist."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "carepath"


def _find(given: str, default: Path | None) -> Path:
    if os.sep in given or given.endswith(".json"):
        return Path(given)
    home = own_configuration() / "profiles"
    places = [home] if default is None else [default.parent, home]
    candidates = [place / f"{given}.json" for place in places]
    return next((candidate for candidate in candidates if candidate.is_file()), candidates[0])
