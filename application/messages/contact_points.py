"""How people are reached: shown and changed by coordinators, everybody's own by themselves, in versions.

A point counts once a code that was sent there has come back. Whoever changes anything acts in a working session.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import UUID, uuid4, uuid5

from activities.notices import links
from activities.notices.contacts import Code, ContactPoint, ContactPoints, Contacts, KeptContact, Owner, of_staff
from application.context import Context
from application.errors import Conflict, InvalidInput, NotAllowed, NotFound
from application.identity.sessions import require_session
from application.identity.staff import colleagues
from application.process.sealing import open_keys
from application.reading.access_log import ActOn
from application.reading.history import read_so_far, read_to_act
from workflows.journey.always.care_team.rules import list_observers
from workflows.journey.vocabulary.actors import STAFF_ROLES, Role
from workflows.journey.vocabulary.base import Flag, Identifier, InputModel

TRIES = 5
SHORTEST, LONGEST, DISTINCT = 6, 64, 4
"""What a code that is agreed on at the clinic must have: characters, and distinct ones."""
NOTHING_CHANGED = "Nothing was changed."
PATIENT = "patient"


class Whose(InputModel):
    """Whose contact is meant: the patient of a journey, the observer in it who has a reference, or one of the staff."""

    journey_id: UUID | None = None
    observer: Identifier | None = None
    person: Identifier | None = None


class NewPoint(InputModel):
    """A contact point to be added."""

    channel: str
    address: str


class Wishes(InputModel):
    """What somebody wants of messages."""

    only_alarms: Flag


class Changed(NamedTuple):
    """A contact after a change, and the point it was about, if it was about one."""

    kept: KeptContact
    point: ContactPoint | None = None


class Reached(NamedTuple):
    """How somebody is reached. ``observers`` are the references of those who were named in a session of the journey."""

    kept: KeptContact
    observers: tuple[str, ...]


class _Found(NamedTuple):
    """The subject of a contact, and who that is; ``observers`` as `Reached` has them."""

    subject: str
    owner: Owner
    observers: tuple[str, ...] = ()


async def show_contact(context: Context, whose: Whose) -> Reached:
    """Return how somebody is reached. The look is recorded.

    Raises:
        NotFound, NotAllowed: there is no such journey, or it is not theirs to look at; or nobody of their clinics.
        Unavailable: the keys cannot be had now.
    """
    async with open_contacts(context) as contacts:
        found = await _find(context, contacts, whose, "show")
        return Reached(await contacts.find(found.subject), found.observers)


async def add_point(context: Context, whose: Whose, new: NewPoint, once: UUID | None = None) -> Changed:
    """Add a contact point, and have a code sent there. What is sent again under the same id happens once.

    Raises:
        InvalidInput: it is none.
        NotFound, NotAllowed, Conflict, Unavailable: nothing happened.
    """
    point_id = f"{new.channel}-{uuid5(once or uuid4(), f'{new.channel}/{new.address}').hex[:6]}"
    try:
        point = ContactPoint.model_validate({"id": point_id, **new.model_dump()})
    except ValueError:
        raise InvalidInput(
            "this is no address that can be used",
            "For e-mail give one plain address; for a text message, pager or chat one such as sms:+15550100",
        ) from None
    point = point.model_copy(update={"code": _new_code(context)})

    def added(contact: ContactPoints) -> ContactPoints:
        for each in contact.points:
            if (each.channel, each.address) != (point.channel, point.address):
                continue
            if each.id == point.id:
                return contact
            raise Conflict("this point is there already", "Look at the points again", state=NOTHING_CHANGED)
        try:
            return ContactPoints.model_validate({**dict(contact), "points": (*contact.points, point)})
        except ValueError:
            raise Conflict("somebody has ten points at most", "Remove one first", state=NOTHING_CHANGED) from None

    try:
        return await _change(context, whose, "add", added, point.id, ask=True)
    except Conflict:
        # Perhaps it was pressed twice, and the other one was kept a moment ago.
        return await _change(context, whose, "add", added, point.id, ask=True)


async def send_code(context: Context, whose: Whose, point_id: str) -> Changed:
    """Send another code to a contact point. Earlier ones count no more."""

    def asked(contact: ContactPoints) -> ContactPoints:
        return _with(contact, _point(contact, point_id).model_copy(update={"code": _new_code(context)}))

    return await _change(context, whose, "send-code", asked, point_id, ask=True)


async def verify_point(context: Context, whose: Whose, point_id: str, digits: str) -> Changed:
    """Take the code that came back from a contact point. It counts from then on.

    Raises:
        InvalidInput: it is not the code. The try is counted.
        Conflict: there is no code to be tried any more.
    """
    right = False

    def tried(contact: ContactPoints) -> ContactPoints:
        nonlocal right
        point = _point(contact, point_id)
        code = point.code
        if code is None or code.tries < 1 or context.now() >= code.until:
            raise Conflict(
                "no code counts for this point any more", "Have another code sent there", state=NOTHING_CHANGED
            )
        right = secrets.compare_digest(code.digits.encode(), digits.encode())
        left = code.model_copy(update={"tries": code.tries - 1})
        now = {"verified_at": context.now(), "code": None} if right else {"code": left}
        return _with(contact, point.model_copy(update=now))

    changed = await _change(context, whose, "verify", tried, point_id)
    if not right:
        raise InvalidInput(
            "this is not the code that was sent there", "Ask for it again, or have another code sent there",
            state="The try was counted.",
        )  # fmt: skip
    return changed


async def remove_point(context: Context, whose: Whose, point_id: str) -> Changed:
    """Remove a contact point. It stays in earlier versions."""

    def removed(contact: ContactPoints) -> ContactPoints:
        _point(contact, point_id)
        return contact.model_copy(update={"points": tuple(each for each in contact.points if each.id != point_id)})

    return await _change(context, whose, "remove", removed, point_id)


async def put_first(context: Context, whose: Whose, point_id: str) -> Changed:
    """Have a contact point tried before the others."""

    def moved(contact: ContactPoints) -> ContactPoints:
        first = _point(contact, point_id)
        return contact.model_copy(update={"points": (first, *(each for each in contact.points if each != first))})

    return await _change(context, whose, "first", moved, point_id)


async def set_wishes(context: Context, whose: Whose, wishes: Wishes) -> Changed:
    """Keep what somebody wants of messages. Alarms come all the same."""

    def wished(contact: ContactPoints) -> ContactPoints:
        return contact.model_copy(update={"only_alarms": wishes.only_alarms})

    return await _change(context, whose, "wish", wished)


async def send_link(context: Context, whose: Whose) -> Owner:
    """Have a link sent to a patient or an observer, to the points that somebody has verified.

    Raises:
        InvalidInput: it is for one of the staff, who sign in.
        Conflict: no point is verified, or nothing could open it; see `why_no_link`.
        NotFound, NotAllowed, Unavailable: nothing happened.
    """
    await require_session(context)
    async with open_contacts(context) as contacts:
        subject, owner, _ = await _find(context, contacts, whose, "send-link")
        if owner.journey_id is None:
            raise InvalidInput("links are for patients and observers", "Staff sign in with their passkey")
        problem = why_no_link((await contacts.find(subject)).contact)
        if problem is not None:
            raise problem
        await links.send(contacts.record, owner, by=context.person.id)
        return owner


def why_no_link(contact: ContactPoints) -> Conflict | None:
    """Return why no link can be sent to somebody, and what to do first; None where one can. Nothing opens one whose
    code was not agreed on and has no other way to go than the link."""
    usable = contact.usable(alarm=False)
    if not usable:
        return Conflict(
            "no point is verified that a link could go to",
            "Add one, and enter the code that comes back",
            state=NOTHING_CHANGED,
        )
    # Where one point has another way beside it, each of them has.
    if contact.clinic_code is None and links.other_way(contact, usable[0].id) is None:
        return Conflict(
            "nothing could open a link: its code was not agreed on, and has no other way to go than the link",
            "Verify a second way to reach them (all e-mail counts as one), or agree on a code with them",
            state=NOTHING_CHANGED,
        )
    return None


async def set_clinic_code(context: Context, whose: Whose, code: str) -> Changed:
    """Keep a code that was agreed on with a patient or an observer at the clinic: links in their messages ask for it.
    What is kept of it is a slow hash.

    Raises:
        InvalidInput: it is too easy to guess.
        NotFound, NotAllowed, Conflict, Unavailable: nothing happened.
    """
    plain = "".join(code.split())
    if not SHORTEST <= len(plain) <= LONGEST or len({*plain}) < DISTINCT:
        raise InvalidInput(
            f"this code is too easy to guess or too long: {SHORTEST} to {LONGEST} characters, {DISTINCT} different",
            "Agree on another one with them",
            state=NOTHING_CHANGED,
        )
    kept = (await asyncio.to_thread(links.slow_hash, plain)).hex()

    def agreed(contact: ContactPoints) -> ContactPoints:
        return contact.model_copy(update={"clinic_code": kept})

    return await _change(context, whose, "set-code", agreed)


async def _change(
    context: Context, whose: Whose, what: str, change: Callable[[ContactPoints], ContactPoints],
    point_id: str | None = None,
    *, ask: bool = False,
) -> Changed:  # fmt: skip
    await require_session(context)
    async with open_contacts(context) as contacts:
        subject, owner, _ = await _find(context, contacts, whose, what)
        known = await contacts.find(subject)
        contact = change(known.contact)
        if contact is known.contact:
            return Changed(known, None if point_id is None else contact.point(point_id))
        by = context.person.id
        if not await contacts.keep(subject, contact, after=known.version, by=by):
            raise Conflict(
                "somebody else has just changed it, or it was changed too often within an hour",
                "Look at it, and try again, or in an hour",
                state=NOTHING_CHANGED,
            )
        if ask and point_id is not None:
            await contacts.ask_code(owner, point_id, by=by)
        kept = KeptContact(known.version + 1, contact, by, context.now())
        return Changed(kept, None if point_id is None else contact.point(point_id))


@asynccontextmanager
async def open_contacts(context: Context) -> AsyncIterator[Contacts]:
    """Return how everybody is reached, while the context is open.

    Raises:
        Unavailable: the keys cannot be had now.
    """
    async with open_keys(context.settings, connections=1) as keys:
        yield Contacts(await context.record(), keys)


async def _find(context: Context, contacts: Contacts, whose: Whose, what: str) -> _Found:
    """Return the subject that is meant, and who that is, if the person may see and change it.

    Raises:
        InvalidInput: neither or both are named.
        InvalidInput, NotVerified: the register is missing or cannot be believed.
        NotFound, NotAllowed: as `show_contact`.
    """
    person = context.person
    if (whose.journey_id is None) == (whose.person is None) or (whose.person and whose.observer):
        raise InvalidInput("whose contact is meant is not said", "Name a journey, or one of the staff")
    if whose.person is not None:
        own = person.id == whose.person and person.role in STAFF_ROLES
        if person.role != Role.COORDINATOR and not own:
            raise NotAllowed("only coordinators change how others are reached", "Ask one", state=NOTHING_CHANGED)
        if not own and whose.person not in colleagues(context):
            raise NotAllowed(
                "coordinators change how the staff of their own clinics are reached",
                "Ask a coordinator of their clinic; `clinician staff` lists who works where",
                state=NOTHING_CHANGED,
            )
        return _Found(of_staff(whose.person), Owner("staff", whose.person, next(iter(person.clinics), "")))
    assert whose.journey_id is not None
    if person.role != Role.COORDINATOR:
        raise NotAllowed("only coordinators change how patients are reached", "Ask one", state=NOTHING_CHANGED)
    action = ActOn(action=f"contact-point {what}", journey_id=whose.journey_id)
    read = read_so_far if what == "show" else read_to_act
    journey = (await read(context, action, whose.journey_id)).require_whole().journey
    role, named = (Role.PATIENT, PATIENT)
    if whose.observer is not None:
        role, named = Role.OBSERVER, contacts.observer(whose.observer)
    subject = await contacts.subject(role, named, whose.journey_id)
    if subject is None:
        raise NotFound("nobody is known as this journey's patient", "See `pathway show`", state=NOTHING_CHANGED)
    known = tuple(dict.fromkeys(list_observers(journey)))
    return _Found(subject, Owner(role, named, journey.clinic, whose.journey_id), known)


def _point(contact: ContactPoints, point_id: str) -> ContactPoint:
    point = contact.point(point_id)
    if point is None:
        raise NotFound("there is no such point", "Look at the points again", state=NOTHING_CHANGED)
    return point


def _with(contact: ContactPoints, point: ContactPoint) -> ContactPoints:
    points = tuple(point if each.id == point.id else each for each in contact.points)
    return contact.model_copy(update={"points": points})


def _new_code(context: Context) -> Code:
    return Code(digits=links.new_digits(), until=context.now() + links.CODE_COUNTS, tries=TRIES)
