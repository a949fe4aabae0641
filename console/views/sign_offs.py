"""What clinicians are asked to sign: the list, and one page with exactly the evidence."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast, get_args
from uuid import UUID, uuid4

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from activities.record.access_log import AccessLogEntry
from application.errors import InvalidInput, UseCaseError
from application.input import forms
from application.pathway.commands import submit, wait_until_recorded
from application.sign_offs.decision_history import BY_HASH
from application.sign_offs.meanings import MEANINGS
from application.sign_offs.queue import ListQueue, QueuePage, list_queue
from application.sign_offs.requests import (
    Reasons,
    ShownDecision,
    ShownRequest,
    ShowRequest,
    SignedBefore,
    SignOffDecision,
    read_to_sign,
    show_request,
    sign_request,
)
from application.words.terms import terms_of_journey
from application.work.references import ListedPatient
from console.pages import page
from console.sign_ins import Flash
from console.views.commands import answers_from, command_id, command_id_of
from console.views.work import onward, query_in
from console.visits import Acts, Looks, Visit, references_of
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.base import short_code
from workflows.journey.vocabulary.codes import code_in
from workflows.journey.vocabulary.refusals import Refusal

router = APIRouter()
NO_REFERRAL: Final = frozenset(
    {
        SignOffKind.DEATH, SignOffKind.DEATH_CORRECTION, SignOffKind.PERMISSION, SignOffKind.CONSENT_VERSION,
        SignOffKind.PATIENT_MERGE, SignOffKind.PATIENT_UNMERGE, SignOffKind.HANDOVER,
    }
)  # fmt: skip
"""Decisions after which nobody goes anywhere else: they do not ask where the patient is referred to."""
EVIDENCE_BINDING = ("journey", "protocol", "sign_off", "subject")
"""What binds evidence to its journey and its rules, and nobody decides on."""


@router.get("/sign-offs")
async def list_open(visit: Looks) -> Response:
    given = visit.request.query_params
    query: ListQueue = query_in(ListQueue, given)
    async with visit.context() as context:
        found = await list_queue(context, query)
        known = await references_of(visit.request).of(context, found.answer.rows)
    return queue_page(visit, found, known, mine=query.mine)


def queue_page(
    visit: Visit,
    found: QueuePage,
    known: Mapping[UUID, ListedPatient] = MappingProxyType({}),
    *,
    mine: bool,
    again: AccessLogEntry | None = None,
) -> Response:
    """Return a page of what waits for a signature. ``known`` are the references of its patients, by journey."""
    return page(
        visit.request, "sign_offs.html", visit.signed_in, again=again, found=found, known=known, mine=mine,
        more=onward(visit.request.query_params, found.answer.next),
    )  # fmt: skip


@router.get("/journeys/{journey_id}/sign-offs/{request_id}")
async def show(visit: Looks, journey_id: UUID, request_id: str) -> Response:
    visit.sent = visit.take_draft() or {}
    return await _shown(visit, journey_id, request_id, command_id_of(visit.value("command_id")) or uuid4())


@router.post("/journeys/{journey_id}/sign-offs/{request_id}")
async def sign(visit: Acts, journey_id: UUID, request_id: str) -> Response:
    once = command_id(visit)
    try:
        verdict = _verdict(visit)
        given = {name: visit.value(name) for name in Reasons.model_fields}
        reasons = forms.check(
            Reasons, {name: value for name, value in given.items() if value is not None}, templated=False
        )
        query = ShowRequest(journey_id=journey_id, request=request_id)
        async with visit.context(answers_from(visit)) as context:
            to_sign = await read_to_sign(
                context, query, verdict, command_id=once, evidence_seen=visit.value("evidence") or "none"
            )
            if not isinstance(to_sign, SignedBefore):
                command = sign_request(context, to_sign, verdict, reasons, once)
                known = to_sign.history.journey
                accepted = await submit(context, journey_id, command, known)
                await wait_until_recorded(context, accepted, known, shown=False)
    except UseCaseError as error:
        return await _shown(visit, journey_id, request_id, once, error)
    visit.signed_in.notice = Flash(f"Signed and recorded: {verdict}.")
    return RedirectResponse(f"/journeys/{journey_id}", 303)


async def _shown(
    visit: Visit, journey_id: UUID, request_id: str, once: UUID, error: UseCaseError | None = None
) -> Response:
    async with visit.context() as context:
        shown = await show_request(context, ShowRequest(journey_id=journey_id, request=request_id))
        objection = shown.asked.objection(context, context.actor) if isinstance(shown, ShownRequest) else None
    return sign_off_page(visit, shown, once, objection, error)


def sign_off_page(
    visit: Visit,
    shown: ShownRequest | ShownDecision,
    once: UUID,
    objection: Refusal | None = None,
    error: UseCaseError | None = None,
    *,
    again: AccessLogEntry | None = None,
) -> Response:
    """Return the page of a request, or of a decision. Shown ``again``, nothing can be signed on it."""
    asked = None if isinstance(shown, ShownDecision) else shown.asked
    journey = shown.journey if isinstance(shown, ShownDecision) else shown.asked.journey
    return page(
        visit.request,
        "sign_off.html",
        visit.signed_in,
        again=again,
        journey=journey,
        terms=terms_of_journey(journey),
        asked=asked,
        evidence=parted(shown.decision.evidence if isinstance(shown, ShownDecision) else shown.evidence),
        decision=shown.decision if isinstance(shown, ShownDecision) else None,
        unproven=isinstance(shown, ShownDecision) and shown.unproven,
        since=shown.decision.since if isinstance(shown, ShownDecision) else shown.since,
        code="" if asked is None else short_code(code_in(asked.request.id)),
        objection=objection,
        before=() if isinstance(shown, ShownDecision) else shown.before,
        verdicts=get_args(SignOffDecision),
        refers=asked is not None and asked.request.sign_off not in NO_REFERRAL,
        meanings=MEANINGS,
        command_id=once,
        error=error,
        kept=visit.sent,
    )


class Evidence(NamedTuple):
    """All of the evidence of a decision, in the parts in which people read it: what they decide on; for whom and where,
    who wrote it and what was decided before; and the ids and hashes that bind it."""

    content: Mapping[str, Any]
    around: Mapping[str, Any]
    technical: Mapping[str, Any]


def parted(evidence: Mapping[str, Any]) -> Evidence:
    """Return evidence in its parts. Nothing is left out."""
    content = evidence.get("content", {})
    hashes = {name: each for name, each in content.items() if name in BY_HASH and isinstance(each, str)}
    return Evidence(
        {name: each for name, each in content.items() if name not in hashes},
        {name: each for name, each in evidence.items() if name not in (*EVIDENCE_BINDING, "content")},
        {**{name: evidence[name] for name in EVIDENCE_BINDING if name in evidence}, **hashes},
    )


def _verdict(visit: Visit) -> SignOffDecision:
    given = visit.value("decision")
    if given not in get_args(SignOffDecision):
        raise InvalidInput("no decision was chosen", "Choose one: nothing is chosen for you")
    return cast("SignOffDecision", given)
