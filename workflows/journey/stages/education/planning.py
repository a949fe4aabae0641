"""The plan: whole, within every limit of the patient, and changed only by clinical judgement.

No sequence of revisions goes beyond a limit: each is measured against the doses that were given and signed, never
against another plan. Sources: plans hold dosing schedule, monitoring, appointments and preparation besides other care;
goals reduce symptoms and promise nothing; adjustments rest on response and safety, by clinical judgement, and never on
convenience.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey
from workflows.journey.always.care_team.identity import is_same_person
from workflows.journey.patient_limits import highest_dose, is_more, longest_gap, required_limit
from workflows.journey.protocol import DoseLimit, Protocol
from workflows.journey.setting import setting_of
from workflows.journey.stages.education.weights import weigh
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.refusals import RefusalCode, list_some, refuse, require_known
from workflows.journey.vocabulary.words import find_reason, find_word, in_words


def record_plan(journey: Journey, command: c.RecordPlan, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record a plan that has all its parts, promises no cure and stays within the protocol's limits.

    A plan is part of broader psychiatric care, with therapy or the reason why not (NIMH; VA/DoD guideline for PTSD).
    Doses are in mg, weights in kg, spacing in hours.
    """
    plan, rules = command.plan, journey.protocol.care_plan
    require_known({**plan.sections}, rules.sections, "plan.sections")
    lacking = [name for name in rules.sections if name not in plan.sections]
    if lacking:
        refuse(RefusalCode.INCOMPLETE, f"the plan lacks {', '.join(lacking)}", "Fill in every section", "plan.sections")
    for name in rules.require_components:
        if name not in plan.components and not (name == rules.therapy and plan.therapy_absent_because):
            remedy = "Add it, or say why in therapy_absent_because" if name == rules.therapy else "Add it"
            refuse(RefusalCode.INCOMPLETE, f"the plan lacks the component {name}", remedy, "plan.components")
    if rules.therapy not in plan.components and not plan.therapy_absent_because:
        refuse(
            RefusalCode.INCOMPLETE,
            f"the plan says neither what {rules.therapy} is planned nor why not",
            "Add the component or therapy_absent_because",
            "plan.therapy_absent_because",
        )
    signed = setting_of(journey)
    if signed is not None and plan.setting != signed:
        refuse(
            RefusalCode.OUT_OF_LIMITS,
            f"the setting that was signed is {in_words(signed)}",
            "Plan for that one, or have another setting signed first (`screening record`)",
            "plan.setting",
        )
    there = journey.protocol.sessions.settings.get(plan.setting)
    if there is None:
        refuse(
            RefusalCode.OUT_OF_LIMITS,
            "the protocol has no sessions in this setting",
            f"One of: {', '.join(journey.protocol.sessions.settings)}",
            "plan.setting",
        )
    if plan.doses_dispensed < 1 and there.doses_from == "home":
        refuse(RefusalCode.OUT_OF_LIMITS, "no dose is dispensed for home", "Say how many", "plan.doses_dispensed")
    for goal in plan.goals:
        promise = find_word(goal, rules.goals_must_not_promise)
        if promise:
            refuse(
                RefusalCode.OUT_OF_LIMITS,
                f"a goal says '{promise}'",
                "Goals name symptoms to reduce, never a cure",
                "plan.goals",
            )
    released = [each.number for each in journey.sessions.values() if each.released_at is not None]
    undosed = [number for number in released if journey.sessions[number].dosed_at is None]
    if undosed:
        refuse(
            RefusalCode.INCOMPLETE,
            f"session {undosed[0]} is released on the plan as it is",
            "Record its dose, or cancel the session, first",
        )
    unconfirmed = [version for version, made in journey.unconfirmed.items() if made.fact == "session.dosed"]
    if unconfirmed:
        refuse(
            RefusalCode.INCOMPLETE,
            f"the correction of a dose is not yet confirmed: {list_some([*map(str, unconfirmed)], ', ')}",
            "A second, clinical person confirms it first (`pathway confirm-correction`)",
        )
    known = journey.weighed_by
    by_another = known is not None and not is_same_person(journey, by.id, known, by.licence)
    require_within_limits(journey, plan, at, by_another=by_another)
    if journey.plan is not None:
        _require_reason(journey, command, journey.plan)
    yield e.PlanRecorded(
        plan=plan,
        revision=journey.plan_revision + 1,
        reason=command.reason,
        rationale=command.rationale,
        rests_on=command.rests_on,
        weighed_by_another=by_another,
    )


def _require_reason(journey: Journey, command: c.RecordPlan, before: c.Plan) -> None:
    """Refuse a change of plan that does not rest on clinical judgement: on a reason of the protocol, in words too, and,
    once a dose was given, on scores and safety data. Convenience is no reason.

    Raises:
        RefusalRaised: something of it is missing, or the reason does not carry the change.
    """
    rules, plan = journey.protocol.care_plan, command.plan
    if command.rationale is None:
        refuse(
            RefusalCode.INCOMPLETE,
            "a change of plan needs a rationale",
            "Say on what clinical judgement it rests",
            "rationale",
        )
    require_clinical_reason(journey.protocol, command.rationale)
    if command.reason is None:
        refuse(
            RefusalCode.INCOMPLETE,
            "a change of plan needs its reason",
            f"Name one of: {', '.join(rules.change_reasons)}",
            "reason",
        )
    require_known((command.reason,), tuple(rules.change_reasons), "reason")
    more = (
        plan.dose_mg > before.dose_mg,
        plan.spacing_hours < before.spacing_hours,
        plan.planned_sessions > before.planned_sessions,
        plan.doses_dispensed > before.doses_dispensed,
    )
    if any(more) and not rules.change_reasons[command.reason].may_intensify:
        refuse(
            RefusalCode.OUT_OF_LIMITS,
            f"{command.reason} is no reason for a higher dose, for more doses or for doses closer together",
            "Name the clinical reason, or change the plan",
            "reason",
        )
    _require_basis(journey, command.rests_on or c.PlanBasis())


def _require_basis(journey: Journey, basis: c.PlanBasis) -> None:
    """Refuse a change of plan that does not name the scores and the safety data it rests on, as far as there are some.

    Raises:
        RefusalRaised: it names what is not recorded, or names nothing.
    """
    scores: tuple[int | str, ...] = tuple(measured.version for measured in journey.measurements)
    safety: tuple[int | str, ...] = (
        *(f"session-{session.number}" for session in journey.sessions.values() if session.dosed_at is not None),
        *journey.adverse_events,
        *(contact.id for contact in journey.contacts.values() if contact.done_at is not None),
    )
    named: tuple[tuple[str, tuple[int | str, ...], tuple[int | str, ...]], ...] = (
        ("scores", scores, basis.scores),
        ("safety", safety, basis.safety),
    )
    for field, known, given in named:
        if any(each not in known for each in given):
            refuse(
                RefusalCode.UNKNOWN,
                f"no such {field} are recorded",
                "See `pathway timeline` for versions, `pathway show` for ids",
                f"rests_on.{field}",
            )
        if journey.known_doses and known and not given:
            refuse(
                RefusalCode.INCOMPLETE,
                f"a change of plan says on which {field} it rests",
                "Name scores by their versions, safety data by their ids",
                f"rests_on.{field}",
            )


def require_clinical_reason(protocol: Protocol, rationale: str) -> None:
    """Refuse a rationale, of a change of plan or of a decision on care, that names convenience. One that says that it
    is no reason, such as "not for convenience", names another one.

    Raises:
        RefusalRaised: it does.
    """
    said = find_reason(rationale, protocol.care_plan.rationale_must_not_say)
    if said:
        refuse(
            RefusalCode.OUT_OF_LIMITS,
            f"the rationale says '{said}': convenience is no reason",
            "Say on what clinical judgement it rests",
            "rationale",
        )


def require_within_limits(journey: Journey, plan: c.Plan, at: datetime, *, by_another: bool) -> None:
    """Refuse a plan outside the protocol's dose and schedule limits. An unset limit refuses too.

    Raises:
        RefusalRaised: a limit is not met, or the protocol does not set it.
    """
    dose, sessions, fresh = journey.protocol.dose, journey.protocol.sessions, journey.protocol.dose.weight_max_age_days
    plausible = dose.weight_plausible_kg
    if dose.unset or fresh is None or plausible is None:
        refuse(
            RefusalCode.PROTOCOL,
            f"the protocol sets no {', '.join(dose.unset)}",
            "The medical director sets dose limits in the protocol; start a journey on that version",
        )
    number = {name: required_limit(journey, name) for name in DoseLimit}
    single, per_kg = number[DoseLimit.MAX_SINGLE_DOSE], number[DoseLimit.MAX_MG_PER_KG]
    weekly, course = number[DoseLimit.MAX_7_DAY], number[DoseLimit.MAX_COURSE]
    supply, most = number[DoseLimit.MAX_DOSES_DISPENSED], number[DoseLimit.PLANNED]
    interval, highest = number[DoseLimit.MIN_INTERVAL_HOURS], highest_dose(journey)
    weight: float = weigh(journey, plan, at, by_another=by_another)["counted_weight_kg"]
    per_week = min(number[DoseLimit.MAX_IN_ROLLING_7_DAYS], 1 + (168 - 1) // plan.spacing_hours)
    checks = (
        (
            plausible[0] <= plan.weight_kg <= plausible[1],
            "weight",
            f"a body weight from {plausible[0]:g} to {plausible[1]:g} kg",
        ),
        (
            not is_more(plan.dose_mg, single),
            "dose_mg",
            f"at most {single:g} {dose.unit} at once",
        ),
        (
            not is_more(plan.dose_mg, per_kg * weight),
            "dose_mg",
            f"at most {per_kg:g} {dose.unit} per kg"
            + (
                ""
                if weight == plan.weight_kg
                else ", of a weight near the one before until somebody else weighed it, too"
            ),
        ),
        (
            not is_more(plan.dose_mg, highest),
            "dose_mg",
            "no higher than the starting dose, or one titration step above the last one given and signed",
        ),
        (
            not is_more(plan.dose_mg * per_week, weekly),
            "dose_mg",
            f"at most {weekly:g} {dose.unit} in 7 days",
        ),
        (
            not is_more(plan.dose_mg * plan.planned_sessions, course),
            "planned_sessions",
            f"at most {course:g} {dose.unit} in a course",
        ),
        (
            plan.doses_dispensed <= supply,
            "doses_dispensed",
            f"at most {supply:g}",
        ),
        (
            timedelta() <= at - plan.weighed_at <= timedelta(days=fresh),
            "weighed_at",
            f"within the last {fresh} days",
        ),
        (
            plan.planned_sessions <= most,
            "planned_sessions",
            f"at most {most:g} sessions",
        ),
        (plan.route in sessions.route_allowed, "route", f"one of {', '.join(sessions.route_allowed)}"),
        (
            plan.spacing_hours >= interval,
            "spacing_hours",
            f"at least {interval:g} hours",
        ),
        (
            timedelta(hours=plan.spacing_hours) <= longest_gap(journey),
            "spacing_hours",
            f"at most {longest_gap(journey).days} days: after a longer gap the evaluation is signed anew",
        ),
    )
    for met, field, limit in checks:
        if not met:
            refuse(
                RefusalCode.OUT_OF_LIMITS,
                f"the plan is outside the protocol: {limit}",
                "Change the plan, or have the medical director change the protocol",
                f"plan.{field}",
            )


DECISIONS: Decisions = {
    c.RecordPlan: record_plan,
}
