"""The facts that can be marked as entered in error, kind by kind: what of the state goes with each.

One that could have stood in the way of something (``loosens``) counts until a second, clinical person has confirmed it;
so does a form with answers to exclusions, of which one may exclude the patient. What is asked for again (a check-in in
which the patient is well, another answer, a checklist before its dose) needs no second person: nothing becomes possible
by it that was not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from workflows.journey.always.corrections.model import Fact
from workflows.journey.entries import put_all
from workflows.journey.envelopes import Changes, change_entry
from workflows.journey.stages.sessions.evolve import change_doses, run_from
from workflows.journey.vocabulary.clinical import ScreeningAnswer

Void = Callable[[Any, int, Fact], Changes]
"""What of the state of a journey changes when the fact of this version counts no more."""


@dataclass(frozen=True, slots=True)
class Markable:
    """A kind of fact that can be marked: what it is about (``subject``), which answers of a form it gave (``parts``),
    what goes with it (``void``), whether that may loosen something, and whether it ``counts`` again though it was
    marked."""

    void: Void
    subject: Callable[[Any], str | int | None] = lambda _: None
    parts: Callable[[Any], tuple[str, ...]] = lambda _: ()
    loosens: bool | Callable[[Any, Fact], bool] = True
    counts: Callable[[Any, Fact], bool] = lambda _journey, _fact: False


def _find_left(journey: Any, version: int, fact: Fact) -> tuple[str, ...]:
    """The answers that this fact gave last: no later one gave them again."""
    later = [
        known
        for number, known in journey.facts.items()
        if number > version and known.kind == fact.kind and number not in journey.in_error
    ]
    return tuple(part for part in fact.parts if not any(part in known.parts for known in later))


def _without(entries: Mapping[str, Any], group: str, gone: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in entries.items() if f"{group}.{name}" not in gone}


def _evaluation(journey: Any, version: int, fact: Fact) -> Changes:
    gone, known = _find_left(journey, version, fact), journey.evaluation
    changed = {
        "sections": _without(known.sections, "sections", gone),
        "function": _without(known.function, "function", gone),
        "symptoms": _without(known.symptoms, "symptoms", gone),
        "told_before": _without(known.told_before, "symptoms", gone),
        "symptoms_since": None if "symptoms_since" in gone else known.symptoms_since,
        "prior_treatments": () if "prior_treatments" in gone else known.prior_treatments,
        "treatment_exception": None if "treatment_exception" in gone else known.treatment_exception,
        "location": None if "location" in gone else known.location,
    }
    return {"evaluation": known.model_copy(update=changed)}


def _split_evaluation(body: Any) -> tuple[str, ...]:
    alone = ("prior_treatments", "treatment_exception", "location", "symptoms_since")
    answers = (f"{group}.{name}" for group in ("sections", "function", "symptoms") for name in getattr(body, group))
    return (*answers, *(name for name in alone if getattr(body, name)))


def _instrument(journey: Any, version: int, fact: Fact) -> Changes:
    """A questionnaire of follow-up is asked for again."""
    left = tuple(m for m in journey.measurements if m.version != version)
    owed = journey.contacts.get(fact.subject)
    if owed is None or owed.type != "measure" or owed.instrument not in fact.parts:
        return {"measurements": left}
    reopened = change_entry(journey, "contacts", fact.subject, done_at=None, late=False, settled=None)
    return {"measurements": left} | reopened


SCREENED = ("exclusions", "criteria", "factors", "findings")
SAID_YES = "yes."
"""How a part begins that names an exclusion which a form answered yes, beside the answer itself."""


def _screening(journey: Any, version: int, fact: Fact) -> Changes:
    """A hard exclusion that another form or a correction found stands, without the note of this form."""
    gone, known = _find_left(journey, version, fact), journey.screening
    changed = {name: _without(getattr(known, name), name, gone) for name in SCREENED}
    found = _found_by_others(journey, version, fact)
    stands = {code: ScreeningAnswer(answer="yes") for code in found if f"exclusions.{code}" in gone}
    changed["exclusions"] |= stands
    return {"screening": known.model_copy(update={**changed, "completed_at": None})}


def _found_by_others(journey: Any, version: int, fact: Fact) -> tuple[str, ...]:
    """The hard exclusions that count now and of which the other form or correction that counts and answered last said
    yes, too."""
    given, marked = journey.screening.exclusions, journey.in_error
    hard = [x.code for x in journey.protocol.exclusions if x.rule == "hard"]
    said: dict[str, bool] = {code: False for code in hard if code in given and given[code].answer == "yes"}
    for number, recorded in journey.facts.items():
        made = journey.corrections.get(number)
        form = recorded if made is None else made.about
        skipped = number == version or number in marked or (made is not None and made.in_error)
        if form.kind == fact.kind and not skipped:
            said |= {code: f"{SAID_YES}{code}" in form.parts for code in said if f"exclusions.{code}" in form.parts}
    return tuple(code for code, found in said.items() if found)


def _split_screening(body: Any) -> tuple[str, ...]:
    found = (f"{SAID_YES}{code}" for code, given in body.exclusions.items() if given.answer == "yes")
    return (*(f"{group}.{name}" for group in SCREENED for name in getattr(body, group)), *found)


def _explained(journey: Any, version: int, fact: Fact) -> Changes:
    """What was understood, acknowledged and agreed to since then, on paper too, rested on it: it is asked for again."""
    gone, known = _find_left(journey, version, fact), journey.education
    times = [known.explained_at[topic] for topic in gone if topic in known.explained]
    if not times:
        return {}
    said, agreed, since = known.acknowledged_at, journey.consented_at, min(times)
    changed: Changes = {
        "explained": {topic: content for topic, content in known.explained.items() if topic not in gone},
        "understood": tuple(topic for topic in known.understood if topic not in gone),
        "acknowledged": tuple(statement for statement in known.acknowledged if said.get(statement, since) < since),
        "unclear_at": _last_agreed(journey),
    }
    consents = {name: given for name, given in journey.consents.items() if agreed.get(name, since) < since}
    papers = {name: paper for name, paper in journey.papers.items() if paper.signed_at < since}
    return {"education": known.model_copy(update=changed), "consents": consents, "papers": papers}


def _last_agreed(journey: Any) -> datetime | None:
    """When (UTC) the patient last agreed to anything that is known, on paper too: no such paper is entered again."""
    signed = (paper.signed_at for paper in journey.papers.values())
    moments = (*signed, *journey.consented_at.values(), journey.education.unclear_at)
    return max((moment for moment in moments if moment is not None), default=None)


def _acknowledged(journey: Any, version: int, fact: Fact) -> Changes:
    gone, known = _find_left(journey, version, fact), journey.education
    left = tuple(statement for statement in known.acknowledged if statement not in gone)
    return {"education": known.model_copy(update={"acknowledged": left})}


def _consent(journey: Any, version: int, fact: Fact) -> Changes:
    gone = _find_left(journey, version, fact)
    return {"consents": {name: given for name, given in journey.consents.items() if name not in gone}}


def _question(journey: Any, version: int, fact: Fact) -> Changes:
    return change_entry(journey, "questions", fact.subject, in_error=True)


def _question_answer(journey: Any, version: int, fact: Fact) -> Changes:
    return change_entry(journey, "questions", fact.subject, answer=None)


def _instructions(journey: Any, version: int, fact: Fact) -> Changes:
    return change_entry(journey, "sessions", int(fact.subject or 0), instructed=None, acknowledged=None)


def _checklist(journey: Any, version: int, fact: Fact) -> Changes:
    """A no-go that it found stands: only a clinician lifts one."""
    session = journey.sessions.get(int(fact.subject or 0))
    if session is None or session.check is None or session.check.version != version:
        return {}
    return change_entry(journey, "sessions", session.number, check=None)


def _is_baseline(journey: Any, fact: Fact) -> bool:
    """Whether what is measured after the dose is judged beside the vital signs of this checklist."""
    session = journey.sessions.get(int(fact.subject or 0))
    return session is not None and session.running


def _dose(journey: Any, version: int, fact: Fact) -> Changes:
    """The contacts that were owed after it are owed no more. What was observed stays, and is counted from the next dose
    of the session: the one that is recorded already, as where one dose was entered twice, or one that will be. That an
    observation was missed says nothing of that dose."""
    gone: Changes = {
        **dict.fromkeys(("dose", "dose_mg", "dosed_at", "doses_left", "end_proposed")),
        "observe_at": (),
        "missed": {},
    }
    doses = {name: dose for name, dose in journey.doses.items() if name != fact.subject}
    sessions = dict(journey.sessions)
    for number, session in journey.sessions.items():
        if session.dose == fact.subject and session.ended_at is None:
            undosed, others = session.model_copy(update=gone), [d for d in doses.values() if d.session == number]
            first = min(others, key=lambda dose: dose.taken_at, default=None)
            sessions[number] = undosed if first is None else run_from(journey, undosed, first)
    owed = {
        name: contact.model_copy(update={"replaced": True})
        for name, contact in journey.contacts.items()
        if contact.dose == fact.subject and contact.open
    }
    return change_doses(journey, doses) | {"sessions": sessions, "contacts": put_all(journey.contacts, owed)}


def _observation(journey: Any, version: int, fact: Fact) -> Changes:
    number = int(fact.subject or 0)
    session = journey.sessions.get(number)
    if session is None:
        return {}
    left = tuple(seen for seen in session.observations if seen.version != version)
    return change_entry(journey, "sessions", number, observations=left, end_proposed=None)


def _missed(journey: Any, version: int, fact: Fact) -> Changes:
    number = int(fact.subject or 0)
    session = journey.sessions.get(number)
    if session is None:
        return {}
    left = {minute: why for minute, why in session.missed.items() if str(minute) not in fact.parts}
    return change_entry(journey, "sessions", number, missed=left, end_proposed=None)


def _contact(journey: Any, version: int, fact: Fact) -> Changes:
    """It is owed again. Whatever was told of it, before a correction too, did not happen."""
    again = {"done_at": None, "late": False, "settled": None, "feeling": None, "record": None, "told_before": ()}
    return change_entry(journey, "contacts", fact.subject, **again)


def _adverse_event(journey: Any, version: int, fact: Fact) -> Changes:
    return change_entry(journey, "adverse_events", fact.subject, in_error=True)


def _is_graded_since(journey: Any, fact: Fact) -> bool:
    """Whoever grades an event that was marked says that it happened."""
    event = journey.adverse_events.get(fact.subject)
    return event is not None and not event.in_error


def _crisis_contact(journey: Any, version: int, fact: Fact) -> Changes:
    """The patient counts as not reached, for any crisis that is open: whom it reached was one patient. Nobody signs it
    for one that is closed either: the next contact stays owed."""
    unsaid = {"to_sign": None}
    unreached = {"reached": False, "next_contact_at": None, **unsaid}
    crises = {
        name: crisis.model_copy(update=unsaid if crisis.closed else unreached)
        for name, crisis in journey.crises.items()
    }
    return {"crises": put_all(journey.crises, crises)}


def _support(journey: Any, version: int, fact: Fact) -> Changes:
    return change_entry(journey, "support", fact.subject, open=False)


def _support_answer(journey: Any, version: int, fact: Fact) -> Changes:
    return change_entry(journey, "support", fact.subject, open=True)


def _message_handled(journey: Any, version: int, fact: Fact) -> Changes:
    return change_entry(journey, "messages", fact.subject, handled=False)


def _instructions_read(journey: Any, version: int, fact: Fact) -> Changes:
    return change_entry(journey, "sessions", int(fact.subject or 0), acknowledged=None)


def _understood(journey: Any, version: int, fact: Fact) -> Changes:
    """Nobody agrees to what they did not understand: they are asked again."""
    gone, known = _find_left(journey, version, fact), journey.education
    left = tuple(topic for topic in known.understood if topic not in gone)
    if left == known.understood:
        return {}
    again = {"understood": left, "unclear_at": _last_agreed(journey)}
    return {"education": known.model_copy(update=again), "consents": {}, "papers": {}}


def _reading(journey: Any, version: int, fact: Fact) -> Changes:
    known = journey.education
    if fact.subject not in known.reading:
        return {}
    unread = known.reading[fact.subject].model_copy(update={"read_at": None})
    return {"education": known.model_copy(update={"reading": {**known.reading, fact.subject: unread}})}


def _paper(journey: Any, version: int, fact: Fact) -> Changes:
    return {"papers": {name: paper for name, paper in journey.papers.items() if name != fact.subject}}


def _monitoring(journey: Any, version: int, fact: Fact) -> Changes:
    """Another check goes on counting; where this one counted, one is made anew."""
    made = journey.monitoring_check
    return {} if made is None or made.version != version else {"monitoring_check": None}


def _pregnancy(journey: Any, version: int, fact: Fact) -> Changes:
    """The others count as if it had not been."""
    return {"pregnancy_tests": tuple(test for test in journey.pregnancy_tests if test.version != version)}


def _therapy(journey: Any, version: int, fact: Fact) -> Changes:
    return {"therapy": tuple(each for each in journey.therapy if each.version != version)}


def _no_show(journey: Any, version: int, fact: Fact) -> Changes:
    contact = journey.contacts.get(fact.subject)
    times = 0 if contact is None else contact.no_shows
    return change_entry(journey, "contacts", fact.subject, no_shows=max(0, times - 1), no_show_at=None)


def _seen(journey: Any, version: int, fact: Fact) -> Changes:
    """What was owed at its time is owed again. What it brought about stands."""
    marked = (
        seen.model_copy(update={"in_error": True}) if seen.observation == fact.subject else seen
        for seen in journey.seen
    )
    return {"seen": tuple(marked)}


def _given_up(journey: Any, version: int, fact: Fact) -> Changes:
    left = (each for each in journey.unseen if (each.dose, str(each.minute)) != (fact.subject, *fact.parts))
    return {"unseen": tuple(left)}


def _supply(journey: Any, version: int, fact: Fact) -> Changes:
    """It is taken out of the ledger again, on the side on which it came in. The others say when doses moved last."""
    movement, doses, counts, _ = _read_movement(fact)
    others = (
        known
        for number, known in journey.facts.items()
        if known.kind == fact.kind and number != version and number not in journey.in_error
    )
    last = max((_read_movement(each).moved_at for each in others), default=None)
    return {"supply_moved_at": last} | _out_of_ledger(journey, fact, movement, int(doses), counts=counts == "True")


def _out_of_ledger(journey: Any, fact: Fact, movement: str, doses: int, *, counts: bool) -> Changes:
    if not counts:
        gone = journey.disposals.get(fact.subject)
        left = {name: each for name, each in journey.disposals.items() if name != fact.subject}
        out = gone.doses if gone is not None and gone.witnessed else 0
        return {"disposals": left, "supply_out": journey.supply_out - out}
    side = "supply_in" if movement in ("dispensed", "found") else "supply_out"
    return {side: getattr(journey, side) - doses}


class _Movement(NamedTuple):
    movement: str
    doses: str
    counts: str
    moved_at: datetime


def _split_movement(body: Any) -> tuple[str, ...]:
    return (f"{body.movement}:{body.doses}:{body.counts}:{body.moved_at.isoformat()}",)


def _read_movement(fact: Fact) -> _Movement:
    movement, doses, counts, moved_at = fact.parts[0].split(":", 3)
    return _Movement(movement, doses, counts, datetime.fromisoformat(moved_at))


def _disposal(journey: Any, version: int, fact: Fact) -> Changes:
    """The disposal waits for a witness again, if it was made."""
    disposal = journey.disposals.get(fact.subject)
    if disposal is None or not disposal.witnessed:
        return {}
    again = change_entry(journey, "disposals", fact.subject, witnessed=False)
    return again | {"supply_out": journey.supply_out - disposal.doses}


def _count(journey: Any, version: int, fact: Fact) -> Changes:
    """The doses at home are to be counted again, if this was the count that was asked for."""
    return {"count_made": None} if journey.count_made == version else {}


MARKABLE: Mapping[str, Markable] = {
    "evaluation.recorded": Markable(_evaluation, parts=_split_evaluation, loosens=False),
    "instrument.recorded": Markable(
        _instrument, lambda body: body.occasion, parts=lambda body: (body.instrument.value,)
    ),
    "screening.recorded": Markable(
        _screening,
        parts=_split_screening,
        loosens=lambda _, fact: any(part.startswith("exclusions.") for part in fact.parts),
    ),
    "education.explained": Markable(_explained, parts=lambda body: body.topics, loosens=False),
    "education.acknowledged": Markable(_acknowledged, parts=lambda body: body.statements, loosens=False),
    "question.asked": Markable(_question, lambda body: body.question),
    "question.answered": Markable(_question_answer, lambda body: body.question, loosens=False),
    "consent.given": Markable(_consent, parts=lambda body: tuple(body.consents), loosens=False),
    "session.instructed": Markable(_instructions, lambda body: body.session, loosens=False),
    "session.checked": Markable(_checklist, lambda body: body.session, loosens=_is_baseline),
    "session.dosed": Markable(_dose, lambda body: body.dose),
    "session.observed": Markable(_observation, lambda body: body.session),
    "session.observation-missed": Markable(
        _missed, lambda body: body.session, parts=lambda body: (str(body.minute),), loosens=False
    ),
    "check-in.completed": Markable(
        _contact,
        lambda body: body.check_in,
        parts=lambda body: (body.feeling,),
        loosens=lambda _, fact: "well" not in fact.parts,
    ),
    "visit.recorded": Markable(_contact, lambda body: body.visit),
    "adverse-event.reported": Markable(_adverse_event, lambda body: body.adverse_event, counts=_is_graded_since),
    "crisis.contact-recorded": Markable(_crisis_contact, lambda body: body.crisis, loosens=False),
    "support.requested": Markable(_support, lambda body: body.support),
    "support.answered": Markable(_support_answer, lambda body: body.support, loosens=False),
    "session.instructions-acknowledged": Markable(_instructions_read, lambda body: body.session, loosens=False),
    "education.confirmed": Markable(_understood, parts=lambda body: tuple(body.topics), loosens=False),
    "education.reading-confirmed": Markable(_reading, lambda body: body.reading, loosens=False),
    "consent.paper-entered": Markable(_paper, lambda body: body.paper, loosens=False),
    "permission.monitoring-checked": Markable(_monitoring),
    "pregnancy.tested": Markable(_pregnancy),
    "therapy.recorded": Markable(_therapy, loosens=False),
    "visit.no-show-recorded": Markable(_no_show, lambda body: body.visit),
    "observation.recorded": Markable(_seen, lambda body: body.observation),
    "observation.missed": Markable(
        _given_up, lambda body: body.dose, parts=lambda body: (str(body.minute),), loosens=False
    ),
    "supply.moved": Markable(_supply, lambda body: body.supply, parts=_split_movement),
    "supply.witnessed": Markable(_disposal, lambda body: body.disposal, parts=lambda body: (str(body.doses),)),
    "supply.counted": Markable(_count, loosens=False),
    "message.handled": Markable(_message_handled, lambda body: body.message, loosens=False),
}
"""Every kind of fact that can be marked."""
