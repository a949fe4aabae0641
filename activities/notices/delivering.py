"""Delivers what is queued, until it is stopped.

A notice that is recorded is in the queue. Any number of workers take from it, each for a while: what was taken by one
that died is taken again. What is about to be sent is kept before, and what became of it after, so whatever was sent in
between is sent again under the same id. Alarms have a loop and places of their own: nothing that is slow delays them.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID

import structlog

from activities.notices import links, queue, recipients
from activities.notices.calendar_entries import CalendarFile, calendar_files
from activities.notices.channels import LOG, AttemptOutcome, Channels, OutgoingMessage, to_log
from activities.notices.contacts import ContactPoint, Contacts, of_staff
from activities.notices.delivery_plan import Target, Try, plan
from activities.notices.links import LET_IN, LINK, LINK_CODE
from activities.notices.queue import NewFact, QueuedNotice
from activities.notices.standing import CODE, WAITED_FOR, Settled, quiet_until, settled, told_by, until
from activities.notices.wording import NAMELESS, Service, code_words, link_code_words, words
from activities.privacy.errors import KeysUnavailable
from activities.record.errors import KeyAway, RecordFault, RecordUnavailable, UnreadableEvent
from activities.record.event_codec import from_stored, load_events
from activities.record.recorded_journeys import RecordedJourneys
from activities.record.snapshots import load_current
from activities.record.store import Record
from activities.signatures.register_file import RegisterFile
from workflows.journey.aggregate import Journey
from workflows.journey.events import Event
from workflows.journey.views.notices import APPOINTMENT, is_open
from workflows.journey.vocabulary.actors import Role

log = structlog.get_logger("messages")

POLL, AGAIN = 1.0, 2.0
"""Seconds between two looks at the queue, and after an outage."""
AT_ONCE = 8
"""How many alarms, and how many other notices, one worker delivers at a time, not counting the slow ones."""
SLOW, MOST_SLOW = 2.0, 100
"""After how many seconds a notice counts as slow: it waits for somebody's server, and leaves its place to others. And
how many are under way at most, slow ones among them."""
OF_ONE = AT_ONCE // 2
"""From so many on that are under way for one journey, no more of it are taken before those of others."""
FAILED_AGAIN = {True: 300.0, False: 1800.0}
"""Seconds after which an alarm, and any other notice, that reached nobody is tried again: a channel may be back. The
others follow at once when one arrives."""
LOOKED_AT, FIRST = 50, UUID(int=0)
"""At how many of those one look looks, and what is before the id of any of them."""
LEASE = 60.0
"""Seconds for which a notice is taken. Longer than any channel takes for one attempt."""
STOP = 20.0
"""Seconds for which what is under way may end, after a stop is asked for."""
LOGGED = Target("", (LOG,))
"""Who is told where no channel is connected: whoever reads the log."""


@dataclass(frozen=True)
class Sender:
    """What messages are sent with. ``channels`` are those that are connected; without one, the log has them."""

    record: Record
    register: RegisterFile
    contacts: Contacts
    channels: Channels = field(default_factory=dict)
    service: Service = NAMELESS
    journeys: RecordedJourneys = field(default_factory=lambda: RecordedJourneys(64, 6_000))
    """Those that were recorded here, or that notices were about: most of those come soon after one another."""


@asynccontextmanager
async def delivering(sender: Sender, *, poll: float = POLL) -> AsyncIterator[None]:
    """Deliver in the background while the context is open."""
    stop = asyncio.Event()
    loops = [asyncio.create_task(_deliver(sender, stop, alarm, poll)) for alarm in (True, False)]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*loops)


async def _deliver(sender: Sender, stop: asyncio.Event, alarm: bool, poll: float) -> None:
    under_way: dict[asyncio.Task[bool], tuple[UUID, float]] = {}
    looked, came_to, at_once, again = monotonic(), FIRST, False, FAILED_AGAIN[alarm]
    stopping = asyncio.create_task(stop.wait())
    while not stop.is_set():
        ended = {task for task in under_way if task.done()}
        for task in ended:
            del under_way[task]
        at_once |= any(task.result() for task in ended)
        # However slow it is to reach the people of one journey, the alarms of the others find a place.
        of_each = Counter(journey for journey, _ in under_way.values())
        busy = {journey for journey, count in of_each.items() if count >= OF_ONE}
        quick = sum(monotonic() - began < SLOW for _, began in under_way.values())
        free, taken, pause = max(0, min(OF_ONE, AT_ONCE - quick, MOST_SLOW - len(under_way))), 0, poll
        try:
            if at_once or monotonic() - looked > again / 5:
                looked, at_once = monotonic(), False
                await queue.escalate(sender.record)
                came_to, at_once = await try_failed_again(sender, alarm=alarm, seconds=again, after=came_to)
            if free:
                found = await queue.take(sender.record, alarm=alarm, most=free, seconds=LEASE, busy=busy)
                now = monotonic()
                under_way |= {asyncio.create_task(see_to(sender, each)): (of, now) for each, of in found.items()}
                taken = len(found)
        except (RecordUnavailable, RecordFault) as outage:
            log.warning("messages.waiting", code=outage.code)
            pause = AGAIN
        except Exception as defect:
            log.error("messages.failed", error=type(defect).__name__)
            pause = AGAIN
        if free and taken == free:
            continue
        waited = {stopping, *under_way} if busy or not free else {stopping}
        await asyncio.wait(waited, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
    if under_way:
        _, left = await asyncio.wait({*under_way}, timeout=STOP)
        for task in left:
            task.cancel()


async def try_failed_again(sender: Sender, *, alarm: bool, seconds: float, after: UUID = FIRST) -> tuple[UUID, bool]:
    """Queue anew a few of those that reached nobody and were not tried for so many seconds: alarms, which are looked at
    again before they are sent, and what tells of something that is still open. What is done is told to nobody any more.

    Goes on after the notice that it came to before. Returns which that is now, and whether to go on at once, because
    little was found to be sent: each one has its turn, however many there are, and whatever goes wrong with another."""
    found = await queue.list_failed(sender.record, alarm=alarm, seconds=seconds, after=after, most=LOOKED_AT)
    queued = 0
    for notice_id in found:
        seen_to = False
        with _telling(notice_id):
            queued += await _try_again(sender, notice_id, alarm)
            seen_to = True
        if queued == AT_ONCE or not seen_to:
            return notice_id, False
    return (found[-1], True) if len(found) == LOOKED_AT else (FIRST, False)


async def _try_again(sender: Sender, notice_id: UUID, alarm: bool) -> bool:
    notice = await queue.load(sender.record, notice_id)
    stands = None
    if notice is not None:
        stands = await _is_open(sender, notice, await _event(sender.record, notice), await _journey(sender, notice))
    if stands is False:
        await _end(sender, notice_id, "done")
        return False
    return bool(alarm or stands) and await queue.requeue(sender.record, notice_id)


async def _is_open(sender: Sender, notice: QueuedNotice, event: Event | None, journey: Journey | None) -> bool | None:
    """Whether what a notice tells of is still open; None where it is not known, and a person has to say so."""
    if event is None or journey is None or (told := told_by(sender.record.patients, notice, event)) is None:
        return None
    with suppress(ValueError):
        events = await load_events(sender.record, notice.journey_id) if told.kind == APPOINTMENT else (event,)
        return is_open(told, events, journey, notice.now)
    return None


async def _end(sender: Sender, notice_id: UUID, why: Settled) -> None:
    """Tell nobody any more."""
    await queue.keep(sender.record, notice_id, [NewFact("", "", "", "muted", why)])
    await queue.end(sender.record, notice_id)


async def see_to(sender: Sender, notice_id: UUID) -> bool:
    """Do what is next about one notice. Whatever goes wrong, it is taken again later. Whether it reached somebody after
    it had reached nobody."""
    with _telling(notice_id):
        if await _see_to(sender, notice_id):
            return True
    return False


@contextmanager
def _telling(notice_id: UUID) -> Iterator[None]:
    """Log what goes wrong with one notice, and go on."""
    try:
        yield
    except (RecordUnavailable, RecordFault) as outage:
        log.warning("messages.waiting", code=outage.code)
    except KeysUnavailable:
        log.warning("messages.waiting", code="keys")
    except Exception as defect:
        log.error("messages.failed", notice_id=str(notice_id), error=type(defect).__name__)


async def _see_to(sender: Sender, notice_id: UUID) -> bool:
    notice = await queue.load(sender.record, notice_id)
    if notice is None:
        return False
    journey = await _journey(sender, notice)
    event = await _event(sender.record, notice)
    why = await _settled(sender, notice, event, journey)
    if why is not None:
        await _end(sender, notice_id, why)
        return False
    quiet = quiet_until(notice, event, journey)
    if quiet is not None:
        await queue.put_off(sender.record, notice_id, (quiet - notice.now).total_seconds(), quiet_until=quiet)
        return False
    told = await _told(sender, notice, journey)
    kept = {fact.person for fact in notice.facts if fact.state == "muted"}
    muted = [person for person in told.muted if person not in kept]
    await queue.keep(sender.record, notice_id, [NewFact(person, "", "", "muted") for person in muted])
    tries = plan(told.targets, notice.facts, notice.now, alarm=notice.alarm).tries
    await asyncio.gather(*(_try(sender, notice, told.points[each], event, journey, each) for each in tries))
    return await _go_on(sender, notice_id, told.targets)


async def _go_on(sender: Sender, notice_id: UUID, targets: Sequence[Target]) -> bool:
    """Say when the notice is seen to again, after what has become of it. Whether it arrived, and had failed."""
    now = await queue.load(sender.record, notice_id)
    if now is None:
        return False
    then = plan(targets, now.facts, now.now, alarm=now.alarm)
    if then.tries:
        await queue.put_off(sender.record, notice_id, 0, arrived=then.arrived)
    elif then.again is not None:
        seconds = (then.again - now.now).total_seconds()
        await queue.put_off(sender.record, notice_id, seconds, arrived=then.arrived, known=len(now.facts))
    elif then.arrived:
        await queue.end(sender.record, notice_id, known=len(now.facts))
    else:
        if not now.facts or now.facts[-1].state != "failed":
            log.error("messages.undelivered", notice_id=str(notice_id), journey_id=str(now.journey_id), to=now.to)
            await queue.keep(sender.record, notice_id, [NewFact("", "", "", "failed", _why(targets))])
        await queue.put_off(sender.record, notice_id, None)
    return then.arrived and any(fact.state == "failed" for fact in now.facts)


def _why(targets: Sequence[Target]) -> str:
    if not targets:
        return "nobody"
    return "unreachable" if any(target.points for target in targets) else "no_contact"


async def _try(
    sender: Sender, notice: QueuedNotice, point: ContactPoint | None, event: Event | None, journey: Journey | None,
    which: Try,
) -> None:  # fmt: skip
    staff = notice.to not in (Role.PATIENT, Role.OBSERVER)
    link = await _link(sender, notice, point, which.person)
    if link is None and staff and notice.kind != CODE:
        link = sender.service.page(notice.journey_id)
    zone = None if staff or journey is None else journey.patient.zone
    deadline = until(sender.record.patients, notice, event, journey)
    files = () if event is None or notice.kind == LINK else await _calendar(sender, event)
    said = words(
        sender.service, alarm=notice.alarm, until=deadline, zone=zone, link=link, calendar=bool(files), once=not staff
    )
    if notice.kind == LINK_CODE:
        said = link_code_words(sender.service, await links.make_code(sender.record, notice.event_id))
    if notice.kind == CODE and point is not None and point.code is not None:
        said = code_words(sender.service, point.code.digits)
    message = OutgoingMessage(
        id=f"msg_{notice.id.hex}_{which.point}",
        notice_id=notice.id,
        journey_id=notice.journey_id,
        to=notice.to,
        address="" if point is None else point.address,
        subject=said.subject,
        text=said.text,
        alarm=notice.alarm,
        until=deadline,
        link=link,
        calendar=files,
    )
    channel = LOG if point is None else point.channel
    send = to_log if point is None else sender.channels[channel]
    await queue.keep(sender.record, notice.id, [NewFact(which.person, which.point, channel, "sent")])
    outcome: AttemptOutcome = await send(message)
    if outcome.state != "accepted":
        log.warning("messages.not_taken", notice_id=str(notice.id), kind=channel, code=outcome.code)
    await queue.keep(sender.record, notice.id, [NewFact(which.person, which.point, channel, *outcome)])


async def _calendar(sender: Sender, event: Event) -> tuple[CalendarFile, ...]:
    """The files for calendars that come with the message of an event. It may have waited, for the morning or for a mail
    server; what was moved or cancelled meanwhile is left out."""
    files = calendar_files(event, sender.service)
    if not files:
        return ()
    try:
        later = await load_events(sender.record, event.journey_id, after_version=event.version)
    except (UnreadableEvent, KeyAway):
        return files
    return calendar_files(event, sender.service, later)


async def _link(sender: Sender, notice: QueuedNotice, point: ContactPoint | None, person: str) -> str | None:
    """Make a link by which a patient is let in, or an alarm to staff acknowledged; None for other messages, and where
    there is no console, or nobody has verified the address."""
    wanted = notice.kind not in (CODE, LINK_CODE) and (notice.alarm or notice.to in LET_IN)
    if point is None or point.verified_at is None or sender.service.console is None or not wanted:
        return None
    return sender.service.link(await links.make(sender.record, notice.id, person, point.id))


@dataclass(frozen=True)
class _Told:
    """Who is told, in which order, at which points, and who wants nothing but alarms."""

    targets: tuple[Target, ...]
    points: dict[Try, ContactPoint | None]
    muted: tuple[str, ...] = ()


async def _told(sender: Sender, notice: QueuedNotice, journey: Journey | None) -> _Told:
    if not sender.channels:
        return _Told((LOGGED,), {Try("", LOG): None})
    if notice.kind in (CODE, LINK_CODE):
        return await _asked(sender, notice)
    targets, muted = [], []
    points: dict[Try, ContactPoint | None] = {}
    for person, subject in await _subjects(sender, notice, journey):
        known = await sender.contacts.find(subject)
        contact = known.contact
        # Below what cannot be read it may not be their wish any more: then it is tried again.
        wish = contact.only_alarms and not known.unread
        if wish and not notice.alarm and notice.kind not in WAITED_FOR:
            muted.append(person)
            continue
        usable = [each for each in contact.usable(alarm=notice.alarm) if each.channel in sender.channels]
        targets.append(Target(person, tuple(each.id for each in usable)))
        points |= {Try(person, each.id): each for each in usable}
    # Whoever wants no message has a list to look at, and counts as reached.
    targets += [Target(person, ()) for person in muted]
    return _Told(tuple(targets), points, tuple(muted))


async def _asked(sender: Sender, notice: QueuedNotice) -> _Told:
    """Whom a code is sent to: one point. The code of a point goes there whoever verified it, as long as it counts."""
    person, point_id = notice.people
    subject = await sender.contacts.subject(notice.to, person, notice.journey_id)
    point = None if subject is None else (await sender.contacts.find(subject)).contact.point(point_id)
    counts = point is not None and (
        notice.kind == LINK_CODE or (point.code is not None and notice.now < point.code.until)
    )
    if point is None or not counts or point.channel not in sender.channels:
        return _Told((Target(person, ()),), {})
    return _Told((Target(person, (point_id,)),), {Try(person, point_id): point})


async def _subjects(sender: Sender, notice: QueuedNotice, journey: Journey | None) -> list[tuple[str, str]]:
    """The people that a notice is for, in the order in which an alarm goes from one to the next, and whose contacts
    they are. The patient is not told as staff of their own care, also where they are on call: the next one is."""
    if notice.to in LET_IN:
        people: Sequence[str] = ("patient",) if notice.to == Role.PATIENT else notice.people
        subjects = [(person, await sender.contacts.subject(notice.to, person, notice.journey_id)) for person in people]
        return [(person, subject) for person, subject in subjects if subject is not None]
    people = [person for person in notice.people if journey is None or not journey.is_patient(person)]
    people = people or recipients(sender.register, notice.clinic, Role(notice.to), notice.now, journey)
    return [(person, of_staff(person)) for person in people]


async def _journey(sender: Sender, notice: QueuedNotice) -> Journey | None:
    """The journey as recorded; None where it cannot be read: a message does not wait for that."""
    try:
        return await load_current(sender.record, notice.journey_id, sender.journeys)
    except (UnreadableEvent, KeyAway):
        return None


async def _settled(
    sender: Sender, notice: QueuedNotice, event: Event | None, journey: Journey | None
) -> Settled | None:
    """Why a notice is told to nobody any more. What was tried before may have waited long, or have come back."""
    if notice.to == Role.PATIENT and journey is not None and journey.died:
        return "done"
    wanted = event is not None and told_by(sender.record.patients, notice, event) is None
    why = settled(event, journey, wanted=wanted)
    if why is None and notice.facts and await _is_open(sender, notice, event, journey) is False:
        return "done"
    return why


async def _event(record: Record, notice: QueuedNotice) -> Event | None:
    """The event that a notice comes from; None where it is not recorded, as that of an alarm, or cannot be read."""
    try:
        found = await record.find([notice.event_id])
        return from_stored(found[0]) if found else None
    except UnreadableEvent:
        return None
