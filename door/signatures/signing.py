"""`signoff list`, `show`, `attempts`, `approve`, `decline`, `return` and `sign`.

A signature binds the signer, the decision, its meaning and the hash of exactly the evidence shown, and is made here,
with the signer's own key, once they have given its passphrase.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, cast, get_args
from uuid import UUID, uuid4

import typer
from rich.console import RenderableType

from door import forms, shell
from door.access.looking import reader
from door.acting import send, try_out
from door.kinds import Kind
from door.outcomes import NOTHING_HAPPENED, ExitCode, Problem, refused
from door.profiles import profile_path, read_profile
from door.screen import Screen, facts, row, shown_at, table
from door.services import Services
from door.signatures import decisions, sealing
from door.signatures.attempts import attempts_command
from workflows.journey.actors import Actor, Role
from workflows.journey.aggregate import Journey, SignOff, fold
from workflows.journey.authorization import cosigners, may_decide
from workflows.journey.base import Identifier as Word
from workflows.journey.base import InputModel, Text, digest
from workflows.journey.commands import Sign
from workflows.journey.evidence import evidence, half_signed
from workflows.journey.obligations import Obligation, obligations
from workflows.journey.protocol import SignOffRule
from workflows.journey.receipts import receipts_of
from workflows.journey.refusals import Refusal

Decision = Literal["approve", "decline", "return"]

SIGN = Kind("signoff", "sign", Sign)

Request = Annotated[str, typer.Argument(metavar="REQUEST", help="The id of the request.", show_default=False)]


class Reasons(InputModel):
    """What a signer may add: why, what was chosen, where the patient goes next."""

    rationale: Text | None = None
    choice: Word | None = None
    referral: Text | None = None


def requests(journey: Journey) -> tuple[Obligation, ...]:
    """The sign-offs a journey waits for."""
    return tuple(waiting for waiting in obligations(journey) if waiting.sign_off is not None)


def rule_of(journey: Journey, request: Obligation) -> SignOffRule:
    """Who may sign a request, what that means, and what there is to choose."""
    assert request.sign_off is not None
    return journey.protocol.sign_offs[request.sign_off]


def first_of(journey: Journey, request: Obligation) -> SignOff | None:
    """The approval that waits for this request's, as the second person's."""
    assert request.sign_off is not None
    return half_signed(journey, request.sign_off, request.subject)


def asked_of(journey: Journey, request: Obligation) -> tuple[Role, ...]:
    """The roles one of which is to sign."""
    assert request.sign_off is not None
    first = first_of(journey, request)
    return rule_of(journey, request).roles if first is None else cosigners(journey, request.sign_off)


def shown_evidence(journey: Journey, request: Obligation) -> dict[str, Any]:
    """The content a request is about: what its hash covers, and nothing else.

    Raises:
        Problem: it is not what the request names. Nobody may sign then.
    """
    assert request.sign_off is not None
    content = evidence(journey, request.sign_off, request.subject, first_of(journey, request))
    if digest(content) != request.evidence:
        raise Problem(
            ExitCode.UNVERIFIED,
            "the evidence as recorded is not what this request was made for",
            "Do not sign; tell ops",
        )
    return content


def short_code(evidence_hash: str) -> str:
    """The first letters of a hash, as people compare them."""
    return "-".join(evidence_hash[n : n + 4] for n in (0, 4, 8))


def find_request(journey: Journey, request_id: str) -> Obligation:
    """The request of this id.

    Raises:
        Problem: it is not open.
    """
    found = next((waiting for waiting in requests(journey) if waiting.id == request_id), None)
    if found is not None:
        return found
    decided = next((signed for signed in journey.sign_offs if signed.request == request_id), None)
    if decided is not None:
        at = decided.at.isoformat(timespec="seconds")
        raise Problem(
            ExitCode.REFUSED,
            f"{decided.name} has decided this at {at} ({decided.decision})",
            "See `pathway timeline`",
        )
    if journey.held:
        raise Problem(
            ExitCode.REFUSED,
            "this request waits until the hold is released, or there is none of this id",
            f"Decide on the hold first: `signoff list {journey.id}`",
        )
    matter = request_id.rpartition(":")[0]
    newer = next((waiting for waiting in requests(journey) if waiting.matter == matter), None)
    if newer is not None:
        raise Problem(
            ExitCode.REFUSED,
            "this request was superseded: its evidence has changed",
            f"Read the new one: `signoff show {journey.id} {newer.id}`",
        )
    raise Problem(ExitCode.NOT_FOUND, "this journey has no such request", f"See `signoff list {journey.id}`")


def _for_scripts(journey: Journey, request: Obligation) -> dict[str, Any]:
    rule = rule_of(journey, request)
    return {
        "journey_id": str(journey.id),
        "illustrative": journey.illustrative,
        "request": request.id,
        "sign_off": request.sign_off,
        "subject": request.subject,
        "what": request.what,
        "meaning": rule.meaning,
        "roles": list(asked_of(journey, request)),
        "second_person": first_of(journey, request) is not None,
        "choices": list(rule.choices),
        "rationale_needed": rule.rationale,
        "since": request.since.isoformat(),
        "due": request.deadline.isoformat(),
        "evidence_hash": request.evidence,
        "short_code": short_code(request.evidence or ""),
    }


def _for_people(journey: Journey, request: Obligation) -> RenderableType:
    rule, zone = rule_of(journey, request), journey.patient.zone
    return facts(
        {
            "request": request.id,
            "what": request.what,
            "signing means": rule.meaning,
            "who may sign": ", ".join(asked_of(journey, request)),
            "choices": ", ".join(rule.choices),
            "rationale": "always" if rule.rationale else "to decline or return",
            "asked": shown_at(request.since, zone),
            "due": shown_at(request.deadline, zone),
            "evidence hash": request.evidence,
            "short code": short_code(request.evidence or ""),
        },
        f"Sign-off of journey {journey.id}",
    )


def add_commands(group: typer.Typer) -> None:
    """Give the signing commands to their group."""
    group.command("list")(list_command)
    group.command("show")(show_command)
    group.command("attempts")(attempts_command)
    offered: tuple[tuple[Decision, str], ...] = (
        ("approve", "Approve exactly the evidence that is shown, and sign for it."),
        ("decline", "Decline what is asked for, with a rationale, and sign for that."),
        ("return", "Return a request to its author with a question; it is asked for again once answered."),
    )
    for decision, text in offered:
        whole = (
            f"{text}\n\nWho may sign and what it means is in the journey's protocol, and is shown. The form is JSON "
            "with rationale, choice and referral, all optional unless the protocol asks for them."
        )
        group.command(decision, help=whole, short_help=text)(_decide(decision))
    group.command("sign", help=SIGN_HELP, short_help=SIGN_HELP.split(". ")[0])(sign_command)


def list_command(
    context: typer.Context,
    journey: Annotated[str | None, typer.Argument(metavar="JOURNEY", show_default=False)] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only what you may sign now.")] = False,
    profile: shell.Profile = None,
    purpose: shell.Purpose = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Of all journeys: at most so many requests.")] = 200,
    json: shell.Json = False,
) -> None:
    """List open sign-off requests, due first on top: of one journey, or of all of your clinics."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        who = reader(context, profile, purpose)
        if journey is not None:
            looked_into: Sequence[Journey] = (fold(await who.events(shell.journey_id(journey))),)
        else:
            async with services.record() as record:
                ids = await services.awaiting_signatures(record, who.clinics(None), limit)
                looked_into = await who.journeys(record, ids)
        found = [
            (each, request)
            for each in looked_into
            for request in requests(each)
            if not mine or _may_not(services, each, request, who.person) is None
        ]
        found.sort(key=lambda pair: pair[1].deadline)
        if screen.json_only:
            screen.data([_for_scripts(each, request) for each, request in found])
            return
        screen.illustrative(any(each.illustrative for each, _ in found))
        shown = table("journey", "request", "what", "who may sign", "due", title="Sign-offs")
        for each, request in found:
            due = shown_at(request.deadline, each.patient.zone)
            row(shown, each.id, request.id, request.what, ", ".join(asked_of(each, request)), due)
        screen.show(shown)

    shell.run(act, json_only=json)


def show_command(
    context: typer.Context,
    journey: shell.JourneyId,
    request: Request,
    profile: shell.Profile = None,
    purpose: shell.Purpose = None,
    json: shell.Json = False,
) -> None:
    """Show a request: exactly the evidence a signature covers, its hash, what signing means, what changed since the
    last one on the matter; or, once it was decided, the decision."""

    async def act(screen: Screen) -> None:
        events = await reader(context, profile, purpose).events(shell.journey_id(journey))
        found = fold(events)
        made = None if request in found.waiting else decisions.decided(events, found, request)
        if made is not None:
            code = short_code(made.signed.evidence)
            if screen.json_only:
                screen.data({**decisions.decided_for_scripts(found, made), "short_code": code})
            else:
                decisions.show_decided(screen, found, made, code)
            return
        asked = find_request(found, request)
        content, since = shown_evidence(found, asked), decisions.since(events, found, asked)
        if screen.json_only:
            changed = decisions.since_for_scripts(found, since)
            screen.data({**_for_scripts(found, asked), **changed, "evidence": content})
            return
        screen.illustrative(found.illustrative)
        screen.show(_for_people(found, asked))
        decisions.show_since(screen, found, since)
        screen.document(content)

    shell.run(act, json_only=json)


def _show(screen: Screen, journey: Journey, request: Obligation) -> None:
    content = shown_evidence(journey, request)
    if not screen.json_only:
        screen.illustrative(journey.illustrative)
        screen.show(_for_people(journey, request))
        screen.document(content)


Choice = Annotated[str | None, typer.Option("--choice", metavar="CODE", help="What the protocol offers.")]
EvidenceSeen = Annotated[
    str | None,
    typer.Option("--evidence", metavar="HASH", help="The hash or short code you read; refused if another."),
]
Print = Annotated[
    bool, typer.Option("--print", help="Print the signed decision, for somebody else to hand in; send nothing.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask again at a terminal.")]
FormTemplate = Annotated[bool, typer.Option("--template", help="Print the form to fill in.")]

SIGN_HELP = (
    "Sign a decision, named by --decision. With --print it is not sent: the printed JSON can be handed in by anybody "
    "as Temporal's signal `sign_off`, and counts for exactly what it says."
)


def sign_command(
    context: typer.Context,
    journey: shell.JourneyId,
    request: Request,
    decision: Annotated[str, typer.Option("--decision", metavar="approve|decline|return", show_default=False)],
    choice: Choice = None,
    evidence_seen: EvidenceSeen = None,
    file: shell.File = None,
    profile: shell.Profile = None,
    command_id: shell.CommandId = None,
    yes: Yes = False,
    print_: Print = False,
    json: shell.Json = False,
) -> None:
    """See `SIGN_HELP`."""
    if decision not in get_args(Decision):
        raise typer.BadParameter(f"choose: {', '.join(get_args(Decision))}", param_hint="--decision")
    _decide(cast("Decision", decision))(
        context,
        journey,
        request,
        choice=choice,
        evidence_seen=evidence_seen,
        file=file,
        profile=profile,
        command_id=command_id,
        yes=yes,
        print_=print_,
        json=json,
    )


def _decide(decision: Decision) -> Callable[..., None]:
    def sign(
        context: typer.Context,
        journey: shell.JourneyId,
        request: Request,
        choice: Choice = None,
        evidence_seen: EvidenceSeen = None,
        file: shell.File = None,
        profile: shell.Profile = None,
        command_id: shell.CommandId = None,
        yes: Yes = False,
        print_: Print = False,
        dry_run: shell.DryRun = False,
        template: FormTemplate = False,
        json: shell.Json = False,
    ) -> None:
        services = shell.services(context)

        async def act(screen: Screen) -> ExitCode | None:
            if template:
                screen.form(forms.template(Reasons) | {"rationale": "<text>"})
                return None
            journey_id = shell.journey_id(journey)
            own = profile_path(profile, services.settings_without_servers().profile)
            signer = read_profile(own)
            _require_signer(signer, SIGN.roles)
            content = forms.read_object(forms.read_input(file, optional=True), optional=True)
            reasons = forms.check(Reasons, content, {} if choice is None else {"choice": choice})
            shown = replace(reader(context, profile, None), command=("signoff", "show", str(journey_id), request))
            events = await shown.events(journey_id)
            found, receipts = fold(events), receipts_of(events)
            if command_id is not None and command_id in receipts:
                _repeated(screen, found, request, decision, signer, command_id, receipts[command_id].version)
                return None
            asked = find_request(found, request)
            rule = rule_of(found, asked)
            objection = _may_not(services, found, asked, signer)
            if objection is not None:
                raise refused(objection, state=NOTHING_HAPPENED)
            _require_seen(asked, evidence_seen)
            _show(screen, found, asked)
            reasons = _confirmed(screen, services, signer, decision, rule, reasons, yes=yes or dry_run)
            body = Sign(
                request=asked.id,
                decision=decision,
                meaning=rule.meaning,
                evidence=asked.evidence or "",
                choice=reasons.choice,
                rationale=reasons.rationale,
                referral=reasons.referral,
            )
            once = command_id or uuid4()
            if dry_run:
                command = sealing.tried(services, signer, once, body)
            else:
                command = sealing.sealed(services, own, signer, found, once, body)
            if print_:
                screen.form(command.model_dump(mode="json", exclude_none=True))
                return None
            if dry_run:
                return try_out(screen, events, command, services.now())
            await send(screen, services, journey_id, command)
            return None

        shell.run(act, json_only=json or template or print_)

    return sign


def _may_not(services: Services, journey: Journey, request: Obligation, signer: Actor) -> Refusal | None:
    assert request.sign_off is not None
    first = first_of(journey, request)
    return may_decide(journey, request.sign_off, request.subject, signer, services.now(), first)


def _repeated(
    screen: Screen,
    journey: Journey,
    request_id: str,
    decision: Decision,
    signer: Actor,
    command_id: UUID,
    version: int,
) -> None:
    """The answer to a signature that is sent once more under its id: it stands, as recorded."""
    wanted = (request_id, decision, signer.id, version)
    for signed in journey.sign_offs:
        if (signed.request, signed.decision, signed.by) == wanted[:3] and signed.version <= wanted[3]:
            if screen.json_only:
                screen.data({"outcome": "recorded", "version": signed.version, "command_id": str(command_id)})
            else:
                screen.illustrative(journey.illustrative)
                screen.show(facts({"version": signed.version, "command": command_id}, "signed before, and recorded"))
            return
    raise Problem(
        ExitCode.REFUSED,
        "this command id was used for something else",
        "Leave --command-id out; the earlier command stands",
    )


def _require_signer(signer: Actor, roles: Sequence[str]) -> None:
    if signer.role not in roles:
        raise Problem(
            ExitCode.NOT_ALLOWED,
            f"a {signer.role.value} may not sign this",
            f"It is for: {', '.join(roles)}. Choose another profile with --profile",
        )


def _require_seen(request: Obligation, seen: str | None) -> None:
    known = request.evidence or ""
    if seen is not None and seen.lower() not in (known, short_code(known), known[:12]):
        raise Problem(
            ExitCode.REFUSED,
            "the evidence is not the one you read",
            "Read it again (`signoff show`) and decide on what it says now",
        )


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _confirmed(
    screen: Screen,
    services: Services,
    signer: Actor,
    decision: Decision,
    rule: SignOffRule,
    reasons: Reasons,
    *,
    yes: bool,
) -> Reasons:
    """What is signed, said once more to a person at a terminal, who may add what is missing or step back.

    Raises:
        Problem: they stepped back.
    """
    if yes or screen.json_only or not _at_terminal():
        return reasons
    missing: dict[str, str] = {}
    if decision == "approve" and rule.choices and reasons.choice is None:
        missing["choice"] = services.ask(f"Choice ({', '.join(rule.choices)})")
    if reasons.rationale is None and (rule.rationale or decision != "approve"):
        missing["rationale"] = services.ask("Rationale")
    if missing:
        reasons = forms.check(Reasons, {**reasons.model_dump(exclude_none=True), **missing})
    name = signer.name or signer.id
    question = f"{name} ({signer.role.value}) signs: {decision}, meaning {rule.meaning}, for the evidence above. Sign?"
    if services.ask(f"{question} [y/N]").strip().lower() not in ("y", "yes"):
        raise Problem(ExitCode.FAULT, "not signed", "The request stays open", state=NOTHING_HAPPENED)
    return reasons
