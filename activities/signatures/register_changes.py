"""The next version of a register: what may be added, ended and revoked in it. Nothing is ever taken out."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from activities.signatures.signer_registry import Register, RegisterError, ServiceEntry, Shift, SignerEntry, StaffEntry
from workflows.journey.vocabulary.actors import Role


def enrol(register: Register, entry: SignerEntry | ServiceEntry) -> Register:
    """Return the next register, with a new key in it.

    Raises:
        RegisterError: the key is in it already, comes with a revocation, or is dated before the register.
    """
    if register.entry(entry.key_id) is not None or register.service(entry.key_id) is not None:
        raise RegisterError("this key is enrolled already", "Generate a new one: a key is never used again")
    if entry.revoked_at is not None:
        raise RegisterError("a new entry cannot be revoked", "Enrol it, then revoke it")
    if isinstance(entry, ServiceEntry):
        return _next(register, entry.enrolled_at, services=(*register.services, entry))
    return _next(register, entry.enrolled_at, entries=(*register.entries, entry))


def enter(
    register: Register,
    at: datetime,
    *,
    clinics: Iterable[str] = (),
    staff: Iterable[StaffEntry] = (),
    rota: Iterable[Shift] = (),
    origins: Iterable[str] = (),
    clinic_names: Mapping[str, str] = MappingProxyType({}),
) -> Register:
    """Return the next register, with further clinics, staff, shifts, origins and names of clinics. A shift that begins
    before another one of its clinic has ended takes its place from then on.

    Raises:
        RegisterError: it is dated before the register, somebody is entered twice, a shift names nobody who could be on
            call, or it breaks the register's rules.
    """
    known = [(entry.member.id, entry.member.role) for entry in register.staff if entry.member.until is None]
    staff, rota = tuple(staff), tuple(rota)
    for entry in staff:
        if (entry.member.id, entry.member.role) in known:
            raise RegisterError("somebody is entered already in this role", "End that entry first (`clinician end`)")
    everybody = [entry.member for entry in (*register.staff, *staff)]
    for shift in rota:
        clinicians = {each.id for each in everybody if each.licence is not None and shift.clinic in each.clinics}
        if not {shift.person, shift.stands_in} <= clinicians:
            raise RegisterError(
                "a shift names somebody who is not entered as a clinician of its clinic",
                f"Name one of: {', '.join(sorted(clinicians)) or 'nobody yet; enter the staff first'}",
            )
    return _next(
        register,
        at,
        clinics=tuple(dict.fromkeys((*register.clinics, *clinics))),
        staff=(*register.staff, *staff),
        rota=(*register.rota, *rota),
        origins=tuple(dict.fromkeys((*register.origins, *origins))),
        clinic_names={**register.clinic_names, **clinic_names},
    )


def end_entry(register: Register, person: str, role: Role, *, at: datetime) -> Register:
    """Return the next register, in which somebody does not work in a role any more from ``at`` on.

    Raises:
        RegisterError: nobody is entered so, or ``at`` is before the register was issued.
    """
    ended = tuple(
        entry.model_copy(update={"member": entry.member.model_copy(update={"until": at})})
        if (entry.member.id, entry.member.role) == (person, role) and entry.member.until is None
        else entry
        for entry in register.staff
    )
    if ended == register.staff:
        raise RegisterError("nobody is entered with this id in this role", "See `clinician staff`")
    return _next(register, at, staff=ended)


def revoke(register: Register, key_id: str, *, at: datetime, because: str, by: str) -> Register:
    """Return the next register, in which a key is revoked from ``at`` on. One person is enough, because it is urgent.

    Raises:
        RegisterError: the key is unknown or revoked already, or ``at`` is before the register was issued.
    """
    entry = register.entry(key_id) or register.service(key_id)
    if entry is None:
        raise RegisterError("no such key is enrolled", "Look up its id in the register")
    if entry.revoked_at is not None:
        raise RegisterError("this key is revoked already", "The first revocation stands")
    try:
        revoked = type(entry).model_validate(
            {**entry.model_dump(), "revoked_at": at, "revoked_because": because, "revoked_by": by}
        )
    except ValidationError:
        raise RegisterError(
            "this is no revocation", "Say when (with offset), why (up to 200 characters) and by whom"
        ) from None
    return _next(
        register,
        at,
        entries=tuple(revoked if known is entry else known for known in register.entries),
        services=tuple(revoked if known is entry else known for known in register.services),
    )


def _next(register: Register, at: datetime, **changed: Any) -> Register:
    if at < register.issued_at:
        raise RegisterError(
            "the register was issued later than that", "Date a change when it is made, and check clocks"
        )
    try:
        return Register.model_validate({**dict(register), **changed, "version": register.version + 1, "issued_at": at})
    except ValidationError as invalid:
        rule = invalid.errors()[0]["msg"].removeprefix("Value error, ")
        raise RegisterError(f"the register would break its rules: {rule}", "Correct what is entered") from None
