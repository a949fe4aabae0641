"""What tests of messages share: people with points at which they are reached, and notices that are queued."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from activities.notices.contacts import ContactPoint, ContactPoints, Contacts
from activities.record import Record
from simulation.people import CLINIC, PEOPLE
from tests.record.helpers import Connection, a_notice
from workflows.journey.vocabulary.actors import Role

CLIO, ONNO, DIRA = (PEOPLE[role].id for role in (Role.CLINICIAN, Role.ON_CALL_CLINICIAN, Role.MEDICAL_DIRECTOR))
VERIFIED = datetime(2026, 1, 1, tzinfo=UTC)


def point(address: str, channel: str = "email", *, verified: bool = True, **changed: Any) -> ContactPoint:
    given = {
        "id": f"{channel}-1",
        "channel": channel,
        "address": address,
        "verified_at": VERIFIED if verified else None,
    }
    return ContactPoint.model_validate({**given, **changed})


async def give(contacts: Contacts, subject: str, *points: ContactPoint, **wishes: Any) -> None:
    known = await contacts.find(subject)
    assert await contacts.keep(subject, ContactPoints(points=points, **wishes), after=known.version, by="cory")


async def queued(
    record: Record, to: Role = Role.CLINICIAN, *, alarm: bool = False, journey: UUID | None = None
) -> UUID:
    """Queue a notice of an event that is not recorded."""
    notice = a_notice(journey or uuid4(), recipient_role=to, clinic=CLINIC, alarm=alarm)
    await record.deliver_notices([notice])
    return notice.notice_id


async def states(app: Connection, notice: UUID) -> list[tuple[str, str, str]]:
    rows = await app.fetch(
        "SELECT person, channel, state FROM record.delivery WHERE notice_id = $1 ORDER BY number", notice
    )
    return [tuple(row) for row in rows]


async def waits(app: Connection, notice: UUID) -> tuple[float | None, bool] | None:
    """In how many seconds it is seen to again, and whether it arrived; None where it is done with."""
    row = await app.fetchrow(
        "SELECT extract(epoch FROM due_at - clock_timestamp())::float8 AS seconds, arrived FROM record.queued_notice "
        "WHERE notice_id = $1",
        notice,
    )
    return None if row is None else (row["seconds"], row["arrived"])
