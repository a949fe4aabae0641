"""What a journey knows by name, each in words, so that nobody has to know an id, a code or a version by heart."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from application.identity.staff import Colleague
from application.words.codes import say, say_all
from application.words.events import title_of_event
from application.words.lines import describe_event
from application.words.terms import describe_occasion, name_contact, terms_of_journey
from application.words.titles import TITLES, title_of_command
from application.words.viewer import shown_at
from workflows.journey.aggregate import Journey
from workflows.journey.always.corrections.entered_in_error import is_marked
from workflows.journey.always.corrections.markable import MARKABLE
from workflows.journey.always.death.rules import find_standing
from workflows.journey.always.reports.rules import HARM
from workflows.journey.events import Event
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import CLINICIANS, Part
from workflows.journey.stages.evaluation.model import (
    BASELINE,
    instrument_measured,
    measure_name,
    scheduled_instruments,
)
from workflows.journey.stages.follow_up.model import OwedContact
from workflows.journey.stages.sessions.state import Session
from workflows.journey.vocabulary.clinical import US_STATES, US_ZONES
from workflows.journey.vocabulary.stage import Stage

Names: TypeAlias = Mapping[str, str]
SHOWN = 160
"""How much of a text is shown beside its name (characters)."""
ELSEWHERE = "elsewhere"
ROUTES = ("oral", "sublingual", "buccal", "intranasal", "intramuscular", "intravenous", "rectal", "other_route")
"""How a dose may have been taken, whatever the protocol allows: it is recorded all the same."""
_STATES = {state: state for state in US_STATES}


class FormContext(NamedTuple):
    """What a form may offer: the journey, its events as far as they are at hand, and who works at its clinic; None
    where no register says. ``whole``: it is for somebody who may see all of the journey, not their session alone.
    ``called`` gives the printed name of one of the staff for their id; ``instrument`` is the questionnaire that was
    chosen; ``now`` is when the form is shown (UTC), None where all that could ever be meant is offered."""

    journey: Journey
    events: Sequence[Event] = ()
    staff: Sequence[Colleague] | None = None
    whole: bool = True
    called: Callable[[str], str] = str
    instrument: Instrument | None = None
    now: datetime | None = None

    def at(self, moment: datetime) -> str:
        return shown_at(moment, self.journey.patient.zone)

    def chose(self, instrument: Instrument | None) -> bool:
        """Whether this may be the questionnaire that was chosen."""
        return self.instrument in (None, instrument)


Offer: TypeAlias = Callable[[FormContext], Names | None]
"""Returns names and what each is in words; None where nobody here knows them, and they are typed."""
Anywhere: TypeAlias = Callable[[FormContext | None], Names]
"""Returns the same of something that no journey has to be known for."""


def medicines(known: FormContext) -> Names:
    return {each.id: f"{each.what}, {each.dosage}" for each in known.journey.medicines.values() if each.taken}


def questions(known: FormContext) -> Names:
    questions = known.journey.questions.values()
    return {each.id: each.text for each in questions if each.answer is None and not each.in_error}


def given_consents(known: FormContext) -> Names:
    return {name: f"{say(name)}, {version}" for name, version in known.journey.consents.items()}


def consents(known: FormContext) -> Names:
    return {name: f"{say(name)}, now {now}" for name, now in known.journey.consent_versions.items()}


def papers(known: FormContext) -> Names:
    return {
        each.id: f"{say_all(each.consents)}, signed {known.at(each.signed_at)}, {each.document_ref}"
        for each in known.journey.papers.values()
    }


def adverse_events(known: FormContext) -> Names:
    harm = known.journey.adverse_events.values()
    return {each.id: f"{each.report.what}, grade {each.grade}" for each in harm if not each.in_error}


def support(known: FormContext) -> Names:
    return {each.id: f"{say(each.urgency)}: {each.text}" for each in known.journey.support.values() if each.open}


def crises(known: FormContext) -> Names:
    return {
        each.id: f"{say(each.level)} risk, since {known.at(each.opened_at)}"
        for each in known.journey.crises.values()
        if not each.closed
    }


def messages(known: FormContext) -> Names:
    found = known.journey.messages.values()
    return {each.id: "a cancellation" if each.cancels else str(each.name) for each in found if not each.handled}


def reports(known: FormContext) -> Names:
    reports = known.journey.reports.values()
    return {each.id: f"{title_of_command(each.about)}: {each.said}" for each in reports if not each.settled}


def deaths(known: FormContext) -> Names:
    death = find_standing(known.journey)
    return {} if death is None else {death.id: f"reported {known.at(death.reported_at)}"}


def standing_death(journey: Journey) -> str:
    """Return the death that somebody doubts who is not shown which there are."""
    death = find_standing(journey)
    return "none" if death is None else death.id


def accesses(known: FormContext) -> Names:
    accesses = known.journey.accesses.values()
    return {each.id: f"{say(each.role.value)} {known.called(each.by)}" for each in accesses if each.justified is None}


def merges(known: FormContext) -> Names:
    merges = known.journey.merges.values()
    return {
        each.id: f"{each.other}, said by {known.called(each.proposed_by)}: {each.reason}"
        for each in merges
        if each.merged
    }


def disposals(known: FormContext) -> Names:
    waiting = (each for each in known.journey.disposals.values() if not each.witnessed)
    return {
        each.id: f"{each.doses} {'dose' if each.doses == 1 else 'doses'}, said by {known.called(each.by)}"
        for each in waiting
    }


def alarms(known: FormContext) -> Names:
    policies = known.journey.protocol.escalation_policies
    found = {}
    for waiting in known.journey.waiting.values():
        steps = policies[waiting.escalation_policy].acknowledged
        if steps and steps[-1].repeat_minutes is not None:
            found[waiting.id] = f"{waiting.what}, due {known.at(waiting.deadline)}"
    return found


def contacts(*types: str) -> Offer:
    def is_open(contact: OwedContact) -> bool:
        return contact.done_at is None and not contact.replaced and contact.type in types

    return lambda known: _by_due(known, is_open)


def visits_not_come_to(known: FormContext) -> Names:
    """Offer the visits that are awaited by now."""
    owed = contacts("visit", "follow_up_visit")(known) or {}
    theirs = known.journey.contacts
    return {each: said for each, said in owed.items() if known.now is None or theirs[each].opens <= known.now}


def missed_contacts(known: FormContext) -> Names:
    """Offer what was made late, and what cannot be made any more."""
    return _by_due(known, lambda each: each.to_settle or (each.open and (known.now is None or each.closes < known.now)))


def _by_due(known: FormContext, fits: Callable[[OwedContact], bool]) -> Names:
    """Name contacts, the one that is due first on top: that is mostly the one that is meant."""
    found = sorted(filter(fits, known.journey.contacts.values()), key=lambda contact: contact.due)
    return {each.id: f"{name_contact(each)}, due {known.at(each.due)}" for each in found}


def _sessions(fits: Callable[[Session], bool]) -> Offer:
    def names(known: FormContext) -> Names:
        sessions = known.journey.sessions.values()
        fitting = [each for each in sessions if fits(each)] or sessions
        return {str(each.number): _session(each, known) for each in fitting}

    return names


def _session(session: Session, known: FormContext) -> str:
    if session.dosed_at is not None:
        state = f"dose taken {known.at(session.dosed_at)}{', ended' if session.ended_at else ''}"
    else:
        state = f"planned for {known.at(session.starts_at)}"
    return f"session {session.number}, {state}"


def to_schedule(known: FormContext) -> Names:
    journey = known.journey
    open_ = {str(n): _session(each, known) for n, each in journey.sessions.items() if each.released_at is None}
    return {str(journey.next_session): f"session {journey.next_session}, not planned yet", **open_}


NOT_DOSED = _sessions(lambda session: session.dosed_at is None)
DOSED = _sessions(lambda session: session.dosed_at is not None)
RUNNING = _sessions(lambda session: session.running)
ANY_SESSION = _sessions(lambda session: session.number > 0)


def minutes(known: FormContext) -> Names:
    return {str(minute): f"minute {minute}" for minute in known.journey.protocol.sessions.observe_minutes}


def doses_to_observe(known: FormContext) -> Names:
    firsts = {session.dose for session in known.journey.sessions.values()}
    doses = known.journey.doses.values()
    return {each.id: f"dose taken {known.at(each.taken_at)}" for each in doses if each.id not in firsts}


def occasions(known: FormContext) -> Names:
    journey = known.journey
    found = {BASELINE: "the evaluation (baseline)"} if journey.stage == Stage.EVALUATION else {}
    planned = max(
        (*journey.sessions, journey.next_session, 0 if journey.plan is None else journey.plan.planned_sessions)
    )
    for number in range(journey.next_session, planned + 1):
        for instrument in filter(known.chose, scheduled_instruments(journey)):
            found[measure_name(journey, f"session-{number}", instrument)] = (
                f"before session {number}, {say(instrument)}"
            )
    for contact in journey.contacts.values():
        open_still = contact.type == "measure" and contact.done_at is None and not contact.replaced
        if open_still and known.chose(contact.instrument):
            found[contact.id] = f"due {known.at(contact.due)}, {name_contact(contact)}"
    for waiting in journey.waiting.values():
        subject = waiting.subject if waiting.kind == "measure" else None
        if subject is not None and known.chose(instrument_measured(journey, subject)):
            found[subject] = waiting.what
    # Each asking has a name of its own, as what is planned has.
    return {**found, f"asked-{journey.version}": "now, at no planned time"}


def scores(known: FormContext) -> Names:
    terms = terms_of_journey(known.journey)
    return {
        str(each.version): f"{say(each.instrument)} {known.at(each.at)}, {describe_occasion(each.occasion, terms)}"
        for each in reversed(known.journey.measurements)
    }


def safety_data(known: FormContext) -> Names:
    journey = known.journey
    sessions = (each for each in journey.sessions.values() if each.dosed_at is not None)
    return {
        **{f"session-{each.number}": _session(each, known) for each in sessions},
        **{each.id: each.report.what for each in journey.adverse_events.values()},
        **{
            each.id: f"{name_contact(each)}, {known.at(each.done_at)}"
            for each in journey.contacts.values()
            if each.done_at is not None
        },
    }


def facts(known: FormContext) -> Names:
    journey = known.journey
    events = {event.version: event for event in known.events}
    terms = terms_of_journey(journey)._replace(with_ids=False, called=known.called)
    found = {}
    for version, fact in sorted(journey.facts.items(), reverse=True):
        if fact.kind in MARKABLE and not is_marked(journey, version):
            event = events.get(version)
            what = "" if event is None else f", {known.at(event.at)}: {describe_event(event.body, terms)}"
            found[str(version)] = f"{title_of_event(fact.kind)}{what}"
    return found


def corrections(known: FormContext) -> Names:
    waiting = {version: made for version, made in known.journey.corrections.items() if made.to_confirm}
    done = {True: "marked as in error", False: "corrected"}
    return {
        str(version): f"{title_of_event(made.fact)}: {done[made.in_error]} by {known.called(made.by)}"
        for version, made in waiting.items()
    }


def decisions(known: FormContext, verdicts: Iterable[str] = ("approve", "decline", "return")) -> Names:
    return {
        each.request: f"{say(each.kind.value)}: {say(each.decision)}, {each.name}, {known.at(each.at)}"
        for each in known.journey.sign_offs
        if not each.withdrawn and each.decision in verdicts
    }


def returned(known: FormContext) -> Names:
    return decisions(known, ("return",))


def delegations(known: FormContext) -> Names:
    given = known.journey.delegations.values()
    return {
        each.id: f"from {known.called(each.by)} to {known.called(each.to)}, until {known.at(each.until)}"
        for each in given
    }


def people(*parts: Part) -> Offer:
    """Offer who may have one of these parts: who works at the clinic in a role that it needs, and as a clinician under
    a licence where the patient is."""

    def names(known: FormContext) -> Names | None:
        if known.staff is None:
            return None
        journey = known.journey
        roles = journey.protocol.care_team.roles
        return {
            person: f"{name} ({person})"
            for person, name, member in known.staff
            for part in parts
            if member.role in roles[part] and not journey.is_patient(person)
            if part not in CLINICIANS or (member.licence and journey.patient.state in member.licence.states)
        }

    return names


def readings(known: FormContext) -> Names:
    return {name: say(name) for name in known.journey.education.reading}


def reading_versions(known: FormContext) -> Names:
    return {each.content_version: each.content_version for each in known.journey.education.reading.values()}


def instructions(known: FormContext) -> Names:
    return {each.instructed: each.instructed for each in known.journey.sessions.values() if each.instructed is not None}


def routes(known: FormContext | None) -> Names:
    allowed = () if known is None else known.journey.protocol.sessions.route_allowed
    return {route: say(route) for route in (*allowed, *ROUTES)}


def zones(known: FormContext) -> Names:
    return {zone: say(zone) for zone in sorted({known.journey.patient.zone, *US_ZONES})}


def states(_: FormContext | None) -> Names:
    return _STATES


def said_states(_: FormContext | None) -> Names:
    return {**_STATES, ELSEWHERE: "elsewhere, none of these"}


def kinds_of_harm(_: FormContext | None) -> Names:
    return {name: TITLES[name] for name in HARM}


def nothing(_: FormContext | None) -> Names:
    """Offer nothing: another page or the service fills it in."""
    return {}
