"""The state of a journey, and `evolve`: the one way it changes."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cached_property, reduce
from typing import Any, Literal
from uuid import UUID

from workflows.journey import events as e
from workflows.journey.actors import CLINICAL, Licence, Role
from workflows.journey.base import Identifier, ImmutableModel, Short, Text
from workflows.journey.calendars import Instant
from workflows.journey.commands import Observer, Patient, Plan, PriorTreatment, ScreeningAnswer, Vitals
from workflows.journey.instruments import Instrument, Score
from workflows.journey.protocol import PinnedProtocol, SignOffKind
from workflows.journey.requirements import Obligation, Paused
from workflows.journey.stage import Outcome, Stage


class Evaluation(ImmutableModel):
    """``evaluator`` is who is responsible for it, ``authors`` everybody who wrote of it."""

    evaluator: Identifier | None = None
    authors: tuple[Identifier, ...] = ()
    recorded_at: Instant | None = None
    sections: dict[Identifier, Text] = {}
    prior_treatments: tuple[PriorTreatment, ...] = ()
    function: dict[Identifier, Text] = {}
    treatment_exception: Text | None = None


class Measurement(ImmutableModel):
    """One completed questionnaire."""

    instrument: Instrument
    occasion: Identifier
    at: Instant
    version: int
    answers: Any
    score: Score
    administered_by: Role

    @property
    def by_staff(self) -> bool:
        """Whether a clinician asked. A self-report may raise an alarm, and never clears one."""
        return self.administered_by in CLINICAL


class Screening(ImmutableModel):
    """``authors`` is everybody who wrote of it, ``answered_by`` who answered exclusions."""

    authors: tuple[Identifier, ...] = ()
    answered_by: tuple[Identifier, ...] = ()
    recorded_at: Instant | None = None
    completed_at: Instant | None = None
    exclusions: dict[Identifier, ScreeningAnswer] = {}
    criteria: dict[Identifier, bool] = {}
    factors: dict[Identifier, Text] = {}


class Education(ImmutableModel):
    explained: dict[Identifier, Identifier] = {}
    acknowledged: tuple[Identifier, ...] = ()


class Check(ImmutableModel):
    """The pre-session checklist as last recorded."""

    at: Instant
    by: Identifier
    items: dict[Identifier, bool]
    vitals: Vitals
    observer: Observer
    reachable_clinician: Identifier
    reachable_within_minutes: int
    location_state: Identifier
    location_confirmed: bool
    verdict: Literal["go", "recheck", "no_go"]
    count: int


class Session(ImmutableModel):
    """One supervised session. It runs from its dose until it ends."""

    number: int
    starts_at: Instant
    supervising_clinician: Identifier
    session_monitor: Identifier
    live_clinician: bool
    instructed: Identifier | None = None
    check: Check | None = None
    released_at: Instant | None = None
    clearance: Identifier | None = None
    dose_mg: float | None = None
    doses_left: int | None = None
    dosed_at: Instant | None = None
    observe_at: tuple[Instant, ...] = ()
    observations: tuple[e.SessionObserved, ...] = ()
    criteria: dict[Identifier, bool] = {}
    ended_at: Instant | None = None

    @property
    def running(self) -> bool:
        return self.dosed_at is not None and self.ended_at is None

    @property
    def observed_until(self) -> int:
        """The minute of the latest observation; one that was missed before it is covered by it."""
        return max((observation.minute for observation in self.observations), default=0)


class OwedContact(e.Contact):
    done_at: Instant | None = None
    replaced: bool = False
    lost: bool = False
    feeling: Literal["well", "unwell"] | None = None
    record: e.VisitRecorded | e.CheckInCompleted | None = None

    @property
    def open(self) -> bool:
        return self.done_at is None and not self.replaced


class Question(ImmutableModel):
    id: Identifier
    text: Text
    answer: Text | None = None


class Hold(ImmutableModel):
    id: Identifier
    cause: Identifier
    severe: bool
    source: Identifier | None = None
    reason: Text
    placed_by: Identifier
    placed_at: Instant
    version: int
    released: bool = False


class Crisis(ImmutableModel):
    id: Identifier
    level: Literal["high", "moderate", "low"]
    source: Identifier
    opened_at: Instant
    reached: bool = False
    contacts: tuple[e.CrisisContactRecorded, ...] = ()


class AdverseEvent(ImmutableModel):
    id: Identifier
    grade: int
    serious: bool
    reported_by: Identifier
    report: e.AdverseEventReported


class Support(ImmutableModel):
    id: Identifier
    urgency: Literal["urgent", "clinical", "routine"]
    text: Text
    open: bool = True


class Message(ImmutableModel):
    id: Identifier
    name: Short
    content: str
    handled: bool = False


class Addendum(ImmutableModel):
    """Something added to a decision after it was made, by whom and when (UTC)."""

    text: Text
    name: Short
    by: Identifier
    at: Instant


class SignOff(ImmutableModel):
    """A decision as it was signed. It counts only while the evidence it names is the evidence there is.

    ``first_of_two``: an approval that counts once a second person has signed as well. ``nonce`` is its signature's.
    """

    request: Identifier
    kind: SignOffKind
    subject: Identifier | None = None
    decision: Literal["approve", "decline", "return"]
    meaning: Identifier
    evidence: str
    choice: Identifier | None = None
    rationale: Text | None = None
    referral: Text | None = None
    by: Identifier
    role: Role
    name: Short
    licence: Licence
    at: Instant
    version: int
    nonce: str
    first_of_two: bool = False
    withdrawn: bool = False
    addenda: tuple[Addendum, ...] = ()


class Delegation(ImmutableModel):
    """The right to decide in a colleague's place: whose, given to whom, on what, until when (UTC)."""

    id: Identifier
    by: Identifier
    role: Role
    to: Identifier
    sign_offs: tuple[SignOffKind, ...]
    until: Instant
    nonce: str


class Covered(ImmutableModel):
    """For whom the journey's clinician stands in, until when (UTC)."""

    clinician: Identifier
    until: Instant


class Answer(ImmutableModel):
    """What the author of a returned request answered."""

    sign_off: SignOffKind
    subject: Identifier | None = None
    text: Text


class Access(ImmutableModel):
    """An access from outside the clinic, in an emergency, and whether it was found justified; None: not reviewed."""

    id: Identifier
    by: Identifier
    role: Role
    justified: bool | None = None


class Closing(ImmutableModel):
    outcome: Outcome
    reason: Text
    referral: Text | None = None


class Journey(ImmutableModel):
    """One patient's way through one pathway, as everything recorded so far makes it."""

    id: UUID
    version: int
    illustrative: bool
    started_at: Instant
    clinic: Identifier
    patient: Patient
    referral: Text
    coordinator: Identifier
    clinician: Identifier
    protocol: PinnedProtocol
    protocol_digest: str
    stage: Stage = Stage.EVALUATION
    evaluation: Evaluation = Evaluation()
    measurements: tuple[Measurement, ...] = ()
    screening: Screening = Screening()
    plan: Plan | None = None
    plan_revision: int = 0
    plan_rationale: Text | None = None
    plan_author: Identifier | None = None
    plan_owed_since: int | None = None
    course_started_at: Instant | None = None
    education: Education = Education()
    questions: dict[Identifier, Question] = {}
    consents: dict[Identifier, Identifier] = {}
    sessions: dict[int, Session] = {}
    contacts: dict[Identifier, OwedContact] = {}
    adverse_events: dict[Identifier, AdverseEvent] = {}
    holds: dict[Identifier, Hold] = {}
    crises: dict[Identifier, Crisis] = {}
    support: dict[Identifier, Support] = {}
    messages: dict[Identifier, Message] = {}
    discharge: e.DischargeProposed | None = None
    discharge_author: Identifier | None = None
    sign_offs: tuple[SignOff, ...] = ()
    answers: tuple[Answer, ...] = ()
    delegations: dict[Identifier, Delegation] = {}
    covered: Covered | None = None
    accesses: dict[Identifier, Access] = {}
    waiting: dict[Identifier, Obligation] = {}
    paused: dict[Identifier, Paused] = {}
    refusals: int = 0
    spent: tuple[str, ...] = ()
    closing: Closing | None = None
    outcome: Outcome | None = None

    @cached_property
    def hashes(self) -> dict[tuple[str, str | None, str | None], str]:
        """Evidence hashes worked out for this very state. Not part of it: no copy and no JSON carries them."""
        return {}

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> "Journey":
        """A copy, without the hashes: they are of the state they were worked out for."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("hashes", None)
        return copied

    @property
    def nonces(self) -> tuple[str, ...]:
        """Those of every signature that was used, or spent by being refused."""
        used = (*(s.nonce for s in self.sign_offs), *(d.nonce for d in self.delegations.values()))
        return (*used, *self.spent)

    @property
    def held(self) -> bool:
        return any(not hold.released for hold in self.holds.values())

    @property
    def closed(self) -> bool:
        return self.outcome is not None

    @property
    def died(self) -> bool:
        return self.closing is not None and self.closing.outcome == Outcome.DECEASED

    @property
    def ended_sessions(self) -> tuple[Session, ...]:
        return tuple(session for session in self.sessions.values() if session.ended_at is not None)

    @property
    def next_session(self) -> int:
        """The number of the session that is scheduled, running, or to be scheduled next."""
        return len(self.ended_sessions) + 1

    @property
    def dosed_sessions(self) -> tuple[Session, ...]:
        return tuple(session for session in self.sessions.values() if session.dosed_at is not None)

    @property
    def last_dose_at(self) -> datetime | None:
        return max((s.dosed_at for s in self.dosed_sessions if s.dosed_at is not None), default=None)

    def latest(self, instrument: Instrument, *, occasion: str | None = None, staff: bool = False) -> Measurement | None:
        """The newest complete measurement (C-SSRS: also an incomplete one, which counts as high)."""
        fitting = [
            m
            for m in self.measurements
            if m.instrument == instrument
            and (m.score.complete or instrument == Instrument.C_SSRS)
            and (occasion is None or m.occasion == occasion)
            and (not staff or m.by_staff)
        ]
        return fitting[-1] if fitting else None

    @property
    def item_9_open(self) -> bool:
        """Whether a PHQ-9 item 9 that is not zero, or not known, still waits for a clinician to ask the C-SSRS."""
        risk = self.latest(Instrument.C_SSRS, staff=True)
        return any(
            m.instrument == Instrument.PHQ_9 and m.score.needs_c_ssrs and (risk is None or m.version > risk.version)
            for m in self.measurements
        )

    def suicide_risk_heightened(self, at: datetime) -> bool:
        """C-SSRS moderate or worse within the protocol's window (missed contacts then escalate faster)."""
        window = timedelta(days=self.protocol.instruments.suicide_risk_heightened_days)
        return any(
            m.instrument == Instrument.C_SSRS and m.score.gate_level in ("moderate", "high") and at - m.at <= window
            for m in self.measurements
        )


def begin(event: e.Event) -> Journey:
    """The state after the opening event.

    Raises:
        ValueError: the event does not open a journey.
    """
    body = event.body
    if not isinstance(body, e.PathwayStarted):
        raise ValueError("a journey opens with pathway.started")
    # Not checked anew: all of it was when the event was made or read, and the protocol takes long.
    return Journey.model_construct(
        id=event.journey_id,
        version=event.version,
        illustrative=event.illustrative,
        started_at=event.at,
        clinic=body.clinic,
        patient=body.patient,
        referral=body.reason,
        coordinator=body.coordinator,
        clinician=body.clinician,
        protocol=body.protocol,
        protocol_digest=body.protocol_digest,
    )


def evolve(journey: Journey, event: e.Event) -> Journey:
    """The state after one more event. Total: it never refuses, asks no clock and decides nothing."""
    return journey.model_copy(update={**_changes(journey, event, event.body), "version": event.version})


def fold(events: Iterable[e.Event], journey: Journey | None = None) -> Journey:
    """The state after these events, oldest first: from the beginning, or onto a state they follow.

    Raises:
        ValueError: from the beginning, there are none, or the first does not open a journey.
    """
    ordered = iter(events)
    if journey is None:
        first = next(ordered, None)
        if first is None:
            raise ValueError("there are no events to fold")
        journey = begin(first)
    return reduce(evolve, ordered, journey)


def _changes(journey: Journey, event: e.Event, body: e.EventBody) -> dict[str, Any]:
    match body:
        # Half of all events are of these two kinds, and every case that does not fit takes its time.
        case e.ObligationsUpdated():
            closed = [ended.id for ended in body.closed]
            waiting = {i: o for i, o in journey.waiting.items() if i not in closed}
            held = [journey.waiting[c.id] for c in body.closed if c.because == "held" and c.id in journey.waiting]
            paused = {kept.matter: Paused(obligation=kept, at=event.at) for kept in held}
            return {
                "waiting": {**waiting, **{opened.id: opened for opened in body.opened}},
                # The release of the last hold always changes what is awaited, and every clock goes on with it.
                "paused": {**journey.paused, **paused} if journey.held else {},
            }
        case e.ObligationEscalated():
            escalated = _update(journey, "waiting", body.obligation, taken=body.step + 1)
            if body.action == "lost_to_follow_up" and body.obligation in journey.waiting:
                missed = journey.waiting[body.obligation].subject
                return escalated | _update(journey, "contacts", missed, lost=True)
            return escalated
        case e.EvaluationRecorded():
            known = journey.evaluation
            return {
                "evaluation": Evaluation(
                    evaluator=body.evaluator,
                    authors=_with(known.authors, event.actor_id),
                    recorded_at=event.at,
                    sections={**known.sections, **body.sections},
                    prior_treatments=body.prior_treatments or known.prior_treatments,
                    function={**known.function, **body.function},
                    treatment_exception=body.treatment_exception or known.treatment_exception,
                )
            }
        case e.InstrumentRecorded():
            measured = Measurement(
                **body.model_dump(exclude={"kind", "score"}),
                score=body.score,
                at=event.at,
                version=event.version,
            )
            contacts = dict(journey.contacts)
            for contact in journey.contacts.values():
                fits = contact.type == "measure" and contact.open and contact.instrument == body.instrument
                if fits and contact.id == body.occasion and body.score.complete:
                    contacts[contact.id] = contact.model_copy(update={"done_at": event.at})
            return {"measurements": (*journey.measurements, measured), "contacts": contacts}
        case e.ScreeningRecorded():
            screening = Screening(
                authors=_with(journey.screening.authors, event.actor_id),
                answered_by=_with(journey.screening.answered_by, event.actor_id if body.exclusions else None),
                recorded_at=event.at,
                completed_at=journey.screening.completed_at,
                exclusions={**journey.screening.exclusions, **body.exclusions},
                criteria={**journey.screening.criteria, **body.criteria},
                factors={**journey.screening.factors, **body.factors},
            )
            whole = all(exclusion.code in body.exclusions for exclusion in journey.protocol.exclusions)
            first = journey.screening.completed_at is None and all(
                exclusion.code in screening.exclusions for exclusion in journey.protocol.exclusions
            )
            if whole or first:
                screening = screening.model_copy(update={"completed_at": event.at})
            return {"screening": screening}
        case e.PlanRecorded():
            return {
                "plan": body.plan,
                "plan_revision": body.revision,
                "plan_rationale": body.rationale,
                "plan_author": event.actor_id,
                "plan_owed_since": None,
            }
        case e.TopicsExplained():
            explained = {**journey.education.explained, **dict.fromkeys(body.topics, body.content_version)}
            return {"education": journey.education.model_copy(update={"explained": explained})}
        case e.StatementsAcknowledged():
            acknowledged = tuple(dict.fromkeys((*journey.education.acknowledged, *body.statements)))
            return {"education": journey.education.model_copy(update={"acknowledged": acknowledged})}
        case e.QuestionAsked():
            asked = Question(id=body.question, text=body.text)
            return {"questions": {**journey.questions, body.question: asked}}
        case e.QuestionAnswered():
            return _update(journey, "questions", body.question, answer=body.text)
        case e.ConsentGiven():
            return {"consents": {**journey.consents, **body.consents}}
        case e.ConsentWithdrawn():
            return {"consents": {name: v for name, v in journey.consents.items() if name != body.consent}}
        case e.SessionScheduled():
            planned = Session(
                number=body.session,
                starts_at=body.starts_at,
                supervising_clinician=body.supervising_clinician,
                session_monitor=body.session_monitor,
                live_clinician=body.live_clinician,
            )
            return {"sessions": {**journey.sessions, body.session: planned}}
        case e.SessionCancelled():
            return {"sessions": {n: s for n, s in journey.sessions.items() if n != body.session}}
        case e.SessionInstructed():
            return _update(journey, "sessions", body.session, instructed=body.content_version)
        case e.SessionChecked():
            session = journey.sessions.get(body.session)
            count = 1 if session is None or session.check is None else session.check.count + 1
            check = Check(
                **{name: getattr(body, name) for name in Check.model_fields if name not in ("at", "by", "count")},
                at=event.at,
                by=event.actor_id,
                count=count,
            )
            return _update(journey, "sessions", body.session, check=check)
        case e.SessionReleased():
            return _update(journey, "sessions", body.session, released_at=event.at, clearance=body.clearance)
        case e.DoseRecorded():
            session, began = journey.sessions.get(body.session), journey.course_started_at
            first = began is None or (session is not None and session.dosed_at == began)
            return {"course_started_at": body.taken_at if first else began} | _update(
                journey,
                "sessions",
                body.session,
                dose_mg=body.dose_mg,
                doses_left=body.doses_left,
                dosed_at=body.taken_at,
                observe_at=body.observe_at,
            )
        case e.SessionObserved():
            session = journey.sessions.get(body.session)
            seen = () if session is None else session.observations
            kept = tuple(o for o in seen if o.minute != body.minute)
            observations = tuple(sorted((*kept, body), key=lambda o: o.minute))
            return _update(journey, "sessions", body.session, observations=observations)
        case e.SessionEnded():
            return _update(journey, "sessions", body.session, criteria=body.criteria, ended_at=event.at)
        case e.ContactsScheduled():
            contacts = dict(journey.contacts)
            for replaced in body.replaced:
                if replaced in contacts:
                    contacts[replaced] = contacts[replaced].model_copy(update={"replaced": True})
            owed = {contact.id: OwedContact(**contact.model_dump()) for contact in body.contacts}
            return {"contacts": {**contacts, **owed}}
        case e.CheckInCompleted():
            return _update(journey, "contacts", body.check_in, done_at=event.at, feeling=body.feeling, record=body)
        case e.VisitRecorded():
            return _update(journey, "contacts", body.visit, done_at=event.at, record=body)
        case e.AdverseEventReported():
            reported = AdverseEvent(
                id=body.adverse_event,
                grade=body.grade,
                serious=body.serious,
                reported_by=event.actor_id,
                report=body,
            )
            return {"adverse_events": {**journey.adverse_events, reported.id: reported}}
        case e.HoldPlaced():
            hold = Hold(
                id=body.hold,
                cause=body.cause,
                severe=body.severe,
                source=body.source,
                reason=body.reason,
                placed_by=event.actor_id,
                placed_at=event.at,
                version=event.version,
            )
            return {"holds": {**journey.holds, hold.id: hold}}
        case e.HoldReleased():
            return _update(journey, "holds", body.hold, released=True)
        case e.CrisisOpened():
            crisis = Crisis(id=body.crisis, level=body.level, source=body.source, opened_at=event.at)
            return {"crises": {**journey.crises, crisis.id: crisis}}
        case e.CrisisContactRecorded():
            opened = journey.crises.get(body.crisis)
            contacted = () if opened is None else opened.contacts
            reached = body.reached or (opened is not None and opened.reached)
            return _update(journey, "crises", body.crisis, reached=reached, contacts=(*contacted, body))
        case e.SupportRequested():
            wanted = Support(id=body.support, urgency=body.urgency, text=body.text)
            return {"support": {**journey.support, wanted.id: wanted}}
        case e.SupportAnswered():
            return _update(journey, "support", body.support, open=False)
        case e.MessageKept():
            message = Message(id=body.message, name=body.name, content=body.content)
            return {"messages": {**journey.messages, message.id: message}}
        case e.MessageHandled():
            return _update(journey, "messages", body.message, handled=True)
        case e.PathwayReassigned(duty="evaluator"):
            return {"evaluation": journey.evaluation.model_copy(update={"evaluator": body.to})}
        case e.PathwayReassigned():
            return {body.duty: body.to} | ({"covered": None} if body.duty == "clinician" else {})
        case e.PathwayCovered():
            absent = journey.clinician if journey.covered is None else journey.covered.clinician
            return {"clinician": body.by, "covered": Covered(clinician=absent, until=body.until)}
        case e.CoverEnded():
            return {"covered": None} | ({} if journey.covered is None else {"clinician": journey.covered.clinician})
        case e.PatientMoved():
            return {"patient": journey.patient.model_copy(update={"zone": body.zone, "state": body.state})}
        case e.DischargeProposed():
            return {"discharge": body, "discharge_author": event.actor_id}
        case e.SignedOff():
            signed = SignOff(
                **body.model_dump(exclude={"kind", "sign_off", "licence", "signature"}),
                kind=body.sign_off,
                licence=body.licence,
                nonce=body.signature.nonce,
                by=event.actor_id,
                role=event.actor_role,
                at=event.at,
                version=event.version,
            )
            changed: dict[str, Any] = {"sign_offs": (*journey.sign_offs, signed)}
            if signed.first_of_two:
                return changed
            if signed.kind == SignOffKind.RESPONSE_REVIEW and signed.choice in ("adjust", "maintenance"):
                changed["plan_owed_since"] = event.version
            if signed.kind == SignOffKind.RESPONSE_REVIEW and signed.choice == "maintenance":
                changed["course_started_at"] = None
            if signed.kind == SignOffKind.DISCHARGE and signed.decision == "decline":
                changed["discharge"] = None
            return changed
        case e.SignOffWithdrawn():
            return _of_sign_off(journey, body.request, lambda _: {"withdrawn": True})
        case e.AddendumAdded():
            added = Addendum(text=body.text, name=body.name, by=event.actor_id, at=event.at)
            return _of_sign_off(journey, body.request, lambda signed: {"addenda": (*signed.addenda, added)})
        case e.Delegated():
            given = Delegation(
                id=body.delegation,
                by=event.actor_id,
                role=event.actor_role,
                to=body.to,
                sign_offs=body.sign_offs,
                until=body.until,
                nonce=body.signature.nonce,
            )
            return {"delegations": {**journey.delegations, given.id: given}}
        case e.DelegationEnded():
            return _update(journey, "delegations", body.delegation, until=event.at)
        case e.SignOffAnswered():
            answer = Answer(sign_off=body.sign_off, subject=body.subject, text=body.text)
            return {"answers": (*journey.answers, answer)}
        case e.GlassBroken():
            access = Access(id=body.access, by=event.actor_id, role=event.actor_role)
            return {"accesses": {**journey.accesses, access.id: access}}
        case e.AccessReviewed():
            return _update(journey, "accesses", body.access, justified=body.justified)
        case e.StageEntered():
            return {"stage": body.stage}
        case e.PathwayEnding():
            ending = Closing(outcome=body.outcome, reason=body.reason, referral=body.referral)
            return {"closing": ending}
        case e.PathwayClosed():
            return {"outcome": body.outcome, "stage": Stage.CLOSED, "waiting": {}, "covered": None}
        case e.CommandRefused():
            spent = journey.spent if body.nonce is None else (*journey.spent, body.nonce)
            return {"refusals": journey.refusals + 1, "spent": spent}
        case e.FactAmended():
            return _corrected(journey, event, body)
    return {}


def _corrected(journey: Journey, event: e.Event, body: e.FactAmended) -> dict[str, Any]:
    """What a correction changes: the fact, in the place it had, and not when it happened."""
    fact = body.correction
    changed = _changes(journey, event, fact)
    match fact:
        case e.InstrumentRecorded():
            wrong = next((m for m in journey.measurements if m.version == body.version), None)
            if wrong is not None:
                right = changed["measurements"][-1].model_copy(update={"at": wrong.at})
                changed["measurements"] = tuple(right if m is wrong else m for m in journey.measurements)
        case e.SessionChecked():
            session = journey.sessions.get(fact.session)
            if session is not None and session.check is not None:
                check = changed["sessions"][fact.session].check
                kept = check.model_copy(update={"at": session.check.at, "count": session.check.count})
                return _update(journey, "sessions", fact.session, check=kept)
        case e.VisitRecorded() if fact.visit in journey.contacts:
            return _update(journey, "contacts", fact.visit, record=fact)
    return changed


def _with(people: tuple[str, ...], person: str | None) -> tuple[str, ...]:
    """These people and this one, the latest last."""
    return people if person is None else (*(each for each in people if each != person), person)


def _of_sign_off(journey: Journey, request: str, changes: Callable[[SignOff], dict[str, Any]]) -> dict[str, Any]:
    """The decisions, with the last one on a request changed."""
    last = max((n for n, signed in enumerate(journey.sign_offs) if signed.request == request), default=None)
    if last is None:
        return {}
    signed = journey.sign_offs[last]
    changed = signed.model_copy(update=changes(signed))
    return {"sign_offs": (*journey.sign_offs[:last], changed, *journey.sign_offs[last + 1 :])}


def _update(journey: Journey, field: str, key: Any, **changes: Any) -> dict[str, Any]:
    """The dictionary ``field`` with one entry changed; unchanged where the entry is not known."""
    entries: dict[Any, Any] = getattr(journey, field)
    if key not in entries:
        return {}
    return {field: {**entries, key: entries[key].model_copy(update=changes)}}
