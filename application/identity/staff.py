"""The organisation's staff: whom a command names, who is on call, and what is entered in the register."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from pydantic import Field

from activities.signatures import register_changes
from activities.signatures.signer_registry import Origin, Register, Shift, StaffEntry
from activities.signatures.staff import AHEAD, OnCall, members, on_call, rota_gaps
from application.context import Context
from application.errors import NOTHING_HAPPENED, NOTHING_WRITTEN, FieldProblem, NotAllowed, UseCaseError
from application.identity.keyring import verified_register
from application.identity.signers import change_register
from application.input import forms
from application.reading.history import load_journey
from workflows.journey.aggregate import Journey
from workflows.journey.always.care_team.rules import RESTING_ON_OTHERS, list_people_to_look_up, named_in
from workflows.journey.commands import Command, CommandBody, ReleaseSession, StartPathway
from workflows.journey.protocol import Part
from workflows.journey.vocabulary.actors import CareTeamMember, Role
from workflows.journey.vocabulary.base import Identifier, InputModel, Short


async def look_up_named(context: Context, journey_id: UUID, command: Command, known: Journey | None = None) -> Command:
    """Return the command with what the register says of the people it names; for a release, of everybody of the
    session; for what takes two people, of who acted before, in the journey as ``known`` if it was read before.

    Raises:
        InvalidInput, NotVerified: it names somebody, and the register is missing or cannot be believed.
    """
    journey = None
    if isinstance(command.body, RESTING_ON_OTHERS):
        anew = known is None or isinstance(command.body, ReleaseSession)
        journey = await load_journey(context, journey_id) if anew else known
    return add_register_entries(context, journey, command)


def add_register_entries(context: Context, journey: Journey | None, command: Command) -> Command:
    """Return the command with what the register says of the people it names. No register is read where it names
    nobody.

    Raises:
        NotAllowed: the register does not know somebody, or the clinic, that it names; it says whom it knows.
        InvalidInput, NotVerified: as `look_up_named`.
    """
    named = list_people_to_look_up(journey, command.body)
    if not named:
        return command
    register = verified_register(context)
    _require_known(register, command.body)
    return command.model_copy(update={"named": members(register, named)})


def _require_known(register: Register, body: CommandBody) -> None:
    """Require that the register knows the clinic and the people that a command names. Whether they may have that part
    the journey decides."""
    people = sorted({entry.member.id for entry in register.staff})
    named = [(person, field, people) for part, person, field in named_in(body) if part != Part.OBSERVER]
    if isinstance(body, StartPathway):
        named.insert(0, (body.clinic, "clinic", sorted(register.clinics)))
    unknown = [FieldProblem(field, _nearest(code, known)) for code, field, known in named if code not in known]
    if unknown:
        raise NotAllowed(
            "what is named is not entered in the register",
            "Correct it, or have the register corrected (`clinician enter`); `clinician staff` lists whom it knows",
            state=NOTHING_HAPPENED,
            fields=tuple(unknown),
        )


def _nearest(code: str, known: Sequence[str]) -> str:
    """Say which of the known codes somebody may have meant. What they wrote is not said again."""
    folded = {each.casefold(): each for each in known}
    near = [folded[each] for each in get_close_matches(code.casefold(), folded, n=3, cutoff=0.4)]
    return "is not in the register" + (f"; it has {', '.join(near)}" if near else "")


class Roster(NamedTuple):
    """Who is on call for a clinic now, and the gaps (UTC) in its rota within the next days."""

    clinic: str
    now: OnCall
    gaps: tuple[tuple[datetime, datetime], ...]


def rosters(context: Context, clinics: Iterable[str], ahead: timedelta = AHEAD) -> tuple[Roster, ...]:
    """Return who is on call for these clinics, and where their rota has a gap; nothing where no register is set.

    Raises:
        InvalidInput, NotVerified: the register is missing or cannot be believed.
    """
    if context.settings.register_file is None:
        return ()
    register, now = verified_register(context), context.now()
    return tuple(
        Roster(clinic, on_call(register, clinic, now), rota_gaps(register, clinic, now, now + ahead))
        for clinic in clinics
    )


def rosters_if_known(context: Context, clinics: Iterable[str] | None = None) -> tuple[Roster, ...] | None:
    """As `rosters`, of all clinics unless some are named; None where the register is missing or cannot be believed:
    that keeps nobody from their work."""
    try:
        if clinics is None and context.settings.register_file is not None:
            clinics = verified_register(context).clinics
        return rosters(context, clinics or ())
    except UseCaseError:
        return None


class NewStaff(InputModel):
    """One of the staff to be entered."""

    member: CareTeamMember
    printed_name: Short


def colleagues(context: Context, role: Role | None = None) -> dict[str, str]:
    """Return who works now for one of the person's clinics, in a role or in any: their ids, sorted, with their printed
    names.

    Raises:
        InvalidInput, NotVerified: the register is missing or cannot be believed.
    """
    now = context.now()
    found = {
        entry.member.id: entry.printed_name
        for entry in verified_register(context).staff
        if role in (None, entry.member.role)
        and any(entry.member.works_at(clinic, now) for clinic in context.person.clinics)
    }
    return {one: f"{found[one]} ({one})" for one in sorted(found)}


class Colleague(NamedTuple):
    """One of the staff of a clinic, with their printed name, and what the register says of them in one of their
    roles."""

    id: str
    name: str
    member: CareTeamMember


def staff_of(context: Context, clinic: str) -> tuple[Colleague, ...] | None:
    """Return who works for a clinic now or later, by their ids; None where no register is set.

    Raises:
        InvalidInput, NotVerified: the register cannot be believed.
    """
    if context.settings.register_file is None:
        return None
    now = context.now()
    found = [
        Colleague(entry.member.id, entry.printed_name, entry.member)
        for entry in verified_register(context).staff
        if clinic in entry.member.clinics and (entry.member.until is None or now < entry.member.until)
    ]
    return tuple(sorted(found, key=lambda each: each.id))


class RegisterEntries(InputModel):
    """What is entered in the register: further clinics, staff, shifts, and origins, at which passkeys are used;
    and what clinics are called."""

    clinics: tuple[Identifier, ...] = ()
    staff: tuple[NewStaff, ...] = ()
    rota: tuple[Shift, ...] = ()
    origins: tuple[Origin, ...] = ()
    clinic_names: dict[Identifier, Short] = Field(default_factory=dict)


def parse_entries(raw: bytes) -> RegisterEntries:
    """Parse what is to be entered.

    Raises:
        InvalidInput: it is not readable.
    """
    return forms.check(RegisterEntries, forms.read_object(raw))


def enter(
    context: Context, entries: RegisterEntries, by: Sequence[str], organisation_key: Path, register: Path | None
) -> Register:
    """Enter clinics, staff, shifts and origins in the register, two people together; return the register.

    Raises:
        NotAllowed: they are not two different people, or one of them is entered.
        Conflict: somebody is entered already, a licence is somebody else's, or the register was changed meanwhile.
        UseCaseError: the organisation's key or the register cannot be used.
    """
    entered = {new.member.id for new in entries.staff}
    if len(by) != 2 or len({*by}) != 2 or entered & {*by}:
        raise NotAllowed(
            "two different people enter staff and shifts, and nobody enters themselves",
            "Give --by PERSON twice, with the ids of the two who are here",
            state=NOTHING_WRITTEN,
        )
    now = context.now()
    staff = [
        StaffEntry(member=new.member, printed_name=new.printed_name, entered_by=(by[0], by[1])) for new in entries.staff
    ]
    return change_register(
        context,
        register,
        organisation_key,
        lambda known: register_changes.enter(
            known,
            now,
            clinics=entries.clinics,
            staff=staff,
            rota=entries.rota,
            origins=entries.origins,
            clinic_names=entries.clinic_names,
        ),
    )


def end(context: Context, person: str, role: Role, organisation_key: Path, register: Path | None) -> Register:
    """Say in the register that somebody does not work in a role any more from now on; return the register.

    Raises:
        Conflict: nobody is entered so, or the register was changed meanwhile.
        UseCaseError: the organisation's key or the register cannot be used.
    """
    now = context.now()
    return change_register(
        context, register, organisation_key, lambda known: register_changes.end_entry(known, person, role, at=now)
    )
