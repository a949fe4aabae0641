"""What a command may be about, by its name in the journey and in words: nobody knows such a name by heart."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from application.viewer import shown_at
from console.forms import Field
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey

Names: TypeAlias = dict[str, str]
SHOWN = 80
"""How much of a text is shown beside its name (characters)."""


def _medicines(journey: Journey) -> Names:
    return {each.id: f"{each.what}, {each.dosage}" for each in journey.medicines.values() if each.taken}


def _questions(journey: Journey) -> Names:
    return {each.id: each.text for each in journey.questions.values() if each.answer is None and not each.in_error}


def _consents(journey: Journey) -> Names:
    return {name: f"{name}, {version}" for name, version in journey.consents.items()}


def _adverse_events(journey: Journey) -> Names:
    return {each.id: each.report.what for each in journey.adverse_events.values() if not each.in_error}


def _support(journey: Journey) -> Names:
    return {each.id: each.text for each in journey.support.values() if each.open}


def _contacts(*types: str) -> Callable[[Journey], Names]:
    def names(journey: Journey) -> Names:
        return {
            each.id: f"{each.id}, due {shown_at(each.due, journey.patient.zone)}"
            for each in journey.contacts.values()
            if each.done_at is None and not each.replaced and (not types or each.type in types)
        }

    return names


KNOWN: Mapping[type[c.CommandBody], tuple[str, Callable[[Journey], Names]]] = {
    c.ChangeMedicine: ("medicine", _medicines),
    c.StopMedicine: ("medicine", _medicines),
    c.AnswerQuestion: ("question", _questions),
    c.WithdrawConsent: ("consent", _consents),
    c.RegradeAdverseEvent: ("adverse_event", _adverse_events),
    c.FollowUpAdverseEvent: ("adverse_event", _adverse_events),
    c.AnswerSupport: ("support", _support),
    c.CompleteCheckIn: ("check_in", _contacts("check_in")),
    c.RecordVisit: ("visit", _contacts("visit", "follow_up_visit")),
    c.MoveVisit: ("visit", _contacts("visit", "follow_up_visit")),
    c.RecordNoShow: ("visit", _contacts("visit", "follow_up_visit")),
}


def offer(fields: tuple[Field, ...], model: type[c.CommandBody], journey: Journey) -> tuple[Field, ...]:
    """Return the controls of a form, with a choice of what the command may be about where the journey knows it."""
    name, names = KNOWN.get(model, ("", lambda _: {}))
    found = {each: text if len(text) <= SHOWN else f"{text[:SHOWN]} ..." for each, text in names(journey).items()}
    if not found:
        return fields
    return tuple(
        field._replace(control="choice", choices=tuple(found), labels=found) if field.name == name else field
        for field in fields
    )
