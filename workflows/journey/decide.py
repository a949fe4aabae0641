"""`decide`: from the state and a command to the events that follow, or to the reason why not."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from workflows.journey import events as e
from workflows.journey.aggregate import Journey, begin, evolve
from workflows.journey.always.care_team.fitness import require_fit
from workflows.journey.always.care_team.rules import WHAT_ANYBODY_MAY, add_named, has_part, require_part
from workflows.journey.always.death import rules as death
from workflows.journey.always.holds.model import name_holds
from workflows.journey.always.pathway import rules as pathway
from workflows.journey.always.reports import rules as reports
from workflows.journey.authorization import licence_objection, needs_licence
from workflows.journey.commands import SIGNED, Command, CommandBody, StartPathway
from workflows.journey.dispatch import DECISIONS, REACTIONS, advance
from workflows.journey.envelopes import give_free_name
from workflows.journey.needs import group_needs
from workflows.journey.obligations import reconcile, remember_agreement
from workflows.journey.plausible import require_plausible
from workflows.journey.receipts import CommandReceipt, command_digest
from workflows.journey.vocabulary.actors import CLINICAL, Actor
from workflows.journey.vocabulary.codes import code_of
from workflows.journey.vocabulary.command_ids import id_objection, is_own, own_id
from workflows.journey.vocabulary.refusals import UNPROVEN, Refusal, RefusalCode, RefusalRaised, refuse

ATTEMPTS = tuple(body.model_fields["kind"].default for body in DECISIONS if body.attempts_kept)
"""Kinds of command whose refusals are kept in the record."""
REFUSALS_KEPT = 200
"""How many refusals one journey keeps until ops have looked, so that nobody can fill the record by trying. Those after
them are counted by whoever decides, and ops are told."""


def decide(journey: Journey | None, command: Command, at: datetime) -> tuple[e.Event, ...] | Refusal:
    """Decide a command at a moment (UTC): the events that follow from it, in order, or a refusal.

    Pure and total: the same arguments give the same answer, and nothing is raised. Whether the command was
    decided before is not asked here: `answer_repeated` says so. The events contain everything that follows
    by rule, down to what is awaited afterwards, so that folding them is all there is to do. There are never many: where
    much changes at once, the clock's next commands go on.
    """
    try:
        seen = command_digest(command)
        objection = id_objection(command.command_id, command.actor)
        if objection is not None:
            return objection
        if journey is not None:
            _ = journey.agreed, journey.memory  # What is found out about it is known to the states that follow.
        if journey is None:
            return _started(command, seen, at)
        _permit(journey, command.body, command.actor, at)
        if has_part(journey, command.actor):  # Nobody else learns when the patient was born.
            require_plausible(journey, command.body, at)
        decision = DECISIONS[type(command.body)]
        known, named = add_named(journey, command)
        require_fit(known, command.body, at)
        decided = [*named, *decision(known, command.body, command.actor, at)]
        decided += reports.settle_repeated(journey, command)
        decided += death.doubt_if_patient_acts(known, command, decided)
        if not has_part(journey, command.actor):
            decided.append(e.StrangerHeard(command_kind=command.body.kind))
        return _unfold(journey, decided, command, seen, at)
    except RefusalRaised as refused:
        told = _told_to(journey, command, refused.refusal)
        harm = journey is not None and reports.keeps(journey, command, refused.refusal)
        return told.model_copy(update={"kept": True}) if harm else told


def _told_to(journey: Journey | None, command: Command, refusal: Refusal) -> Refusal:
    """Return a refusal as its sender may hear it. Who has no part in the journey is told what is wrong with what they
    sent, and nothing of the journey."""
    about_the_form = refusal.code in (RefusalCode.NOT_ALLOWED, RefusalCode.INCOMPLETE, RefusalCode.WRONG_TIME)
    if journey is None or about_the_form or has_part(journey, command.actor):
        return refusal
    return Refusal(
        code=RefusalCode.NOT_ALLOWED,
        reason="this is not taken from somebody who has no part in this journey",
        remedy=WHAT_ANYBODY_MAY,
    )


def keep_refusal(
    journey: Journey,
    receipts: Mapping[UUID, CommandReceipt],
    command: Command,
    refusal: Refusal,
    at: datetime,
    *,
    unanswered: bool = False,
) -> tuple[e.Event, ...]:
    """The event that keeps a refusal, where it matters: an attempt to approve or release, or a
    message whose sender gets no other answer (``unanswered``). One that is kept already is not kept again. What tells
    of harm is kept as it was said, and not its refusal: its id stays free, to be sent again in the right form. What a
    patient sends who was reported dead is kept with the doubt that comes of it.

    A decision that its signer signed is spent once it is refused, so that nobody can hand it in again later. One
    that nobody signed says nothing about whose id and nonce it bears: it is kept under an id of the service's own, or a
    forgery would keep the genuine decision out. So is what bears an id that is taken, or that only the service gives,
    and what no session proves now: its sender may send it again under the same id.
    """
    if refusal.kept:
        return _keep_report(journey, receipts, command, refusal, at)
    if heard := [*death.doubt_if_patient_sends(journey, command)]:
        return _keep_apart(journey, receipts, command, [_refused(command, refusal), *heard], "heard", at)
    worth = command.body.attempts_kept or unanswered
    nonce = None
    others = is_own(command.command_id) or refusal.code == RefusalCode.COMMAND_ID_REUSED or refusal.field == UNPROVEN
    if isinstance(command.body, SIGNED):
        signature = None if refusal.code == RefusalCode.SIGNATURE else command.body.signature
        if signature is None:
            others = True
        else:
            nonce = signature.nonce
    if others:
        derived = own_id(command.command_id, f"refused:{code_of(journey.code_key, command_digest(command))}")
        command = command.model_copy(update={"command_id": derived})
    known = command.command_id in receipts
    # Whoever cannot sign cannot fill the record by trying, nor keep a refused decision from being spent.
    full = journey.unseen_refusals >= REFUSALS_KEPT and nonce is None
    if not worth or known or journey.closed or full:
        return ()
    return _unfold(journey, [_refused(command, refusal, nonce)], command, command_digest(command), at)


def _refused(command: Command, refusal: Refusal, nonce: str | None = None) -> e.CommandRefused:
    reason = str(refusal)[:4000]
    return e.CommandRefused(command_kind=command.body.kind, code=refusal.code.value, reason=reason, nonce=nonce)


def _keep_report(
    journey: Journey, receipts: Mapping[UUID, CommandReceipt], command: Command, refusal: Refusal, at: datetime
) -> tuple[e.Event, ...]:
    kept = [*reports.keep_refused(journey, command, refusal)]
    if not kept:
        return ()
    if not has_part(journey, command.actor):
        kept.append(e.StrangerHeard(command_kind=command.body.kind))
    return _keep_apart(journey, receipts, command, [*kept, *death.doubt_if_patient_sends(journey, command)], "kept", at)


def _keep_apart(
    journey: Journey,
    receipts: Mapping[UUID, CommandReceipt],
    command: Command,
    bodies: list[e.EventBody],
    what: str,
    at: datetime,
) -> tuple[e.Event, ...]:
    """Record what follows from a refused command under an id of the service's own: its own stays free. It is recorded
    once, however often the command is sent."""
    seen = command_digest(command)
    derived = own_id(command.command_id, f"{what}:{code_of(journey.code_key, seen)}")
    if derived in receipts:
        return ()
    # The proof is of the command under its own id.
    unproven = command.model_copy(update={"command_id": derived, "proof": None})
    return _unfold(journey, bodies, unproven, seen, at)


def _started(command: Command, seen: str, at: datetime) -> tuple[e.Event, ...]:
    body = command.body
    if not isinstance(body, StartPathway):
        refuse(RefusalCode.NOT_STARTED, "this journey has not been started", "Start it with `pathway start`")
    opening = e.envelope(
        pathway.start(body, command.actor, at),
        journey_id=body.journey_id,
        version=1,
        at=at,
        actor=command.actor,
        command_id=command.command_id,
        command_digest=seen,
        ordinal=0,
        cause=None,
        illustrative=body.demonstration,
        proof=command.proof,
        sent_at=command.sent_at,
    )
    journey = begin(opening)
    known, named = add_named(journey, command)
    require_fit(known, body, at)
    return (opening, *_unfold(journey, [*named], command, seen, at, ordinal=1))


def _permit(journey: Journey, body: CommandBody, actor: Actor, at: datetime) -> None:
    """The rules every command passes: role, part in the journey, an open journey, the licence, the stage, no hold.
    A fact passes the first two of them: what happened can always be recorded."""
    kind = getattr(body, "kind", "")
    if actor.role not in body.roles:
        refuse(
            RefusalCode.NOT_ALLOWED,
            f"a {actor.role.value} may not send {kind}",
            f"It is for: {', '.join(body.roles)}",
        )
    require_part(journey, body, actor)
    if body.fact:
        return
    if journey.closed and journey.stage not in body.stages:
        refuse(RefusalCode.CLOSED, f"this pathway is closed ({journey.outcome})", "A new referral starts a new journey")
    if actor.role in CLINICAL and needs_licence(body):
        objection = licence_objection(journey, actor, at)
        if objection is not None:
            raise RefusalRaised(objection)
    if journey.closing is not None and body.progress:
        refuse(RefusalCode.CLOSED, "this pathway is ending", "See `pathway why` for what it still waits for")
    if journey.stage not in body.stages:
        refuse(
            RefusalCode.WRONG_STAGE,
            f"{kind} does not belong to the stage {journey.stage.value}",
            f"It belongs to: {', '.join(body.stages)}; correct earlier facts with `pathway amend`",
        )
    if journey.held and body.progress:
        refuse(RefusalCode.HELD, f"care is held: {name_holds(journey)}", "A clinician decides on the hold first")


def _unfold(
    journey: Journey, bodies: list[e.EventBody], command: Command, seen: str, at: datetime, ordinal: int = 0
) -> tuple[e.Event, ...]:
    """Put decided bodies into events, with all that follows from each by rule, and what is awaited after."""
    decided = _Decided(journey, command, seen, at, ordinal)
    for body in bodies:
        decided.emit(body)
    while (step := next(iter(advance(decided.journey, at)), None)) is not None:
        decided.emit(step, decided.last)
    groups = group_needs(decided.journey)
    changed = reconcile(groups, decided.journey, at)
    if changed is not None:
        decided.emit(changed, decided.last)
    remember_agreement(groups, decided.journey)
    events = tuple(decided.events)
    journey.followed.update(events=events, after=decided.journey)
    return events


class _Decided:
    """The events of a command so far, and the journey after them."""

    def __init__(self, journey: Journey, command: Command, seen: str, at: datetime, ordinal: int) -> None:
        self.journey, self.events = journey, list[e.Event]()
        self._command, self._seen, self._at, self._ordinal = command, seen, at, ordinal
        # A decision has the signer's own signature, and needs no session.
        self._proof = None if isinstance(command.body, SIGNED) else command.proof

    @property
    def last(self) -> e.Event | None:
        """The last event, if there is one."""
        return self.events[-1] if self.events else None

    def emit(self, body: e.EventBody, cause: e.Event | None = None) -> None:
        """Put a body into an event, and all that follows from it by rule into events after it. Each rule sees what the
        one before it did. From a correction follows what follows from the fact."""
        body = give_free_name(self.journey, body)
        event = e.envelope(
            body,
            journey_id=self.journey.id,
            version=self.journey.version + 1,
            at=self._at,
            actor=self._command.actor,
            command_id=self._command.command_id,
            command_digest=self._seen,
            ordinal=self._ordinal,
            cause=cause,
            illustrative=self.journey.illustrative,
            proof=self._proof,
            sent_at=self._command.sent_at,
        )
        self._ordinal += 1
        self.events.append(event)
        self.journey = evolve(self.journey, event)
        fact = body.correction if isinstance(body, e.FactAmended) else body
        for reaction in REACTIONS.get(type(fact), ()):
            for follows in reaction(self.journey, fact, self._at):
                self.emit(follows, event)
