"""What the register calls the staff and the clinics, for where people read of them."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache

from activities.signatures.signer_registry import Register
from application.context import Context
from application.errors import UseCaseError
from application.identity.keyring import verified_register


def names_in_register(context: Context) -> Callable[[str], str]:
    """Return what gives the printed name of one of the staff, or of a clinic, for its id; with the id, where two have
    the same name. For what the register does not name, or as long as it cannot be believed, it gives the id."""
    known = _known_by(context)

    @cache
    def unique() -> Mapping[str, str]:
        held = Counter(known().values())
        return {one: name if held[name] == 1 else f"{name} ({one})" for one, name in known().items()}

    return lambda person: unique().get(person, person)


def names_beside_ids(context: Context) -> Callable[[str], str]:
    """Return what gives the same name with the id beside it."""
    known = _known_by(context)
    return lambda person: _beside(known(), person)


def names_by(register: Register) -> Callable[[str], str]:
    """Return what gives the name in this register of one of the staff, or of a clinic, with the id beside it."""
    known = _names_in(register)
    return lambda person: _beside(known, person)


def _beside(known: Mapping[str, str], person: str) -> str:
    return f"{known[person]} ({person})" if person in known else person


def _known_by(context: Context) -> Callable[[], Mapping[str, str]]:
    @cache
    def known() -> Mapping[str, str]:
        if context.settings.register_file is None:
            return {}
        try:
            register = verified_register(context)
        except UseCaseError:
            return {}
        return _names_in(register)

    return known


def _names_in(register: Register) -> Mapping[str, str]:
    return {**register.clinic_names, **{entry.member.id: entry.printed_name for entry in register.staff}}
