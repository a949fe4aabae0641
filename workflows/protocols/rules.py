"""Check what a protocol must hold beyond its shape, so that no part of it is without effect or harmful.

Each rule is a function of a valid `Protocol` that yields where it is broken, and how.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from workflows.journey.instruments import (
    Instrument,
    Thresholds,
    definition_of,
    missing_thresholds,
    threshold_problems,
)
from workflows.journey.obligation_types import ESCALATION_POLICIES, OBLIGATION_TYPES, MayWaitFor
from workflows.journey.protocol import (
    HIGHER_IS_TIGHTER,
    Action,
    EscalationPolicy,
    EscalationStep,
    Protocol,
    SignOffKind,
)
from workflows.journey.sign_off_types import SIGN_OFF_TYPES
from workflows.journey.vocabulary.actors import STAFF_ROLES, Role
from workflows.journey.vocabulary.clinical import AT_HOME
from workflows.protocols.reading import Broken, FieldPath
from workflows.protocols.severities import check_severities
from workflows.protocols.small_clinics import dead_ends, smallest_clinic

SEVERE_FROM = 3
"""The CTCAE grade (severe) from which the review of an adverse event never waits for opening hours."""
NOT_STAFF = (Role.PATIENT, Role.OBSERVER)
NOT_AN_END = (Action.ASK, Action.REMIND, Action.LETTER)
TEN_YEARS = {"minutes": 5_256_000, "hours": 87_600, "days": 3_650, "weeks": 520}
LONG = min(TEN_YEARS.values())
"""What is no more than this is ten years in no unit. Nearly every number of a protocol is."""


def find_broken_rules(protocol: Protocol) -> Broken:
    """Find every rule the protocol breaks, by place."""
    for rule in (
        _check_thresholds,
        _check_values,
        _check_exclusions,
        _check_sessions,
        _check_dose,
        _check_follow_up,
        _check_sign_offs,
        _check_small_clinics,
        _check_escalation_policies,
        check_severities,
        _check_holidays,
        _check_patient_texts,
    ):
        yield from rule(protocol)


def _check_thresholds(protocol: Protocol) -> Broken:
    at, thresholds = ("instruments", "thresholds"), protocol.instruments.thresholds
    for instrument, given in thresholds.items():
        for problem in threshold_problems(instrument, given):
            name, _, rule = problem.partition(": ")
            yield (*at, instrument.value, name), rule
    for instrument in dict.fromkeys((*protocol.instruments.baseline, *protocol.instrument_schedule.others)):
        for name in missing_thresholds(definition_of(instrument), thresholds.get(instrument, Thresholds())):
            yield (*at, instrument.value, name), f"this field is missing: {instrument} is asked"
    if Instrument.CADSS_6 not in thresholds or thresholds[Instrument.CADSS_6].release_max is None:
        yield (*at, Instrument.CADSS_6.value, "release_max"), "this field is missing"


def _check_values(protocol: Protocol) -> Broken:
    """Check every value alike, wherever it stands."""
    for at, value in _walk(protocol.model_dump(mode="json")):
        if isinstance(value, list):
            yield from _check_list(at, value)
        elif isinstance(value, int) and value > LONG:
            yield from _check_duration(at, value)


def _check_list(at: FieldPath, entries: list[Any]) -> Broken:
    if at[-1] not in ("go", "recheck"):
        simple = [entry for entry in entries if not isinstance(entry, (dict, list))]
        if len({*simple}) == len(simple):
            return
        for entry in (entry for entry, times in Counter(simple).items() if times > 1):
            yield (*at, len(entries) - 1 - entries[::-1].index(entry)), "stands twice in this list"


def _check_duration(at: FieldPath, value: int) -> Broken:
    name = next(part for part in reversed(at) if isinstance(part, str))
    longest = TEN_YEARS.get(name.rpartition("_")[2])
    if longest is not None and value > longest:
        yield at, f"is longer than ten years ({longest})"


def _walk(whole: dict[str, Any]) -> Iterator[tuple[FieldPath, Any]]:
    """Yield every value within a JSON object, however deep, with its place."""
    left: list[tuple[FieldPath, Any]] = [((), whole)]
    for at, value in left:  # It grows while it is read.
        children: Iterable[tuple[str | int, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
        for name, child in children:
            here = (*at, name)
            yield here, child
            if isinstance(child, (dict, list)):
                left.append((here, child))


def _check_exclusions(protocol: Protocol) -> Broken:
    for name in protocol.eligibility.attest_lasting_days:
        if name not in protocol.eligibility.attest:
            yield ("eligibility", "attest_lasting_days", name), "must be one of attest"
    for position, exclusion in enumerate(protocol.exclusions):
        known = exclusion.known_from
        named = () if known is None else known.medicines or ()
        for place, name in enumerate(named):
            if name not in protocol.medicines.classes:
                yield ("exclusions", position, "known_from", "medicines", place), "must be one of medicines.classes"
        for place, name in enumerate(() if known is None else known.red_flags or ()):
            if name not in protocol.sessions.red_flags:
                yield ("exclusions", position, "known_from", "red_flags", place), "must be one of sessions.red_flags"


def _check_sessions(protocol: Protocol) -> Broken:
    rules = protocol.sessions
    numbered: tuple[tuple[FieldPath, tuple[int | str, ...]], ...] = (
        (("sessions", "live_clinician_sessions"), rules.live_clinician_sessions),
        (("sessions", "cosigned_sessions"), rules.cosigned_sessions),
        (("clinician_visits", "after_session"), protocol.clinician_visits.after_session),
        (("instrument_schedule", "before_session"), protocol.instrument_schedule.before_session),
        (("reviews", "after_session"), protocol.reviews.after_session),
    )
    for at, numbers in numbered:
        for position, number in enumerate(numbers):
            if isinstance(number, int) and number > rules.planned:
                yield (*at, position), f"there are only {rules.planned} sessions planned"
    last = ("sessions", "observe_minutes", len(rules.observe_minutes) - 1)
    if not rules.minimum_minutes <= rules.observe_minutes[-1] <= rules.maximum_before_decision_minutes:
        yield last, "the last observation must lie between minimum_minutes and maximum_before_decision_minutes"
    for position, minute in enumerate(rules.vitals_minutes):
        if minute not in rules.observe_minutes:
            yield ("sessions", "vitals_minutes", position), "must be one of observe_minutes"
    if not any(minute >= rules.minimum_minutes for minute in rules.vitals_minutes):
        yield ("sessions", "vitals_minutes"), "blood pressure must be measured at the end too, from minimum_minutes on"
    for sign, minutes in rules.also_measured.items():
        for position, minute in enumerate(minutes):
            if minute not in rules.vitals_minutes:
                yield ("sessions", "also_measured", sign, position), "must be one of vitals_minutes"
    for name in rules.criteria_known_from:
        if name not in rules.release_criteria:
            yield ("sessions", "criteria_known_from", name), "must be one of release_criteria"
    if rules.target_spacing_hours > rules.max_gap_days * 24:
        yield ("sessions", "max_gap_days"), "must not be shorter than target_spacing_hours"
    if (rules.planned - 1) * rules.target_spacing_hours > rules.course_max_days * 24:
        yield ("sessions", "course_max_days"), "is too short for the planned sessions at their target spacing"
    for name, items in (("wait", rules.no_go.wait), ("alarm", rules.no_go.alarm)):
        for position, item in enumerate(items):
            if item not in rules.checklist:
                yield ("sessions", "no_go", name, position), "must be one of checklist"
    for setting, there in rules.settings.items():
        where: FieldPath = ("sessions", "settings", setting)
        for position, name in enumerate(there.not_asked):
            if name not in (*rules.checklist, *rules.release_criteria):
                yield (*where, "not_asked", position), "must be one of checklist or release_criteria"
            elif name in rules.no_go.alarm or name in rules.criteria_known_from:
                yield (
                    (*where, "not_asked", position),
                    "is asked in every setting: it is urgent, or observations tell",
                )
        for field, known in (("also_checked", rules.checklist), ("also_at_end", rules.release_criteria)):
            for position, name in enumerate(getattr(there, field)):
                if name in known:
                    yield (*where, field, position), "is asked already"
        if setting == AT_HOME and (there.observer, there.doses_from) != ("adult", "home"):
            yield where, "at home an adult stays with the patient, and the doses are those at home"
    vitals = rules.vitals
    for name, limit in vitals.emergency:
        told = getattr(vitals.notify, name)
        if name.endswith("_below"):
            if told < limit:
                yield ("sessions", "vitals", "notify", name), "must not be below the emergency limit"
        elif told > limit:
            yield ("sessions", "vitals", "notify", name), "must not be above the emergency limit"
    for name in ("systolic", "diastolic", "heart_rate"):
        if getattr(vitals.notify, f"{name}_below") >= getattr(vitals.notify, name):
            yield ("sessions", "vitals", "notify", f"{name}_below"), f"must be below {name}"


def _check_dose(protocol: Protocol) -> Broken:
    kept, course = protocol.maintenance, protocol.sessions
    if kept.min_interval_hours < course.min_interval_hours:
        yield ("maintenance", "min_interval_hours"), "must not be below that of the course"
    if kept.target_spacing_hours < kept.min_interval_hours:
        yield ("maintenance", "target_spacing_hours"), "must not be below min_interval_hours"
    if kept.target_spacing_hours > kept.max_gap_days * 24:
        yield ("maintenance", "max_gap_days"), "must not be shorter than target_spacing_hours"
    for limit, widest in protocol.dose_overrides.items():
        source = protocol.sessions if hasattr(protocol.sessions, limit.value) else protocol.dose
        set_to: float | None = getattr(source, limit.value)
        if set_to is not None and (widest > set_to if limit in HIGHER_IS_TIGHTER else widest < set_to):
            yield ("dose_overrides", limit.value), "must be wider than the limit itself"
    names = ("starting_dose", "max_single_dose", "max_7_day", "max_course", "max_with_maintenance")
    limits = [(name, limit) for name in names if (limit := getattr(protocol.dose, name)) is not None]
    for (lower, low), (name, high) in pairwise(limits):
        if low > high:
            yield ("dose", name), f"must not be below {lower}"
    plausible = protocol.dose.weight_plausible_kg
    if plausible is not None and plausible[0] > plausible[1]:
        yield ("dose", "weight_plausible_kg"), "must be [lowest, highest]"


def _check_follow_up(protocol: Protocol) -> Broken:
    hours = tuple(owed.hours for owed in protocol.check_ins.after_session)
    rising: tuple[tuple[FieldPath, tuple[int, ...]], ...] = (
        (("check_ins", "after_session"), hours),
        (("follow_up", "weeks"), protocol.follow_up.weeks),
        (("instrument_schedule", "after_last_session_days"), protocol.instrument_schedule.after_last_session_days),
    )
    for at, values in rising:
        for position in range(1, len(values)):
            if values[position] <= values[position - 1]:
                yield (*at, position), "must be later than the one before"
    for position, owed in enumerate(protocol.check_ins.after_session):
        if owed.window.opens_hours_before >= owed.hours:
            at = ("check_ins", "after_session", position, "window", "opens_hours_before")
            yield at, "must be below hours: a check-in after a dose is not answered before it"
    visits = protocol.clinician_visits
    if visits.window.opens_hours_before >= visits.within_hours:
        at = ("clinician_visits", "window", "opens_hours_before")
        yield at, "must be below within_hours: a visit after a dose is not held before it"
    rules = protocol.symptoms
    if rules.alert_at > rules.highest:
        yield ("symptoms", "alert_at"), "must not be above highest: the worst answer would bring about nothing"
    if rules.worse_by > rules.highest:
        yield ("symptoms", "worse_by"), "must not be above highest: no symptom could be so much worse"
    for position, outcome in enumerate(protocol.follow_up.outcomes_to_review):
        if outcome not in protocol.follow_up.outcomes:
            yield ("follow_up", "outcomes_to_review", position), "must be one of outcomes"
    if protocol.adverse_events.severe_from_grade < protocol.adverse_events.hold_from_grade:
        yield ("adverse_events", "severe_from_grade"), "must not be below hold_from_grade"


def _check_sign_offs(protocol: Protocol) -> Broken:
    for kind, rule in protocol.sign_offs.items():
        at = ("sign_offs", kind.value)
        about = SIGN_OFF_TYPES[kind]
        if rule.meaning != about.meaning:
            yield (*at, "meaning"), f"must be {about.meaning.value}: signing this means nothing else"
        if about.two_people and not rule.cosigned_by:
            yield (*at, "cosigned_by"), "two people sign this: must name who the second one may be"
        if about.reasoned and not rule.rationale:
            yield (*at, "rationale"), "this decision needs a rationale: must be true"
        known = tuple(about.choices)
        for position, choice in enumerate(rule.choices):
            if choice not in known:
                words = f"one of {', '.join(known)}" if known else "left out: there is nothing to choose here"
                yield (*at, "choices", position), f"must be {words}"
    for setting in protocol.sessions.settings:
        if setting not in protocol.sign_offs[SignOffKind.ELIGIBILITY].choices:
            yield ("sign_offs", "eligibility", "choices"), f"must offer {setting}"
    if set(protocol.reviews.decisions) != set(protocol.sign_offs[SignOffKind.RESPONSE_REVIEW].choices):
        yield ("reviews", "decisions"), "must be the same as the choices of sign_offs.response_review"
    if "continue" not in protocol.reviews.decisions:
        yield ("reviews", "decisions"), "must offer continue: after the last session other choices have no meaning"


def _check_small_clinics(protocol: Protocol) -> Broken:
    """Check that nothing could wait for ever in the smallest clinic that the protocol is for."""
    yield from dead_ends(protocol, smallest_clinic(protocol.care_team))


def _check_holidays(protocol: Protocol) -> Broken:
    """Check that the list of holidays has no year without one: its holidays would count as working days."""
    working = protocol.working_time
    years = {day.year for day in working.holidays} or {working.holidays_known_until.year}
    missing = sorted({*range(min(years), working.holidays_known_until.year + 1)} - years)
    if missing:
        yield ("working_time", "holidays_known_until"), f"no holiday is listed in {missing[0]}"


def _check_patient_texts(protocol: Protocol) -> Broken:
    """Check that no limitation only says the benefit again."""
    for topic, told in protocol.patient_texts.topics.items():
        if told.limitation.casefold() == told.benefit.casefold():
            yield ("patient_texts", "topics", topic, "limitation"), "must not be the benefit again"


def _check_escalation_policies(protocol: Protocol) -> Broken:
    owed = protocol.check_ins.after_session
    visits = {key for about in OBLIGATION_TYPES.values() if about.may_be_lost for key, _ in about.policies}
    contacts = {
        *visits,
        protocol.check_ins.routine_escalation_policy,
        *(after.escalation_policy for after in owed),
    }
    others = {*ESCALATION_POLICIES, *(rule.escalation_policy for rule in protocol.sign_offs.values())}
    others |= {reviewer.escalation_policy for reviewer in protocol.access_reviewers}
    others -= visits
    working = _may_wait(protocol, contacts)
    for name, policy in protocol.escalation_policies.items():
        at = ("escalation_policies", name)
        yield from _check_spreads(policy, at)
        if name not in {*contacts, *others}:
            yield at, "nothing asks for this escalation policy: its name may be misspelt"
        for phase, steps in (("steps", policy.steps), ("acknowledged", policy.acknowledged)):
            yield from _check_order(steps, (*at, phase))
            if steps and (steps[-1].action in NOT_AN_END or steps[-1].to not in STAFF_ROLES):
                yield (
                    (*at, phase, len(steps) - 1),
                    "the last step must hand over to somebody of the clinic: escalate, page or another such action",
                )
        if policy.quiet_hours and ESCALATION_POLICIES.get(name) == MayWaitFor.NOTHING:
            yield (*at, "quiet_hours"), "must be false: this escalation policy is about safety and never waits"
        if policy.quiet_hours and policy.acknowledged:
            yield (*at, "quiet_hours"), "must be false: what repeats until somebody acknowledges never waits"
        if policy.clock == "working" and policy.acknowledged and name in working:
            yield (*at, "clock"), "must be elapsed: what repeats until somebody acknowledges never waits"
        if policy.clock == "working" and name not in working:
            yield (*at, "clock"), "must be elapsed: safety, patients and appointments do not wait for opening hours"
        for position, step in enumerate(policy.steps):
            if step.action == Action.LOST_TO_FOLLOW_UP and (name not in contacts or name in others):
                yield (*at, "steps", position, "action"), "belongs to escalation policies of check-ins and visits only"
    for position, after in enumerate(owed):
        if after.hours < 24 and protocol.escalation_policies[after.escalation_policy].quiet_hours:
            yield (
                ("check_ins", "after_session", position, "escalation_policy"),
                "must not wait for quiet hours on the day of a dose",
            )


def _check_spreads(policy: EscalationPolicy, at: FieldPath) -> Broken:
    """Check that no reminder may come after the step that follows it, and that none is the last step."""
    for position, step in enumerate(policy.steps):
        following = policy.steps[position + 1 : position + 2]
        room = [policy.minutes_of(after) - policy.minutes_of(step) for after in following]
        if step.spread_minutes and step.spread_minutes > max(room, default=0):
            yield (*at, "steps", position, "spread_minutes"), "must not be longer than the time to the next step"
    if any(step.spread_minutes for step in policy.acknowledged):
        yield (*at, "acknowledged"), "must have no spread_minutes: nothing that was taken waits for others"


def _may_wait(protocol: Protocol, contacts: set[str]) -> set[str]:
    """List the escalation policies that may count working time: those of no urgent sign-off and no contact."""
    urgent = [kind for kind, about in SIGN_OFF_TYPES.items() if about.urgent]
    if protocol.adverse_events.severe_from_grade > SEVERE_FROM:
        urgent.append(SignOffKind.ADVERSE_EVENT)
    signing = {rule.escalation_policy for rule in protocol.sign_offs.values()} - set(ESCALATION_POLICIES)
    reviewing = {reviewer.escalation_policy for reviewer in protocol.access_reviewers} - set(ESCALATION_POLICIES)
    working = {key for key, may in ESCALATION_POLICIES.items() if may == MayWaitFor.WORKING_TIME}
    return {*working, *signing, *reviewing} - {protocol.sign_offs[kind].escalation_policy for kind in urgent} - contacts


def _check_order(steps: tuple[EscalationStep, ...], at: FieldPath) -> Broken:
    """Check that steps are sorted by time. They are taken in their order, so one would hold up an earlier one."""
    percents = [step.percent for step in steps if step.percent is not None]
    mixed = len(percents) not in (0, len(steps))
    for position, step in enumerate(steps):
        here: FieldPath = (*at, position)
        if mixed and step.percent is not None and step.percent > 100:
            yield here, "beside steps in minutes, a percent must not exceed 100"
        if step.to == Role.SYSTEM or (step.to in NOT_STAFF and step.action not in (Action.ASK, Action.REMIND)):
            yield (*here, "to"), "must be somebody of the clinic; a patient or observer is only asked or reminded"
        if position == 0:
            continue
        before = steps[position - 1]
        if step.days_before is not None and (before.days_before is None or before.days_before <= step.days_before):
            yield here, "days_before come first, and fall"
        if step.percent is not None and before.days_before is not None:
            yield here, "beside days_before, steps are in minutes after the due time"
        if step.percent is not None and (before.percent is None or before.percent > step.percent):
            yield here, "steps must be sorted by time: percent rising, then minutes rising"
        if step.minutes is not None and before.minutes is not None and before.minutes > step.minutes:
            yield here, "steps must be sorted by time: percent rising, then minutes rising"
