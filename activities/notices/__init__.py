"""Messages to people. A notice says that there is a task and whose it is, and nothing medical.

A notice is kept in the record once, and queued. `delivering` sends it by the channels that are connected, and to the
log where none is. One for the on-call clinician names who is on call by the rota at that moment, and who stands in.
"""

from collections.abc import Sequence
from datetime import datetime

from activities.record.store import Record
from activities.record.stored import NewNotice
from activities.record.watching import now as time_of
from activities.signatures.register_file import RegisterFile
from activities.signatures.signer_registry import RegisterError
from activities.signatures.staff import at_work, on_call, without_patient
from workflows.journey.aggregate import Journey
from workflows.journey.views.notices import Notice
from workflows.journey.vocabulary.actors import Role


async def deliver(record: Record, notices: Sequence[Notice], *, clinic: str, register: RegisterFile | None) -> None:
    """Queue the notices of a journey of this clinic together, each once, however often this is called. One for
    the on-call clinician goes to whom the register has on call now, by the record's clock."""
    on_duty: tuple[str, ...] = ()
    if register is not None and any(notice.to == Role.ON_CALL_CLINICIAN for notice in notices):
        on_duty = recipients(register, clinic, Role.ON_CALL_CLINICIAN, await time_of(record))
    await record.deliver_notices(
        [
            NewNotice(
                notice_id=record.patients.of_notice(notice),
                journey_id=notice.journey_id,
                event_id=notice.event_id,
                kind=notice.kind,
                recipient_role=notice.to.value,
                recipients=on_duty if notice.to == Role.ON_CALL_CLINICIAN else (),
                clinic=clinic,
                alarm=notice.alarm,
            )
            for notice in notices
        ]
    )


def recipients(
    register: RegisterFile | None, clinic: str, role: Role, at: datetime, journey: Journey | None = None
) -> tuple[str, ...]:
    """Return who is told in a role of a clinic at a moment (UTC): of the on-call clinicians those whom the rota names,
    of others everybody; never the patient of the journey, where it is known. No name where the register cannot be read:
    an alarm does not wait for it."""
    if register is None:
        return ()
    try:
        current = register.current()
    except RegisterError:
        return ()
    if journey is not None:
        current = without_patient(current, journey)
    if role == Role.ON_CALL_CLINICIAN:
        return on_call(current, clinic, at).people
    return at_work(current, clinic, role, at)
