"""What the forms of commands offer in place of an id, a code or a version that somebody would have to know by heart.

The words of a protocol come with the fields (`names_asked_for`); here is what a journey knows by name, and who works at
its clinic. What may happen at any time is offered whole: first what fits now, and all there is where nothing does.
"""

from collections.abc import Callable, Iterable, Mapping

from application.words.lines import shorten
from application.words.titles import CALLED
from console import names as n
from console.forms import Field
from console.names import Anywhere, FormContext, Names, Offer
from workflows.journey import commands as c
from workflows.journey.always.care_team.rules import list_observers
from workflows.journey.protocol import Part

DUTIES = (Part.COORDINATOR, Part.CLINICIAN, Part.EVALUATOR)
KNOWN: Mapping[type[c.CommandBody], Mapping[str, Offer]] = {
    c.RecordEvaluation: {"location/state": n.states},
    c.RecordInstrument: {"occasion": n.occasions},
    c.RecordPlan: {"rests_on/scores": n.scores, "rests_on/safety": n.safety_data},
    c.ConfirmReading: {"reading": n.readings, "content_version": n.reading_versions},
    c.AnswerQuestion: {"question": n.questions},
    c.WithdrawConsent: {"consent": n.given_consents},
    c.WitnessConsent: {"paper": n.papers},
    c.ProposeConsentVersion: {"consent": n.consents},
    c.ScheduleSession: {
        "session": n.to_schedule,
        "supervising_clinician": n.people(Part.SUPERVISING_CLINICIAN),
        "session_monitor": n.people(Part.SESSION_MONITOR),
        "live_clinician": n.people(Part.LIVE_CLINICIAN),
    },
    c.CancelSession: {"session": n.NOT_DOSED},
    c.Instruct: {"session": n.NOT_DOSED},
    c.AcknowledgeInstructions: {"session": n.NOT_DOSED, "content_version": n.instructions},
    c.CheckSession: {
        "session": n.NOT_DOSED,
        "reachable_clinician": n.people(Part.REACHABLE_CLINICIAN),
        "location_state": n.said_states,
    },
    c.ReleaseSession: {"session": n.NOT_DOSED},
    c.RecordDose: {"session": n.ANY_SESSION, "route": n.routes},
    c.Observe: {"session": n.DOSED},
    c.MissObservation: {"session": n.DOSED, "minute": n.minutes},
    c.EndSession: {"session": n.RUNNING},
    c.CompleteCheckIn: {"check_in": n.contacts("check_in"), "location/state": n.said_states},
    c.RecordVisit: {"visit": n.contacts("visit", "follow_up_visit"), "location/state": n.states},
    c.RecordTherapy: {"location/state": n.states},
    c.ExplainTopics: {"location/state": n.states},
    c.ConfirmUnderstanding: {"location/state": n.states},
    c.MoveVisit: {"visit": n.contacts("visit", "follow_up_visit")},
    c.RecordNoShow: {"visit": n.visits_not_come_to},
    c.SettleContact: {"contact": n.missed_contacts},
    c.ProposeUnmerge: {"merge": n.merges},
    c.ChangeMedicine: {"medicine": n.medicines},
    c.StopMedicine: {"medicine": n.medicines},
    c.RecordMonitoringCheck: {"state": n.states},
    c.GiveUpObservation: {"dose": n.doses_to_observe, "minute": n.minutes},
    c.WitnessDisposal: {"disposal": n.disposals},
    c.ReportAdverseEvent: {"session": n.ANY_SESSION},
    c.RegradeAdverseEvent: {"adverse_event": n.adverse_events},
    c.FollowUpAdverseEvent: {"adverse_event": n.adverse_events},
    c.AcknowledgeAlarm: {"obligation": n.alarms},
    c.PlaceHold: {"together": n.nothing},
    c.RecordCrisisContact: {"crisis": n.crises, "location/state": n.states},
    c.AnswerSupport: {"support": n.support},
    c.HandleMessage: {"message": n.messages},
    c.KeepReport: {"about": n.kinds_of_harm, "fields": n.nothing, "meant": n.nothing},
    c.SettleReport: {"report": n.reports},
    c.Reassign: {"to": n.people(*DUTIES)},
    c.Cover: {"by": n.people(Part.COVERING_CLINICIAN)},
    c.ProposeHandover: {"receiver/person": n.people(Part.COVERING_CLINICIAN)},
    c.Move: {"zone": n.zones, "state": n.states},
    c.DoubtDeath: {"death": n.deaths},
    c.MarkInError: {"version": n.facts},
    c.ConfirmCorrection: {"correction": n.corrections},
    c.RejectCorrection: {"correction": n.corrections},
    c.WithdrawSignOff: {"request": n.decisions},
    c.AddAddendum: {"request": n.decisions},
    c.AnswerReturned: {"request": n.returned},
    c.Delegate: {"to": n.people(Part.DELEGATE)},
    c.EndDelegation: {"delegation": n.delegations},
    c.ReviewAccess: {"access": n.accesses},
}
"""What is offered, by command and control; in a list of objects, without the number of the row."""
ANYWHERE: tuple[Anywhere, ...] = (n.kinds_of_harm, n.nothing, n.states, n.said_states, n.routes)
"""What is offered also to somebody who may not look at the journey."""
OF_SESSIONS = (n.NOT_DOSED, n.DOSED, n.RUNNING, n.ANY_SESSION, n.minutes, n.disposals)
"""What is offered also to an observer, who sees their session and no more."""


def _versions(known: FormContext) -> Iterable[str]:
    education, sessions = known.journey.education, known.journey.sessions.values()
    yield from education.explained.values()
    yield from (each.content_version for each in education.reading.values())
    yield from (each.instructed for each in sessions if each.instructed is not None)


def _interpreters(known: FormContext) -> Iterable[str]:
    measured = (each.interpreter for each in known.journey.measurements)
    return (each or "" for each in (*measured, *(each.interpreter for each in known.journey.sessions.values())))


SUGGESTED: Mapping[type[c.CommandBody], Mapping[str, Callable[[FormContext], Iterable[str]]]] = {
    c.ExplainTopics: {"content_version": _versions},
    c.SendReading: {"content_version": _versions},
    c.Instruct: {"content_version": _versions},
    c.ScheduleSession: {"interpreter": _interpreters},
    c.ConfirmUnderstanding: {"interpreter": _interpreters},
    c.RecordInstrument: {"interpreter": _interpreters},
    c.CheckSession: {"observer/ref": lambda known: list_observers(known.journey)},
    c.RecordTherapy: {"approach": lambda known: (each.approach for each in known.journey.therapy)},
    c.MoveSupply: {"lot": lambda known: known.journey.supply_lots},
}
"""What is suggested where something else may be meant that nobody here knows: what was said of it before."""


UNLESS: Mapping[tuple[type[c.CommandBody], str], str] = {
    (c.CompleteCheckIn, name): "optional only for whoever feels unwell" for name in ("symptoms", "told_by", "told_over")
}
"""When something may be left empty that is asked of most."""


def offer(fields: tuple[Field, ...], model: type[c.CommandBody], known: FormContext | None) -> tuple[Field, ...]:
    """Return the controls of a form, with a choice in words wherever it is known what there is to choose from. Without
    ``known``, somebody fills it in who may not look at the journey: they are asked for nothing of it by name."""
    return tuple(_offered(field, model, known) for field in fields)


def _offered(field: Field, model: type[c.CommandBody], known: FormContext | None) -> Field:
    name = "/".join(part for part in field.path if not part.isdigit())
    called = CALLED.get((model.model_fields["kind"].default, name))
    if called is not None:
        # What a number means says more than between which numbers it is.
        field = field._replace(called=called, hint="" if field.control == "number" else field.hint)
    field = field._replace(optional=UNLESS.get((model, field.path[0]), field.optional))
    offers = KNOWN.get(model, {}).get(name)
    if model in AGREED and field.path[0] == "consents":
        return field._replace(labels={version: AGREED[model].format(version) for version in field.choices})
    if offers is None:
        suggests = SUGGESTED.get(model, {}).get(name)
        if suggests is None or known is None:
            return field
        return field._replace(suggested=tuple(dict.fromkeys(filter(None, suggests(known)))))
    names = _names(offers, known)
    if names is None:
        return field
    several = field.control in ("lines", "codes")
    only = next(iter(names)) if len(names) == 1 and field.required and not several else field.default
    return field._replace(
        control="codes" if several else "choice",
        choices=tuple(names),
        labels={each: shorten(text, n.SHOWN) for each, text in names.items()},
        whole=field.control == "number" or field.hint == "number",
        hint="",
        default="" if offers in PEOPLE else only,
    )


def names_people(model: type[c.CommandBody]) -> bool:
    """Whether a form offers people."""
    return any(offers in PEOPLE for offers in KNOWN.get(model, {}).values())


def _names(offers: Offer, known: FormContext | None) -> Names | None:
    for anywhere in ANYWHERE:
        if offers is anywhere:
            return anywhere(known)
    if known is None or not (known.whole or offers in OF_SESSIONS):
        return {}
    return offers(known)


AGREED: Mapping[type[c.CommandBody], str] = {
    c.GiveConsent: "I agree, as version {} says",
    c.EnterPaperConsent: "signed, version {}",
}
"""What it means to choose the version of a consent: there is one, and its name alone says nothing."""
PEOPLE = frozenset(
    offers for by_name in KNOWN.values() for offers in by_name.values() if offers.__qualname__.startswith("people")
)
"""Offers of people: who does something stands there for nobody, also where there is one alone."""
