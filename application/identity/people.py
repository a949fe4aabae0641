"""Who works here, and with which keys they sign, as the register says."""

from datetime import datetime
from typing import NamedTuple

from activities.signatures.signer_registry import SignerEntry, StaffEntry
from application.context import Context
from application.identity.keyring import verified_register
from application.reading.access_log import LOOK_AFTER_IT, require_staff


class PersonEntered(NamedTuple):
    """One of the staff in one of their roles, and every key they ever had in it, the newest first."""

    entry: StaffEntry
    keys: tuple[SignerEntry, ...]


class People(NamedTuple):
    """The staff at a moment (UTC): those who work now or later, then those who do not any more."""

    organisation: str
    version: int
    issued_at: datetime
    at: datetime
    working: tuple[PersonEntered, ...]
    left: tuple[PersonEntered, ...]


def show_people(context: Context) -> People:
    """Return who works for the person's clinics; for ops and the medical director, everybody of the organisation. It
    shows nothing of any patient.

    Raises:
        NotAllowed: the person is not of the staff.
        InvalidInput, NotVerified: the register is missing or cannot be believed.
    """
    require_staff(context, "who works here")
    register, now = verified_register(context), context.now()
    everybody = context.person.role in LOOK_AFTER_IT
    found = [
        PersonEntered(
            entry,
            tuple(
                key
                for key in sorted(register.entries, key=lambda key: key.enrolled_at, reverse=True)
                if (key.person, key.role) == (entry.member.id, entry.member.role)
            ),
        )
        for entry in sorted(register.staff, key=lambda entry: (entry.printed_name, entry.member.role))
        if everybody or {*entry.member.clinics} & {*context.person.clinics}
    ]
    left = tuple(each for each in found if each.entry.member.until is not None and each.entry.member.until <= now)
    working = tuple(each for each in found if each not in left)
    return People(register.organisation, register.version, register.issued_at, now, working, left)
