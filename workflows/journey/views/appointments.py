"""Appointments of the patient: when they are to be somewhere, or speak with somebody. What they are for is not said."""

from collections.abc import Iterator

from workflows.journey import events as e
from workflows.journey.stages.follow_up.model import VISITS
from workflows.journey.vocabulary.base import Identifier, ImmutableModel
from workflows.journey.vocabulary.calendars import Instant


class Appointment(ImmutableModel):
    """An appointment by its name in the journey: when it begins (UTC); None: it does not take place."""

    name: Identifier
    starts: Instant | None


def appointments(event: e.Event) -> tuple[Appointment, ...]:
    """The appointments that an event gives, moves or cancels."""
    return tuple(_told(event))


def _told(event: e.Event) -> Iterator[Appointment]:
    match event.body:
        case e.SessionScheduled() as body:
            yield Appointment(name=f"session-{body.session}", starts=body.starts_at)
        case e.SessionCancelled() as body if body.told:
            yield Appointment(name=f"session-{body.session}", starts=None)
        case e.ContactsScheduled() as body:
            given = [each for each in body.contacts if each.type in VISITS and each.due > event.at]
            names = [each.id for each in given]
            yield from (Appointment(name=each.id, starts=each.due) for each in given)
            yield from (Appointment(name=each, starts=None) for each in body.replaced if each not in names)
        case e.WatchHandedOver() as body:
            yield from (Appointment(name=each, starts=None) for each in body.visits)
        case e.VisitMoved() as body:
            yield Appointment(name=body.visit, starts=body.to)
