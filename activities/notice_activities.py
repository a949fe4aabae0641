"""The activity that raises an alarm for a journey."""

import structlog
from temporalio import activity

from activities.notices import deliver
from activities.record.store import Record
from workflows.messages import Alarm, raise_alarm

log = structlog.get_logger("notices")


class NoticeActivities:
    """Delivers notices that cannot wait for the record."""

    def __init__(self, record: Record) -> None:
        self._record = record

    @activity.defn(name=raise_alarm.__name__)
    async def alarm(self, alarm: Alarm) -> None:
        """Log every alarm, then deliver it. The log line is written even when the database is down."""
        for notice in alarm.notices:
            log.critical("alarm", notice_id=str(notice.id), journey_id=str(notice.journey_id), to=notice.to.value)
        await deliver(self._record, alarm.notices)
