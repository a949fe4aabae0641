"""Who acts: a profile file, never a field somebody typed into a command."""

import os
from pathlib import Path

from door import forms
from door.outcomes import ExitCode, Problem
from workflows.journey.actors import Actor, Role
from workflows.journey.base import Identifier
from workflows.journey.commands import COMMAND_LIMIT

_NO_PROFILE = "Give --profile FILE or set CAREPATH_PROFILE; docs/door.md shows one"


class Profile(Actor):
    """A person as their profile has them: who they are, and the clinics they work for, whose journeys they may see."""

    clinics: tuple[Identifier, ...] = ()


def load_person(given: str | None, default: Path | None) -> Profile:
    """The same as `load_profile`, with the clinics the person works for.

    Raises:
        Problem: as `load_profile`.
    """
    return _read(profile_path(given, default))


def load_profile(given: str | None, default: Path | None) -> Actor:
    """The person in the profile that was given by file or name, or else in the default one.

    Raises:
        Problem: as `profile_path` and `read_profile`.
    """
    return read_profile(profile_path(given, default))


def profile_path(given: str | None, default: Path | None) -> Path:
    """The file of the profile that was given by file or name, or else of the default one.

    A name is looked for as NAME.json beside the default profile, or in carepath/profiles of the user's own
    configuration.

    Raises:
        Problem: none was given, and there is no default.
    """
    path = default if given is None else _find(given, default)
    if path is None:
        raise Problem(ExitCode.USAGE, "who acts is not known", _NO_PROFILE)
    return path


def key_path(profile: Path) -> Path:
    """Where the key of the person in a profile is kept: beside it, encrypted under their passphrase."""
    return profile.with_suffix(".key")


def read_profile(path: Path) -> Actor:
    """The person in a profile file.

    Raises:
        Problem: there is no such profile, it is malformed, or nobody may act in its role.
    """
    person = _read(path)
    return Actor(id=person.id, role=person.role, name=person.name, licence=person.licence)


def _read(path: Path) -> Profile:
    try:
        with path.open("rb") as file:
            raw = file.read(COMMAND_LIMIT)
    except OSError as error:
        raise Problem(ExitCode.USAGE, f"the profile cannot be read ({error.strerror})", _NO_PROFILE) from None
    try:
        person = forms.check(Profile, forms.read_object(raw))
    except Problem as problem:
        raise Problem(
            ExitCode.USAGE,
            f"the profile is not usable: {problem.reason}",
            "Correct the profile; docs/door.md shows one",
            fields=problem.fields,
        ) from None
    if person.role == Role.SYSTEM:
        raise Problem(
            ExitCode.NOT_ALLOWED,
            "no person acts in the role system",
            "Use the profile of a person",
            state="Nothing was sent.",
        )
    return person


def own_configuration() -> Path:
    """The directory of what a user keeps for themselves: profiles, and filters of the worklist."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "carepath"


def _find(given: str, default: Path | None) -> Path:
    if os.sep in given or given.endswith(".json"):
        return Path(given)
    home = own_configuration() / "profiles"
    places = [home] if default is None else [default.parent, home]
    candidates = [place / f"{given}.json" for place in places]
    return next((candidate for candidate in candidates if candidate.is_file()), candidates[0])
