"""The state of a journey, made of the parts that stages declare, and `evolve`, the only way it changes."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property, reduce
from itertools import islice
from typing import Any, TypeAlias

from workflows.journey import events as e
from workflows.journey.always.access import model as access
from workflows.journey.always.adverse_events import model as adverse_events
from workflows.journey.always.care_team import model as care_team
from workflows.journey.always.care_team.identity import licences_of, shares_licence
from workflows.journey.always.clock import model as clock
from workflows.journey.always.corrections.entered_in_error import fact_of, void
from workflows.journey.always.corrections.model import CorrectionMade, CorrectionsState
from workflows.journey.always.corrections.told_before import forget_told_before, keep_told
from workflows.journey.always.death import model as death
from workflows.journey.always.dose_limits import model as dose_limits
from workflows.journey.always.handover import model as handover
from workflows.journey.always.holds import model as holds
from workflows.journey.always.medicines import model as medicines
from workflows.journey.always.observations import model as observations
from workflows.journey.always.particulars import model as particulars
from workflows.journey.always.pathway import model as pathway
from workflows.journey.always.patient import model as patient
from workflows.journey.always.permissions import model as permissions
from workflows.journey.always.pregnancy import model as pregnancy
from workflows.journey.always.reports import model as reports
from workflows.journey.always.safety import model as safety
from workflows.journey.always.sign_offs import model as sign_offs
from workflows.journey.always.supply import model as supply
from workflows.journey.always.therapy import model as therapy
from workflows.journey.entries import put
from workflows.journey.envelopes import Changes, CommandBody, EventBody, EventHeader, Evolution, change_entry
from workflows.journey.stages.education import evolve as education
from workflows.journey.stages.education.state import EducationState
from workflows.journey.stages.evaluation import model as evaluation
from workflows.journey.stages.follow_up import model as follow_up
from workflows.journey.stages.screening import model as screening
from workflows.journey.stages.sessions import evolve as sessions
from workflows.journey.stages.sessions.state import SessionsState
from workflows.journey.vocabulary.actors import Actor, Licence, Role


class Journey(
    evaluation.EvaluationState,
    screening.ScreeningState,
    EducationState,
    observations.ObservationsState,
    SessionsState,
    handover.HandoverState,
    follow_up.FollowUpState,
    safety.SafetyState,
    reports.ReportsState,
    death.DeathState,
    dose_limits.DoseLimitsState,
    CorrectionsState,
    adverse_events.AdverseEventsState,
    access.AccessState,
    care_team.CareTeamState,
    medicines.MedicinesState,
    supply.SupplyState,
    pregnancy.PregnancyState,
    therapy.TherapyState,
    permissions.PermissionsState,
    sign_offs.SignOffsState,
):
    """One patient's way through one pathway, as given by all events so far."""

    def is_patient(self, person: str, licence: Licence | None = None) -> bool:
        """Whether this is the patient, by whichever of their references, or by a licence that is theirs. ``licence`` is
        what somebody acts with."""
        return super().is_patient(person) or shares_licence(self, person, self._patient_licences(), licence)

    def _patient_licences(self) -> tuple[Licence, ...]:
        """The licences of the patient, as far as they have any. It is asked of each event, and changes hardly ever."""
        kept: tuple[Licence, ...] | None = self.__dict__.get("patient_licences")
        if kept is None:
            kept = tuple(held for ref in self.patient_refs for held in licences_of(self, ref))
            if type(self) is Journey:  # What only looks at a journey (`recall`) notes what it reads, and keeps nothing.
                self.__dict__["patient_licences"] = kept
        return kept

    @cached_property
    def memory(self) -> dict[object, Any]:
        """What was worked out about this state and those it came from (`recall`). It is not part of the state: JSON
        and comparisons leave it out. Copies share it."""
        return {}

    @cached_property
    def mark(self) -> object:
        """What tells this state from every other one."""
        return object()

    @cached_property
    def changed(self) -> dict[object, int]:
        """Which fields have changed since each of the last few states that this one came from, the latest first: by
        the mark of that state, the bits of the fields (`FIELD_BITS`). Kept only where something was worked out."""
        return {}

    @cached_property
    def followed(self) -> dict[str, Any]:
        """The events that were decided last on this state, and the state after them (`fold`). It is not part of the
        state: JSON and comparisons leave it out. A copy has its own."""
        return {}

    @cached_property
    def agreed(self) -> dict[str, Any]:
        """When what is awaited was last found to be what is needed (`obligations`). It is not part of the state: JSON
        and comparisons leave it out. Copies share it."""
        return {}

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> "Journey":
        """Copy the state. The copy is another one."""
        copied = super().model_copy(update=update, deep=deep)
        new, now = copied.__dict__, self.__dict__
        for own in ("changed", "followed"):
            new.pop(own, None)
        if any(name in LICENCES_KNOWN_FROM for name in update or ()):
            new.pop("patient_licences", None)
        new["mark"] = object()
        if "memory" in now:
            bits = 0
            for name, value in (update or {}).items():
                if value is not now[name]:
                    bits |= FIELD_BITS[name]
            lately = islice(self.changed.items(), STATES_COMPARED - 1)
            new["changed"] = {self.mark: bits, **{mark: before | bits for mark, before in lately}}
        return copied


LICENCES_KNOWN_FROM = ("patient", "merges", "also_known_as", "members", "sign_offs")
"""The fields from which the licences of the patient are known."""
FIELD_BITS = {name: 1 << number for number, name in enumerate(Journey.model_fields)}
"""A bit for each field of the state."""
STATES_COMPARED = 8
"""Since how many of the states before it a state knows what has changed: as a rule, all those of one command."""


PARTS = (
    pathway,
    particulars,
    patient,
    holds,
    sign_offs,
    evaluation,
    screening,
    education,
    sessions,
    clock,
    follow_up,
    safety,
    reports,
    death,
    observations,
    handover,
    adverse_events,
    access,
    dose_limits,
    care_team,
    medicines,
    supply,
    pregnancy,
    therapy,
    permissions,
)

EVOLUTIONS: Mapping[type[EventBody], tuple[Evolution, ...]] = {
    kind: tuple(part.EVOLUTIONS[kind] for part in PARTS if kind in part.EVOLUTIONS)
    for kind in dict.fromkeys(kind for part in PARTS for kind in part.EVOLUTIONS)
}
"""What each event changes, in every part of the state that it concerns. `evolve` sees to corrections itself."""
CLERICAL = (e.ObligationsUpdated, e.ObligationEscalated, e.ContactsScheduled, e.CommandRefused)
"""Events that say what is awaited or was refused. Nobody can have entered one in error."""

REVIEWS_MAY_FALL = (
    e.SignedOff,
    e.CorrectionConfirmed,
    e.PatientMerged,
    e.PatientUnmerged,
    e.HistoryTakenIn,
    e.CareTeamUpdated,
)
"""Events after which a review may count that did not, or the other way round."""

Decision: TypeAlias = Callable[[Journey, Any, Actor, datetime], Iterable[EventBody]]
Decisions: TypeAlias = Mapping[type[CommandBody], Decision]
"""How commands are decided: the events that follow, or `RefusalRaised`. At a moment in UTC, by whom is named."""
Reaction: TypeAlias = Callable[[Journey, Any, datetime], Iterable[EventBody]]
Reactions: TypeAlias = Mapping[type[EventBody], Reaction]
"""What an event brings about by rule, from the state after it. It may hold, route or schedule, and never approves."""


def begin(event: e.Event) -> Journey:
    """Return the state after the opening event.

    Raises:
        ValueError: the event does not open a journey.
    """
    body = event.body
    if not isinstance(body, e.PathwayStarted):
        raise ValueError("a journey opens with pathway.started")
    # Not validated again: all of it was validated when the event was made or read, and the protocol takes long.
    return Journey.model_construct(
        id=event.journey_id,
        version=event.version,
        illustrative=event.illustrative,
        started_at=event.at,
        organisation=body.organisation,
        log=body.log,
        code_key=body.code_key,
        clinic=body.clinic,
        patient=body.patient,
        referral=body.reason,
        coordinator=body.coordinator,
        clinician=body.clinician,
        protocol=body.protocol,
        protocol_digest=body.protocol_digest,
    )


def evolve(journey: Journey, event: e.Event) -> Journey:
    """Return the state after one more event. It never refuses, reads no clock and decides nothing."""
    body = event.body
    match body:
        case e.FactAmended():
            changed = _correct(journey, body, event, _changes(journey, body.correction, event))
        case e.EnteredInError() if not body.to_confirm:
            changed = void(journey, body.version)
        case e.CorrectionConfirmed() if journey.corrections[body.correction].in_error:
            changed = void(journey, journey.corrections[body.correction].version)
        case e.CorrectionConfirmed():
            changed = _take_back(journey, body.correction) | forget_told_before(journey, body.correction)
        case e.CorrectionRejected():
            changed = forget_told_before(journey, body.correction)
        case _:
            changed = _changes(journey, body, event)
    kept: Changes = (
        {"facts": put(journey.facts, event.version, fact_of(body))} if not isinstance(body, CLERICAL) else {}
    )
    if not isinstance(body, CLERICAL) and event.actor_role not in (Role.PATIENT, Role.SYSTEM):
        kept["acted"] = patient.add_act(journey, body.kind, event)
    if body.safety:
        kept["happened"] = journey.happened.with_event(event, body.kind)
    changed |= handover.hear_from_patient(journey, event)
    corrections = _corrections(journey, body, event)
    after = journey.model_copy(update={**changed, **kept, **corrections, "version": event.version})
    if isinstance(body, REVIEWS_MAY_FALL):
        after = after.model_copy(update=sessions.keep_maintenance(journey, after))
    if after.pregnancy_possible is False and pregnancy.rests_on_other(journey, after):
        return after.model_copy(update=pregnancy.judge_again(after))
    return after


def _take_back(journey: Journey, correction: int) -> Changes:
    """Return what a correction changes once it is confirmed: suicide risk that it takes back stands no more."""
    if all(m.corrected != correction or m.taken_back is None for m in journey.measurements):
        return {}
    confirmed = (
        m.model_copy(update={"taken_back": None}) if m.corrected == correction else m for m in journey.measurements
    )
    return {"measurements": tuple(confirmed)}


def _corrections(journey: Journey, body: EventBody, event: EventHeader) -> Changes:
    """Return the corrections with one more, with one that was confirmed, or without one that was rejected."""
    match body:
        case e.FactAmended() | e.EnteredInError():
            about = journey.facts[body.version] if isinstance(body, e.EnteredInError) else fact_of(body.correction)
            made = CorrectionMade(
                version=body.version,
                fact=about.kind,
                about=about,
                by=event.actor_id,
                in_error=isinstance(body, e.EnteredInError),
                to_confirm=isinstance(body, e.FactAmended) or body.to_confirm,
            )
            return {"corrections": put(journey.corrections, event.version, made)}
        case e.CorrectionConfirmed():
            return change_entry(journey, "corrections", body.correction, to_confirm=False, confirmed=event.version)
        case e.CorrectionRejected():
            return {"corrections": {v: made for v, made in journey.corrections.items() if v != body.correction}}
    return {}


def _changes(journey: Journey, body: EventBody, event: EventHeader) -> Changes:
    changed: Changes = {}
    for evolution in EVOLUTIONS.get(type(body), ()):
        changed |= evolution(journey, body, event)
    return changed


def _correct(journey: Journey, body: e.FactAmended, event: EventHeader, changed: Changes) -> Changes:
    """Return what a correction changes: the same as the fact would if it were new, except that it replaces the wrong
    one and keeps its time."""
    fact = body.correction
    match fact:
        case e.InstrumentRecorded():
            wrong = next((m for m in journey.measurements if body.version in (m.version, m.corrected)), None)
            if wrong is not None:
                right = next(m for m in changed["measurements"] if m.version == event.version)
                taken_back = None if right.score.needs_c_ssrs else wrong.risk_found
                as_asked = {"at": wrong.at, "entered_at": wrong.entered_at, "version": wrong.version}
                as_asked |= {"corrected": right.version, "corrected_at": event.at}
                known = wrong.risk_found is not None
                worsened = right.version if known and right.item_9 > wrong.item_9 else wrong.worsened
                right = right.model_copy(update={**as_asked, "taken_back": taken_back, "worsened": worsened})
                changed["measurements"] = tuple(right if m is wrong else m for m in journey.measurements)
        case e.EvaluationRecorded():
            ratings, told = journey.evaluation.symptoms, dict(journey.evaluation.told_before)
            for name, rating in fact.symptoms.items():
                if name in ratings and ratings[name] != rating:
                    told[name] = tuple(dict.fromkeys((*told.get(name, ()), ratings[name])))
            return {"evaluation": changed["evaluation"].model_copy(update={"told_before": told})}
        case e.ScreeningRecorded():
            found = tuple(code for code in journey.screening.found if code in fact.exclusions)
            told_yes = tuple(dict.fromkeys((*journey.screening.told_yes, *found)))
            return {"screening": changed["screening"].model_copy(update={"told_yes": told_yes})}
        case e.SessionChecked():
            session = journey.sessions.get(fact.session)
            if session is not None and session.check is not None:
                check = changed["sessions"][fact.session].check
                kept = check.model_copy(update={"at": session.check.at})
                return changed | change_entry(journey, "sessions", fact.session, check=kept)
        case e.VisitRecorded() if fact.visit in journey.contacts:
            contact = journey.contacts[fact.visit]
            new = contact.record not in (None, fact, *contact.told_before)
            before = (*contact.told_before, *([contact.record] if new else []))
            kept = keep_told(before, follow_up.adds_no_review)
            return change_entry(journey, "contacts", fact.visit, record=fact, told_before=kept)
    return changed


def fold(events: Iterable[e.Event], journey: Journey | None = None) -> Journey:
    """Return the state after these events, the oldest first: from the beginning, or after a state that they follow.

    Raises:
        ValueError: from the beginning, there are none, or the first does not open a journey.
    """
    ordered = iter(events)
    if journey is not None and journey.followed.get("events") is events:
        # Whoever decided them went through all of these states to find what follows by rule.
        after: Journey = journey.followed["after"]
        return after
    if journey is None:
        first = next(ordered, None)
        if first is None:
            raise ValueError("there are no events to fold")
        journey = begin(first)
    return reduce(evolve, ordered, journey)
