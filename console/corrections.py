"""The form that corrects a recorded fact: the form by which it was recorded, filled in with what was recorded."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from application.pathway.command_catalog import BY_MODEL, names_asked_for
from application.questionnaires.wording import Wording
from application.words.events import title_of_event
from console.forms import ANSWERS, OBSERVED, Content, Field, answers_of, fields_of, filled_in, in_words
from console.known_names import offer
from console.names import FormContext
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.vocabulary.calendars import local

FORMS: dict[type[e.EventBody], type[c.CommandBody]] = {
    e.EvaluationRecorded: c.RecordEvaluation,
    e.InstrumentRecorded: c.RecordInstrument,
    e.ScreeningRecorded: c.RecordScreening,
    e.SessionChecked: c.CheckSession,
    e.DoseRecorded: c.RecordDose,
    e.SessionObserved: c.Observe,
    e.VisitRecorded: c.RecordVisit,
}
"""The command that a fact is corrected by, by the event that recorded it."""
VERSION, CORRECTION = "version", "correction"


class Correctable(NamedTuple):
    """A fact that can be corrected: the version at which it was recorded, and what it is."""

    version: int
    said: str


def choices(events: Sequence[e.Event], zone: str) -> tuple[Correctable, ...]:
    """Return the facts that can be corrected, the latest first."""
    return tuple(
        Correctable(
            event.version, f"{event.version}: {title_of_event(event.body.kind)}, {local(event.at, zone):%Y-%m-%d %H:%M}"
        )
        for event in reversed(events)
        if type(event.body) in FORMS
    )


def fact_at(events: Sequence[e.Event], version: str | None) -> e.Event | None:
    """Return the fact of a version that can be corrected; None where there is none."""
    return next((event for event in events if str(event.version) == version and type(event.body) in FORMS), None)


def fields_for(fact: e.Event, known: FormContext, wording: Wording | None = None) -> tuple[Field, ...]:
    """Return the controls that correct a fact, in the place of its version and one for JSON. ``wording`` are the words
    of a questionnaire."""
    model = FORMS[type(fact.body)]
    fields = offer(fields_of(model, names_asked_for(BY_MODEL[model], known.journey)), model, known)
    if isinstance(fact.body, e.InstrumentRecorded):
        fields = (*(field for field in fields if field.name != ANSWERS), *answers_of(fact.body.instrument, wording))
    if isinstance(fact.body, e.SessionObserved):
        fields = in_words(fields, wording, OBSERVED)
    around = (field for field in fields_of(c.Amend) if field.name not in (VERSION, CORRECTION))
    return (*around, *(field._replace(path=(CORRECTION, *field.path)) for field in fields))


def recorded(fact: e.Event, fields: Sequence[Field], zone: str) -> Mapping[str, list[str]]:
    """Return what was recorded, as it is filled in."""
    model = FORMS[type(fact.body)]
    content: dict[str, Any] = fact.body.model_dump(mode="json", include={*model.model_fields}, exclude={"kind"})
    return filled_in(fields, {CORRECTION: content}, zone)


def not_kept(fact: e.Event) -> tuple[tuple[str, str], ...]:
    """Say what of a fact is not filled in, because it is not kept: the ratings of which only the total is."""
    rated = fact.body.dissociation if isinstance(fact.body, e.SessionObserved) else None
    if rated is None:
        return ()
    total = "incomplete" if rated.total is None else f"{rated.total} altogether"
    return (
        (
            f"{rated.instrument.value}, as it was recorded",
            f"{total}. The single ratings are not kept: enter all of them again. Left empty, the corrected observation "
            f"has no {rated.instrument.value}.",
        ),
    )


def name_fact(content: Content, fact: e.Event) -> None:
    """Put in which fact is corrected, and of which kind a correction is."""
    content[VERSION] = fact.version
    content.setdefault(CORRECTION, {})["kind"] = FORMS[type(fact.body)].model_fields["kind"].default
