"""Shows a journey: where it stands, what happened, what it waits for."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import RenderableType

from application.freshness import TrueUpTo
from application.sign_offs.decision_history import status_of
from application.work.caseload import CasePage, PastPage
from cli.layout import Rows
from cli.output import add_row, elapsed, facts_box, local_time, short_time, shown_at, table, your_time
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.holds.model import name_holds
from workflows.journey.instruments import Score
from workflows.journey.obligations import most_urgent, obligations
from workflows.journey.requirements import Obligation
from workflows.journey.stage import Stage
from workflows.journey.summary import count_others, health, step_shown, why

Shown = dict[str, object]

_LONG = 80
SENTENCES = 20
"""How much of what is awaited is shown, the most urgent first, before the rest is counted."""


def summary(journey: Journey) -> Shown:
    """Return where a journey stands, for scripts: the recorded state, without what is only used internally."""
    return {
        "illustrative": journey.illustrative,
        "health": health(journey),
        "step": step_shown(journey),
        "obligations": [waiting.model_dump(mode="json") for waiting in obligations(journey)],
        "journey": journey.model_dump(mode="json", exclude={"waiting", "protocol"}),
        "protocol": {
            "id": journey.protocol.id,
            "version": journey.protocol.version,
            "digest": journey.protocol_digest,
        },
    }


def overview(journey: Journey, at: datetime) -> Iterator[RenderableType]:
    """Render where a journey stands, for people."""
    zone = journey.patient.zone
    yield facts_box(
        {
            "journey": journey.id,
            "pathway": f"{journey.protocol.pathway} at {journey.clinic}",
            "steps": _steps(journey),
            "health": health(journey),
            "outcome": None if journey.outcome is None else journey.outcome.value,
            "ending": None if journey.closing is None else journey.closing.outcome.value,
            "patient": f"{journey.patient.ref}, born {journey.patient.born}, {zone}, {journey.patient.state}",
            "coordinator": journey.coordinator,
            "clinician": journey.clinician,
            "protocol": f"{journey.protocol.id} version {journey.protocol.version} ({journey.protocol_digest[:12]})",
            "started": shown_at(journey.started_at, zone),
            "true up to": f"version {journey.version}, as recorded",
        },
        "Journey",
    )
    if journey.held:
        holds = table("hold", "cause", "severe", "since", "reason", title="Care is held")
        for hold in journey.holds.values():
            if not hold.released:
                severe = "yes" if hold.severe else "no"
                add_row(holds, hold.id, hold.cause, severe, shown_at(hold.placed_at, zone), hold.reason)
        yield holds
    yield awaited(journey, at)
    if journey.measurements:
        scores = table("version", "instrument", "occasion", "at", "result", "flags", title="Scores (computed)")
        for m in journey.measurements:
            add_row(
                scores,
                m.version,
                m.instrument,
                m.occasion,
                shown_at(m.at, zone),
                result(m.score),
                ", ".join(m.score.flags),
            )
        yield scores
    if journey.sessions:
        sessions = table("session", "planned for", "released", "dose", "ended", title="Sessions")
        for s in journey.sessions.values():
            dose = None if s.dosed_at is None else f"{amount(s.dose_mg)}, {shown_at(s.dosed_at, zone)}"
            add_row(
                sessions,
                s.number,
                shown_at(s.starts_at, zone),
                shown_at(s.released_at, zone),
                dose,
                shown_at(s.ended_at, zone),
            )
        yield sessions
    contacts = [contact for contact in journey.contacts.values() if not contact.replaced]
    if contacts:
        owed = table("contact", "due", "done", "answer", title="Contacts")
        for contact in contacts:
            add_row(owed, contact.id, shown_at(contact.due, zone), shown_at(contact.done_at, zone), contact.feeling)
        yield owed
    if journey.sign_offs:
        signed = table("request", "decision", "meaning", "by", "at", "now", title="Signed")
        for s_ in journey.sign_offs:
            chosen = s_.decision if s_.choice is None else f"{s_.decision}: {s_.choice}"
            by, now = f"{s_.name} ({s_.role.value})", status_of(journey, s_).replace("_", " ")
            add_row(signed, s_.request, chosen, s_.meaning, by, shown_at(s_.at, zone), now)
        yield signed
    yield from _events_of_concern(journey)
    delegations = [given for given in journey.delegations.values() if at < given.until]
    if delegations:
        delegated = table("delegation", "by", "to", "what", "until", title="Delegated")
        for given in delegations:
            add_row(delegated, given.id, given.by, given.to, ", ".join(given.sign_offs), shown_at(given.until, zone))
        yield delegated
    open_questions = [question for question in journey.questions.values() if question.answer is None]
    if open_questions:
        asked = table("question", "text", title="Open questions")
        for question in open_questions:
            add_row(asked, question.id, question.text)
        yield asked


def amount(dose_mg: float | None) -> str:
    """Render how much a dose was. What nobody knows is not nothing."""
    return "unknown amount" if dose_mg is None else f"{dose_mg:g} mg"


def _events_of_concern(journey: Journey) -> Iterator[RenderableType]:
    """Render adverse events, crises, requests for support, and emergency access."""
    zone = journey.patient.zone
    first = [session.dose for session in journey.sessions.values()]
    other = [dose for dose in journey.doses.values() if dose.id not in first]
    if other:
        taken = table("dose", "taken", "amount", "route", "told by", "differs", title="Other doses")
        for dose in other:
            told, differs = dose.told_by.value, "; ".join(dose.deviations)
            add_row(taken, dose.id, shown_at(dose.taken_at, zone), amount(dose.dose_mg), dose.route, told, differs)
        yield taken
    if journey.deaths:
        deaths = table("death", "reported", "by", "stands", "what was said", title="Deaths")
        for death in journey.deaths.values():
            stands = "in error" if death.in_error else "confirmed" if death.confirmed else "reported"
            what = "; ".join(said.reason for said in death.reports)
            add_row(deaths, death.id, shown_at(death.reported_at, zone), death.reported_by, stands, what)
        yield deaths
    if journey.adverse_events:
        columns = ("adverse event", "grade", "serious", "outcome", "onset", "session", "by", "what")
        reported = table(*columns, title="Adverse events")
        for harm in journey.adverse_events.values():
            report = harm.report
            serious, onset = "yes" if harm.serious else "no", shown_at(report.onset, zone)
            grade = harm.grade if harm.proposed is None else f"{harm.grade} ({harm.proposed.grade} proposed)"
            outcome = (harm.outcome or "not known yet").replace("_", " ")
            add_row(reported, harm.id, grade, serious, outcome, onset, report.session, harm.reported_by, report.what)
        yield reported
    if journey.crises:
        crises = table("crisis", "level", "source", "since", "reached", "contacts", title="Crises")
        for crisis in journey.crises.values():
            reached = "yes" if crisis.reached else "not yet"
            since = shown_at(crisis.opened_at, zone)
            add_row(crises, crisis.id, crisis.level, crisis.source, since, reached, len(crisis.contacts))
        yield crises
    if journey.support:
        asked = table("support", "urgency", "answered", "text", title="Requests for support")
        for support in journey.support.values():
            add_row(asked, support.id, support.urgency, "not yet" if support.open else "yes", support.text)
        yield asked


def awaited(journey: Journey, at: datetime) -> RenderableType:
    """Render what a journey waits for, by due time."""
    waits = table("what", "of", "due", "", "id", title="Awaited")
    for waiting in most_urgent(journey, SENTENCES):
        whom = waiting.owner.value if waiting.person is None else f"{waiting.owner.value} {waiting.person}"
        due = shown_at(waiting.deadline, journey.patient.zone)
        add_row(waits, waiting.what, whom, due, _until(waiting, at), waiting.id)
    for more in count_others(journey, SENTENCES):
        add_row(waits, more, "", "", "", "")
    return waits


def freshness(true: TrueUpTo) -> Shown:
    """Return up to which position a list is true, for scripts."""
    return {"position": true.position, "record": max(true.record, true.position), "stale_journeys": true.stale}


def cases(page: CasePage) -> Rows:
    """Render where journeys stand."""
    shown = table("journey", "clinic", "pathway", "stage", "awaits", your_time("due"), "health")
    for case in page.answer.rows:
        due = "" if case.next_due is None else short_time(case.next_due)
        due += " overdue" if page.is_overdue(case) else ""
        health_now = _mark(case.health, case.stale)
        add_row(shown, case.journey_id, case.clinic, case.pathway, case.stage.value, case.awaits, due, health_now)
    return shown


def past_cases(page: PastPage) -> Rows:
    """Render where journeys stood."""
    shown = table("journey", "clinic", "pathway", "stage", "health", your_time("so since"), "coordinator", "clinician")
    for case in page.answer.rows:
        health_then, since = _mark(case.health, case.stale), short_time(case.from_at)
        where = (case.journey_id, case.clinic, case.pathway, case.stage.value)
        add_row(shown, *where, health_then, since, case.coordinator, case.clinician)
    return shown


def _mark(word: str, stale: str | None) -> str:
    return word if stale is None else f"{word}, STALE"


def sentences(journey: Journey, at: datetime) -> Iterator[str]:
    """Yield a sentence for each obligation, and why nothing or no progress is awaited."""
    if journey.outcome is not None:
        yield f"Nothing is awaited: the pathway is closed ({journey.outcome.value})."
        return
    if journey.held:
        holds = name_holds(journey)
        yield f"Care is held: {holds}. Nothing progresses until a clinician signs its release; safety goes on."
    if journey.closing is not None:
        yield f"The pathway is ending ({journey.closing.outcome.value}) and closes once safety is settled."
    for waiting in most_urgent(journey, SENTENCES):
        yield sentence(waiting, journey, at)
    yield from (f"{more}." for more in count_others(journey, SENTENCES))


def sentence(waiting: Obligation, journey: Journey, at: datetime) -> str:
    """Describe an obligation: what, of whom, since, due for patient and viewer, and what comes next."""
    said = why(waiting, journey)
    return f"{said[:-1]}. For you it is due {local_time(waiting.deadline)}, {_until(waiting, at)}."


def _until(waiting: Obligation, at: datetime) -> str:
    left = (waiting.deadline - at).total_seconds()
    return f"in {elapsed(left)}" if left >= 0 else f"overdue by {elapsed(-left)}"


def _steps(journey: Journey) -> str:
    now, stages = step_shown(journey), tuple(Stage)
    # The record keeps fields sorted by name, so the order of the steps is that of their stages.
    steps = sorted(journey.protocol.steps_shown.items(), key=lambda step: min(map(stages.index, map(Stage, step[1]))))
    spoken = [(name == now, name.replace("_", " ")) for name, _ in steps]
    return " → ".join(f"[{name}]" if here else name for here, name in spoken)


def timeline(events: Sequence[e.Event], zone: str) -> RenderableType:
    """Render what happened, the oldest first."""
    lines = table("version", "at", "by", "event", "", title="Timeline")
    for event in events:
        by = f"{event.actor_role.value} {event.actor_id}"
        add_row(lines, event.version, shown_at(event.at, zone), by, event.body.kind, described(event.body))
    return lines


def described(body: e.EventBody) -> str:
    """Describe an event in a line. Long or nested values are left to ``--json``."""
    match body:
        case e.PathwayStarted():
            return f"{body.pathway} at {body.clinic}, protocol {body.protocol.id} version {body.protocol.version}"
        case e.InstrumentRecorded():
            return f"{body.instrument.value} ({body.occasion}): {result(body.score)}"
        case e.ObligationsUpdated():
            opened = [f"awaited: {o.what} ({o.owner.value})" for o in body.opened]
            return "; ".join(opened + [f"no longer: {closed.id} ({closed.because})" for closed in body.closed])
        case e.SignedOff():
            chosen = "" if body.choice is None else f" ({body.choice})"
            waits = ", waits for a second person" if body.first_of_two else ""
            by = f"signed by {body.name}, evidence {body.evidence[:12]}"
            return f"{body.decision}{chosen}: {body.meaning}, {by}{waits}"
        case e.CommandRefused():
            return f"refused {body.command_kind} ({body.code}): {body.reason}"
        case e.ObligationEscalated():
            again = f", repetition {body.repetition}" if body.repetition else ""
            return f"{body.obligation}: step {body.step + 1}{again}, {body.action.value} {body.to.value}"
        case e.ContactsScheduled():
            return ", ".join(contact.id for contact in body.contacts)
        case e.FactAmended():
            return f"version {body.version} corrected: {_short(body.reason)}"
    told = ((name, value) for name, value in body if name != "kind")
    return ", ".join(f"{name}: {_short(value)}" for name, value in told if _plain(value))


def result(score: Score) -> str:
    """Describe a score in a few words."""
    if not score.complete:
        return f"incomplete: {_short(score.reason)}"
    words = [str(score.total) if score.level is None else score.level.value, score.band or ""]
    change = [] if score.change is None else [f"change: {', '.join(score.change)}"]
    return ", ".join([*(word for word in words if word), *change])


def _plain(value: object) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(isinstance(entry, str) for entry in value)
    return isinstance(value, str | int | float | datetime) and value != ""


def _short(value: object) -> str:
    text = ", ".join(value) if isinstance(value, tuple) else str(value)
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"
