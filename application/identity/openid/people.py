"""Who may look once their organisation's provider has said who they are: as the register says, and nobody else."""

from datetime import datetime

from activities.signatures.signer_registry import Register
from application.errors import NotAllowed
from application.identity.openid.provider import NOT_SIGNED_IN
from application.profiles import Profile, profiles_in


def who_may_look(register: Register, person: str, at: datetime) -> tuple[Profile, ...]:
    """Return who somebody is at a moment (UTC), once for each role in which they work. A role whose keys of theirs are
    all revoked is left out: revoking them is how somebody is put out at once."""
    at = register.no_earlier(at)
    return tuple(each for each in profiles_in(register, person, at) if _has_a_key_or_never_had(register, each, at))


def _has_a_key_or_never_had(register: Register, person: Profile, at: datetime) -> bool:
    keys = [entry for entry in register.entries if (entry.person, entry.role) == (person.id, person.role)]
    return not keys or any(entry.state_at(at) == "active" for entry in keys)


def not_in_register() -> NotAllowed:
    """Return the error for somebody who may not look."""
    return NotAllowed(
        "your organisation's sign-in knows you, and the register of this service has no entry for you that counts now: "
        "you were not entered, your entry has ended, or your keys are revoked",
        "Ask whoever keeps the register (`clinician enter`, `clinician enrol`)",
        state=NOT_SIGNED_IN,
    )
