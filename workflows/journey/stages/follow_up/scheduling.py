"""When contacts fall due: the fixed schedule after the last session, and the next one after each that was made."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import count

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.entries import find
from workflows.journey.instruments import C_SSRS_FORMS, Instrument
from workflows.journey.obligation_types import MEASURE, MEASURE_ASKED, VISIT
from workflows.journey.protocol import Window
from workflows.journey.stages.evaluation.model import UNSCHEDULED, measure_name, scheduled_instruments
from workflows.journey.stages.follow_up.model import VISITS, OwedContact
from workflows.journey.vocabulary.calendars import after_quiet_hours
from workflows.journey.vocabulary.stage import Outcome, Stage


def plan_next_check_in(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    """Between sessions, give the next check-in its due time, unless one is owed."""
    if journey.stage == Stage.SESSIONS and not _waiting(journey, "check_in"):
        number = sum(each.type == "check_in" and each.dose is None for each in journey.contacts.values()) + 1
        due = at + timedelta(days=journey.protocol.check_ins.then_every_days)
        policy = journey.protocol.check_ins.routine_escalation_policy
        next_one = _contact(journey, f"check-in-{number}", "check_in", due, policy, which="between sessions")
        yield e.ContactsScheduled(contacts=(next_one,))


def react_stage(journey: Journey, body: e.StageEntered, at: datetime) -> Iterator[e.EventBody]:
    """Give every visit and questionnaire of the fixed schedule its due time before the first session, by when the last
    one is expected, and again when follow-up begins, from the last dose."""
    routine = tuple(
        each.id for each in journey.contacts.values() if each.open and each.type == "check_in" and each.dose is None
    )
    if body.stage == Stage.SESSIONS and not any(each.type == "follow_up_visit" for each in journey.contacts.values()):
        yield from _schedule(journey, _last_expected(journey, at), ())
    elif body.stage == Stage.FOLLOW_UP:
        yield from _schedule(journey, journey.last_dose_at or at, routine)


def react_session(journey: Journey, body: e.SessionScheduled, at: datetime) -> Iterator[e.EventBody]:
    """Move the schedule when the sessions will take longer than was expected."""
    expected = _last_expected(journey, body.starts_at, done=body.session)
    first = expected + timedelta(weeks=journey.protocol.follow_up.weeks[0])
    planned = [each.due for each in journey.contacts.values() if each.open and each.type == "follow_up_visit"]
    if not planned or first > min(planned):
        yield from _schedule(journey, expected, ())


def _last_expected(journey: Journey, start: datetime, done: int = 0) -> datetime:
    """Return when the last session is expected (UTC), if session ``done`` is at ``start`` and the others are as far
    apart as the plan says."""
    plan = journey.plan
    if plan is None:
        return start
    return start + timedelta(hours=plan.spacing_hours) * max(0, plan.planned_sessions - done)


def _schedule(journey: Journey, start: datetime, replaced: tuple[str, ...]) -> Iterator[e.EventBody]:
    """Give the visits and questionnaires after the last session their times. What was made already for the same time
    is not asked for again, and nothing that was made is overwritten."""
    cadence, schedule = journey.protocol.follow_up, journey.protocol.instrument_schedule
    owed = [
        _follow_up(journey, f"follow-up-week-{week}", start + timedelta(weeks=week), f"in week {week}")
        for week in cadence.weeks
    ]
    for day in schedule.after_last_session_days:
        owed += _measures(journey, f"day-{day}", start + timedelta(days=day), f"for day {day}")
    named = tuple(contact for each in owed if (contact := _named(journey, each)) is not None)
    if named or replaced:
        yield e.ContactsScheduled(contacts=named, replaced=replaced)


def _named(journey: Journey, contact: e.Contact) -> e.Contact | None:
    for number in count(1):
        name = contact.id if number == 1 else f"{contact.id}-course-{number}"
        known = journey.contacts.get(name)
        if known is not None and known.due == contact.due:
            return None
        if known is None or known.open:
            return contact.model_copy(update={"id": name})
    raise AssertionError("counting never ends")


def react_visit(journey: Journey, body: e.VisitRecorded, at: datetime) -> Iterator[e.EventBody]:
    """In follow-up, give the next visit its due time once the last planned one is recorded."""
    if body.visit in journey.contacts:
        yield from plan_next_visit(journey, at)


def react_ending(journey: Journey, body: e.PathwayEnding, at: datetime) -> Iterator[e.EventBody]:
    """Cancel the visits ahead that no dose asks for: the patient would come in vain. Who died is told nothing."""
    ahead = [each for each in journey.contacts.values() if each.type in VISITS and each.open and each.due > at]
    in_vain = tuple(each.id for each in ahead if each.dose is None)
    if in_vain and body.outcome != Outcome.DECEASED:
        yield e.ContactsScheduled(contacts=(), replaced=in_vain)


def plan_next_visit(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    """In follow-up, give the next visit its due time, unless one is owed or the pathway is ending."""
    if journey.stage == Stage.FOLLOW_UP and journey.closing is None and not _waiting(journey, "follow_up_visit"):
        number = sum(each.type == "follow_up_visit" for each in journey.contacts.values()) + 1
        due = at + timedelta(days=journey.protocol.follow_up.then_every_days)
        yield e.ContactsScheduled(contacts=(_follow_up(journey, f"follow-up-{number}", due),))


def react_measure(journey: Journey, body: e.InstrumentRecorded, at: datetime) -> Iterator[e.EventBody]:
    """In follow-up, give the next questionnaire its due time once the last planned one is recorded."""
    owed = journey.contacts.get(body.occasion)
    fits = owed is not None and owed.type == "measure" and owed.instrument == body.instrument
    if fits and body.score.complete:
        yield from plan_next_measure(journey, at)


def plan_next_measure(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    """In follow-up, give the next questionnaires their due time, unless one is owed."""
    if journey.stage == Stage.FOLLOW_UP and not _waiting(journey, "measure"):
        number = sum(each.type == "measure" for each in journey.contacts.values()) + 1
        due = at + timedelta(days=journey.protocol.instrument_schedule.then_every_days)
        yield e.ContactsScheduled(contacts=_measures(journey, f"measure-{number}", due))


def _contact(
    journey: Journey, name: str, kind: str, due: datetime, policy: str, instrument: Instrument | None = None,
    which: str | None = None,
) -> e.Contact:  # fmt: skip
    zone, rules = journey.patient.zone, journey.protocol
    if rules.escalation_policies[policy].quiet_hours:
        due = after_quiet_hours(due, zone, rules.quiet_hours)
    fields = {"id": name, "type": kind, "due": due, "escalation_policy": policy, "instrument": instrument}
    fields |= {"which": which, "zone": zone}
    window = _window(journey, kind)
    return e.Contact.model_validate({**fields, "opens": window.opens(due), "closes": window.closes(due)})


def _window(journey: Journey, kind: str) -> Window:
    match kind:
        case "measure":
            return journey.protocol.instrument_schedule.window
        case "follow_up_visit":
            return journey.protocol.follow_up.window
    return journey.protocol.check_ins.routine_window


def make_unscheduled(journey: Journey, contact: OwedContact | None, at: datetime) -> e.Contact:
    """Return a contact that nobody owed, made in place of one that is not open, or of none."""
    number = sum(name.startswith(UNSCHEDULED) for name in journey.contacts) + 1
    return e.Contact(
        id=f"{UNSCHEDULED}-{number}",
        type="check_in" if contact is not None and contact.type == "check_in" else "visit",
        due=at,
        opens=at,
        closes=at,
        escalation_policy=VISIT.kind if contact is None else contact.escalation_policy,
        session=None if contact is None else contact.session,
        zone=journey.patient.zone,
    )


def _follow_up(journey: Journey, name: str, due: datetime, which: str | None = None) -> e.Contact:
    return _contact(journey, name, "follow_up_visit", due, "follow_up_visit", which=which)


def _measures(journey: Journey, name: str, due: datetime, which: str | None = None) -> tuple[e.Contact, ...]:
    """Return a questionnaire for each instrument of the schedule; a clinician asks about suicide risk."""
    return tuple(
        _contact(
            journey,
            measure_name(journey, name, instrument),
            "measure",
            due,
            MEASURE_ASKED if instrument in C_SSRS_FORMS else MEASURE.kind,
            instrument,
            which,
        )
        for instrument in scheduled_instruments(journey)
    )


def _waiting(journey: Journey, kind: str) -> bool:
    return kind in find(journey.contacts, _open_types)


def _open_types(contacts: Mapping[str, OwedContact]) -> tuple[str, ...]:
    return tuple({contact.type: None for contact in contacts.values() if contact.open})
