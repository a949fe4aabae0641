"""`protocol`: protocol files, checked, shown, compared and approved."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from application.errors import InvalidInput
from application.protocols.approvals import ApprovalStatus, approval_path, review_day, signers, status_of
from application.protocols.approve import ToApprove, approve_protocol, read_to_approve
from application.protocols.compare import compare_protocols, describe_differences, describe_step
from application.protocols.files import find_protocol, load_protocol, protocol_files
from application.protocols.staffing import require_staff
from application.words.codes import say, say_all, say_within
from cli.output import Output, add_row, facts_box, table
from cli.runtime import Call, Named, command
from workflows.journey.protocol import EscalationStep, Protocol
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import short_code
from workflows.journey.vocabulary.calendars import local
from workflows.journey.vocabulary.signed_statement import ProtocolApproval
from workflows.protocols.warnings import find_warnings

Name = Annotated[str, typer.Argument(metavar="NAME|FILE", help="A protocol by name, id, pathway, or its file.")]
Old = Annotated[str, typer.Argument(metavar="OLD", help="A protocol by name, id, pathway, or its file.")]
New = Annotated[str, typer.Argument(metavar="NEW", help="Another one.")]


def add_commands(group: typer.Typer) -> None:
    """Give the group its commands."""
    group.command("check")(command(check))
    group.command("list")(command(list_))
    group.command("show")(command(show))
    group.command("approve")(command(approve, to_act=True))
    group.command("diff")(command(diff))


async def check(
    call: Call,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The protocol file.", show_default=False)],
) -> None:
    """Check a protocol file: every problem with its line and field, and what keeps it from patients, now or soon.

    Where a register is set, it is also checked that in none of its clinics something could wait for somebody whom they
    do not have. Exit code 0 when the file is valid, also while something keeps it from patients; 2 when it is not.
    """
    protocol = load_protocol(file)
    require_staff(call.context, protocol)
    approval = _status(call, protocol, file)
    if call.output.json_only:
        call.output.data({"valid": True, **_summary(call, protocol, approval)})
    else:
        _show_summary(call, protocol, approval, "valid")


async def list_(call: Call) -> None:
    """List the protocols of this clinic, or the shipped ones."""
    output = call.output
    listed = table("name", "id", "version", "pathway", "status", "for patients", title="Protocols")
    found: list[dict[str, object]] = []
    illustrative = False
    for path in protocol_files(call.context):
        try:
            protocol = load_protocol(path)
        except InvalidInput:
            found.append({"name": path.stem, "valid": False})
            add_row(listed, path.stem, "", "", "", "not valid", f"no: run `protocol check {path.name}`")
            continue
        illustrative |= protocol.illustrative
        approval = _status(call, protocol, path)
        found.append({"name": path.stem, "valid": True, **_summary(call, protocol, approval)})
        told = (*protocol.obstacles(), *_warnings(call, protocol), approval.text)
        add_row(
            listed,
            path.stem,
            protocol.id,
            protocol.version,
            protocol.pathway,
            protocol.status,
            f"{_fit(protocol, approval)}: {say_within('; '.join(told))}",
        )
    if output.json_only:
        output.data(found)
    else:
        output.illustrative(illustrative)
        output.show(listed)


def _steps(steps: tuple[EscalationStep, ...]) -> str:
    return "; ".join(map(describe_step, steps))


async def show(call: Call, name: Name) -> None:
    """Show a protocol: what it asks for, who signs, and how long each wait may last."""
    output = call.output
    protocol, path = find_protocol(call.context, name)
    approval = _status(call, protocol, path)
    if output.json_only:
        output.data({**_summary(call, protocol, approval), "protocol": protocol.model_dump(mode="json")})
        return
    _show_summary(call, protocol, approval, protocol.title)
    signing = table("sign-off", "by", "second person", "meaning", "choices", "rationale", title="Who signs")
    for kind, rule in protocol.sign_offs.items():
        reason = "always" if rule.rationale else "unless approved"
        by = f"{say_all(rule.roles)}{', not its author' if rule.not_author else ''}"
        second, choices = say_all(rule.cosigned_by), say_all(rule.choices)
        add_row(signing, say(kind.value), by, second, say(rule.meaning), choices, reason)
    waits = table("escalation policy", "due after minutes", "steps", title="How long each wait may last")
    for name_, policy in protocol.escalation_policies.items():
        add_row(waits, say(name_), policy.due_minutes, _steps(policy.steps))
        if policy.acknowledged:
            add_row(waits, f"{say(name_)}, once acknowledged", None, _steps(policy.acknowledged))
    rules = protocol.sessions
    output.show(
        facts_box(
            {
                "sessions": f"{rules.planned}, at least {rules.min_interval_hours} hours apart",
                "observed at minutes": ", ".join(map(str, rules.observe_minutes)),
                "dose limits not set": say_all(protocol.dose.unset) or "none",
                "exclusions": f"{len(protocol.exclusions)}",
                "instruments": ", ".join(protocol.instruments.baseline),
                "follow-up weeks": ", ".join(map(str, protocol.follow_up.weeks)),
            },
            "What it asks for",
        ),
        signing,
        waits,
    )


async def diff(call: Call, old: Old, new: New) -> None:
    """Show what changed from one protocol to another."""
    output = call.output
    (older, _), (newer, _) = find_protocol(call.context, old), find_protocol(call.context, new)
    found = compare_protocols(older, newer)
    if output.json_only:
        output.data([{"path": change.place, "old": change.then, "new": change.now} for change in found])
        return
    output.illustrative(older.illustrative or newer.illustrative)
    output.text(f"{_title(older)} → {_title(newer)}")
    for line in describe_differences(found, older, newer) or ["nothing changed"]:
        output.text(line)
    if found and (older.id, older.version) == (newer.id, newer.version):
        output.note("Both have the same id and version: give the newer one the next version.")


async def approve(
    call: Call,
    name: Name,
    review: Annotated[
        datetime | None,
        typer.Option(
            "--review-by",
            metavar="YYYY-MM-DD",
            formats=["%Y-%m-%d"],
            help="The last day to start journeys on. Otherwise as signed before, or in a year.",
            show_default=False,
        ),
    ] = None,
    clinic: Annotated[
        list[str] | None,
        typer.Option(
            "--clinic",
            metavar="ID",
            help="A clinic whose patients it is for; may be given again. Otherwise as signed before, or your own.",
            show_default=False,
        ),
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Set earlier signatures aside and start over.")] = False,
) -> None:
    """Sign a protocol as fit for a clinic's patients. For: clinician, on-call clinician, medical director.

    Two people sign, each with their own key. Each clinic that it is for has its medical director among them, by the
    register: one who directs several clinics signs for all of them. Their approval is written beside the protocol's
    file. It is valid for exactly this text and these clinics, until its review date.
    """
    context, output = call.context, call.output
    asked = read_to_approve(context, name, review.date() if review else None, clinics=clinic or (), anew=anew)
    if not output.json_only:
        _show_summary(call, asked.protocol, asked.status, f"protocol approve {name}")
        output.show(facts_box(_meaning(asked, output.named), "what is signed"))
        if anew and asked.known is not None:
            output.note("Earlier signatures are set aside: nobody can be started until a second person has signed.")
    _show_approval(output, asked, approve_protocol(context, asked))


def _title(protocol: Protocol) -> str:
    return f"{protocol.id} version {protocol.version} ({short_code(protocol.digest)})"


def _status(call: Call, protocol: Protocol, path: Path) -> ApprovalStatus:
    return status_of(call.context, protocol, path)


def _summary(call: Call, protocol: Protocol, approval: ApprovalStatus) -> dict[str, object]:
    """Describe a protocol, what keeps it from patients, and what will."""
    return {
        "id": protocol.id,
        "version": protocol.version,
        "title": protocol.title,
        "pathway": protocol.pathway,
        "status": protocol.status,
        "illustrative": protocol.illustrative,
        "digest": protocol.digest,
        "obstacles": list(protocol.obstacles()),
        "warnings": _warnings(call, protocol),
        "approval": {"state": approval.state, "text": approval.text},
    }


def _warnings(call: Call, protocol: Protocol) -> list[str]:
    """Return what to warn of, as of today in the clinic's zone."""
    return list(find_warnings(protocol, local(call.context.now(), protocol.working_time.zone).date()))


def _show_summary(call: Call, protocol: Protocol, approval: ApprovalStatus, title: str) -> None:
    """Show the summary to people."""
    call.output.illustrative(protocol.illustrative)
    words = {"obstacles": say_within("; ".join(protocol.obstacles())), "approval": approval.text}
    words["warnings"] = say_within("; ".join(_warnings(call, protocol)))
    words["for patients"] = _fit(protocol, approval)
    call.output.show(facts_box(_summary(call, protocol, approval) | words, title))


def _fit(protocol: Protocol, approval: ApprovalStatus) -> str:
    return "no" if protocol.obstacles() or approval.approval is None else "yes"


def _meaning(asked: ToApprove, named: Named) -> dict[str, object]:
    signer = asked.signer
    return {
        "short code": short_code(asked.protocol.digest),
        "signing means": say("protocol_approved"),
        "for": asked.register.organisation,
        "for the patients of": ", ".join(map(named, asked.clinics)),
        "signed before by": None if asked.begun is None else signers(asked.begun),
        "you sign as": f"{signer.name} ({say(signer.role.value)} {signer.id}), licence {signer.licence.number}",
        "review by": local(asked.until, asked.protocol.working_time.zone).date(),
    }


def _show_approval(output: Output, asked: ToApprove, approval: ProtocolApproval) -> None:
    protocol, path = asked.protocol, approval_path(asked.file)
    whole = len(approval.approvals) == 2
    if output.json_only:
        output.data(
            {
                "organisation": approval.organisation,
                "protocol": protocol.id,
                "version": protocol.version,
                "digest": protocol.digest,
                "short_code": short_code(protocol.digest),
                "clinics": list(approval.clinics),
                "signed_by": [signed.signer.id for signed in approval.approvals],
                "missing": 2 - len(approval.approvals),
                "review_by": review_day(approval, protocol),
                "file": str(path),
            }
        )
        return
    director = Role.MEDICAL_DIRECTOR in [signed.signer.role for signed in approval.approvals]
    who = "another licensed person" if director else "the medical director"
    output.show(
        facts_box(
            {
                "signed by": signers(approval),
                "for the patients of": ", ".join(map(output.named, approval.clinics)),
                "review by": review_day(approval, protocol),
                "missing": None if whole else f"one more signature, of {who}",
                "approval": str(path),
            },
            "protocol approve: approved" if whole else "protocol approve: begun",
        )
    )
