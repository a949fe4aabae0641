"""`signoff`: list, show and sign what clinicians are asked to sign, and list refused attempts."""

from typing import Annotated, cast, get_args

import typer

from application.errors import SteppedBack
from application.input import forms
from application.pathway.commands import require_size
from application.sign_offs.meanings import spell
from application.sign_offs.queue import ListQueue, QueuePage, list_queue
from application.sign_offs.refused_attempts import Attempts, ListAttempts, list_attempts
from application.sign_offs.requests import (
    ListRequests,
    OpenRequest,
    Reasons,
    ShownDecision,
    ShownRequest,
    ShowRequest,
    SignedBefore,
    SignOffDecision,
    ToSign,
    list_requests,
    read_to_sign,
    show_request,
    sign_request,
    try_to_sign,
)
from application.words.codes import say, say_all, say_within, with_code
from application.words.titles import title_of_command
from application.words.viewer import shown_at
from cli import render_sign_offs as render
from cli import runtime
from cli.commands import send, show_trial
from cli.errors import ExitCode
from cli.input import at_terminal, journey_id, read_form
from cli.output import Output, add_row, facts_box, short_time, table, your_time
from cli.references import NONE_KNOWN, Known, name_journey, references_of
from cli.runtime import Act, Call, command

Request = Annotated[str, typer.Argument(metavar="REQUEST", help="The id of the request.", show_default=False)]
Choice = Annotated[str | None, typer.Option("--choice", metavar="CODE", help="What the protocol offers.")]
EvidenceSeen = Annotated[
    str | None,
    typer.Option("--evidence", metavar="CODE", help="The short code that you read. Refused if it is another."),
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
OFFERED: tuple[tuple[SignOffDecision, str], ...] = (
    ("approve", "Approve exactly the evidence that is shown, and sign for it."),
    ("decline", "Decline what is asked for, with a rationale, and sign for that."),
    ("return", "Return a request to its author with a question; it is asked for again once answered."),
)


def add_commands(group: typer.Typer) -> None:
    """Give the group its commands."""
    group.command("list")(command(list_, to_look=True))
    group.command("show")(command(show, to_look=True))
    group.command("attempts")(command(attempts, to_look=True))
    for verdict, text in OFFERED:
        whole = (
            f"{text}\n\nWho may sign and what it means is in the journey's protocol, and is shown. The form is JSON "
            "with rationale, choice and referral, all optional unless the protocol asks for them."
        )
        made = command(_decide(verdict), to_act=True, json_if=("template", "print_"))
        group.command(verdict, help=whole)(made)
    made = command(sign, to_act=True, json_if=("print_",))
    group.command("sign", help=SIGN_HELP)(made)


async def list_(
    call: Call,
    journey: runtime.AnyJourney = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only what you may sign now.")] = False,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Of all journeys: at most so many on a page.")
    ] = 200,
    after: runtime.After = None,
) -> None:
    """List open sign-off requests, due first on top: of one journey, or of all of your clinics."""
    if journey is None:
        found = await list_queue(call.context, ListQueue(mine=mine, limit=limit, after=after))
        render_queue(call.output, found, await references_of(call, found.answer.rows))
        return
    query = ListRequests(journey_id=journey_id(journey), mine=mine)
    render_requests(call.output, await list_requests(call.context, query))


def render_queue(output: Output, page: QueuePage, known: Known = NONE_KNOWN) -> None:
    """Show what waits for a signature at somebody's clinics."""
    if output.json_only:
        output.data([render.asked_as_json(asked) for asked in page.answer.rows])
    else:
        output.illustrative(any(asked.illustrative for asked in page.answer.rows))
        shown = table("journey", "request", "what", "who may sign", your_time("due"), title="Sign-offs")
        for asked in page.answer.rows:
            stale = f"\nSTALE: as of version {asked.version}" if asked.stale else ""
            roles = say_all(asked.signed_by)
            add_row(
                shown,
                f"{name_journey(asked.journey_id, known)}{stale}",
                asked.obligation,
                asked.what,
                roles,
                short_time(asked.due),
            )
        output.show(shown)
    output.freshness(page.true)
    output.more(page.answer.next)


def render_requests(output: Output, found: tuple[OpenRequest, ...]) -> None:
    """Show open requests."""
    if output.json_only:
        output.data([render.request_as_json(asked) for asked in found])
        return
    output.illustrative(any(asked.journey.illustrative for asked in found))
    shown = table("journey", "request", "what", "who may sign", "due", title="Sign-offs")
    for asked in found:
        journey, request = asked.journey, asked.request
        due = shown_at(request.deadline, journey.patient.zone)
        add_row(shown, journey.id, request.id, request.what, say_all(asked.roles), due)
    output.show(shown)


async def show(call: Call, journey: runtime.JourneyId, request: Request) -> None:
    """Show a request: exactly the evidence a signature covers, its hash, what signing means, what changed since the
    last one on the matter; or, once it was decided, the decision."""
    query = ShowRequest(journey_id=journey_id(journey), request=request)
    render_request(call.output, await show_request(call.context, query))


def render_request(output: Output, shown: ShownRequest | ShownDecision) -> None:
    """Show a request, or the decision on it."""
    if isinstance(shown, ShownDecision):
        render.show_decision(output, shown)
        return
    asked = shown.asked
    if output.json_only:
        changed = render.since_as_json(asked.journey, shown.since)
        output.data({**render.request_as_json(asked), **changed, "evidence": shown.evidence})
        return
    output.illustrative(asked.journey.illustrative)
    output.show(render.request_box(asked))
    render.show_since(output, asked.journey, shown.since)
    output.document(shown.evidence)


async def attempts(
    call: Call,
    journey: runtime.AnyJourney = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="At most so many, the latest.")] = 50,
) -> None:
    """Show refused attempts to sign, to witness a consent or to release a session: when, by whom they claimed to be,
    and why.

    Of one journey, or the latest of all journeys of your clinics.
    """
    wanted = None if journey is None else journey_id(journey)
    query = ListAttempts(journey_id=wanted, limit=limit)
    found = await list_attempts(call.context, query)
    render_attempts(call.output, found)
    if found.more:
        call.output.note(f"There are more than {limit}; raise --limit.")


def render_attempts(output: Output, found: Attempts) -> None:
    """Show refused attempts."""
    if output.json_only:
        output.data(
            [
                {
                    "journey_id": str(event.journey_id),
                    "illustrative": event.illustrative,
                    "version": event.version,
                    "position": position,
                    "at": event.at.isoformat(),
                    "tried": body.command_kind,
                    "claimed_by": event.actor_id,
                    "claimed_role": event.actor_role.value,
                    "code": body.code,
                    "reason": body.reason,
                }
                for position, event, body in found.attempts
            ]
        )
        _tell_unread(output, found)
        return
    output.illustrative(any(attempt.event.illustrative for attempt in found.attempts))
    shown = table("journey", "version", "at", "claimed to be", "tried", "why it was refused", title="Refused")
    for _, event, body in found.attempts:
        by = f"{say(event.actor_role.value)} {output.named(event.actor_id)}"
        at = shown_at(event.at, "UTC")
        add_row(
            shown, event.journey_id, event.version, at, by, title_of_command(body.command_kind), say_within(body.reason)
        )
    output.show(shown)
    if not found.attempts and not found.unread:
        output.note("No attempt was refused.")
    _tell_unread(output, found)


def _tell_unread(output: Output, found: Attempts) -> None:
    if found.unread:
        output.note(
            f"Cannot be read, and so not shown: {found.unread} refused command(s). A key is away, or they were "
            "altered. Tell ops: `keys list`, `record verify`."
        )


async def sign(
    call: Call,
    journey: runtime.JourneyId,
    request: Request,
    decision: Annotated[str, typer.Option("--decision", metavar="approve|decline|return", show_default=False)],
    choice: Choice = None,
    evidence_seen: EvidenceSeen = None,
    file: runtime.File = None,
    command_id: runtime.CommandId = None,
    yes: Yes = False,
    print_: Print = False,
) -> ExitCode | None:
    """See `SIGN_HELP`."""
    if decision not in get_args(SignOffDecision):
        raise typer.BadParameter(f"choose: {', '.join(get_args(SignOffDecision))}", param_hint="--decision")
    return await _decide(cast("SignOffDecision", decision))(
        call,
        journey,
        request,
        choice=choice,
        evidence_seen=evidence_seen,
        file=file,
        command_id=command_id,
        yes=yes,
        print_=print_,
    )


def _decide(verdict: SignOffDecision) -> Act[...]:
    async def act(
        call: Call,
        journey: runtime.JourneyId,
        request: Request,
        choice: Choice = None,
        evidence_seen: EvidenceSeen = None,
        file: runtime.File = None,
        command_id: runtime.CommandId = None,
        yes: Yes = False,
        print_: Print = False,
        dry_run: runtime.DryRun = False,
        template: FormTemplate = False,
    ) -> ExitCode | None:
        context, output = call.context, call.output
        if template:
            output.form(forms.template(Reasons) | {"rationale": "<text>"})
            return None
        query = ShowRequest(journey_id=journey_id(journey), request=request)
        reasons = read_form(Reasons, file, {} if choice is None else {"choice": choice}, optional=True)
        to_sign = await read_to_sign(context, query, verdict, command_id=command_id, evidence_seen=evidence_seen)
        if isinstance(to_sign, SignedBefore):
            _show_repeated(output, to_sign)
            return None
        _show(output, to_sign)
        reasons = _confirm(call, to_sign, verdict, reasons, yes=yes or dry_run)
        if dry_run:
            tried, decided = try_to_sign(context, to_sign, verdict, reasons, command_id)
            if not print_:
                require_size(tried)
                return show_trial(output, decided)
            signed = tried
        else:
            signed = sign_request(context, to_sign, verdict, reasons, command_id)
        if print_:
            output.form(signed.model_dump(mode="json", exclude_none=True))
            return None
        await send(call, query.journey_id, signed, to_sign.history.journey)
        return None

    return act


def _show(output: Output, to_sign: ToSign) -> None:
    if not output.json_only:
        output.illustrative(to_sign.asked.journey.illustrative)
        output.show(render.request_box(to_sign.asked))
        output.document(to_sign.evidence)


def _show_repeated(output: Output, signed: SignedBefore) -> None:
    """Answer a signature that is sent again under its id: it is valid, as recorded."""
    if output.json_only:
        output.data({"outcome": "recorded", "version": signed.version, "command_id": str(signed.command_id)})
    else:
        output.illustrative(signed.journey.illustrative)
        said = {"version": signed.version, "command": signed.command_id}
        output.show(facts_box(said, "signed before, and recorded"))


def _confirm(call: Call, to_sign: ToSign, verdict: SignOffDecision, reasons: Reasons, *, yes: bool) -> Reasons:
    """Tell the person at the terminal once more what they sign. They may add what is missing, or step back.

    Raises:
        SteppedBack: they stepped back.
    """
    if yes or call.output.json_only or not at_terminal():
        return reasons
    ask, rule, signer = call.context.ask, to_sign.asked.rule, to_sign.signer
    missing: dict[str, str] = {}
    if verdict == "approve" and rule.choices and reasons.choice is None:
        missing["choice"] = ask(f"Choice ({', '.join(map(with_code, rule.choices))})")
    if reasons.rationale is None and (rule.rationale or verdict != "approve"):
        missing["rationale"] = ask("Rationale")
    if missing:
        reasons = forms.check(Reasons, {**reasons.model_dump(exclude_none=True), **missing})
    who = f"{signer.name or signer.id} ({say(signer.role.value)} {signer.id})"
    means = spell(rule.meaning) if verdict == "approve" else say(rule.meaning)
    question = f"{who} signs: {verdict}, meaning {means}, for the evidence above. Sign?"
    if ask(f"{question} [y/N]").strip().lower() not in ("y", "yes"):
        raise SteppedBack("not signed", "The request stays open")
    return reasons
