"""`clinician`: administer the organisation's register: who may sign and their keys, the staff, and who is on call."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from activities.signatures.signer_registry import Register, ServiceEntry, SignerEntry, namesakes
from application.errors import Conflict
from application.identity import signers, staff
from application.identity.names import names_by
from application.identity.signers import EnrolmentRequest
from application.pathway.wording import roster_lines
from application.words.codes import say
from cli import runtime
from cli.input import read_input
from cli.output import Output, add_row, facts_box, table
from cli.render_roster import roster_as_json
from cli.runtime import Call, Named, command
from workflows.journey.vocabulary.actors import Licence, Role

OrganisationKey = Annotated[
    Path,
    typer.Option("--organisation-key", metavar="KEYFILE", help="The offline key file.", show_default=False),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for a confirmation; the passphrase is always asked for.")]


def add_commands(group: typer.Typer) -> None:
    """Give the group its commands."""
    group.command("key")(command(key, to_act=True))
    group.command("register")(command(register_))
    group.command("enrol")(command(enrol))
    group.command("let-in")(command(let_in))
    group.command("revoke")(command(revoke))
    group.command("list")(command(list_))
    group.command("enter")(command(enter))
    group.command("end")(command(end))
    group.command("staff")(command(staff_))
    group.command("check")(command(check))


async def key(call: Call) -> None:
    """Make your own key, on your own computer, and the request to enrol it. For: all staff.

    The key is written beside your profile, readable by you alone and only with the passphrase you are asked for.
    Hand over the request, never the key.
    """
    made = signers.make_own_key(call.context)
    if call.output.json_only:
        call.output.data(made.request.model_dump(mode="json"))
        return
    said = {
        **_who(made.request),
        "key file": made.key_file.name,
        "request": str(made.request_file),
        "next": "hand over the request, and compare the key id when it is enrolled",
    }
    call.output.show(facts_box(said, "clinician key: made"))


async def register_(
    call: Call,
    organisation: Annotated[
        str, typer.Option("--organisation", metavar="NAME", help="As it is to be printed.", show_default=False)
    ],
    organisation_key: OrganisationKey,
    register: runtime.RegisterOption = None,
) -> None:
    """Make the organisation's key and its empty register, once. Keep the key file offline."""
    made = signers.begin_register(call.context, organisation, organisation_key, register)
    if call.output.json_only:
        begun = made.register
        call.output.data({"organisation": begun.organisation, "public_key": made.public_key, "version": begun.version})
        return
    said = {
        "organisation": made.register.organisation,
        "register": str(made.file),
        "key file": str(organisation_key),
        "next": "keep the key file offline; set everybody's CAREPATH_ORGANISATION_KEY to this public key:",
    }
    call.output.show(facts_box(said, "clinician register: made"))
    call.output.text(made.public_key)  # by itself, so that it can be copied whole


async def enrol(
    call: Call,
    request: Annotated[str, typer.Argument(metavar="REQUEST.json", help="As it was made; - for input.")],
    by: Annotated[list[str], typer.Option("--by", metavar="PERSON", help="Who enrols: twice, two people.")],
    organisation_key: OrganisationKey,
    register: runtime.RegisterOption = None,
    yes: Yes = False,
) -> None:
    """Enrol somebody's key, two people together, neither of them the one enrolled.

    The request is what `clinician key` wrote, or what they saved when they made a passkey in the console. Check
    identity and licence before, and compare the key id with the one on that person's own screen.
    """
    context, output = call.context, call.output
    signers.find_register(context, register)
    asked = signers.parse_request(read_input(request))
    entry = signers.entry_of(context, asked, by)
    if not output.json_only:
        output.show(facts_box({**_who(asked), "enrolled by": " and ".join(by)}, "clinician enrol"))
    if not yes:
        signers.confirm(context, f"Enrol {asked.printed_name} with key {asked.key_id}")
    changed = signers.enrol(context, entry, organisation_key, register)
    also = [
        other.key_id
        for other in changed.entries
        if other.person == entry.person and other.key_id != entry.key_id and other.revoked_at is None
    ]
    if also:
        output.note(f"{entry.person} has other keys that are not revoked: {', '.join(also)}")
    _warn_of_namesakes(output, changed, [(entry.person, entry.printed_name)])
    _tell(output, changed, entry.key_id, "clinician enrol: done")


async def let_in(
    call: Call,
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="A coded word for it, such as console.")],
    key_file: Annotated[
        Path, typer.Option("--key-file", metavar="FILE", help="Where its key is written.", show_default=False)
    ],
    way: Annotated[list[str], typer.Option("--way", metavar="WAY", help="By what: link, terminal; may be repeated.")],
    by: Annotated[list[str], typer.Option("--by", metavar="PERSON", help="Who enrols: twice, two people.")],
    organisation_key: OrganisationKey,
    register: runtime.RegisterOption = None,
    yes: Yes = False,
) -> None:
    """Make and enrol the key of a service that lets in patients and observers, who have no key of their own.

    What somebody sends whom it let in counts as theirs: enrol a service that really knows whom it lets in. Set
    CAREPATH_SERVICE_KEY_FILE to the key file where the service runs, and nowhere else.
    """
    signers.find_register(call.context, register)
    if not yes:
        signers.confirm(call.context, f"Enrol {service}, which lets people in by {', '.join(way)}")
    made = signers.enrol_service(call.context, service, way, by, key_file, organisation_key, register)
    _tell(call.output, made.register, made.entry.key_id, "clinician let-in: done")


async def revoke(
    call: Call,
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="See `clinician list`.", show_default=False)],
    because: Annotated[
        str,
        typer.Option("--because", metavar="TEXT", help="Why, in a few words; nothing about a patient."),
    ],
    by: Annotated[str, typer.Option("--by", metavar="PERSON", help="Who revokes; one is enough.")],
    organisation_key: OrganisationKey,
    register: runtime.RegisterOption = None,
    yes: Yes = False,
) -> None:
    """Revoke a key: from now on nothing is accepted that it signs. What it signed before stays valid."""

    def confirm(entry: SignerEntry | ServiceEntry) -> None:
        if not yes:
            whose = entry.service if isinstance(entry, ServiceEntry) else f"{entry.printed_name} ({say(entry.role)})"
            signers.confirm(call.context, f"Revoke the key of {whose}")

    changed = signers.revoke(call.context, key_id, organisation_key, register, because=because, by=by, confirm=confirm)
    _tell(call.output, changed, key_id, "clinician revoke: done")


async def list_(call: Call, register: runtime.RegisterOption = None) -> None:
    """List every key there ever was: whose, with which licence, since when, by whom, and whether it is revoked."""
    found = await signers.list_used(call.context, register)
    if call.output.json_only:
        call.output.data([entry.model_dump(mode="json") for entry in (*found.entries, *found.services)])
        return
    title = f"{found.organisation}: register version {found.version} of {_minute(found.issued_at)}"
    named = names_by(found)
    listed = table("who", "id", "enrolled and revoked", title=title)
    for entry in found.entries:
        revoked = f"\nrevoked {_revocation(entry, named)}" if entry.revoked_at else ""
        add_row(
            listed,
            f"{entry.printed_name}\n{entry.person}, {say(entry.role)}{_licence_line(entry.licence)}",
            entry.key_id if entry.passkey is None else f"{entry.key_id}\npasskey for {entry.passkey.rp_id}",
            f"enrolled {_minute(entry.enrolled_at)} by {' and '.join(map(named, entry.enrolled_by))}{revoked}",
        )
    for service in found.services:
        revoked = f"\nrevoked {_revocation(service, named)}" if service.revoked_at else ""
        add_row(
            listed,
            f"{service.service}\nlets people in by {', '.join(service.ways)}",
            service.key_id,
            f"enrolled {_minute(service.enrolled_at)} by {' and '.join(map(named, service.enrolled_by))}{revoked}",
        )
    call.output.show(listed)


async def enter(
    call: Call,
    entries: Annotated[str, typer.Argument(metavar="ENTRIES.json", help="What is entered; - for input.")],
    by: Annotated[list[str], typer.Option("--by", metavar="PERSON", help="Who enters: twice, two people.")],
    organisation_key: OrganisationKey,
    register: runtime.RegisterOption = None,
    yes: Yes = False,
) -> None:
    """Enter clinics, their staff, and who is on call when, two people together, none of them one who is entered.

    Check identity and licence before. A shift that begins before another one of its clinic ends takes its place.
    Origins are the addresses at which passkeys are used.
    """
    asked = staff.parse_entries(read_input(entries))
    what = (
        f"{len(asked.clinics)} clinics, {len(asked.staff)} of the staff, {len(asked.rota)} shifts "
        f"and {len(asked.origins)} origins"
    )
    if not yes:
        signers.confirm(call.context, f"Enter {what}")
    changed = staff.enter(call.context, asked, by, organisation_key, register)
    _warn_of_namesakes(call.output, changed, [(new.member.id, new.printed_name) for new in asked.staff])
    _tell_version(call.output, changed, f"entered {what}")


async def end(
    call: Call,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="See `clinician staff`.", show_default=False)],
    role: Annotated[Role, typer.Argument(metavar="ROLE", help="The role that ends.", show_default=False)],
    organisation_key: OrganisationKey,
    register: runtime.RegisterOption = None,
    yes: Yes = False,
) -> None:
    """End somebody's entry: from now on they do not act in this role. What they did before stays."""
    if not yes:
        signers.confirm(call.context, f"End the entry of {person} as {say(role)}")
    changed = staff.end(call.context, person, role, organisation_key, register)
    _tell_version(call.output, changed, f"ended the entry of {person} as {say(role)}")


async def staff_(call: Call, register: runtime.RegisterOption = None) -> None:
    """List the clinics, all their staff, and the rota."""
    found = signers.list_signers(call.context, register)
    if call.output.json_only:
        call.output.data(found.model_dump(mode="json", include={"version", "clinics", "staff", "rota"}))
        return
    listed = table("who", "clinics", "since and until", title=f"{found.organisation}: register version {found.version}")
    named = names_by(found)
    for entry in found.staff:
        member = entry.member
        ended = f"\nuntil {_minute(member.until)}" if member.until else ""
        who = f"{entry.printed_name}\n{member.id}, {say(member.role)}{_licence_line(member.licence)}"
        by = f"since {_minute(member.since)}, entered by {' and '.join(map(named, entry.entered_by))}"
        add_row(listed, who, "\n".join(map(named, member.clinics)), f"{by}{ended}")
    call.output.show(listed)
    shifts = table("clinic", "on call", "stands in", "from", "until", title="Rota")
    for shift in found.rota:
        on_call = map(named, (shift.clinic, shift.person, shift.stands_in or ""))
        add_row(shifts, *on_call, _minute(shift.begins), _minute(shift.ends))
    call.output.show(shifts)


async def check(
    call: Call,
    days: Annotated[int, typer.Option("--days", metavar="N", min=1, max=366, help="How far ahead to look.")] = 7,
) -> None:
    """Check who is on call for each clinic, and find the gaps in the rota. Exit code 5 when there is one."""
    known = signers.list_signers(call.context, None)
    found = staff.rosters(call.context, known.clinics, timedelta(days=days))
    if call.output.json_only:
        call.output.data([roster_as_json(roster) for roster in found])
    else:
        for roster in found:
            for line in roster_lines(roster, call.named):
                call.output.text(line)
    if any(roster.gaps for roster in found):
        raise Conflict("the rota has a gap", "Enter who is on call then: `clinician enter`", state="Nothing changed.")


def _warn_of_namesakes(output: Output, register: Register, people: Iterable[tuple[str, str]]) -> None:
    for person, name in people:
        if others := namesakes(register, person, name):
            output.note(
                f"Attention: {person} has the printed name of {', '.join(others)}. If they are one person, end or "
                "revoke one of them; if not, tell them apart by their ids, which stand beside every name"
            )


def _tell_version(output: Output, register: Register, done: str) -> None:
    if output.json_only:
        output.data({"version": register.version})
        return
    output.text(f"{done[:1].upper()}{done[1:]}: the register is now version {register.version}.")


def _tell(output: Output, register: Register, key_id: str, title: str) -> None:
    entry = register.entry(key_id) or register.service(key_id)
    assert entry is not None
    if output.json_only:
        output.data({"version": register.version, "entry": entry.model_dump(mode="json")})
        return
    output.show(
        facts_box(
            {
                **(
                    {"service": entry.service, "lets in by": ", ".join(entry.ways)}
                    if isinstance(entry, ServiceEntry)
                    else {"person": entry.person, "name": entry.printed_name}
                ),
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
        "role": say(request.role),
        "licence": "none" if request.licence is None else _licence(request.licence),
        "key": "in a file" if request.passkey is None else f"a passkey for {request.passkey.rp_id}",
        "key id": request.key_id,
    }


def _licence(licence: Licence) -> str:
    return f"{licence.number}: {', '.join(licence.states)}, until {licence.expires}"


def _licence_line(licence: Licence | None) -> str:
    return "" if licence is None else f"\n{_licence(licence)}"


def _revocation(entry: SignerEntry | ServiceEntry, named: Named = str) -> str:
    if entry.revoked_at is None:
        return ""
    return f"{_minute(entry.revoked_at)} by {named(entry.revoked_by or '')}: {entry.revoked_because}"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
