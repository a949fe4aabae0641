"""Shows a journey: where it stands, what happened, what it waits for."""

from collections.abc import Iterator, Sequence, Set
from datetime import datetime

from rich.console import RenderableType

from application.pathway.show import UnreadEvent
from application.pathway.wording import SENTENCES, UNREADABLE
from application.reading.freshness import TrueUpTo
from application.sign_offs.decision_history import status_of
from application.words.codes import say
from application.words.events import title_of_event
from application.words.lines import describe_event, describe_score
from application.words.quantities import format_dose, format_time_left
from application.words.terms import describe_occasion, terms_of, terms_of_journey
from application.words.viewer import shown_at
from application.work.caseload import CasePage, PastPage
from cli.layout import Rows
from cli.output import add_row, facts_box, short_time, table, your_time
from cli.references import Known, name_journey
from cli.runtime import Named
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.obligations import most_urgent, obligations
from workflows.journey.protocol import SignOffKind
from workflows.journey.views.summary import count_others, health, name_step
from workflows.journey.vocabulary.base import short_code

Shown = dict[str, object]


def summary(journey: Journey) -> Shown:
    """Return where a journey stands, for scripts: the recorded state, without what is only used internally."""
    return {
        "illustrative": journey.illustrative,
        "health": health(journey),
        "step": name_step(journey),
        "obligations": [waiting.model_dump(mode="json") for waiting in obligations(journey)],
        "journey": journey.model_dump(mode="json", exclude={"waiting", "protocol", "code_key"}),
        "protocol": {
            "id": journey.protocol.id,
            "version": journey.protocol.version,
            "digest": journey.protocol_digest,
        },
    }


def overview(
    journey: Journey, at: datetime, unproven: Set[int] = frozenset(), named: Named = str
) -> Iterator[RenderableType]:
    """Render where a journey stands, for people. ``unproven`` are sessions whose clearance or release is not proven."""
    zone, protocol, code = journey.patient.zone, journey.protocol, short_code(journey.protocol_digest)
    yield facts_box(
        {
            "journey": journey.id,
            "pathway": f"{protocol.pathway} at {named(journey.clinic)}",
            "steps": _steps(journey),
            "health": health(journey),
            "outcome": None if journey.outcome is None else say(journey.outcome.value),
            "ending": None if journey.closing is None else say(journey.closing.outcome.value),
            "patient": f"{journey.patient.ref}, born {journey.patient.born}, {zone}, {journey.patient.state}",
            "coordinator": named(journey.coordinator or ""),
            "clinician": named(journey.clinician or ""),
            "protocol": f"{protocol.id} version {protocol.version} ({code})",
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
                add_row(holds, hold.id, say(hold.cause), severe, shown_at(hold.placed_at, zone), hold.reason)
        yield holds
    yield awaited(journey, at, named)
    if journey.measurements:
        terms = terms_of_journey(journey)
        scores = table("version", "instrument", "occasion", "at", "result", "flags", title="Scores (computed)")
        for m in journey.measurements:
            add_row(
                scores,
                m.version,
                m.instrument,
                describe_occasion(m.occasion, terms),
                shown_at(m.at, zone),
                describe_score(m.score),
                ", ".join(map(say, m.score.flags)),
            )
        yield scores
    if journey.sessions:
        sessions = table("session", "planned for", "released", "dose", "ended", title="Sessions")
        for s in journey.sessions.values():
            dose = None if s.dosed_at is None else f"{format_dose(s.dose_mg)}, {shown_at(s.dosed_at, zone)}"
            released = shown_at(s.released_at, zone)
            add_row(
                sessions,
                s.number,
                shown_at(s.starts_at, zone),
                not_proven(released) if s.number in unproven and released else released,
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
            chosen = say(s_.decision) if s_.choice is None else f"{say(s_.decision)}: {say(s_.choice)}"
            by, now = f"{s_.name} ({say(s_.role.value)} {s_.by})", say(status_of(journey, s_))
            if s_.kind is SignOffKind.CLEARANCE and s_.subject in {str(number) for number in unproven}:
                now = not_proven(now)
            add_row(signed, s_.request, chosen, say(s_.meaning), by, shown_at(s_.at, zone), now)
        yield signed
    yield from _events_of_concern(journey, named)
    delegations = [given for given in journey.delegations.values() if at < given.until]
    if delegations:
        delegated = table("delegation", "by", "to", "what", "until", title="Delegated")
        for given in delegations:
            add_row(
                delegated,
                given.id,
                named(given.by),
                named(given.to),
                ", ".join(map(say, given.sign_offs)),
                shown_at(given.until, zone),
            )
        yield delegated
    open_questions = [question for question in journey.questions.values() if question.answer is None]
    if open_questions:
        asked = table("question", "text", title="Open questions")
        for question in open_questions:
            add_row(asked, question.id, question.text)
        yield asked


def _events_of_concern(journey: Journey, named: Named) -> Iterator[RenderableType]:
    """Render adverse events, crises, requests for support, and emergency access."""
    zone = journey.patient.zone
    first = [session.dose for session in journey.sessions.values()]
    other = [dose for dose in journey.doses.values() if dose.id not in first]
    if other:
        taken = table("dose", "taken", "amount", "route", "told by", "differs", title="Other doses")
        for dose in other:
            told, differs = say(dose.told_by.value), "; ".join(dose.deviations)
            told += ", by report" if dose.by_report else ""
            add_row(
                taken,
                dose.id,
                shown_at(dose.taken_at, zone),
                format_dose(dose.dose_mg),
                say(dose.route or ""),
                told,
                differs,
            )
        yield taken
    if journey.deaths:
        deaths = table("death", "reported", "by", "stands", "what was said", title="Deaths")
        for death in journey.deaths.values():
            stands = "in error" if death.in_error else "confirmed" if death.confirmed else "reported"
            what = "; ".join(said.reason for said in death.reports)
            add_row(deaths, death.id, shown_at(death.reported_at, zone), named(death.reported_by), stands, what)
        yield deaths
    if journey.adverse_events:
        columns = ("adverse event", "grade", "serious", "outcome", "onset", "session", "by", "what")
        reported = table(*columns, title="Adverse events")
        for harm in journey.adverse_events.values():
            report = harm.report
            serious, onset = "yes" if harm.serious else "no", shown_at(report.onset, zone)
            grade = harm.grade if harm.proposed is None else f"{harm.grade} ({harm.proposed.grade} proposed)"
            outcome = say(harm.outcome or "not known yet")
            by = named(harm.reported_by)
            add_row(reported, harm.id, grade, serious, outcome, onset, report.session, by, report.what)
        yield reported
    if journey.crises:
        crises = table("crisis", "level", "source", "since", "reached", "contacts", title="Crises")
        for crisis in journey.crises.values():
            reached = "yes" if crisis.reached else "not yet"
            since = shown_at(crisis.opened_at, zone)
            add_row(crises, crisis.id, say(crisis.level), say(crisis.source), since, reached, len(crisis.contacts))
        yield crises
    if journey.support:
        asked = table("support", "urgency", "answered", "text", title="Requests for support")
        for support in journey.support.values():
            add_row(asked, support.id, say(support.urgency), "not yet" if support.open else "yes", support.text)
        yield asked


def awaited(journey: Journey, at: datetime, named: Named = str) -> RenderableType:
    """Render what a journey waits for, by due time."""
    waits = table("what", "of", "due", "", "id", title="Awaited")
    for waiting in most_urgent(journey, SENTENCES):
        whom = say(waiting.owner.value) + ("" if waiting.person is None else f" {named(waiting.person)}")
        due = shown_at(waiting.deadline, journey.patient.zone)
        add_row(waits, waiting.what, whom, due, format_time_left(waiting.deadline, at), waiting.id)
    for more in count_others(journey, SENTENCES):
        add_row(waits, more, "", "", "", "")
    return waits


def freshness(true: TrueUpTo) -> Shown:
    """Return up to which position a list is true, for scripts."""
    return {"position": true.position, "record": max(true.record, true.position), "stale_journeys": true.stale}


def cases(page: CasePage, known: Known, named: Named) -> Rows:
    """Render where journeys stand."""
    shown = table("journey", "clinic", "pathway", "stage", "awaits", your_time("due"), "health")
    for case in page.answer.rows:
        due = "" if case.next_due is None else short_time(case.next_due)
        due += " overdue" if page.is_overdue(case) else ""
        health_now = _mark(case.health, case.stale)
        where = (name_journey(case.journey_id, known), named(case.clinic), case.pathway, say(case.stage.value))
        add_row(shown, *where, say(case.awaits or ""), due, health_now)
    return shown


def past_cases(page: PastPage, known: Known, named: Named) -> Rows:
    """Render where journeys stood."""
    shown = table("journey", "clinic", "pathway", "stage", "health", your_time("so since"), "coordinator", "clinician")
    for case in page.answer.rows:
        health_then, since = _mark(case.health, case.stale), short_time(case.from_at)
        where = (name_journey(case.journey_id, known), named(case.clinic), case.pathway, say(case.stage.value))
        people = (named(each or "") for each in (case.coordinator, case.clinician))
        add_row(shown, *where, health_then, since, *people)
    return shown


def _mark(word: str, stale: str | None) -> str:
    return word if stale is None else f"{word}, STALE"


def _steps(journey: Journey) -> str:
    now = name_step(journey)
    spoken = [(step.name == now, say(step.name)) for step in journey.protocol.steps_shown]
    return " → ".join(f"[{name}]" if here else name for here, name in spoken)


def not_proven(said: str) -> str:
    """Say of a release or a clearance that nobody may rely on it."""
    return f"{said}, not proven: no dose is to be taken; call ops"


def timeline(
    events: Sequence[e.Event | UnreadEvent], zone: str, late: Set[int] = frozenset(), unproven: Set[int] = frozenset(),
    named: Named = str,
) -> RenderableType:  # fmt: skip
    """Render what happened, the oldest first. ``late`` are the versions that were recorded late, ``unproven`` those of
    a clearance or release that is not proven."""
    lines = table("version", "at", "by", "event", "", title="Timeline")
    terms = terms_of((event for event in events if isinstance(event, e.Event)), zone)._replace(called=named)
    for event in events:
        at = f"{shown_at(event.at, zone)}, recorded late" if event.version in late else shown_at(event.at, zone)
        at = not_proven(at) if event.version in unproven else at
        if isinstance(event, UnreadEvent):
            by = f"{say(event.actor_role)} {named(event.actor_id)}"
            add_row(lines, event.version, at, by, title_of_event(event.kind), UNREADABLE)
        else:
            by = f"{say(event.actor_role.value)} {named(event.actor_id)}"
            add_row(lines, event.version, at, by, title_of_event(event.body.kind), describe_event(event.body, terms))
    return lines
