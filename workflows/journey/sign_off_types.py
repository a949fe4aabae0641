"""Every kind of sign-off, and all that is asked of a kind, in one record each.

Who may sign, within which time and whether two people have to, is the clinic's: its protocol says so under the
name of the kind. What stands between a request and its approval is said by the stage it belongs to.

Sources: 21 CFR 11.50 (a signature has a meaning) and 11.70 (it is bound to exactly what was signed); "a clinician
determines appropriateness on a case-by-case basis": nothing here approves, it says what an approval brings about.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.adverse_events.model import AdverseEvent
from workflows.journey.always.holds.model import RISK_CAUSES, Hold, place
from workflows.journey.always.safety.model import Crisis, Support, ask_support
from workflows.journey.entries import find
from workflows.journey.instruments import C_SSRS_FORMS, Instrument, definition_of
from workflows.journey.obligation_types import Outlasts
from workflows.journey.patient_limits import limits
from workflows.journey.protocol import SignOffKind
from workflows.journey.recall import entry, recalled
from workflows.journey.signed_statement import Meaning
from workflows.journey.stage import Outcome, Stage
from workflows.journey.stages.evaluation.model import Measurement
from workflows.journey.stages.follow_up.model import OwedContact
from workflows.journey.vocabulary import IN_CLINIC
from workflows.journey.watch import contacts_watched, sessions_watched

Content = dict[str, Any]
Contents = Callable[[Journey, str | None], Content]
Authors = Callable[[Journey, str | None], tuple[str, ...]]
Effect = Callable[[Journey, e.SignedOff], Iterator[e.EventBody]]

CLEARED = {
    "number",
    "starts_at",
    "supervising_clinician",
    "session_monitor",
    "live_clinician",
    "interpreter",
    "instructed",
    "acknowledged",
    "check",
}
"""What of a session a clearance covers."""
NOT_GRADED: dict[str, Any] = {
    "follow_ups": True,
    "followed_up_at": True,
    "gradings": {"__all__": {"confirmed_by": True}},
}
"""What of an adverse event a review does not cover."""


def _nobody(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOffType:
    """All that is asked of one kind of sign-off.

    - ``request``: what is asked for, in words; ``{subject}`` stands for what it is about.
    - ``meaning``: what signing it means; the only one a protocol may state.
    - ``content``: what of the journey a signature covers, besides the evidence of the kinds it ``rests_on``.
    - ``authors``: who wrote what is decided on, the latest last; ``written_by``: how many may have.
    - ``returns_to_author``: a request that comes back with a question goes to them, not to the journey's clinician.
    - ``choices``: what an approval can choose from, and the outcome of a choice that ends the pathway.
    - ``approval``: what follows at once from approving. Without it the gates read the decision when care would go on.
    - ``declining``: ``stands`` until the evidence changes; ``asks_again`` on a fresh clock, because it means "not
      yet"; ``ends`` the pathway, because this treatment is not for this patient.
    - ``reasoned``: an approval needs its reason too. Every other decision always does.
    - ``two_people``: a protocol must name a second person for it.
    - ``urgent``: never waits for opening hours.
    - ``care``: the request waits while care is held; what concerns safety does not.
    - ``outlasts``: how far it is still asked for once the pathway ends.
    """

    kind: SignOffKind
    request: str
    meaning: Meaning
    content: Contents
    rests_on: tuple[SignOffKind, ...] = ()
    authors: Authors = _nobody
    written_by: Literal["nobody", "one", "several"] = "nobody"
    returns_to_author: bool = False
    choices: Mapping[str, Outcome | None] = field(default_factory=dict)
    approval: Effect | None = None
    declining: Literal["stands", "asks_again", "ends"] = "stands"
    reasoned: bool = False
    two_people: bool = False
    urgent: bool = False
    care: bool = True
    outlasts: Outlasts = Outlasts.NOTHING

    def ending(self, journey: Journey, decision: str, choice: str | None) -> Outcome | None:
        """How a decision of this kind ends the pathway because of what it says, if it does. Care in a clinic ends it
        only where the protocol has no sessions there."""
        if decision == "decline":
            return Outcome.INELIGIBLE if self.declining == "ends" else None
        ends = self.choices.get(choice or "") if decision == "approve" else None
        return None if ends == Outcome.IN_CLINIC and IN_CLINIC in journey.protocol.sessions.settings else ends


def _measured(measurements: tuple[Measurement, ...]) -> list[Content]:
    return [m.model_dump(mode="json", exclude={"version"}) for m in measurements]


def _evaluation(journey: Journey, subject: str | None) -> Content:
    return {
        "evaluation": journey.evaluation.model_dump(mode="json"),
        "born": journey.patient.born.isoformat(),
        "baseline": _measured(_baseline(journey)),
    }


@recalled
def _baseline(journey: Journey) -> tuple[Measurement, ...]:
    return tuple(m for m in journey.measurements if m.occasion == "baseline")


def _evaluators(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return journey.evaluation.authors


def _exclusion_review(journey: Journey, subject: str | None) -> Content:
    reviewed = tuple(x.code for x in journey.protocol.exclusions if x.rule == "review")
    answers = journey.screening.exclusions
    rests_on = journey.screening.rests_on
    return {
        code: answers[code].model_dump(mode="json") | {"rests_on": rests_on.get(code)}
        for code in reviewed
        if code in answers
    }


def _answerers(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return journey.screening.answered_by


def _eligibility(journey: Journey, subject: str | None) -> Content:
    return {
        "screening": journey.screening.model_dump(mode="json", exclude={"recorded_at"}),
        "state": journey.patient.state,
    }


def _screeners(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return journey.screening.authors


def _plan(journey: Journey, subject: str | None) -> Content:
    return {
        "plan": None if journey.plan is None else journey.plan.model_dump(mode="json"),
        "revision": journey.plan_revision,
        "reason": journey.plan_reason,
        "rationale": journey.plan_rationale,
        "rests_on": None if journey.plan_basis is None else journey.plan_basis.model_dump(mode="json"),
        "limits": {name.value: value for name, value in limits(journey).items()},
    }


def _plan_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return () if journey.plan_author is None else (journey.plan_author,)


def _clearance(journey: Journey, subject: str | None) -> Content:
    session = entry(journey, "sessions", int(subject or 0))
    risk = journey.asked_risk
    return {
        "session": None if session is None else session.model_dump(mode="json", include=CLEARED),
        "suicide_risk": None if risk is None else risk.model_dump(mode="json"),
        "limits": {name.value: value for name, value in limits(journey).items()},
        "corrections": [made.model_dump(mode="json") for made in journey.corrections.values()],
        "dispatch_address": journey.patient.dispatch_address_ref,
        "pregnancy": None if journey.pregnancy_test is None else journey.pregnancy_test.model_dump(mode="json"),
        "medicines": [m.model_dump(mode="json") for m in journey.medicines.values() if m.taken],
        "doses": [dose.model_dump(mode="json") for dose in journey.known_doses],
        "elsewhere": journey.elsewhere.model_dump(mode="json", exclude={"doses": True}),
        "happened": journey.happened.model_dump(mode="json"),
        "since_last_clearance": _happened_since(journey, _last_clearance(journey, subject)),
    }


def _last_clearance(journey: Journey, subject: str | None) -> datetime:
    """When the last clearance of another session was signed (UTC), or else when the journey began."""
    signed = (
        decided.at
        for decided in reversed(journey.sign_offs)
        if decided.kind == SignOffKind.CLEARANCE and decided.subject != subject and decided.decision == "approve"
    )
    return next(signed, journey.started_at)


def _happened_since(journey: Journey, since: datetime) -> Content:
    """What is new about the patient since a moment (UTC). How much there is at all, and of what kind, the evidence says
    besides."""
    return {
        "adverse_events": [*find(journey.adverse_events, _adverse_events, since)],
        "holds": [*find(journey.holds, _holds, since)],
        "crises": [*find(journey.crises, _crises, since)],
        "support": [*find(journey.support, _support, since)],
        "contacts": [*find(journey.contacts, _contacts, since)],
        "measured": _measured(tuple(m for m in journey.measurements if m.at >= since)),
        "sessions": [s.model_dump(mode="json") for s in journey.ended_sessions if s.ended_at and s.ended_at >= since],
    }


def _adverse_events(known: Mapping[str, AdverseEvent], since: datetime) -> tuple[Content, ...]:
    return tuple(
        event.model_dump(mode="json")
        for event in known.values()
        if max(event.reported_at, event.followed_up_at or since, *(each.at for each in event.gradings)) >= since
    )


def _holds(placed: Mapping[str, Hold], since: datetime) -> tuple[Content, ...]:
    return tuple(hold.model_dump(mode="json") for hold in placed.values() if hold.placed_at >= since)


def _crises(opened: Mapping[str, Crisis], since: datetime) -> tuple[Content, ...]:
    return tuple(crisis.model_dump(mode="json") for crisis in opened.values() if crisis.opened_at >= since)


def _support(asked: Mapping[str, Support], since: datetime) -> tuple[Content, ...]:
    return tuple(request.model_dump(mode="json") for request in asked.values() if request.at >= since)


def _contacts(owed: Mapping[str, OwedContact], since: datetime) -> tuple[Content, ...]:
    made = ((contact, contact.done_at or contact.no_show_at) for contact in owed.values())
    return tuple(contact.model_dump(mode="json") for contact, at in made if at is not None and at >= since)


def _session_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    session = entry(journey, "sessions", int(subject or 0))
    return () if session is None or session.check is None else (session.check.by,)


def _end_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    session = entry(journey, "sessions", int(subject or 0))
    return () if session is None or session.end_proposed_by is None else (session.end_proposed_by,)


def _end_session(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    session = next((each for each in journey.sessions.values() if str(each.number) == decided.subject), None)
    if session is not None and session.end_proposed is not None:
        proposed = session.end_proposed
        yield e.SessionEnded(
            session=session.number, criteria=proposed.criteria, clinician_decision=proposed.clinician_decision
        )


def _attestation(journey: Journey, subject: str | None) -> Content:
    session = entry(journey, "sessions", int(subject or 0))
    return {"session": None if session is None else session.model_dump(mode="json")}


def _response(journey: Journey) -> Content:
    """Every score, and for each instrument the newest beside the baseline, the best and the last before it. The change
    is judged anew, not as when each was recorded: an earlier total may have been corrected since."""
    compared = [instrument for instrument in Instrument if definition_of(instrument).thresholds_of_change]
    changes = {instrument: journey.comparison(instrument) for instrument in compared}
    measured = [m for m in journey.measurements if m.instrument in compared]
    return {
        "scores": [m.model_dump(mode="json", exclude={"version": True, "score": {"change": True}}) for m in measured],
        "changes": {name.value: change.model_dump(mode="json") for name, change in changes.items() if change},
    }


def _response_review(journey: Journey, subject: str | None) -> Content:
    return {
        **_response(journey),
        "visits": [k.record.model_dump(mode="json") for k in journey.contacts.values() if k.record is not None],
        "sessions": [session.model_dump(mode="json") for session in journey.ended_sessions],
        "therapy": [session.model_dump(mode="json") for session in journey.therapy],
        "adverse_events": [event.model_dump(mode="json") for event in journey.adverse_events.values()],
    }


def _risk_level(journey: Journey, subject: str | None) -> Content:
    """The answers that a clinician was given, their level, and the item 9 that they answer."""
    asked = [m for m in journey.measurements if m.instrument in C_SSRS_FORMS and f"version-{m.found}" == subject]
    item_9 = [m for m in journey.measurements if m.score.needs_c_ssrs]
    return {
        "asked": [m.model_dump(mode="json") for m in asked],
        "item_9": [m.model_dump(mode="json") for m in item_9 if asked and m.found < asked[-1].version],
    }


def _sign_level(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    for measured in journey.measurements:
        if f"version-{measured.found}" == decided.subject:
            yield e.RiskLevelSigned(found=measured.found, sign_off=decided.request)


def _reached(journey: Journey, subject: str | None) -> Content:
    crisis = entry(journey, "crises", subject or "")
    return {"crisis": None if crisis is None else crisis.model_dump(mode="json", exclude={"contacts", "closed"})}


def _contact_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    crisis = entry(journey, "crises", subject or "")
    return () if crisis is None or crisis.to_sign is None else (crisis.to_sign.by,)


def _count_as_reached(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    crisis = journey.crises.get(decided.subject or "")
    if crisis is not None and crisis.to_sign is not None:
        until = crisis.to_sign.contact.next_contact_at
        yield e.CrisisReached(crisis=crisis.id, sign_off=decided.request, next_contact_at=until)


def _settle_risk(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    """Close every open crisis. Where the risk is settled here, let care go on that was held because of it, and sign the
    level that it was settled by."""
    for crisis in journey.open_crises:
        yield e.CrisisClosed(crisis=crisis.id, sign_off=decided.request, to=decided.referral)
    risk = journey.asked_risk
    if decided.choice == "settled" and risk is not None and risk.found not in journey.signed_levels:
        yield e.RiskLevelSigned(found=risk.found, sign_off=decided.request)
    if decided.choice == "settled":
        for hold in journey.holds.values():
            if hold.cause in RISK_CAUSES and not hold.released:
                yield e.HoldReleased(hold=hold.id, sign_off=decided.request)


def _act_on_review(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    match decided.choice:
        case "pause":
            yield place(journey, "paused", decided.rationale or decided.meaning)
        case "add_support":
            yield ask_support(journey, "routine", "the response review asks for additional support")
        case "stop" if journey.stage != Stage.FOLLOW_UP:
            yield e.StageEntered(stage=Stage.FOLLOW_UP)
        # A plan is owed, and with it sessions may begin again: their stage is where both belong.
        case "adjust" | "maintenance" | "switch_to_in_clinic" if journey.stage == Stage.FOLLOW_UP:
            yield e.StageEntered(stage=Stage.SESSIONS)


def _hold_release(journey: Journey, subject: str | None) -> Content:
    hold = entry(journey, "holds", subject or "")
    source = None if hold is None or hold.source is None else hold.source
    event = entry(journey, "adverse_events", source or "")
    risk = journey.asked_risk
    return {
        "suicide_risk": None if risk is None else risk.model_dump(mode="json"),
        "hold": None if hold is None else hold.model_dump(mode="json", exclude={"released"}),
        "adverse_event": None if event is None else event.model_dump(mode="json"),
    }


def _risk_decision(journey: Journey, subject: str | None) -> Content:
    """What was found, who reached the patient, what was asked again, and when they are spoken with next."""
    asked = [m for m in journey.measurements if m.instrument in C_SSRS_FORMS or m.score.needs_c_ssrs]
    held = [h for h in journey.standing_holds if h.cause in RISK_CAUSES]
    return {
        "crises": [crisis.model_dump(mode="json") for crisis in journey.open_crises],
        "holds": [hold.model_dump(mode="json") for hold in held],
        "asked": [m.model_dump(mode="json") for m in asked],
    }


def _hold_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    hold = entry(journey, "holds", subject or "")
    return (hold.placed_by,) if hold is not None and hold.cause == "placed_by_hand" else ()


def _release_hold(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    yield e.HoldReleased(hold=decided.subject or "", sign_off=decided.request)


def _adverse_event(journey: Journey, subject: str | None) -> Content:
    """The report and every grading. How it went on is not part of it: a review stands while it is followed up."""
    event = entry(journey, "adverse_events", subject or "")
    return {"adverse_event": None if event is None else event.model_dump(mode="json", exclude=NOT_GRADED)}


def _reporter(journey: Journey, subject: str | None) -> tuple[str, ...]:
    event = entry(journey, "adverse_events", subject or "")
    return () if event is None else (event.author,)


def _death(journey: Journey, subject: str | None) -> Content:
    death = entry(journey, "deaths", subject or "")
    return {"death": None if death is None else death.model_dump(mode="json", exclude={"confirmed", "in_error"})}


def _death_reporter(journey: Journey, subject: str | None) -> tuple[str, ...]:
    death = entry(journey, "deaths", subject or "")
    return () if death is None else (death.reported_by,)


def _confirm_death(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    """A pathway that is closed stays as it ended."""
    yield e.DeathConfirmed(death=decided.subject or "", sign_off=decided.request)
    if not journey.closed:
        yield e.PathwayEnding(outcome=Outcome.DECEASED, reason=decided.rationale or decided.meaning)


def _death_correction(journey: Journey, subject: str | None) -> Content:
    death = entry(journey, "deaths", subject or "")
    return {"death": None if death is None else death.model_dump(mode="json")}


def _correct_death(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    reason = decided.rationale or decided.meaning
    beside = journey.closed and journey.elsewhere.same_medicine_open
    yield e.DeathEnteredInError(
        death=decided.subject or "", sign_off=decided.request, reason=reason, reopens=not beside
    )


def _lost(journey: Journey, subject: str | None) -> Content:
    contact = entry(journey, "contacts", subject or "")
    return {"contact": None if contact is None else contact.model_dump(mode="json")}


def _end_as_lost(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    """End the pathway. The contacts after a dose for which the patient was sought in vain go to whom the referral
    names."""
    sought = [w.subject for w in journey.waiting.values() if w.taken and w.subject is not None]
    given_up = tuple(k.id for k in contacts_watched(journey) if k.id in sought)
    yield e.PathwayEnding(
        outcome=Outcome.LOST_TO_FOLLOW_UP, reason=decided.rationale or decided.meaning, referral=decided.referral
    )
    if given_up and decided.referral is not None:
        yield e.WatchHandedOver(receiver=decided.referral, contacts=given_up, sign_off=decided.request)


def _handover(journey: Journey, subject: str | None) -> Content:
    proposal = journey.handover
    return {
        "proposal": None if proposal is None else proposal.model_dump(mode="json"),
        "contacts": [contact.model_dump(mode="json") for contact in contacts_watched(journey)],
        "sessions": [session.model_dump(mode="json") for session in sessions_watched(journey)],
    }


def _handover_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return () if journey.handover_author is None else (journey.handover_author,)


def _hand_over(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    if journey.handover is None:
        return
    receiver = journey.handover.receiver
    for session in sessions_watched(journey):
        if session.dosed_at is None:
            yield e.SessionCancelled(session=session.number, reason=f"handed over to {receiver}"[:4000])
        else:
            decision = f"handed over to {receiver}: {journey.handover.reason}"[:4000]
            yield e.SessionEnded(session=session.number, criteria={}, clinician_decision=decision)
    contacts = tuple(contact.id for contact in contacts_watched(journey))
    yield e.WatchHandedOver(receiver=receiver, contacts=contacts, sign_off=decided.request)


def _discharge(journey: Journey, subject: str | None) -> Content:
    proposal = journey.discharge
    return {
        "proposal": None if proposal is None else proposal.model_dump(mode="json"),
        "sessions": len(journey.ended_sessions),
        **_response(journey),
        "visits": [
            c.model_dump(mode="json") for c in journey.contacts.values() if c.type == "follow_up_visit" and c.record
        ],
    }


def _consent_version(journey: Journey, subject: str | None) -> Content:
    proposed = entry(journey, "proposed_consents", subject or "")
    return {
        "counts_now": journey.consent_versions.get(subject or ""),
        "proposed": None if proposed is None else proposed.model_dump(mode="json"),
    }


def _consent_version_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    proposed = entry(journey, "proposed_consents", subject or "")
    return () if proposed is None else (proposed.by,)


def _change_consent_version(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    proposed = journey.proposed_consents.get(decided.subject or "")
    if proposed is not None:
        yield e.ConsentVersionChanged(consent=proposed.consent, version=proposed.version)


def _permission(journey: Journey, subject: str | None) -> Content:
    proposed = journey.proposed_permission
    counts = journey.permission_until or journey.protocol.permissions.remote_prescribing_last_day
    return {
        "counts_now": counts.isoformat(),
        "proposed": None if proposed is None else proposed.model_dump(mode="json"),
    }


def _permission_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return () if journey.proposed_permission is None else (journey.proposed_permission.by,)


def _change_permission(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    if journey.proposed_permission is not None:
        yield e.PermissionChanged(until=journey.proposed_permission.until)


def _discharge_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return () if journey.discharge_author is None else (journey.discharge_author,)


def _merge(journey: Journey, subject: str | None) -> Content:
    merge = entry(journey, "merges", subject or "")
    return {"patient": journey.patient.ref, "merge": None if merge is None else merge.model_dump(mode="json")}


def _merge_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    merge = entry(journey, "merges", subject or "")
    return () if merge is None else (merge.proposed_by,)


def _merge_patients(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    merge = journey.merges.get(decided.subject or "")
    if merge is not None:
        yield e.PatientMerged(merge=merge.id, other=merge.other, sign_off=decided.request)


def _own_limits(journey: Journey, subject: str | None) -> Content:
    return {
        "own": {name.value: value for name, value in journey.own_limits.items()},
        "reason": journey.own_limits_reason,
    }


def _limits_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return () if journey.own_limits_by is None else (journey.own_limits_by,)


def _override(journey: Journey, subject: str | None) -> Content:
    proposed = journey.override
    return {
        "proposed": None if proposed is None else proposed.model_dump(mode="json"),
        "in_force": {name.value: value for name, value in limits(journey).items()},
        "doses": [known.model_dump(mode="json") for known in journey.known_doses],
        **_response(journey),
    }


def _override_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return () if journey.override_by is None else (journey.override_by,)


def _override_limits(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    if journey.override is not None:
        yield e.LimitsOverridden(limits=journey.override.limits, sign_off=decided.request)


def _ends_as(outcome: Outcome) -> Effect:
    def end(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
        yield e.PathwayEnding(outcome=outcome, reason=decided.rationale or decided.meaning)

    return end


SIGN_OFF_TYPES: Mapping[SignOffKind, SignOffType] = {
    each.kind: each
    for each in (
        SignOffType(
            kind=SignOffKind.EVALUATION,
            request="sign the evaluation",
            meaning=Meaning.EVALUATION_AUTHORED,
            content=_evaluation,
            authors=_evaluators,
            written_by="several",
            returns_to_author=True,
            declining="ends",
        ),
        SignOffType(
            kind=SignOffKind.EXCLUSION_REVIEW,
            request="decide on the review exclusions",
            meaning=Meaning.ELIGIBILITY_APPROVED,
            content=_exclusion_review,
            authors=_answerers,
            written_by="several",
            returns_to_author=True,
            reasoned=True,
        ),
        SignOffType(
            kind=SignOffKind.ELIGIBILITY,
            request="decide eligibility and setting",
            meaning=Meaning.SETTING_DECIDED,
            content=_eligibility,
            rests_on=(SignOffKind.EVALUATION, SignOffKind.EXCLUSION_REVIEW),
            authors=_screeners,
            written_by="several",
            returns_to_author=True,
            choices={"at_home": None, "in_clinic": Outcome.IN_CLINIC, "neither": Outcome.INELIGIBLE},
            declining="ends",
            reasoned=True,
        ),
        SignOffType(
            kind=SignOffKind.PLAN,
            request="sign the plan",
            meaning=Meaning.PLAN_APPROVED,
            content=_plan,
            rests_on=(SignOffKind.ELIGIBILITY,),
            authors=_plan_author,
            written_by="one",
            returns_to_author=True,
        ),
        SignOffType(
            kind=SignOffKind.CLEARANCE,
            request="clear session {subject}",
            meaning=Meaning.SESSION_CLEARED,
            content=_clearance,
            rests_on=(SignOffKind.PLAN,),
            authors=_session_author,
            written_by="one",
            urgent=True,
        ),
        SignOffType(
            kind=SignOffKind.END_DECISION,
            request="decide whether session {subject} ends although what was observed does not agree",
            meaning=Meaning.SESSION_END_DECIDED,
            content=_attestation,
            authors=_end_author,
            written_by="one",
            returns_to_author=True,
            approval=_end_session,
            reasoned=True,
            urgent=True,
            outlasts=Outlasts.ENDING,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.ATTESTATION,
            request="attest session {subject}",
            meaning=Meaning.SESSION_ATTESTED,
            content=_attestation,
            authors=_session_author,
            written_by="one",
            declining="asks_again",
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.RESPONSE_REVIEW,
            request="review the response so far",
            meaning=Meaning.AMENDMENT_AUTHORED,
            content=_response_review,
            choices={
                "continue": None,
                "adjust": None,
                "add_support": None,
                "pause": None,
                "switch_to_in_clinic": Outcome.IN_CLINIC,
                "stop": None,
                "maintenance": None,
            },
            approval=_act_on_review,
            declining="asks_again",
            reasoned=True,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.HOLD_RELEASE,
            request="decide on the hold",
            meaning=Meaning.HOLD_RELEASED,
            content=_hold_release,
            authors=_hold_author,
            written_by="one",
            approval=_release_hold,
            declining="asks_again",
            reasoned=True,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.SEVERE_HOLD_RELEASE,
            request="decide on the hold",
            meaning=Meaning.HOLD_RELEASED,
            content=_hold_release,
            authors=_hold_author,
            written_by="one",
            approval=_release_hold,
            declining="asks_again",
            reasoned=True,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.RISK_LEVEL,
            request="sign the suicide risk level that was found",
            meaning=Meaning.RISK_LEVEL_FOUND,
            content=_risk_level,
            approval=_sign_level,
            urgent=True,
            outlasts=Outlasts.ENDING,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.CRISIS_REACHED,
            request="sign that the patient was reached",
            meaning=Meaning.PATIENT_REACHED,
            content=_reached,
            authors=_contact_author,
            written_by="one",
            returns_to_author=True,
            approval=_count_as_reached,
            urgent=True,
            outlasts=Outlasts.ENDING,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.RISK_DECISION,
            request="decide on the suicide risk",
            meaning=Meaning.RISK_DECIDED,
            content=_risk_decision,
            choices={"settled": None, "handed_over": None},
            approval=_settle_risk,
            declining="asks_again",
            reasoned=True,
            two_people=True,
            urgent=True,
            care=False,
            outlasts=Outlasts.ENDING,
        ),
        SignOffType(
            kind=SignOffKind.ADVERSE_EVENT,
            request="review the adverse event",
            meaning=Meaning.AE_REVIEWED,
            content=_adverse_event,
            authors=_reporter,
            written_by="one",
            declining="asks_again",
            outlasts=Outlasts.DEATH,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.SERIOUS_ADVERSE_EVENT,
            request="review the adverse event",
            meaning=Meaning.AE_REVIEWED,
            content=_adverse_event,
            authors=_reporter,
            written_by="one",
            declining="asks_again",
            urgent=True,
            outlasts=Outlasts.DEATH,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.PERMISSION,
            request="sign the last day of the permission to prescribe remotely",
            meaning=Meaning.AMENDMENT_AUTHORED,
            content=_permission,
            authors=_permission_author,
            written_by="one",
            returns_to_author=True,
            approval=_change_permission,
            reasoned=True,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.CONSENT_VERSION,
            request="sign the new version of consent {subject}",
            meaning=Meaning.AMENDMENT_AUTHORED,
            content=_consent_version,
            authors=_consent_version_author,
            written_by="one",
            returns_to_author=True,
            approval=_change_consent_version,
            reasoned=True,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.DEATH,
            request="confirm that the patient died, or that they live",
            meaning=Meaning.DEATH_CONFIRMED,
            content=_death,
            authors=_death_reporter,
            written_by="one",
            approval=_confirm_death,
            reasoned=True,
            urgent=True,
            outlasts=Outlasts.DEATH,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.DEATH_CORRECTION,
            request="decide whether a patient who counts as dead lives",
            meaning=Meaning.DEATH_CORRECTED,
            content=_death_correction,
            approval=_correct_death,
            reasoned=True,
            urgent=True,
            outlasts=Outlasts.DEATH,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.LOST_TO_FOLLOW_UP,
            request="decide whether the patient is lost to follow-up",
            meaning=Meaning.DISCHARGE_APPROVED,
            content=_lost,
            approval=_end_as_lost,
            declining="asks_again",
            reasoned=True,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.DISCHARGE,
            request="sign the discharge",
            meaning=Meaning.DISCHARGE_APPROVED,
            content=_discharge,
            authors=_discharge_author,
            written_by="one",
            returns_to_author=True,
            approval=_ends_as(Outcome.COMPLETED),
            reasoned=True,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.PATIENT_MERGE,
            request="decide whether another patient of the organisation is this one",
            meaning=Meaning.IDENTITY_CONFIRMED,
            content=_merge,
            authors=_merge_author,
            written_by="one",
            approval=_merge_patients,
            reasoned=True,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.HANDOVER,
            request="sign the handover of what is still watched",
            meaning=Meaning.WATCH_HANDED_OVER,
            content=_handover,
            authors=_handover_author,
            written_by="one",
            returns_to_author=True,
            approval=_hand_over,
            reasoned=True,
            urgent=True,
            outlasts=Outlasts.ENDING,
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.PATIENT_LIMITS,
            request="sign the patient's own limits",
            meaning=Meaning.LIMITS_SET,
            content=_own_limits,
            authors=_limits_author,
            written_by="one",
            care=False,
        ),
        SignOffType(
            kind=SignOffKind.LIMIT_OVERRIDE,
            request="decide on the override of a limit",
            meaning=Meaning.LIMITS_SET,
            content=_override,
            authors=_override_author,
            written_by="one",
            approval=_override_limits,
            reasoned=True,
            care=False,
        ),
    )
}
"""Every kind there is."""
