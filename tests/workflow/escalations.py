"""What a protocol's escalation policies and schedules say, worked out from it alone and compared with a record."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.workflow.courses import SHORTLY
from workflows.journey import events as e
from workflows.journey.protocol import Protocol
from workflows.journey.requirements import Acknowledgement, Obligation
from workflows.journey.stages.evaluation.model import UNSCHEDULED
from workflows.journey.vocabulary.calendars import add_working_time, working_time_between
from workflows.journey.vocabulary.clinical import Plan
from workflows.journey.vocabulary.stage import Stage


@dataclass
class Life:
    """One obligation from the event that opened it to the one that closed it, and the steps taken in between. Once
    it is acknowledged, another one begins.

    A ``resumed`` one was paused by a hold: its clock went on with what was left, so its steps are not those of a
    clock that began at ``since``.
    """

    opened: Obligation
    until: datetime
    resumed: bool = False
    taken: list[tuple[datetime, e.ObligationEscalated]] = field(default_factory=list)


def lives(events: Sequence[e.Event]) -> list[Life]:
    """Every obligation a record tells of, in the order they were opened."""
    found: list[Life] = []
    standing: dict[str, Life] = {}
    paused: list[str] = []
    for event in events:
        match event.body:
            case e.ObligationsUpdated() as updated:
                for closed in updated.closed:
                    life = standing.pop(closed.id)
                    life.until = event.at
                    paused += [life.opened.key] if closed.because == "held" else []
                for opened in updated.opened:
                    assert opened.id not in standing, "opened twice"
                    standing[opened.id] = Life(opened, events[-1].at, resumed=opened.key in paused)
                    found.append(standing[opened.id])
            case e.ObligationEscalated() as step:
                standing[step.obligation].taken.append((event.at, step))
            case e.ObligationAcknowledged() as taken:
                before = standing[taken.obligation]
                before.until = event.at
                by = Acknowledgement(by=event.actor_id, at=event.at, doing=taken.doing, taken=0)
                clock = {"steps": taken.steps, "repeat_minutes": taken.repeat_minutes, "taken": 0, "repeated": 0}
                slower = before.opened.model_copy(update={**clock, "acknowledged": by})
                standing[taken.obligation] = Life(slower, events[-1].at)
                found.append(standing[taken.obligation])
            case e.PathwayClosed():
                for life in standing.values():
                    life.until = event.at
                standing.clear()
    return found


def waking(moment: datetime, protocol: Protocol, zone: str) -> datetime:
    """The moment, or the next morning's end of quiet hours."""
    quiet, here = protocol.quiet_hours, moment.astimezone(ZoneInfo(zone))
    assert quiet.start > quiet.end, "these protocols are quiet over midnight"
    if quiet.end <= here.time() < quiet.start:
        return moment
    morning = here.date() + timedelta(days=here.time() >= quiet.start)
    return datetime.combine(morning, quiet.end, ZoneInfo(zone)).astimezone(UTC)


def steps(waiting: Obligation, protocol: Protocol, zone: str, *, hastened: bool = False) -> list[datetime]:
    """When each step of an obligation's escalation policy is to be reached, or is while the patient's risk is
    heightened."""
    policy, check_ins = protocol.escalation_policies[waiting.escalation_policy], protocol.check_ins
    moments = []
    if waiting.acknowledged is not None:
        return [waiting.acknowledged.at + timedelta(minutes=step.minutes or 0) for step in policy.acknowledged]
    for step in policy.steps:
        working = protocol.working_time if policy.clock == "working" else None
        minutes: float = step.minutes or 0
        if hastened and minutes:
            minutes = max(minutes / check_ins.heightened_divide_by, min(check_ins.heightened_minimum_minutes, minutes))
        begin, after = waiting.deadline, timedelta(minutes=minutes) - timedelta(days=step.days_before or 0)
        if step.percent is not None:
            begin, whole = waiting.since, waiting.deadline - waiting.since
            after = (working_time_between(begin, waiting.deadline, working) if working else whole) * (
                step.percent / 100
            )
        moment = add_working_time(begin, after, working) if working else begin + after
        moments.append(waking(moment, protocol, zone) if policy.quiet_hours else moment)
    return moments


def _latest(waiting: Obligation, due: Sequence[datetime], protocol: Protocol, zone: str) -> list[datetime]:
    """When each step comes at the latest: reminders are spread over their windows."""
    policy = protocol.escalation_policies[waiting.escalation_policy]
    if waiting.acknowledged is not None:
        return [*due]
    windows = [timedelta(minutes=step.spread_minutes) for step in policy.steps]
    if policy.clock == "working":
        return [
            add_working_time(moment, window, protocol.working_time) for moment, window in zip(due, windows, strict=True)
        ]
    later = [moment + window for moment, window in zip(due, windows, strict=True)]
    return [
        waking(moment, protocol, zone) + window if policy.quiet_hours and window else moment
        for moment, window in zip(later, windows, strict=True)
    ]


def assert_every_step_in_time(events: Sequence[e.Event], protocol: Protocol, zone: str) -> int:
    """Every step of every escalation policy was taken once and at its time, none that was not due; how many."""
    for life in lives(events):
        waiting, policy = life.opened, protocol.escalation_policies[life.opened.escalation_policy]
        due = steps(waiting, protocol, zone)
        latest_of = _latest(waiting, due, protocol, zone)
        if waiting.hastened:
            due = [min(both) for both in zip(due, steps(waiting, protocol, zone, hastened=True), strict=True)]
        assert waiting.due is not None, waiting.id
        assert waiting.owner, waiting.id
        for planned, wanted, latest in zip(waiting.steps, due, latest_of, strict=True):
            moment = timedelta(milliseconds=1)
            assert life.resumed or wanted - moment < planned < latest + moment, waiting.id
        numbers = [step.step for _, step in life.taken if not step.repetition]
        assert numbers == list(range(waiting.taken, waiting.taken + len(numbers))), f"{waiting.id}: once, in order"
        again = [step.repetition for _, step in life.taken if step.repetition]
        assert again == list(range(waiting.repeated + 1, waiting.repeated + 1 + len(again))), f"{waiting.id}: each once"
        for at, taken in life.taken:
            step = policy.steps_when(acknowledged=waiting.acknowledged is not None)[taken.step]
            assert (taken.action, taken.to, taken.alarm) == (step.action, step.to, step.alarm)
            assert taken.hold == (step.hold and not taken.repetition)
            assert taken.due == waiting.steps[taken.step] + taken.repetition * timedelta(
                minutes=step.repeat_minutes or 0
            )
            # A warning whose time had passed when the wait began is given then.
            assert taken.due <= at <= max(taken.due, waiting.since) + SHORTLY, (
                f"{waiting.id} step {taken.step}: {at - taken.due} late"
            )
        missing = [due for due in waiting.steps[waiting.taken + len(numbers) :] if due + SHORTLY < life.until]
        assert not missing, f"{waiting.id}: not taken"
        silent = waiting.repetitions(life.until - SHORTLY) - waiting.repeated - len(again)
        assert silent <= 0, f"{waiting.id}: {silent} repetitions not taken"
    return sum(len(life.taken) for life in lives(events))


def assert_every_contact_due_as_the_protocol_says(events: Sequence[e.Event], protocol: Protocol, zone: str) -> None:
    """Check-ins 4, 24 and 72 hours after each dose, visits within 48, follow-up weeks after the last, and so on.

    What follows the last session gets its times before the first one, by when the last is expected; later ones, when
    the sessions take longer than that; and those that count, from the last dose.
    """
    wanted: dict[str, datetime] = {}
    scheduled: dict[str, datetime] = {}
    last_dose: datetime | None = None
    plan: Plan | None = None
    for event in events:
        match event.body:
            case e.PlanRecorded() as recorded:
                plan = recorded.plan
            case e.StageEntered(stage=Stage.SESSIONS):
                assert plan is not None
                wanted |= after_the_last_session(expected(plan, event.at, plan.planned_sessions), protocol, zone)
            case e.SessionScheduled() as session:
                assert plan is not None
                last = expected(plan, session.starts_at, plan.planned_sessions - session.session)
                first = protocol.follow_up.weeks[0]
                if last + timedelta(weeks=first) > wanted[f"follow-up-week-{first}"]:
                    wanted |= after_the_last_session(last, protocol, zone)
            case e.DoseRecorded() as dose:
                last_dose = dose.taken_at
                for owed in protocol.check_ins.after_session:
                    wanted[f"check-in-{dose.session}-{owed.hours}h"] = last_dose + timedelta(hours=owed.hours)
                final = dose.session == protocol.sessions.planned
                visits = protocol.clinician_visits.after_session
                if dose.session in visits or (final and "last" in visits):
                    within = timedelta(hours=protocol.clinician_visits.within_hours)
                    wanted[f"visit-{dose.session}"] = last_dose + within
            case e.StageEntered(stage=Stage.FOLLOW_UP):
                assert last_dose is not None
                wanted |= after_the_last_session(last_dose, protocol, zone)
            case e.ContactsScheduled() as contacts:
                for contact in contacts.contacts:
                    assert scheduled.get(contact.id) != contact.due, f"{contact.id}: twice for the same time"
                    scheduled[contact.id] = contact.due
                    every = {
                        "follow_up_visit": protocol.follow_up.then_every_days,
                        "measure": protocol.instrument_schedule.then_every_days,
                        "check_in": protocol.check_ins.then_every_days,
                    }.get(contact.type, 0)
                    if contact.id.startswith(UNSCHEDULED):
                        wanted[contact.id] = event.at
                    elif contact.id not in wanted:
                        wanted[contact.id] = waking(event.at + timedelta(days=every), protocol, zone)
                assert scheduled == wanted, "all at once"
    assert scheduled == wanted, "all of them"


def expected(plan: Plan, start: datetime, further: int) -> datetime:
    """When the last session is, if so many further ones follow as far apart as they are planned."""
    return start + further * timedelta(hours=plan.spacing_hours)


def after_the_last_session(last: datetime, protocol: Protocol, zone: str) -> dict[str, datetime]:
    """The fixed visits, and each questionnaire of each fixed day."""
    due = {f"follow-up-week-{week}": last + timedelta(weeks=week) for week in protocol.follow_up.weeks}
    primary, schedule = protocol.instruments.primary, protocol.instrument_schedule
    others = [f"-{other.value.lower()}" for other in schedule.others if other != primary]
    for day in schedule.after_last_session_days:
        due |= dict.fromkeys((f"day-{day}", *(f"day-{day}{other}" for other in others)), last + timedelta(days=day))
    return {name: waking(moment, protocol, zone) for name, moment in due.items()}


def answered_at(events: Sequence[e.Event]) -> dict[str, datetime]:
    """When each check-in and visit was held."""
    held = {}
    for event in events:
        match event.body:
            case e.CheckInCompleted():
                held[event.body.check_in] = event.at
            case e.VisitRecorded():
                held[event.body.visit] = event.at
    return held


def due_at(events: Sequence[e.Event]) -> dict[str, datetime]:
    """When each contact was due."""
    return {
        contact.id: contact.due
        for event in events
        if isinstance(event.body, e.ContactsScheduled)
        for contact in event.body.contacts
    }
