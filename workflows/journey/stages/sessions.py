"""Sessions: scheduled within interval rules, checked, cleared, released, dosed, observed, ended.

The dose gate is here. Sources: supervised sessions by versioned protocol; nobody is left on their own
(observer present, clinician reachable); blood pressure before, around 40 minutes after and until it falls
(esketamine label); intervals are elapsed UTC time between doses, so that clock changes never shift them.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.calendars import age_on, local
from workflows.journey.instruments import Instrument, score
from workflows.journey.journey import Journey, Session
from workflows.journey.obligations import Need
from workflows.journey.people import CLINICAL, Actor, Role
from workflows.journey.protocol import SignOffKind, VitalsRules
from workflows.journey.refusals import Code, refuse, require_known
from workflows.journey.stage import Stage
from workflows.journey.stages.education import unacknowledged, unconsented, untaught
from workflows.journey.stages.evidence import approved, current, sign_off_need
from workflows.journey.stages.holding import ask_support, place
from workflows.journey.stages.screening import excluded, suicide_risk_obstacles, unanswered

WEEK = timedelta(days=7)


def schedule(journey: Journey, command: c.ScheduleSession, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    rules, plan = journey.protocol.sessions, journey.plan
    _require_next(journey, command.session)
    known = journey.sessions.get(command.session)
    if known is not None and known.released_at is not None:
        refuse(Code.ALREADY_DONE, "this session has been released", "It can no longer be moved", "session")
    if plan is None or command.session > plan.planned_sessions:
        refuse(Code.OUT_OF_LIMITS, "the plan has no such session", "Write and sign a new plan first", "session")
    for kind in (SignOffKind.ELIGIBILITY, SignOffKind.PLAN):
        if not approved(journey, kind) or journey.plan_owed_since is not None:
            refuse(Code.INCOMPLETE, f"the {kind.value} is not signed as it now is", "Have it signed first")
    if review_owed(journey):
        refuse(Code.INCOMPLETE, "the response review of the last session is open", "A clinician decides it first")
    if unconsented(journey):
        refuse(Code.INCOMPLETE, "consents are not complete", "The patient decides about them first")
    if command.starts_at < at:
        refuse(Code.WRONG_TIME, "this start is in the past", "Give a time that is still to come", "starts_at")
    if command.starts_at - at > timedelta(days=rules.course_max_days):
        refuse(
            Code.OUT_OF_LIMITS,
            f"this start is more than {rules.course_max_days} days away, longer than a course",
            "Choose another time",
            "starts_at",
        )
    if command.session in rules.live_clinician_sessions and not command.live_clinician:
        refuse(
            Code.OUT_OF_LIMITS,
            "this session needs a clinician present throughout by video",
            "Set live_clinician and name the clinician",
            "live_clinician",
        )
    why = interval_obstacles(journey, command.starts_at)
    if why:
        refuse(Code.OUT_OF_LIMITS, "; ".join(why), "Choose another time", "starts_at")
    zone = journey.patient.zone
    yield e.SessionScheduled(
        **command.model_dump(exclude={"kind"}),
        zone=zone,
        local=local(command.starts_at, zone).isoformat(timespec="minutes"),
    )


def interval_obstacles(journey: Journey, starts_at: datetime) -> tuple[str, ...]:
    """Why a dose at this moment would break the interval rules; counted from the earlier dose times.

    The rolling window is half-open: doses exactly 168 hours apart do not share one.
    """
    rules, last = journey.protocol.sessions, journey.last_dose_at
    if last is None:
        return ()
    found = []
    if starts_at - last < timedelta(hours=rules.min_interval_hours):
        found.append(f"less than {rules.min_interval_hours} hours after the last dose")
    doses = [s.dosed_at for s in journey.dosed_sessions if s.dosed_at is not None]
    if sum(starts_at - dose < WEEK for dose in doses) >= rules.max_in_rolling_7_days:
        found.append(f"more than {rules.max_in_rolling_7_days} in 7 days")
    evaluated = current(journey, SignOffKind.EVALUATION)
    if starts_at - last > timedelta(days=rules.max_gap_days) and (evaluated is None or evaluated.at < last):
        found.append(f"more than {rules.max_gap_days} days after the last dose: amend and sign the evaluation again")
    course, longest = journey.course_started_at, timedelta(days=rules.course_max_days)
    planned = current(journey, SignOffKind.PLAN)
    if course is not None and starts_at - course > longest and (planned is None or planned.at - course <= longest):
        found.append(f"more than {rules.course_max_days} days after the course began: write and sign a new plan")
    return tuple(found)


def cancel(journey: Journey, command: c.CancelSession, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    session = _scheduled(journey, command.session)
    if session.dosed_at is not None:
        refuse(Code.ALREADY_DONE, "the dose has been taken", "Observe and end the session instead", "session")
    yield e.SessionCancelled(session=command.session, reason=command.reason)


def instruct(journey: Journey, command: c.Instruct, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    _scheduled(journey, command.session)
    yield e.SessionInstructed(session=command.session, content_version=command.content_version)


def check(journey: Journey, command: c.CheckSession, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    session, rules = _scheduled(journey, command.session), journey.protocol.sessions
    if session.released_at is not None:
        refuse(Code.ALREADY_DONE, "this session has been released", "Correct the checklist with `pathway amend`")
    require_whole(journey, command)
    if not timedelta() <= at - command.vitals.measured_at <= timedelta(minutes=rules.vitals.max_age_minutes):
        refuse(
            Code.WRONG_TIME,
            f"vitals must be measured within the last {rules.vitals.max_age_minutes} minutes",
            "Measure again",
            "vitals.measured_at",
        )
    yield checked(journey, command)


def require_whole(journey: Journey, command: c.CheckSession) -> None:
    """Refuse a checklist with items left out, or that are not the protocol's.

    Raises:
        Refused: an item is missing or unknown.
    """
    items = journey.protocol.sessions.checklist
    require_known({**command.items}, items, "items")
    lacking = [item for item in items if item not in command.items]
    if lacking:
        refuse(Code.INCOMPLETE, f"not answered: {', '.join(lacking)}", "Answer every item", "items")


def checked(journey: Journey, command: c.CheckSession) -> e.SessionChecked:
    verdict = vitals_verdict(journey.protocol.sessions.vitals, command.vitals)
    return e.SessionChecked(**command.model_dump(exclude={"kind"}), verdict=verdict)


def vitals_verdict(rules: VitalsRules, vitals: c.Vitals) -> Literal["go", "recheck", "no_go"]:
    """The worst of the single vital signs; limits are inclusive."""
    verdict: Literal["go", "recheck", "no_go"] = "go"
    measured = (
        (rules.systolic, vitals.systolic),
        (rules.diastolic, vitals.diastolic),
        (rules.heart_rate, vitals.heart_rate),
        (rules.oxygen, vitals.oxygen),
    )
    for limits, value in measured:
        if value is None or limits.go[0] <= value <= limits.go[1]:
            continue
        if not limits.recheck[0] <= value <= limits.recheck[1]:
            return "no_go"
        verdict = "recheck"
    return verdict


def dose_gate(journey: Journey, number: int, at: datetime) -> tuple[str, ...]:
    """Everything that stands between this session and its release now. Empty is the only way through."""
    rules, protocol = journey.protocol.sessions, journey.protocol
    session = journey.sessions.get(number)
    found = [f"hold {hold.id} ({hold.cause})" for hold in journey.holds.values() if not hold.released]
    if journey.closing is not None:
        found.append("the pathway is ending")
    signed = (SignOffKind.EVALUATION, SignOffKind.ELIGIBILITY, SignOffKind.PLAN)
    found += [f"{kind.value} not signed as it now is" for kind in signed if not approved(journey, kind)]
    setting = current(journey, SignOffKind.ELIGIBILITY)
    if setting is None or setting.choice not in rules.setting_allowed:
        found.append("no signed at-home setting")
    if journey.plan_owed_since is not None:
        found.append("a review asked for a new plan")
    found += [f"exclusion {code} open" for code in excluded(journey, "hard")] + list(unanswered(journey))
    if excluded(journey, "review") and not approved(journey, SignOffKind.EXCLUSION_REVIEW):
        found.append("review exclusions without a signed decision")
    screened = journey.screening.completed_at
    if screened is None or at - screened > timedelta(days=protocol.eligibility.screening_valid_days):
        found.append("the screening has expired")
    if age_on(journey.patient.born, at, journey.patient.zone) < protocol.eligibility.min_age_years:
        found.append("the patient is under age")
    found += [f"consent {name} not in force" for name in unconsented(journey)]
    found += [f"topic {topic} not explained" for topic in untaught(journey)]
    found += [f"statement {statement} not acknowledged" for statement in unacknowledged(journey)]
    found += suicide_risk_obstacles(journey)
    risk = journey.latest(Instrument.C_SSRS, staff=True)
    valid = timedelta(days=protocol.instruments.suicide_risk_valid_days)
    if risk is not None and at - risk.at > valid:
        found.append("the C-SSRS is too old")
    if risk is not None and risk.score.gate_level == "moderate":
        found.append("the latest C-SSRS is moderate")
    found += [
        f"{contact.id} not completed"
        for contact in journey.contacts.values()
        if contact.open and contact.due <= at and contact.type == "check-in"
    ]
    if session is None:
        return (*found, "the session is not scheduled")
    found += interval_obstacles(journey, at)
    found += _dose_obstacles(journey, at)
    found += _check_obstacles(journey, session, at)
    if session.instructed is None:
        found.append("instructions not delivered")
    if not approved(journey, SignOffKind.CLEARANCE, str(number)):
        found.append("no clearance signed over exactly this evidence")
    return tuple(found)


def _check_obstacles(journey: Journey, session: Session, at: datetime) -> list[str]:
    rules, made = journey.protocol.sessions, session.check
    if made is None:
        return ["the checklist is not recorded"]
    found = [f"checklist: {item}" for item in rules.checklist if made.items.get(item) is not True]
    if at - made.at > timedelta(hours=rules.checklist_max_age_hours):
        found.append("the checklist is too old")
    if at - made.vitals.measured_at > timedelta(minutes=rules.vitals.max_age_minutes):
        found.append("the vitals are too old")
    if made.verdict == "no_go" or (made.verdict == "recheck" and made.count <= rules.vitals.rechecks):
        found.append(f"vitals: {made.verdict.replace('_', '-')}")
    watched = made.observer
    if not (watched.adult and watched.physically_present and watched.briefed):
        found.append("no adult, present and briefed observer")
    if made.reachable_within_minutes > rules.clinician_reachable_minutes:
        found.append(f"no clinician reachable within {rules.clinician_reachable_minutes} minutes")
    if not made.location_confirmed or made.location_state != journey.patient.state:
        found.append("the location is not confirmed, or not in the patient's state")
    return found


def _dose_obstacles(journey: Journey, at: datetime) -> list[str]:
    plan, dose = journey.plan, journey.protocol.dose
    if plan is None:
        return ["no plan"]
    if dose.unset or not dose.max_7_day or not dose.max_course:
        return ["the protocol sets no dose limits"]
    taken = [(s.dosed_at, s.dose_mg) for s in journey.dosed_sessions if s.dosed_at and s.dose_mg]
    week = sum(mg for when, mg in taken if at - when < WEEK)
    course = journey.course_started_at
    total = sum(mg for when, mg in taken if course is not None and when >= course)
    found = []
    if week + plan.dose_mg > dose.max_7_day:
        found.append(f"dose above {dose.max_7_day} {dose.unit} in 7 days")
    if total + plan.dose_mg > dose.max_course:
        found.append(f"dose above {dose.max_course} {dose.unit} in the course")
    return found


def release(journey: Journey, command: c.ReleaseSession, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    session = _scheduled(journey, command.session)
    if session.released_at is not None:
        refuse(Code.ALREADY_DONE, "this session has been released", "Record the dose when it is taken", "session")
    obstacles = dose_gate(journey, command.session, at)
    if obstacles:
        refuse(
            Code.INCOMPLETE,
            f"the session is not released: {'; '.join(obstacles)}",
            "Settle each of these; nothing was released",
        )
    cleared = current(journey, SignOffKind.CLEARANCE, str(command.session))
    assert cleared is not None
    yield e.SessionReleased(session=command.session, clearance=cleared.request)


def record_dose(journey: Journey, command: c.RecordDose, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    session = _scheduled(journey, command.session)
    if session.dosed_at is not None:
        refuse(
            Code.ALREADY_DONE,
            "a dose is recorded for this session",
            "Correct it with `pathway amend`",
            "session",
        )
    _require_past(journey, command, at)
    deviations = dose_deviations(journey, session, command)
    if deviations and command.deviation is None:
        refuse(
            Code.HELD if journey.held else Code.OUT_OF_LIMITS,
            f"this dose is not the one released: {'; '.join(deviations)}",
            "If it really was taken, record it again with `deviation` saying what happened; care is then held",
            "deviation",
        )
    yield dosed(journey, command)


def require_plausible(journey: Journey, command: c.RecordDose, at: datetime) -> None:
    """Refuse a correction to a dose other than the planned one that does not say what happened.

    Raises:
        Refused: it needs ``deviation``, or a time between the start of the journey and now.
    """
    _require_past(journey, command, at)
    planned = None if journey.plan is None else (journey.plan.dose_mg, journey.plan.route)
    if command.deviation is None and (command.dose_mg, command.route) != planned:
        refuse(
            Code.OUT_OF_LIMITS,
            "the corrected dose is not the planned one",
            "Say what happened in `deviation`; care is then held",
            "deviation",
        )


def _require_past(journey: Journey, command: c.RecordDose, at: datetime) -> None:
    if command.taken_at > at:
        refuse(Code.WRONG_TIME, "this is still to come", "Record the dose after it was taken", "taken_at")
    if command.taken_at < journey.started_at:
        refuse(Code.WRONG_TIME, "this was before the journey began", "Give the time it was taken", "taken_at")


def dose_deviations(journey: Journey, session: Session, command: c.RecordDose) -> tuple[str, ...]:
    """How a dose that was taken differs from the one that was released."""
    plan = journey.plan
    found = []
    if journey.held:
        found.append("the journey is held")
    released, made = session.released_at, session.check
    if released is None or command.taken_at < released:
        found.append("the session was not released")
    elif any(hold.placed_at >= released for hold in journey.holds.values()):
        found.append("care was held after the release")
    oldest = timedelta(minutes=journey.protocol.sessions.vitals.max_age_minutes)
    if made is not None and command.taken_at - made.vitals.measured_at > oldest:
        found.append("the vitals were too old by then")
    if plan is not None and command.dose_mg != plan.dose_mg:
        found.append("not the planned dose")
    if plan is not None and command.route != plan.route:
        found.append("not the planned route")
    if plan is not None and command.doses_left != expected_doses_left(journey):
        found.append("the doses left do not add up")
    return tuple(found)


def expected_doses_left(journey: Journey) -> int:
    """How many doses should be left after the next one, in the supply of the plan."""
    counted = [s.doses_left for s in journey.dosed_sessions if s.doses_left is not None]
    dispensed = journey.plan.doses_dispensed if journey.plan is not None else 0
    before = counted[-1] if counted and counted[-1] > 0 else dispensed
    return before - 1


def dosed(journey: Journey, command: c.RecordDose) -> e.DoseRecorded:
    minutes = journey.protocol.sessions.observe_minutes
    return e.DoseRecorded(
        **command.model_dump(exclude={"kind"}),
        observe_at=tuple(command.taken_at + timedelta(minutes=minute) for minute in minutes),
    )


def react_dose(journey: Journey, body: e.DoseRecorded, at: datetime) -> Iterator[e.EventBody]:
    if body.deviation is not None:
        yield place(
            journey,
            "dose_deviation",
            "a dose was taken that was not the one released",
            source=f"session-{body.session}",
        )
    protocol, zone, number = journey.protocol, journey.patient.zone, body.session
    last = journey.plan is not None and number >= journey.plan.planned_sessions
    owed = [
        e.Contact(
            id=f"check-in-{number}-{after.hours}h",
            type="check-in",
            due=body.taken_at + timedelta(hours=after.hours),
            ladder=after.ladder,
            session=number,
            zone=zone,
        )
        for after in protocol.check_ins.after_session
    ]
    visits = protocol.clinician_visits
    if number in visits.after_session or (last and "last" in visits.after_session):
        owed.append(
            e.Contact(
                id=f"visit-{number}",
                type="visit",
                due=body.taken_at + timedelta(hours=visits.within_hours),
                ladder="visit",
                session=number,
                zone=zone,
            )
        )
    new = tuple(
        contact for contact in owed if not (contact.id in journey.contacts and not journey.contacts[contact.id].open)
    )
    routine = tuple(k.id for k in journey.contacts.values() if k.open and k.type == "check-in" and k.session is None)
    yield e.ContactsScheduled(contacts=new, replaced=routine)


def observe(journey: Journey, command: c.Observe, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    session = _scheduled(journey, command.session)
    if not session.running:
        refuse(
            Code.WRONG_TIME,
            "the session is not running",
            "Observations belong between dose and end",
            "session",
        )
    require_seen(journey, command, at)
    yield observed(journey, command)


def require_seen(journey: Journey, command: c.Observe, at: datetime) -> None:
    """Refuse an observation of a minute that is still to come, or with unknown red flags.

    Raises:
        Refused: either.
    """
    require_known(command.red_flags, journey.protocol.sessions.red_flags, "red_flags")
    session = journey.sessions[command.session]
    if session.dosed_at is None or session.dosed_at + timedelta(minutes=command.minute) > at:
        refuse(Code.WRONG_TIME, "this minute is still to come", "Record it when it was observed", "minute")


def observed(journey: Journey, command: c.Observe) -> e.SessionObserved:
    rules = journey.protocol.sessions
    thresholds = journey.protocol.instruments.thresholds.get(Instrument.CADSS_6)
    dissociation = None
    if command.cadss is not None and thresholds is not None:
        at_end = command.minute >= rules.minimum_minutes
        dissociation = score(Instrument.CADSS_6, list(command.cadss), thresholds, at_end=at_end)
    session = journey.sessions.get(command.session)
    baseline = None if session is None or session.check is None else session.check.vitals
    alert = vitals_alert(rules.vitals, command.vitals, baseline)
    unwell = command.consciousness in ("pain", "unresponsive") or not command.breathing_normal
    if unwell or command.red_flags:
        alert = "emergency"
    elif alert == "none" and dissociation is not None and "escalate" in dissociation.flags:
        alert = "notify"
    return e.SessionObserved(**command.model_dump(exclude={"kind", "cadss"}), dissociation=dissociation, alert=alert)


def vitals_alert(
    rules: VitalsRules, vitals: c.Vitals | None, baseline: c.Vitals | None
) -> Literal["none", "notify", "emergency"]:
    """What the protocol says of vital signs after the dose; a rise is counted from the checklist's reading."""
    if vitals is None:
        return "none"
    emergency, notify = rules.emergency, rules.notify
    if (
        vitals.systolic >= emergency["systolic"]
        or vitals.diastolic >= emergency["diastolic"]
        or (vitals.oxygen is not None and vitals.oxygen < emergency["oxygen_below"])
    ):
        return "emergency"
    risen = baseline is not None and (
        vitals.systolic - baseline.systolic >= notify["rise_systolic"]
        or vitals.diastolic - baseline.diastolic >= notify["rise_diastolic"]
    )
    if (
        risen
        or vitals.systolic >= notify["systolic"]
        or vitals.diastolic >= notify["diastolic"]
        or (vitals.heart_rate is not None and vitals.heart_rate > notify["heart_rate"])
    ):
        return "notify"
    return "none"


def react_observation(journey: Journey, body: e.SessionObserved, at: datetime) -> Iterator[e.EventBody]:
    if body.alert == "emergency":
        yield place(
            journey,
            "session_emergency",
            "an observation met the protocol's emergency rule: emergency services, then the on-call clinician",
            severe=True,
            source=f"session-{body.session}",
        )
    elif body.alert == "notify":
        yield ask_support(
            journey,
            "urgent",
            f"session {body.session}: an observation met the protocol's rule to tell the clinician",
        )


def end(journey: Journey, command: c.EndSession, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    session, rules = _scheduled(journey, command.session), journey.protocol.sessions
    if not session.running or session.dosed_at is None:
        refuse(Code.WRONG_TIME, "the session is not running", "Only a running session ends", "session")
    require_known({**command.criteria}, rules.release_criteria, "criteria")
    found = [name for name in rules.release_criteria if command.criteria.get(name) is not True]
    if session.observed_until < rules.observe_minutes[-1]:
        found.append(f"observation at {rules.observe_minutes[-1]} minutes")
    rated = [o.dissociation for o in session.observations if o.dissociation and o.minute >= rules.minimum_minutes]
    limits = journey.protocol.instruments.thresholds.get(Instrument.CADSS_6)
    if limits is not None and limits.release_max is not None and (not rated or "release_ok" not in rated[-1].flags):
        found.append("dissociation not rated at the end, or still above the release limit")
    earliest = session.dosed_at + timedelta(minutes=rules.minimum_minutes)
    if at < earliest:
        refuse(Code.WRONG_TIME, f"observation lasts at least {rules.minimum_minutes} minutes", "Go on observing")
    if command.clinician_decision is not None and by.role not in CLINICAL:
        refuse(
            Code.NOT_ALLOWED,
            "a clinician's decision is recorded by the clinician",
            "Have them end the session",
            "clinician_decision",
        )
    overdue = at >= session.dosed_at + timedelta(minutes=rules.maximum_before_decision_minutes)
    if found and not (overdue and command.clinician_decision):
        refuse(
            Code.INCOMPLETE,
            f"not yet met: {'; '.join(found)}",
            "Go on observing; after the protocol's maximum a clinician decides (clinician_decision)",
            "criteria",
        )
    yield e.SessionEnded(
        session=command.session, criteria=command.criteria, clinician_decision=command.clinician_decision
    )


def review_owed(journey: Journey) -> str | None:
    """The subject of the response review that stands before anything further, if one does."""
    ended = journey.ended_sessions
    if not ended or journey.plan is None:
        return None
    number, after = ended[-1].number, journey.protocol.reviews.after_session
    last = number >= journey.plan.planned_sessions and journey.plan_owed_since is None
    if number not in after and not (last and "last" in after):
        return None
    subject = f"session-{number}"
    decided = any(
        s.kind == SignOffKind.RESPONSE_REVIEW and s.subject == subject and s.decision == "approve"
        for s in journey.sign_offs
    )
    return None if decided else subject


def needs(journey: Journey) -> Iterator[Need]:
    for session in journey.sessions.values():
        if session.running:
            yield from _running(journey, session)
        elif session.ended_at is not None and session.number in journey.protocol.sessions.cosigned_sessions:
            attestation = sign_off_need(
                journey,
                SignOffKind.ATTESTATION,
                str(session.number),
                what=f"attest session {session.number}",
                care=False,
            )
            if attestation:
                yield attestation
    if journey.stage != Stage.SESSIONS or journey.plan is None:
        return
    review = review_owed(journey)
    if review is not None:
        asked = sign_off_need(
            journey, SignOffKind.RESPONSE_REVIEW, review, what="review the response so far", care=False
        )
        if asked:
            yield asked
        return
    number = journey.next_session
    unsigned = not approved(journey, SignOffKind.PLAN) or not approved(journey, SignOffKind.ELIGIBILITY)
    if number > journey.plan.planned_sessions or unsigned or journey.plan_owed_since is not None:
        return
    yield from _upcoming(journey, number)


def _upcoming(journey: Journey, number: int) -> Iterator[Need]:
    session, rules = journey.sessions.get(number), journey.protocol.sessions
    subject = str(number)
    if unconsented(journey):
        return
    if number in journey.protocol.instrument_schedule.before_session:
        occasion = f"session-{number}"
        primary = journey.protocol.instruments.primary
        if journey.latest(primary, occasion=occasion) is None:
            yield Need(
                kind="measure",
                subject=occasion,
                owner=Role.PATIENT,
                ladder="measure",
                what=f"fill in {primary} before session {number}",
            )
    if session is None:
        yield _scheduling(subject, f"schedule session {number}")
        return
    if session.running or session.ended_at is not None:
        return
    risk = journey.latest(Instrument.C_SSRS, staff=True)
    valid = timedelta(days=journey.protocol.instruments.suicide_risk_valid_days)
    begins = session.starts_at if session.check is None else max(session.starts_at, session.check.at)
    if risk is None or begins - risk.at > valid:
        yield Need(
            kind="suicide-risk",
            subject=subject,
            owner=Role.CLINICIAN,
            person=journey.clinician,
            ladder="suicide_risk",
            what=f"ask the C-SSRS before session {number}",
            due=session.starts_at,
        )
    if session.instructed is None:
        yield Need(
            kind="instructions",
            subject=subject,
            owner=Role.COORDINATOR,
            person=journey.coordinator,
            ladder="instructions",
            what=f"deliver the instructions for session {number}",
            due=session.starts_at,
        )
    made = session.check
    decided = current(journey, SignOffKind.CLEARANCE, subject)
    if made is None or (made.verdict == "recheck" and made.count <= rules.vitals.rechecks):
        again = "repeat the vitals after rest" if made else "go through the checklist"
        yield _monitors(session, "checklist", f"{again} for session {number}", due=session.starts_at)
    elif made.verdict == "no_go" or not all(made.items.values()):
        yield _scheduling(subject, f"move session {number}: the checklist does not allow it today")
    elif decided is not None and decided.decision == "decline":
        yield _scheduling(subject, f"move session {number}: clearance was declined")
    elif session.released_at is not None:
        yield _monitors(session, "dose", f"record the dose of session {number}")
    elif decided is not None and decided.decision == "approve":
        yield _monitors(session, "release", f"release session {number}")
    else:
        clearance = sign_off_need(journey, SignOffKind.CLEARANCE, subject, what=f"clear session {number}")
        if clearance:
            yield clearance


def _scheduling(subject: str, what: str) -> Need:
    return Need(kind="scheduling", subject=subject, owner=Role.COORDINATOR, ladder="scheduling", what=what)


def _monitors(
    session: Session,
    kind: str,
    what: str,
    *,
    subject: str | None = None,
    due: datetime | None = None,
    care: bool = True,
) -> Need:
    return Need(
        kind=kind,
        subject=subject or str(session.number),
        owner=Role.SESSION_MONITOR,
        person=session.session_monitor,
        ladder=kind.replace("-", "_"),
        what=what,
        due=due,
        care=care,
    )


def _running(journey: Journey, session: Session) -> Iterator[Need]:
    rules, number = journey.protocol.sessions, session.number
    owed = [
        (minute, due)
        for minute, due in zip(rules.observe_minutes, session.observe_at, strict=False)
        if minute > session.observed_until
    ]
    if owed:
        minute, due = owed[0]
        yield _monitors(
            session,
            "observation",
            f"observe session {number} at {minute} minutes",
            subject=f"{number}-{minute}",
            due=due,
            care=False,
        )
    elif session.dosed_at is not None:
        yield _monitors(
            session,
            "session-end",
            f"end session {number} once the criteria are met",
            due=session.dosed_at + timedelta(minutes=rules.maximum_before_decision_minutes),
            care=False,
        )


def advance(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    if journey.stage != Stage.SESSIONS or journey.plan is None or review_owed(journey) is not None:
        return
    if any(session.running for session in journey.sessions.values()):
        return
    done = journey.next_session > journey.plan.planned_sessions and journey.plan_owed_since is None
    if done and approved(journey, SignOffKind.PLAN):
        yield e.StageEntered(stage=Stage.FOLLOW_UP)


def react_stage(journey: Journey, body: e.StageEntered, at: datetime) -> Iterator[e.EventBody]:
    """What was planned and is no longer wanted does not stay in anybody's calendar."""
    if body.stage == Stage.FOLLOW_UP:
        for session in journey.sessions.values():
            if session.dosed_at is None:
                yield e.SessionCancelled(session=session.number, reason="the sessions have ended")


def _require_next(journey: Journey, number: int) -> None:
    if number != journey.next_session:
        refuse(Code.UNKNOWN, f"the next session is number {journey.next_session}", "Use that number", "session")


def _scheduled(journey: Journey, number: int) -> Session:
    session = journey.sessions.get(number)
    if session is None:
        refuse(Code.UNKNOWN, "this session is not scheduled", "See `pathway show` for the sessions", "session")
    if session.ended_at is not None:
        refuse(
            Code.ALREADY_DONE,
            "this session has ended",
            "Correct what was recorded with `pathway amend`",
            "session",
        )
    return session
