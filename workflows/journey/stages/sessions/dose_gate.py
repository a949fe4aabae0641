"""The dose gate: everything that prevents the release of a session.

A session is released only if the list of obstacles is empty. Intervals are elapsed UTC time between doses, so a clock
change never shifts them. A signature counts only while its evidence is unchanged. A missing answer is never a yes.
Whatever is awaited stands before the dose, unless the record of its kind says why it does not (`BeforeDose`).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey
from workflows.journey.always.care_team.fitness import team_obstacles
from workflows.journey.always.holds.model import name_hold
from workflows.journey.always.patient.model import Merge
from workflows.journey.always.permissions.rules import monitoring_obstacles, permission_obstacles
from workflows.journey.always.pregnancy.rules import pregnancy_obstacles
from workflows.journey.always.safety.suicide_risk import suicide_risk_obstacles
from workflows.journey.evidence import current_decision, is_approved
from workflows.journey.obligation_types import OBLIGATION_TYPES
from workflows.journey.obligations import obligations
from workflows.journey.patient_limits import (
    WEEK,
    course_began_at,
    highest_dose,
    is_more,
    longest_course,
    longest_gap,
    required_limit,
    shortest_interval,
)
from workflows.journey.protocol import DoseLimit, SettingRules, SignOffKind
from workflows.journey.setting import setting_of
from workflows.journey.stages.education.rules import find_unacknowledged, find_unconsented, find_untaught
from workflows.journey.stages.screening.rules import find_reopened, find_unanswered, list_exclusions
from workflows.journey.stages.sessions.events import Recheck, join_rechecks
from workflows.journey.stages.sessions.reviews import reviews_owed
from workflows.journey.stages.sessions.state import Session
from workflows.journey.stages.sessions.validity import find_lapsed, measure_obstacles
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.calendars import age_on, format_moment, is_within
from workflows.journey.vocabulary.clinical import Observer, Vitals
from workflows.journey.vocabulary.refusals import RefusalCode, list_some, refuse

NOT_CLEARED = "no clearance signed over exactly this evidence"


def dose_gate(journey: Journey, number: int, at: datetime) -> tuple[str, ...]:
    """Return everything that prevents the release of this session now. It may be released only if this is empty."""
    found = [*session_obstacles(journey, number, at), *open_matters(journey, at)]
    if journey.behind is not None:
        found.append("what is awaited is being brought up to date: try again in a moment")
    if number in journey.sessions and not is_approved(journey, SignOffKind.CLEARANCE, str(number)):
        found.append(NOT_CLEARED)
    return tuple(found)


def session_obstacles(journey: Journey, number: int, at: datetime) -> tuple[str, ...]:
    """Return what prevents the release of this session at a moment (UTC) besides what is awaited and the clearance,
    which covers everything that happened."""
    protocol = journey.protocol
    session = journey.sessions.get(number)
    found = [name_hold(hold) for hold in journey.standing_holds]
    if journey.closing is not None:
        found.append("the pathway is ending")
    signed = (SignOffKind.EVALUATION, SignOffKind.ELIGIBILITY, SignOffKind.PLAN)
    found += [f"{kind.value} not signed as it now is" for kind in signed if not is_approved(journey, kind)]
    setting = setting_of(journey)
    if setting is None:
        found.append("no signed setting that the protocol allows")
    elif journey.plan is not None and journey.plan.setting != setting:
        found.append("the plan is for another setting than the one signed")
    elif session is not None and session.setting != setting:
        found.append("the session is planned for another setting: move it")
    if any(risk.unsettled for risk in journey.elsewhere.risks):
        found.append("a matter of this patient elsewhere is not settled")
    if journey.plan_owed_since is not None:
        found.append("a review asked for a new plan")
    found += [f"response review of {subject} open" for subject in reviews_owed(journey)]
    found += [f"exclusion {code} open" for code in list_exclusions(journey, "hard")] + list(find_unanswered(journey))
    found += [f"exclusion {code}: {why}" for code, why in find_reopened(journey, at).items()]
    if list_exclusions(journey, "review") and not is_approved(journey, SignOffKind.EXCLUSION_REVIEW):
        found.append("review exclusions without a signed decision")
    if age_on(journey.patient.born, at, journey.patient.zone) < protocol.eligibility.min_age_years:
        found.append("the patient is under age")
    found += [f"consent {name} not in force" for name in find_unconsented(journey)]
    found += [f"topic {topic} not explained" for topic in find_untaught(journey)]
    found += [f"statement {statement} not acknowledged" for statement in find_unacknowledged(journey)]
    found += suicide_risk_obstacles(journey, at)
    found += lapse_obstacles(journey, number, at)
    if session is None:
        return (*found, "the session is not scheduled")
    most = required_limit(journey, DoseLimit.PLANNED)
    if is_more(number, most):
        found.append(f"more than {most:g} sessions")
    found += (why for why in interval_obstacles(journey, at) if why not in found)
    found += standing_no_go(journey, at)
    found += _dose_obstacles(journey, at)
    found += _check_obstacles(journey, session, at)
    if at < session.starts_at:
        found.append("its start is still to come")
    if at > session.closes:
        found.append("its appointment has passed: move the session")
    found += outside_hours(journey, at)
    if journey.lacks_interpreter(session.interpreter):
        found.append("no interpreter is named")
    if journey.is_patient(journey.patient.emergency_contact_ref):
        found.append("nobody but the patient is named as their emergency contact")
    if session.instructed is None:
        found.append("instructions not delivered")
    return tuple(found)


def lapse_obstacles(journey: Journey, number: int, at: datetime) -> tuple[str, ...]:
    """Return what a dose in this session at a moment (UTC) may not rest on any more, or not yet: what counts for a time
    only, whoever of the session may do it no longer among it. It is judged at the release, and at the dose again."""
    screened, found = journey.screening.completed_at, list[str]()
    risk = journey.risk_asked_by(at)
    if risk is not None and at - risk.at > timedelta(days=journey.protocol.instruments.suicide_risk_valid_days):
        found.append("the C-SSRS is too old")
    if screened is None or at - screened > timedelta(days=journey.protocol.eligibility.screening_valid_days):
        found.append("the screening has expired")
    found += find_lapsed(journey, at) + measure_obstacles(journey, number, at)
    setting = journey.sessions[number].setting if number in journey.sessions else setting_of(journey)
    found += permission_obstacles(journey, setting, at)
    found += monitoring_obstacles(journey, at) + pregnancy_obstacles(journey, at)
    found += _long_after(journey, at)
    if number in journey.sessions:
        found += team_obstacles(journey, journey.sessions[number], at)
    return tuple(found)


def open_matters(journey: Journey, at: datetime) -> tuple[str, ...]:
    """Return what is awaited and stands before the next dose. A request for a sign-off always does."""
    return tuple(
        f"{waiting.what} ({waiting.key})"
        for waiting in obligations(journey)
        if waiting.sign_off is not None or OBLIGATION_TYPES[waiting.kind].stands_before_dose(waiting.deadline, at)
    )


def _check_obstacles(journey: Journey, session: Session, at: datetime) -> list[str]:
    rules, made = journey.protocol.sessions, session.check
    if made is None:
        return ["the checklist is not recorded"]
    found = [f"checklist: {item}" for item in rules.checklist_in(session.setting) if made.items.get(item) is not True]
    if at - made.at > timedelta(hours=rules.checklist_max_age_hours):
        found.append("the checklist is too old")
    if at - made.vitals.measured_at > timedelta(minutes=rules.vitals.max_age_minutes):
        found.append("the vitals are too old")
    if made.verdict != "go":
        found.append(f"vitals: {made.verdict.replace('_', '-')}")
    elsewhere = owed_elsewhere(journey, made.vitals)
    if elsewhere is not None and at >= elsewhere.since:
        found.append("vitals elsewhere are to be measured again after rest: record the checklist anew")
    if not is_watched(rules.settings[session.setting], made.observer):
        found.append("no adult, present and briefed observer")
    if made.reachable_within_minutes > rules.clinician_reachable_minutes:
        found.append(f"no clinician reachable within {rules.clinician_reachable_minutes} minutes")
    if not made.location_confirmed or made.location_state != journey.patient.state:
        found.append("the location is not confirmed, or not in the patient's state")
    return found


def is_watched(rules: SettingRules, observer: Observer | None) -> bool:
    """Whether somebody fit for it stays with the patient: an adult who was named, or the session monitor where the
    setting says so. Somebody who is named all the same is fit too."""
    if observer is None:
        return rules.observer == "session_monitor"
    return observer.adult and observer.physically_present and observer.briefed


def outside_hours(journey: Journey, at: datetime) -> tuple[str, ...]:
    """Return why no session starts at a moment (UTC), by the wall clock of where the patient is now."""
    rules, zone = journey.protocol.sessions, journey.patient.zone
    if is_within(at, zone, rules.start_hours, rules.start_days):
        return ()
    begin, end = (clock.isoformat(timespec="minutes") for clock in rules.start_hours)
    return (f"sessions start from {begin} to {end} of the patient's time, on the protocol's days",)


def standing_no_go(journey: Journey, at: datetime) -> tuple[str, ...]:
    """Return the no-go that still stands at a moment (UTC), of whichever journey of the patient. Whoever lifts the hold
    on care does not shorten it."""
    until = max((each for each in (journey.no_go_until, journey.elsewhere.no_go_until) if each), default=None)
    if until is None or at >= until:
        return ()
    return (f"a no-go stands until {format_moment(until, journey.patient.zone)}",)


def owed_elsewhere(journey: Journey, vitals: Vitals) -> Recheck | None:
    """Return what another journey of the patient wants measured again after rest, where these vital signs were measured
    before the rest was over."""
    found, rest = journey.elsewhere.recheck, timedelta(minutes=journey.protocol.sessions.vitals.recheck_rest_minutes)
    return found if found is not None and vitals.measured_at < found.since + rest else None


def owed_recheck(journey: Journey, at: datetime) -> Recheck | None:
    """Return which vital signs are to be measured again for a measurement at a moment (UTC), in whichever journeys of
    the patient that was found. After the hours of a no-go they are those of another day."""
    hours = timedelta(hours=journey.protocol.sessions.no_go.hours)
    known = (journey.elsewhere.recheck, journey.recheck)
    return join_rechecks(each for each in known if each is not None and at - each.since <= hours)


def _dose_obstacles(journey: Journey, at: datetime) -> list[str]:
    if journey.plan is None:
        return ["no plan"]
    if journey.protocol.dose.unset:
        return ["the protocol sets no dose limits"]
    # Missing is not nothing: until somebody finds out how much it was, no further dose is within a limit.
    unknown = (
        known
        for known in journey.known_doses
        if known.dose_mg is None and (at - known.taken_at < WEEK or known.taken_at >= _counted_since(journey, at))
    )
    found = [f"nobody knows how much was taken at {known.taken_at:%Y-%m-%d %H:%M} UTC" for known in unknown]
    return [*found, *find_beyond_plan(journey, at), *_too_much_in_7_days(journey, at)]


def _counted_since(journey: Journey, at: datetime) -> datetime:
    """Return since when (UTC) doses count for the course. A new journey begins a course, and not the patient anew: what
    they took in the longest time that a course may last counts as well. Maintenance goes on with the course."""
    since = at - longest_course(journey)
    return min(journey.course_started_at or since, since)


def find_beyond_plan(journey: Journey, at: datetime) -> Iterator[str]:
    """Yield why the dose of the plan breaks a limit at a moment (UTC), where only another plan helps: a dose before was
    corrected, or a limit became tighter, since it was signed."""
    plan, dose = journey.plan, journey.protocol.dose
    if plan is None:
        return
    course, single, per_kg = (
        required_limit(journey, name)
        for name in (DoseLimit.MAX_COURSE, DoseLimit.MAX_SINGLE_DOSE, DoseLimit.MAX_MG_PER_KG)
    )
    since = _counted_since(journey, at)
    total = sum(known.dose_mg or 0 for known in journey.known_doses if known.taken_at >= since)
    if is_more(plan.dose_mg, single):
        yield f"dose above {single} {dose.unit} at once"
    if is_more(plan.dose_mg, per_kg * (journey.counted_weight_kg or plan.weight_kg)):
        yield f"dose above {per_kg} {dose.unit} per kg"
    if is_more(plan.dose_mg, highest_dose(journey)):
        yield "dose more than one titration step above the last one given and signed"
    if is_more(total + plan.dose_mg, course):
        yield f"dose above {course} {dose.unit} in the course"


def _too_much_in_7_days(journey: Journey, at: datetime) -> Iterator[str]:
    plan = journey.plan
    if plan is None:
        return
    weekly = required_limit(journey, DoseLimit.MAX_7_DAY)
    week = sum(known.dose_mg or 0 for known in journey.known_doses if at - known.taken_at < WEEK)
    if is_more(week + plan.dose_mg, weekly):
        yield f"dose above {weekly} {journey.protocol.dose.unit} in 7 days"


def interval_obstacles(journey: Journey, starts_at: datetime) -> tuple[str, ...]:
    """Return why a dose at this moment would break the interval rules, counted from all doses known of the patient."""
    found = (*_elsewhere_obstacles(journey, starts_at), *_too_close(journey, starts_at))
    return (*found, *_long_after(journey, starts_at)) if journey.known_doses else found


def _too_close(journey: Journey, at: datetime) -> Iterator[str]:
    """Yield why a dose at a moment (UTC) would be too soon after the others, as many as there are.

    Doses are as far apart as the plan that was signed says. The rolling window is half-open: doses exactly 168 hours
    apart do not share one.
    """
    doses = [known.taken_at for known in journey.known_doses]
    if not doses:
        return
    shortest = shortest_interval(journey)
    if at - max(doses) < shortest:
        yield f"less than {shortest / timedelta(hours=1):g} hours after the last dose"
    in_7_days = required_limit(journey, DoseLimit.MAX_IN_ROLLING_7_DAYS)
    if sum(at - dose < WEEK for dose in doses) >= in_7_days:
        yield f"more than {in_7_days:g} in 7 days"


def find_too_early(journey: Journey, at: datetime) -> tuple[str, ...]:
    """Return why a dose of the plan at a moment (UTC) would be too early: what only a later time helps against."""
    return (*_too_close(journey, at), *_too_much_in_7_days(journey, at), *standing_no_go(journey, at))


def _long_after(journey: Journey, at: datetime) -> Iterator[str]:
    """What a dose at a moment (UTC) may not rest on so long after the last dose, or after the course began. A plan
    renews no time by itself: the evaluation that it rests on is renewed first."""
    evaluated, planned = (current_decision(journey, kind) for kind in (SignOffKind.EVALUATION, SignOffKind.PLAN))
    gap, course, longest = longest_gap(journey), course_began_at(journey), longest_course(journey)
    last = max((known.taken_at for known in journey.known_doses), default=None)
    if last is not None and at - max(last, last if evaluated is None else evaluated.at) > gap:
        yield f"more than {gap.days} days after the last dose: amend and sign the evaluation again"
    if course is None or at - course <= longest:
        return
    if evaluated is None or evaluated.at - course <= longest:
        yield f"more than {longest.days} days after the course began: amend and sign the evaluation again"
    if planned is None or planned.at - course <= longest:
        yield f"more than {longest.days} days after the course began: write and sign a new plan"


def limit_obstacles(journey: Journey, at: datetime) -> tuple[str, ...]:
    """Return why a dose of the plan at this moment (UTC) would break a limit over all doses known of the patient."""
    return (*interval_obstacles(journey, at), *_dose_obstacles(journey, at))


def _elsewhere_obstacles(journey: Journey, at: datetime) -> Iterator[str]:
    """What another journey of the patient has open that may be a dose, or become one."""
    if journey.elsewhere.same_medicine_open:
        yield "another journey of this patient with this medicine is open"
    if any(merge.proposed and not is_declined(journey, merge) for merge in journey.merges.values()):
        yield "whether another patient is this one is not decided"
    if journey.elsewhere.identity_asked:
        yield "whether another patient is this one is not decided in another journey"
    if journey.elsewhere.unreadable:
        yield "another journey of this patient cannot be read"
    if journey.elsewhere.unconfirmed:
        yield "a correction of a dose, a checklist or an answer of this patient elsewhere waits for a second person"
    interval = shortest_interval(journey)
    if any(session.open or at - session.released_at < interval for session in journey.elsewhere.released):
        yield "another session of this patient was released, and whether its dose was taken is not known"


def is_declined(journey: Journey, merge: Merge) -> bool:
    """Whether it was decided that another reference is somebody else's."""
    decided = current_decision(journey, SignOffKind.PATIENT_MERGE, merge.id)
    return decided is not None and decided.decision == "decline"


def release(journey: Journey, command: c.ReleaseSession, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Release a session if the dose gate lets it pass, and refuse otherwise."""
    session = require_scheduled(journey, command.session)
    if session.stopped_at is not None:
        refuse(
            RefusalCode.ALREADY_DONE,
            "this session was stopped after its release",
            "Cancel it and schedule it again; record its dose if one was taken",
            "session",
        )
    if session.released_at is not None:
        refuse(
            RefusalCode.ALREADY_DONE, "this session has been released", "Record the dose when it is taken", "session"
        )
    obstacles = dose_gate(journey, command.session, at)
    if obstacles:
        refuse(
            RefusalCode.INCOMPLETE,
            f"the session is not released: {list_some(obstacles)}",
            "Settle each of these; nothing was released",
        )
    cleared = current_decision(journey, SignOffKind.CLEARANCE, str(command.session))
    assert cleared is not None
    assert journey.plan is not None
    yield e.SessionReleased(session=command.session, clearance=cleared.request, dose_mg=journey.plan.dose_mg)


def require_scheduled(journey: Journey, number: int) -> Session:
    """Return the session with this number if it is scheduled and has not ended; refuse otherwise."""
    session = journey.sessions.get(number)
    if session is None:
        refuse(RefusalCode.UNKNOWN, "this session is not scheduled", "See `pathway show` for the sessions", "session")
    if session.ended_at is not None:
        refuse(
            RefusalCode.ALREADY_DONE,
            "this session has ended",
            "Correct what was recorded with `pathway amend`",
            "session",
        )
    return session


DECISIONS: Decisions = {
    c.ReleaseSession: release,
}
