"""The activity that raises an alarm for a journey."""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.notices import deliver, recipients
from activities.record.errors import RecordFault, RecordUnavailable, UnreadableEvent
from activities.record.event_codec import from_stored
from activities.record.store import Record
from activities.signatures.register_file import RegisterFile
from workflows.journey.views.notices import Notice, notices
from workflows.journey.vocabulary.actors import Role
from workflows.messages import Alarm, Attempted, is_logged, raise_alarm

log = structlog.get_logger("notices")


class NoticeActivities:
    """Delivers notices that cannot wait for the record."""

    def __init__(self, record: Record, register: RegisterFile) -> None:
        self._record = record
        self._register = register

    @activity.defn(name=raise_alarm.__name__)
    async def alarm(self, alarm: Alarm) -> bool:
        """Log every alarm once, one for the on-call clinician with who that is, then deliver it. The log line is
        written even when the database is down.

        That it is logged is told to Temporal, so later attempts deliver only, also those of a further activity that the
        run asks for in a long outage. Where a worker dies before it could tell, the next attempt logs the alarm again
        under the same id: whoever pages by the log counts an id once.

        Raises:
            ApplicationError: to be retried, when the record cannot be reached.
        """
        attempt = activity.info()
        if not is_logged(alarm, attempt.heartbeat_details):
            for notice in alarm.notices:
                people = None
                if notice.to == Role.ON_CALL_CLINICIAN:
                    people = (
                        ",".join(recipients(self._register, alarm.clinic, notice.to, attempt.started_time)) or "nobody"
                    )
                log.critical(
                    "alarm",
                    notice_id=str(self._record.patients.of_notice(notice)),
                    journey_id=str(notice.journey_id),
                    to=notice.to.value,
                    people=people,
                    attempt=attempt.attempt,
                )
            activity.heartbeat(Attempted.of(alarm))
        try:
            raised = await _drop_undone(self._record, alarm.notices)
            await deliver(self._record, raised, clinic=alarm.clinic, register=self._register)
        except (RecordUnavailable, RecordFault) as problem:
            raise ApplicationError(str(problem), Attempted.of(alarm), type=type(problem).__name__) from problem
        return True


async def _drop_undone(record: Record, raised: Sequence[Notice]) -> list[Notice]:
    """Leave out alarms whose events are recorded as something else by now: they were decided anew in another state,
    where whatever is still due raises an alarm of its own. Kept now, they would look like put in by somebody."""
    told: dict[UUID, tuple[Notice, ...]] = {}
    for stored in await record.find({notice.event_id for notice in raised}):
        with suppress(UnreadableEvent):
            told[stored.event_id] = notices(from_stored(stored))
    return [notice for notice in raised if notice in told.get(notice.event_id, raised)]
