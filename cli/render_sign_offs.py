"""Shows sign-off requests and decisions, to scripts and to people.

With every decision, its printed name, time and meaning are shown (21 CFR 11.50(b)).
"""

from collections.abc import Iterator
from typing import Any, get_args

from rich.console import RenderableType

from activities.record.read_models import SignOffRequest
from application.sign_offs.decision_history import ChangedSince, DecisionStatus, PastDecision, status_of
from application.sign_offs.meanings import spell
from application.sign_offs.requests import OpenRequest, ShownDecision, SignOffDecision
from application.words.codes import say, say_all, with_code
from application.words.lines import describe_change
from application.words.terms import terms_of_journey
from application.words.viewer import shown_at
from cli.output import Output, add_row, facts_box, table
from cli.render import not_proven
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.sign_offs.model import SignOff
from workflows.journey.vocabulary.base import short_code
from workflows.journey.vocabulary.codes import code_in

STANDS: dict[DecisionStatus, str] = {
    "standing": "it is valid: the evidence is as it was signed",
    "waits_for_second": "it waits for a second person's signature, and counts for nothing until then",
    "superseded": "it is superseded: the evidence has changed since, or was decided on again",
    "withdrawn": "it was withdrawn by the person who made it",
}


def request_as_json(asked: OpenRequest) -> dict[str, Any]:
    """Return an open request as JSON."""
    journey, request, rule = asked.journey, asked.request, asked.rule
    return {
        "journey_id": str(journey.id),
        "illustrative": journey.illustrative,
        "request": request.id,
        "sign_off": request.sign_off,
        "subject": request.subject,
        "what": request.what,
        "meaning": rule.meaning,
        "roles": list(asked.roles),
        "second_person": asked.first is not None,
        "choices": list(rule.choices),
        "rationale_needed": rule.rationale,
        "since": request.since.isoformat(),
        "due": request.deadline.isoformat(),
        "evidence_hash": request.evidence,
        "short_code": short_code(code_in(request.id)),
    }


def asked_as_json(asked: SignOffRequest) -> dict[str, Any]:
    """Return a row of the list of what waits for a signature as JSON."""
    return {
        "journey_id": str(asked.journey_id),
        "illustrative": asked.illustrative,
        "request": asked.obligation,
        "sign_off": asked.sign_off,
        "subject": asked.subject,
        "what": asked.what,
        "roles": list(asked.signed_by),
        "since": asked.since.isoformat(),
        "due": asked.due.isoformat(),
        "short_code": short_code(code_in(asked.obligation)),
        "version": asked.version,
        "stale": asked.stale,
    }


def request_box(asked: OpenRequest) -> RenderableType:
    """Render an open request for people."""
    journey, request, rule = asked.journey, asked.request, asked.rule
    zone = journey.patient.zone
    return facts_box(
        {
            "request": request.id,
            "what": request.what,
            "approving means": spell(rule.meaning),
            **_what_follows(asked),
            "who may sign": say_all(asked.roles),
            "choices": ", ".join(map(with_code, rule.choices)),
            "rationale": "always" if rule.rationale else "to decline or return",
            "asked": shown_at(request.since, zone),
            "due": shown_at(request.deadline, zone),
            "evidence hash": request.evidence,
            "short code": short_code(code_in(request.id)),
        },
        f"Sign-off of journey {journey.id}",
    )


def _what_follows(asked: OpenRequest) -> dict[str, str]:
    """Say what each decision, and each choice of an approval, would bring about."""
    verdicts = {f"to {each}": asked.say_what_follows(each) for each in get_args(SignOffDecision)}
    choices = {f"to choose {say(each)}": asked.say_what_follows("approve", each) for each in asked.rule.choices}
    return {**verdicts, **choices}


def since_as_json(journey: Journey, since: ChangedSince) -> dict[str, Any]:
    """Return what has changed, and the earlier requests, as JSON."""
    return {
        "untold": since.untold,
        "compared_with": None if since.compared is None else since.compared.request,
        "changes": [{"path": change.place, "then": change.then, "now": change.now} for change in since.changes],
        "superseded": [
            {
                "request": each.request,
                "evidence_hash": each.evidence,
                "at": each.at.isoformat(),
                "decided": None if each.signed is None else _signature_as_json(journey, each.signed),
            }
            for each in since.earlier
        ],
    }


def show_since(output: Output, journey: Journey, since: ChangedSince) -> None:
    """Show the requests before this one, and what has changed since, to people."""
    zone = journey.patient.zone
    if since.earlier:
        before = table("request", "at", "decision", "meaning", "by", "", title="Before, on other evidence")
        for each in since.earlier:
            signed = each.signed
            if signed is None:
                add_row(before, each.request, shown_at(each.at, zone), "none", "", "", "superseded")
            else:
                stands = say(status_of(journey, signed))
                add_row(
                    before,
                    each.request,
                    shown_at(signed.at, zone),
                    _chosen(signed),
                    say(signed.meaning),
                    f"{signed.name} ({say(signed.role.value)} {signed.by})",
                    stands,
                )
        output.show(before)
    if since.untold is not None:
        output.text(f"What has changed since cannot be told: {since.untold}.")
    if since.changes and since.compared is not None:
        output.text(f"Changed since {since.compared.request}:")
        terms = terms_of_journey(journey)._replace(called=output.named)
        for change in since.changes:
            output.text(f"• {describe_change(change, terms)}")


def decision_as_json(journey: Journey, found: PastDecision) -> dict[str, Any]:
    """Return a decision as JSON."""
    signed, signature = found.signed, found.body.signature
    back = found.withdrawn
    return {
        "journey_id": str(journey.id),
        "illustrative": journey.illustrative,
        "request": signed.request,
        "sign_off": signed.kind.value,
        "subject": signed.subject,
        "evidence_hash": signed.evidence,
        "decided": {
            **_signature_as_json(journey, signed),
            "licence": signed.licence.model_dump(mode="json"),
            "rationale": signed.rationale,
            "referral": found.body.referral,
            "version": signed.version,
            "key_id": signature.key_id,
            "signed_at": signature.signed_at.isoformat(),
            "took_effect": found.took_effect,
            "withdrawn": None if back is None else _withdrawal(back),
            "addenda": [added.model_dump(mode="json") for added in signed.addenda],
        },
        **since_as_json(journey, found.since),
        "evidence": found.evidence,
    }


def show_decision(output: Output, shown: ShownDecision) -> None:
    """Show a decision: who, when, what it means; then its evidence."""
    journey, found, unproven = shown
    code = short_code(code_in(found.signed.request))
    if output.json_only:
        output.data({**decision_as_json(journey, found), "not_proven": unproven, "short_code": code})
        return
    output.illustrative(journey.illustrative)
    output.show(*_decision(journey, found, code, unproven=unproven))
    show_since(output, journey, found.since)
    output.document(found.evidence)


def _decision(journey: Journey, found: PastDecision, code: str, *, unproven: bool) -> Iterator[RenderableType]:
    signed, signature, zone = found.signed, found.body.signature, journey.patient.zone
    licence, back = signed.licence, found.withdrawn
    yield facts_box(
        {
            "request": signed.request,
            "decision": _chosen(signed),
            "meaning": spell(signed.meaning) if signed.decision == "approve" else say(signed.meaning),
            "signed by": f"{signed.name} ({say(signed.role.value)} {signed.by})",
            "licence": f"{licence.number}, {', '.join(licence.states)}, until {licence.expires}",
            "decided": shown_at(signed.at, zone),
            "signed": f"{shown_at(signature.signed_at, zone)}, by their clock",
            "rationale": signed.rationale,
            "referral": found.body.referral,
            "now": not_proven(STANDS[found.status]) if unproven else STANDS[found.status],
            "withdrawn": None if back is None else shown_at(back.at, zone),
            "because": None if back is None else _withdrawal(back)["reason"],
            "effect": "it has taken effect" if found.took_effect else "nothing was done on its strength yet",
            "key": signature.key_id,
            "evidence hash": signed.evidence,
            "short code": code,
        },
        f"Decision in journey {journey.id}",
    )
    if signed.addenda:
        added = table("at", "by", "text", title="Added since")
        for addendum in signed.addenda:
            add_row(added, shown_at(addendum.at, zone), f"{addendum.name} ({addendum.by})", addendum.text)
        yield added


def _withdrawal(event: e.Event) -> dict[str, Any]:
    assert isinstance(event.body, e.SignOffWithdrawn)
    return {"at": event.at.isoformat(), "by": event.actor_id, "reason": event.body.reason}


def _signature_as_json(journey: Journey, signed: SignOff) -> dict[str, Any]:
    return {
        "decision": signed.decision,
        "choice": signed.choice,
        "meaning": signed.meaning,
        "name": signed.name,
        "by": signed.by,
        "role": signed.role.value,
        "at": signed.at.isoformat(),
        "standing": status_of(journey, signed),
    }


def _chosen(signed: SignOff) -> str:
    return say(signed.decision) if signed.choice is None else f"{say(signed.decision)}: {say(signed.choice)}"
