"""A report of harm whose form does not fit: what was said is kept, and its sender is told what is wrong."""

import re
from uuid import UUID, uuid4

from activities.record import RecordFault, RecordUnavailable
from application.command_catalog import CommandKind
from application.context import Context
from application.errors import KEPT_AS_SAID, InvalidInput, Refused, UseCaseError
from application.input import says_nothing
from application.pathway.commands import submit
from application.settings import SettingsError
from workflows.journey.always.reports.rules import HARM, cut
from workflows.journey.commands import Command, KeepReport
from workflows.journey.refusals import RefusalCode

NOT_KEPT = "What you said could not be kept at this moment: nobody was told of it."
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


async def keep_as_said(
    context: Context, kind: CommandKind, journey_id: UUID, raw: bytes, problem: InvalidInput, command_id: UUID | None
) -> None:
    """Keep what was given as this kind of command, if it may tell of harm. It does nothing for any other.

    Raises:
        InvalidInput: the same problem, and whether what was said is kept.
    """
    if kind.name not in HARM or says_nothing(raw):
        return
    once = command_id or uuid4()
    names = [_NAME.match(field.field) for field in problem.fields]
    body = KeepReport(
        about=kind.name,
        said=cut(raw.decode(errors="replace")),
        fields=tuple(dict.fromkeys(name.group() for name in names if name is not None))[:50],
        meant=once,
    )
    state, remedy = KEPT_AS_SAID, f"{problem.remedy}. Send it again with --command-id {once}"
    try:
        await submit(context, journey_id, Command(command_id=uuid4(), actor=context.actor, body=body))
    except Refused as refused:
        if refused.refusal.code != RefusalCode.ALREADY_DONE:
            return  # It tells of no harm.
    except (UseCaseError, RecordFault, RecordUnavailable, SettingsError):
        state, remedy = NOT_KEPT, f"{problem.remedy}. If that takes long, hold care (`pathway hold`) or call the clinic"
    raise InvalidInput(
        problem.reason, remedy, state=state, fields=problem.fields, ids={"command_id": str(once)}
    ) from None
