"""Messages to people. A notice says that there is a task and whose it is, never what it is about.

Delivery ends in the clinic's own channels. Until one is connected, a notice is delivered by being written
once to the record's notices, from where it can be fetched; an alarm is also logged first, because logs
still leave when the database is down.
"""

from collections.abc import Sequence

import structlog
from temporalio import activity

from activities.record.store import Record
from workflows.journey.notices import Notice
from workflows.messages import ALARM, Alarm

log = structlog.get_logger(__name__)


async def deliver(record: Record, notices: Sequence[Notice]) -> None:
    """Deliver each notice once, however often this is called."""
    for notice in notices:
        await record.deliver_notice(
            notice_id=notice.id,
            journey_id=notice.journey_id,
            event_id=notice.event_id,
            kind=notice.kind,
            recipient_role=notice.to.value,
        )


class NoticeActivities:
    """Delivers what cannot wait."""

    def __init__(self, record: Record) -> None:
        self._record = record

    @activity.defn(name=ALARM)
    async def alarm(self, alarm: Alarm) -> None:
        """Log every alarm, then deliver it."""
        for notice in alarm.notices:
            log.critical("alarm", notice_id=str(notice.id), journey_id=str(notice.journey_id), to=notice.to.value)
        await deliver(self._record, alarm.notices)
