"""The worklist: what is awaited, of whom and until when, from the read models."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import ClassVar, NamedTuple
from uuid import UUID

from activities.notices.listing import UnseenMessages, count_unseen
from activities.record.read_models import ListPage, NotACursor, Task, WorklistFilter, worklist
from application.context import Context
from application.errors import InvalidInput
from application.identity.staff import Roster, rosters_if_known
from application.reading.access_log import Query, clinics_to_list, keep_look
from application.reading.freshness import TrueUpTo, true_up_to, wait_for_read_models
from application.words.viewer import in_viewers_zone
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.base import Identifier

MOST = 1000
"""How many rows a page has at most."""
SEE_TO_MESSAGES = (Role.COORDINATOR, Role.MEDICAL_DIRECTOR, Role.OPS)
"""Whose worklists say how many messages reached nobody: coordinators see to them, the others where nobody did."""


class ListWork(Query):
    """Which part of the worklist is wanted.

    Without ``mine``, ``role``, ``all`` or ``journey`` it is what is awaited of the person's own role. For a
    coordinator, who makes sure that nobody waits, it is what is awaited of anybody.
    """

    name: ClassVar[str] = "work list"

    mine: bool = False
    role: tuple[Role, ...] = ()
    all: bool = False
    unassigned: bool = False
    overdue: bool = False
    today: bool = False
    clinic: Identifier | None = None
    journey: UUID | None = None
    limit: int = 50
    after: str | None = None

    @property
    def of_own_role(self) -> bool:
        """Whether the role is taken from the profile."""
        return not (self.mine or self.role or self.all or self.journey)


class WorkPage(NamedTuple):
    """A page of the worklist at a moment (UTC). ``unseen`` are the messages that reached nobody: tasks with a list of
    their own."""

    answer: ListPage[Task]
    true: TrueUpTo
    at: datetime
    rosters: tuple[Roster, ...] | None = ()
    unseen: UnseenMessages | None = None

    @property
    def rows(self) -> list[str]:
        """Return the keys of the rows."""
        return [f"{task.journey_id}/{task.opened_version}/{task.obligation}" for task in self.answer.rows]

    @property
    def illustrative(self) -> bool:
        return any(task.illustrative for task in self.answer.rows)

    def is_overdue(self, task: Task) -> bool:
        return task.due < self.at


async def list_work(context: Context, query: ListWork, *, seen: WorkPage | None = None) -> WorkPage:
    """Record the look, and return a page of the worklist. ``seen`` is what the person saw just before: the same rows
    again are not recorded as a new look.

    Raises:
        NotAllowed: it is of a clinic they do not work for.
        InvalidInput: ``after`` does not continue the list.
    """
    head, now = await wait_for_read_models(context), context.now()
    answer = await _rows(context, query, now)
    unseen = None
    if context.person.role in SEE_TO_MESSAGES:
        unseen = await count_unseen(await context.record(), clinics_to_list(context, query.clinic))
    rosters = rosters_if_known(context, context.person.clinics)
    page = WorkPage(answer, true_up_to(answer, head), now, rosters, unseen)
    if seen is None or seen.rows != page.rows:
        journeys = dict.fromkeys(task.journey_id for task in answer.rows)
        await keep_look(
            context, query, [*journeys], answer.position, rows=tuple(page.rows), definition=answer.definition
        )
    return page


def mark_of(task: Task) -> str:
    """Return by what a row is told from others, and from itself once it has changed. It says nothing of the patient."""
    row = (task.journey_id, task.opened_version, task.obligation, task.due, task.next_step, task.held, task.claimed_by)
    return hashlib.blake2b(repr(row).encode(), digest_size=6).hexdigest()


async def changes_since(context: Context, query: ListWork, marks: Sequence[str]) -> tuple[int, int]:
    """Return how many rows of a page have come or changed since it had these marks, and how many of it are gone or have
    changed. No row is shown, so nothing is recorded as a look.

    Raises:
        NotAllowed, InvalidInput: as `list_work`.
    """
    now = {mark_of(task) for task in (await _rows(context, query, context.now())).rows}
    seen = {mark for mark in marks if mark}
    return len(now - seen), len(seen - now)


def roles_asked(query: ListWork, person: Actor) -> tuple[Role, ...]:
    """Return the roles whose work is wanted; none for everybody's.

    A coordinator who names none gets everybody's: they remind others of what is late, and it stays the others' work.
    """
    if not query.of_own_role:
        return query.role
    return () if person.role == Role.COORDINATOR else (person.role,)


def midnight_after(moment: datetime) -> datetime:
    """Return when (UTC) the day of a moment ends in the user's zone.

    Raises:
        SettingsError: their zone is not known.
    """
    today = in_viewers_zone(moment)
    return datetime.combine(today.date() + timedelta(days=1), time(), today.tzinfo).astimezone(UTC)


async def _rows(context: Context, query: ListWork, now: datetime) -> ListPage[Task]:
    try:
        work = _work_of(context, query, now)
        return await worklist(await context.record(), work, limit=query.limit, after=query.after)
    except NotACursor as error:
        raise InvalidInput(str(error), "Leave --after out") from None


def _work_of(context: Context, query: ListWork, now: datetime) -> WorklistFilter:
    # One clinic is found by an index. With several, the rows of other clinics are filtered out.
    theirs = () if query.mine else clinics_to_list(context, query.clinic)
    due_before = now if query.overdue else midnight_after(now) if query.today else None
    return WorklistFilter(
        mine=context.person.id if query.mine else None,
        owners=roles_asked(query, context.person),
        unassigned=query.unassigned,
        due_before=due_before,
        clinic=theirs[0] if len(theirs) == 1 else query.clinic,
        clinics=theirs if len(theirs) > 1 else None,
        journey_id=query.journey,
    )
