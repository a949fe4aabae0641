"""`protocol approve`: the medical director and a second licensed person each sign exactly one text of a protocol."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from activities.signatures.keys import PrivateKey, new_seal, sign
from activities.signatures.signer_registry import Register
from door import shell
from door.outcomes import ExitCode, Problem
from door.profiles import profile_path, read_profile
from door.protocols.approvals import (
    ANEW,
    approval_path,
    checked,
    read_approval,
    review_by,
    review_day,
    signers,
    standing,
    unfinished,
)
from door.protocols.files import Name, named, show_summary
from door.screen import Screen, facts
from door.signatures import keyring
from door.signatures.keyring import UNCHANGED
from door.signatures.signing import short_code
from workflows.journey.actors import Role
from workflows.journey.calendars import local
from workflows.journey.protocol import Protocol
from workflows.journey.signed_statement import Approval, ProtocolApproval, ProtocolStatement, Signer

REVIEW_AFTER = timedelta(days=365)
"""When a protocol is reviewed, unless the first of its signers says otherwise."""
LATEST_REVIEW = timedelta(days=10 * 365)
"""What is later was mistyped."""


def add_commands(group: typer.Typer) -> None:
    """Give the command to its group."""
    group.command("approve")(approve_command)


def approve_command(
    context: typer.Context,
    name: Name,
    profile: shell.Profile = None,
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
    anew: Annotated[bool, typer.Option("--anew", help="Set earlier signatures aside and start over.")] = False,
    json: shell.Json = False,
) -> None:
    """Sign a protocol as fit for patients. For: clinician, on_call_clinician, medical_director.

    Two people sign, each with their own key, one of them the medical director. Their approval stands beside the
    protocol's file and holds for exactly this text, until the day of its review.
    """
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        settings = services.settings_without_servers()
        own = profile_path(profile, settings.profile)
        signer = keyring.require_signer(read_profile(own))
        protocol, file = named(services, name)
        _require_fit(protocol)
        known = keyring.content_of(approval_path(file))
        begun = None if known is None or anew else read_approval(known)
        if begun is not None:
            _require_open(begun, protocol, signer, services.now())
        register = None if settings.register_file is None else keyring.believed_register(settings)
        until = _until(review.date() if review else None, begun, protocol, services.now())
        now_standing = standing(protocol, file, settings, services.now())
        if not screen.json_only:
            show_summary(screen, protocol, now_standing, f"protocol approve {name}")
            screen.show(facts(_meaning(protocol, begun, signer, until), "what is signed"))
            if anew and known is not None:
                screen.note("Earlier signatures are set aside: nobody can be started until a second person has signed.")
        # Always both components: a protocol is not signed in a series (21 CFR 11.200(a)(1)).
        keyring.require_same(services, signer)
        key = keyring.unlock_own(services, own, signer)
        at = services.now()
        if register is not None:
            keyring.require_enrolled(register, key, signer, at)
        approval = _signed(protocol, begun, signer, key, at, until - at)
        if register is not None:
            _require_holding(approval, protocol, register, at)
        keyring.replace(approval_path(file), approval.model_dump_json(indent=2).encode() + b"\n", known)
        _tell(screen, approval, protocol, approval_path(file), unchecked=register is None)

    shell.run(act, json_only=json)


def _require_fit(protocol: Protocol) -> None:
    if obstacles := protocol.obstacles():
        raise Problem(
            ExitCode.REFUSED,
            f"this protocol cannot be approved: {'; '.join(obstacles)}",
            "Complete its file, set `status: approved` and `illustrative: false`, then sign that text",
            state=UNCHANGED,
        )


def _require_open(begun: ProtocolApproval, protocol: Protocol, signer: Signer, now: datetime) -> None:
    """That one signature of this signer's is what is missing."""
    lacking = unfinished(begun, protocol)
    if lacking is None:
        reason = f"two people have signed this protocol: {signers(begun)}"
        remedy = "Nothing is missing. To sign it again, at its review, start over with --anew"
    elif lacking.state == "edited":
        reason, remedy = f"this protocol was {lacking.text}", f"Read what changed: `protocol diff`. {ANEW}"
    elif review_by(begun) <= now:
        reason, remedy = f"the review date of {signers(begun)} has passed", ANEW
    elif begun.approvals[0].signer.id == signer.id:
        reason, remedy = "you have signed this protocol", "Now another licensed person has to sign it"
    elif Role.MEDICAL_DIRECTOR not in (begun.approvals[0].signer.role, signer.role):
        reason, remedy = "the medical director has not signed, and there are two signatures", "Have them sign it"
    else:
        return
    raise Problem(ExitCode.REFUSED, reason, remedy, state=UNCHANGED)


def _until(day: date | None, begun: ProtocolApproval | None, protocol: Protocol, now: datetime) -> datetime:
    """The end of the review day where the clinic is."""
    if day is None and begun is not None:
        return review_by(begun)
    zone = protocol.working_time.zone
    today = local(now, zone).date()
    day = day or today + REVIEW_AFTER
    if not today <= day <= today + LATEST_REVIEW:
        raise Problem(
            ExitCode.USAGE,
            "the review date is in the past, or more than ten years away",
            "Give --review-by the last day on which journeys may be started",
            state=UNCHANGED,
        )
    return datetime.combine(day, time(23, 59, 59), ZoneInfo(zone)).astimezone(UTC)


def _meaning(protocol: Protocol, begun: ProtocolApproval | None, signer: Signer, until: datetime) -> dict[str, object]:
    return {
        "short code": short_code(protocol.digest),
        "signing means": "protocol_approved",
        "signed before by": None if begun is None else signers(begun),
        "you sign as": f"{signer.name} ({signer.role.value}), licence {signer.licence.number}",
        "review by": local(until, protocol.working_time.zone).date(),
    }


def _signed(
    protocol: Protocol,
    begun: ProtocolApproval | None,
    signer: Signer,
    key: PrivateKey,
    at: datetime,
    valid_for: timedelta,
) -> ProtocolApproval:
    seal = new_seal(key.key_id, at, valid_for)
    statement = ProtocolStatement(
        protocol=protocol.id, version=protocol.version, digest=protocol.digest, signer=signer, seal=seal
    )
    approval = Approval(signer=signer, signature=sign(key, statement))
    return ProtocolApproval(
        protocol=protocol.id,
        version=protocol.version,
        digest=protocol.digest,
        approvals=(*(begun.approvals if begun else ()), approval),
    )


def _require_holding(approval: ProtocolApproval, protocol: Protocol, register: Register, at: datetime) -> None:
    """That with this signature the protocol may be used, once there are two."""
    if len(approval.approvals) == 2:
        found = checked(approval, protocol, register, at)
        if found.approval is None:
            raise Problem(found.code, f"with your signature, {found.text}", found.remedy, state=UNCHANGED)


def _tell(screen: Screen, approval: ProtocolApproval, protocol: Protocol, path: Path, *, unchecked: bool) -> None:
    whole = len(approval.approvals) == 2
    if screen.json_only:
        screen.data(
            {
                "protocol": protocol.id,
                "version": protocol.version,
                "digest": protocol.digest,
                "short_code": short_code(protocol.digest),
                "signed_by": [signed.signer.id for signed in approval.approvals],
                "missing": 2 - len(approval.approvals),
                "review_by": review_day(approval, protocol),
                "checked": not unchecked,
                "file": str(path),
            }
        )
        return
    if unchecked:
        screen.note("No register is set (CAREPATH_REGISTER_FILE), so it was not checked that the signers are enrolled.")
    director = Role.MEDICAL_DIRECTOR in [signed.signer.role for signed in approval.approvals]
    who = "another licensed person" if director else "the medical director"
    screen.show(
        facts(
            {
                "signed by": signers(approval),
                "review by": review_day(approval, protocol),
                "missing": None if whole else f"one more signature, of {who}",
                "approval": str(path),
            },
            "protocol approve: approved" if whole else "protocol approve: begun",
        )
    )
