"""Messages to people. A notice says that there is a task and whose it is, and nothing medical.

Notices go to the clinic's own channels. Until one is connected, a notice is written once to the record's notices, from
where it can be fetched.
"""

from collections.abc import Sequence

from activities.record.store import Record
from workflows.journey.notices import Notice


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
