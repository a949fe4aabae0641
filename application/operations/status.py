"""How the service stands, for those who keep it running: lists, reconciliation, the watchdog, anchors, verification.

It shows nothing of any journey but its id.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import quote
from uuid import UUID

from activities.notices.listing import count_unseen
from activities.record import Record
from activities.record.reconciliation import Pass
from activities.record.verification.anchors import Anchor, Flaw, newest_anchor
from activities.record.verification.kept import KeptVerification, last_verification
from activities.record.watching import KeptMatter, ListsProgress, Look, kept_matters, shown
from application.context import Context
from application.identity.staff import Roster, rosters_if_known
from application.reading.access_log import keep_look_after, require_looks_after_it
from application.record.passes import describe_clock, is_late, is_silent, last_passes, watchdog_look
from application.record.projections import Projections, read_projections
from application.settings import Settings

BEHIND = timedelta(minutes=2)
"""For so long something may be recorded that lists do not show: as long as the watchdog waits by default."""


class Anchored(NamedTuple):
    """The newest anchor that the log agrees with, or what is wrong with the newest one; how many events came after it.
    ``late``: there are some, and the next anchor should have been written by now."""

    newest: Anchor | Flaw | None
    since: int
    late: bool


class ServiceState(NamedTuple):
    """How the service stands at a moment (UTC). ``anchored`` is None where the settings name no anchors. ``behind``,
    ``late`` and ``silent`` say that lists, reconciliation or the watchdog are not as they should be, and ``clock`` says
    so of that of a machine."""

    at: datetime
    shown: ListsProgress
    projections: Projections
    behind: bool
    undelivered: int
    passes: Sequence[Pass]
    late: bool
    clock: str | None
    watchdog: Look | None
    silent: bool
    matters: Sequence[KeptMatter]
    anchored: Anchored | None
    verified: KeptVerification | None
    rosters: Sequence[Roster] | None

    @property
    def last_page(self) -> datetime | None:
        """When (UTC) the watchdog last paged something that is not over."""
        return max((each.paged_at for each in self.matters if each.paged_at is not None), default=None)


async def show_service(context: Context) -> ServiceState:
    """Return how the service stands, once the look is kept.

    Raises:
        NotAllowed: the person does not look after it.
        RecordUnavailable, RecordFault: as the record does.
    """
    require_looks_after_it(context)
    record, now = await context.record(), context.now()
    lists, passes, look = await shown(record), await last_passes(context), await watchdog_look(context)
    waiting, projections, matters = lists.waiting_since, await read_projections(record), await kept_matters(record)
    paged = [UUID(str(named)) for each in matters if (named := each.matter.shown.get("journey_id"))]
    await keep_look_after(context, "the service", (*(each.journey_id for each in projections.stale), *paged))
    return ServiceState(
        at=now,
        shown=lists,
        projections=projections,
        behind=lists.position > lists.head or (waiting is not None and now - waiting > BEHIND),
        undelivered=(await count_unseen(record)).waiting,
        passes=passes,
        late=is_late(passes, now),
        clock=describe_clock(passes),
        watchdog=look,
        silent=is_silent(look),
        matters=matters,
        anchored=await _anchored(record, context.settings, lists.head, now),
        verified=await last_verification(record),
        rosters=rosters_if_known(context),
    )


def in_temporal(settings: Settings, journey_id: UUID) -> str | None:
    """Return the address of a journey in Temporal's interface; None where the settings do not name that."""
    return settings.temporal_ui and f"{settings.temporal_ui}/workflows/{quote(f'journey/{journey_id}', safe='')}"


async def _anchored(record: Record, settings: Settings, head: int, now: datetime) -> Anchored | None:
    if settings.anchors_dir is None or settings.anchor_public is None:
        return None
    newest = await newest_anchor(record, settings.anchors_dir, settings.anchor_public)
    if not isinstance(newest, Anchor):
        return Anchored(newest, head, late=head > 0)
    since = head - newest.position
    return Anchored(newest, since, late=since > 0 and now - newest.at > 2 * timedelta(minutes=settings.anchor_minutes))
