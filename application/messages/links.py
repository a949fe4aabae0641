"""Links in messages: what a page of one shows, the second step by which a patient or an observer is let
in, and how staff say that they have an alarm.

Nothing of a journey is shown before the second step. Help needs none: whoever has a link, even an old one, can call for
it, and counts as somebody unknown then.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple
from uuid import UUID, uuid5

from activities.notices import links
from activities.notices.contacts import EMAIL, ContactPoints, Contacts
from activities.notices.links import LET_IN, Link
from activities.record.event_codec import load_events
from application.context import Context
from application.errors import Fault, InvalidInput, NotAllowed, Unavailable
from application.messages.contact_points import open_contacts
from application.pathway.command_catalog import (
    PreparedForm,
    as_task,
    asked_of_patient,
    forms_for,
    questionnaires_lacking,
)
from application.pathway.commands import submit
from application.profiles import Profile
from application.reading.history import load_journey
from workflows.journey.aggregate import Journey
from workflows.journey.always.care_team.rules import list_observers, list_sessions_observed
from workflows.journey.commands import Command, RequestSupport
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.severity import Severity

ASKED_FOR_HELP = "Asked for help on the page of a link in a message, without saying who it was. Call the patient."
STILL_ASKED = "Nothing was done, and nothing is lost: what is asked of you still stands."


class LinkStanding(NamedTuple):
    """How it stands with a link: `open`, `used`, `over`, `locked`, `shut`, `unknown`, or `later` where the keys cannot
    be had; and by which second step it lets in: a code that is sent by ``sent_by``, and one that was agreed on at the
    clinic. One of an ``alarm`` lets nobody in; its page leads to the ``journey_id``."""

    state: str
    sent_by: str | None = None
    agreed: bool = False
    alarm: bool = False
    journey_id: UUID | None = None


class LinkEntry(NamedTuple):
    """Whom a link lets in, at which journey, for what: the form of what is asked, as `as_task` has it; none
    where nothing is any more; those of all that is asked of a patient, where somebody sent the link by hand. ``routes``
    are whom to reach, as the protocol says; ``zone`` is where the patient is. ``settled``: what the message was about
    is done, or is not asked of them any more."""

    person: Profile
    journey_id: UUID
    tasks: tuple[PreparedForm, ...]
    routes: Mapping[Severity, str]
    zone: str
    settled: bool


async def look_at_link(context: Context, token: str) -> LinkStanding:
    """Return how it stands with a link. It changes nothing, and shows nothing of a journey.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
    """
    link = await links.find(await context.record(), token)
    if link is not None and link.role not in LET_IN:
        return LinkStanding(link.state, alarm=True, journey_id=link.journey_id)
    if link is None or link.state != "open":
        return LinkStanding("unknown" if link is None else link.state)
    try:
        async with open_contacts(context) as contacts:
            contact = await _contact(contacts, link)
    except Unavailable:
        return LinkStanding("later")
    other = links.other_way(contact, link.point)
    sent_by = None if other is None else "e-mail" if other.channel == EMAIL else "a message to your other contact"
    return LinkStanding("open", sent_by, contact.clinic_code is not None)


async def send_code(context: Context, token: str) -> None:
    """Have a code sent by another way than the link came.

    Raises:
        NotAllowed: there is no other way, or one was sent just now, or too many were.
        Unavailable: the keys cannot be had now.
    """
    record = await context.record()
    link = await _open(context, token)
    async with open_contacts(context) as contacts:
        other = links.other_way(await _contact(contacts, link), link.point)
    if other is None:
        raise NotAllowed("no other way to reach you is known", "Call us, or use the code you agreed on with us")
    if not await links.ask_code(record, token, other.id):
        raise NotAllowed("a code was sent a moment ago, or five were", "Wait half a minute, then ask again, or call us")


async def enter(context: Context, token: str, code: str) -> LinkEntry:
    """Let a patient or an observer in by their link and a code, and use the link up. The try is counted before the code
    is looked at.

    Raises:
        InvalidInput: it is not the code. The try was counted.
        NotAllowed: the link is used, or over, or there is none, or too many codes were tried; or it is for an observer
            whom no checklist names of a session that is not over.
        Unavailable: the keys cannot be had now.
    """
    record = await context.record()
    link = await _open(context, token)
    async with open_contacts(context) as contacts:
        contact = await _contact(contacts, link)
        journey = await load_journey(context, link.journey_id)
        person = _person(contacts, link, journey)
    if not await links.count_try(record, token):
        raise _not_open()
    kept = [each for each in (link.code, bytes.fromhex(contact.clinic_code or "")) if each]
    if not any([await asyncio.to_thread(links.is_code, code, each) for each in kept]):
        raise InvalidInput(
            "this is not the code", "Try again, or have a new one sent; after five tries the link is locked",
            state="The try was counted. Nothing is lost.",
        )  # fmt: skip
    if person is None:
        raise NotAllowed(
            "you are named in no session now", "Come back when the session monitor has named you, or call us",
            state="You are not let in yet. The try was counted: after five the link is locked, and you need a new one.",
        )  # fmt: skip
    if not await links.use_up(record, token):
        raise _not_open()
    tasks = await _tasks(context, link, journey)
    zone, coded = journey.patient.zone, tuple(as_task(journey, form) for form in tasks or ())
    return LinkEntry(person, link.journey_id, coded, journey.protocol.routes, zone, settled=tasks is None)


async def acknowledge(context: Context, token: str) -> None:
    """Keep that who got an alarm has it. Paging goes on to nobody else; in the journey nothing changes by it.

    Raises:
        NotAllowed: the link does not count any more, or is of no alarm.
    """
    record = await context.record()
    if await links.acknowledge(record, token):
        return
    link = await links.find(record, token)
    if link is None or link.role in LET_IN or link.state != "used":  # Pressed twice, it is kept as well.
        raise NotAllowed(
            "this link does not count any more", "See in the console who has taken the alarm, and what is left to do"
        )


async def renew(context: Context, token: str) -> None:
    """Have a new link sent to the person that this one was for.

    Raises:
        NotAllowed: there is no such link, or one was sent just now, or too many were, or the first of them was sent too
            long ago; or it is for an observer who was replaced, or whose session is over.
        NotFound, Fault, Unavailable: it cannot be found out whose it is.
    """
    record = await context.record()
    link = await links.find(record, token)
    if link is None or await _stayed_once(context, link) or not await links.renew(record, token):
        raise NotAllowed("no new link can be sent now", "Look for a message of the last minutes, or call us")


async def call_for_help(context: Context, token: str) -> None:
    """Call for help for the patient of a link. It needs no second step, and may be an old link. Pressed again
    it is the same call, until that was answered, or an hour is over. ``context`` lets nobody in: whoever presses is
    unknown.

    Raises:
        NotAllowed: there is no such link.
        UseCaseError: as `submit`.
    """
    link = await links.find(await context.record(), token)
    if link is None or link.role not in LET_IN:
        raise NotAllowed("this link is not known, so we do not know who needs help", "Call now")
    person, answered = None, 0
    # Help does not wait for what cannot be read: the journey hears of it all the same.
    with suppress(Fault, Unavailable):
        journey = await load_journey(context, link.journey_id)
        answered = sum(not each.open for each in journey.support.values())
        async with open_contacts(context) as contacts:
            person = _person(contacts, link, journey)
    actor = (person or Profile(id=link.person, role=Role(link.role))).actor
    # Who reads ids may not try who it is.
    whose = "known" if person else "unknown"
    once = uuid5(link.link_id, f"help:{whose}:{answered}:{context.now():%Y-%m-%dT%H}")
    body = RequestSupport(urgency="emergency", text=ASKED_FOR_HELP)
    await submit(context, link.journey_id, Command(command_id=once, actor=actor, body=body))


async def _stayed_once(context: Context, link: Link) -> bool:
    """Whether a link is for an observer who was named, and now is in no session: whoever named them sends another."""
    if link.role != Role.OBSERVER:
        return False
    journey = await load_journey(context, link.journey_id)
    async with open_contacts(context) as contacts:
        return _person(contacts, link, journey) is None and _observer(contacts, link, journey) is not None


async def _open(context: Context, token: str) -> Link:
    link = await links.find(await context.record(), token)
    if link is None or link.state != "open" or link.role not in LET_IN:
        raise _not_open()
    return link


def _not_open() -> NotAllowed:
    return NotAllowed("this link does not work any more", "Have a new one sent, or call us", state=STILL_ASKED)


async def _contact(contacts: Contacts, link: Link) -> ContactPoints:
    subject = await contacts.subject(link.role, link.person, link.journey_id)
    return ContactPoints() if subject is None else (await contacts.find(subject)).contact


async def _tasks(context: Context, link: Link, journey: Journey) -> tuple[PreparedForm, ...] | None:
    """Return the forms of what is asked; None where it is not asked any more."""
    record = await context.record()
    events = await load_events(record, link.journey_id)
    event = next((each for each in events if each.event_id == link.event_id), None)
    if event is None:
        if link.role != Role.PATIENT:
            return ()
        return (*(form for forms in asked_of_patient(journey) for form in forms), *questionnaires_lacking(journey))
    task = links.task_of(record.patients, event, link.notice_id, link.role)
    if task is None:
        return ()
    waiting = journey.waiting.get(task)
    if waiting is None:
        return None
    return tuple(form for form in forms_for(waiting, journey) if link.role in form[0].roles)[:1]


def _person(contacts: Contacts, link: Link, journey: Journey) -> Profile | None:
    """Whom a link is for; None for an observer whom no checklist names of a session that is not over."""
    if link.role == Role.PATIENT:
        return Profile(id=journey.patient.ref, role=Role.PATIENT)
    named = _observer(contacts, link, journey)
    return Profile(id=named, role=Role.OBSERVER) if named and list_sessions_observed(journey, named) else None


def _observer(contacts: Contacts, link: Link, journey: Journey) -> str | None:
    """Return the reference of the observer whom a link is for; None if nobody has named them."""
    return next((ref for ref in list_observers(journey) if contacts.observer(ref) == link.person), None)
