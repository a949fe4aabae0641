"""Messages to people. A notice says that there is a task and whose it is, and nothing medical.

Notices go to the clinic's own channels. Until one is connected, a notice is written once to the record's notices, from
where it can be fetched. One for the on-call clinician names who is on call by the rota at that moment, and who stands
in.
"""

from collections.abc import Sequence
from datetime import datetime

from activities.record.store import NewNotice, Record
from activities.signatures.signer_registry import RegisterError, RegisterFile
from activities.signatures.staff import on_call
from workflows.journey.actors import Role
from workflows.journey.notices import Notice


async def deliver(
    record: Record, notices: Sequence[Notice], *, clinic: str, register: RegisterFile | None, at: datetime
) -> None:
    """Deliver the notices of a journey of this clinic together, each once, however often this is called."""
    people = {role: recipients(register, clinic, role, at) for role in {notice.to for notice in notices}}
    await record.deliver_notices(
        [
            NewNotice(
                notice_id=notice.id,
                journey_id=notice.journey_id,
                event_id=notice.event_id,
                kind=notice.kind,
                recipient_role=notice.to.value,
                recipients=people[notice.to],
            )
            for notice in notices
        ]
    )


def recipients(register: RegisterFile | None, clinic: str, role: Role, at: datetime) -> tuple[str, ...]:
    """Return who is told as the on-call clinician of a clinic at a moment (UTC). No name where the register cannot be
    read: an alarm does not wait for it."""
    if register is None or role != Role.ON_CALL_CLINICIAN:
        return ()
    try:
        return on_call(register.current(), clinic, at).people
    except RegisterError:
        return ()
