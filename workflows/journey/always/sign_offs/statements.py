"""Builds the signed statement from the command a clinician sends, or from the event that it became."""

from typing import Any
from uuid import UUID

from workflows.journey.always.sign_offs.model import Delegate, Sign
from workflows.journey.events import Event
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.signed_statement import (
    DelegationStatement,
    Meaning,
    Scope,
    Signature,
    SignatureHeader,
    Signer,
    Statement,
    signer_of,
)


def of_command(
    journey_id: UUID, scope: Scope, signed: Sign | Delegate, actor: Actor, seal: SignatureHeader
) -> Statement | DelegationStatement:
    """Return what this actor signs with this command, for a journey of this scope.

    Raises:
        ValueError: they have no printed name or no licence, or there is no such meaning.
    """
    return _build_statement(journey_id, scope, signed, signed.kind == "signoff.sign", signer_of(actor), seal)


def of_event(event: Event, seal: SignatureHeader) -> Statement | DelegationStatement:
    """Return what was signed, from a recorded `signoff.signed` or `signoff.delegated` in its envelope.

    Raises:
        ValueError: it is another event, or there is no such meaning.
    """
    body = event.body
    if body.kind not in ("signoff.signed", "signoff.delegated"):
        raise ValueError("nobody signed this")
    signer = Signer(id=event.actor_id, role=event.actor_role, name=body.name, licence=body.licence)
    return _build_statement(event.journey_id, body.scope, body, body.kind == "signoff.signed", signer, seal)


def _build_statement(
    journey_id: UUID, scope: Scope, decided: Any, decision: bool, signer: Signer, seal: SignatureHeader
) -> Statement | DelegationStatement:
    """Build the statement from a command or an event, which use the same field names."""
    if not decision:
        return DelegationStatement(
            journey=journey_id,
            scope=scope,
            to=decided.to,
            sign_offs=tuple(kind.value for kind in decided.sign_offs),
            until=decided.until,
            reason=decided.reason,
            signer=signer,
            seal=seal.seal if isinstance(seal, Signature) else seal,
        )
    return Statement(
        journey=journey_id,
        scope=scope,
        request=decided.request,
        decision=decided.decision,
        meaning=Meaning(decided.meaning),
        evidence=decided.evidence,
        choice=decided.choice,
        rationale=decided.rationale,
        referral=decided.referral,
        signer=signer,
        seal=seal.seal if isinstance(seal, Signature) else seal,
    )
