"""A report of harm whose form does not fit: what was said is kept, and its sender is told what is wrong."""

import re
from uuid import UUID, uuid4

from activities.record import RecordFault, RecordUnavailable
from application.context import Context
from application.errors import HELD, KEPT_AS_SAID, InvalidInput, NotRecordedYet, Refused, SettingsError, UseCaseError
from application.input.forms import says_nothing
from application.pathway.command_catalog import CommandKind
from application.pathway.commands import submit
from workflows.journey.always.reports.rules import HARM, cut_to_kept
from workflows.journey.commands import Command, KeepReport
from workflows.journey.vocabulary.refusals import RefusalCode

NOT_KEPT = "What you said could not be kept at this moment: take it that nobody was told of it."
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


async def keep_as_said(
    context: Context, kind: CommandKind, journey_id: UUID, said: bytes, problem: InvalidInput, meant: UUID
) -> str | None:
    """Keep what was given as this kind of command, if it may tell of harm. ``meant`` is the id of the command that it
    was to be: sent again under this id in the right form, it takes the place of what is kept (`KeepReport`).

    Return how that ended, `KEPT_AS_SAID`, `HELD` or `NOT_KEPT`; None for what tells of no harm.
    """
    if kind.name not in HARM or says_nothing(said):
        return None
    names = [_NAME.match(field.field) for field in problem.fields]
    body = KeepReport(
        about=kind.name,
        said=cut_to_kept(said.decode(errors="replace")),
        fields=tuple(dict.fromkeys(name.group() for name in names if name is not None))[:50],
        meant=meant,
    )
    try:
        await submit(context, journey_id, Command(command_id=uuid4(), actor=context.actor, body=body))
    except Refused as refused:
        return KEPT_AS_SAID if refused.refusal.code == RefusalCode.ALREADY_DONE else None
    except NotRecordedYet:
        return HELD
    except (UseCaseError, RecordFault, RecordUnavailable, SettingsError):
        return NOT_KEPT
    return KEPT_AS_SAID
