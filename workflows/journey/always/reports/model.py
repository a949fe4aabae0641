"""Reports of harm whose form cannot be taken: commands, events and state."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.entries import Entries, put
from workflows.journey.envelopes import (
    ALWAYS,
    Changes,
    CommandBody,
    EventBody,
    EventHeader,
    Evolutions,
    change_entry,
    keep_short,
)
from workflows.journey.vocabulary.actors import ANYONE, CLINICAL, Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, Raw, Text
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.severity import Severity
from workflows.journey.vocabulary.stage import Stage


class KeepReport(CommandBody):
    """Keep what somebody says of harm as they say it, where the form for it cannot be taken. Care is held until a
    clinician has settled it. ``about`` names the form, ``fields`` those of it that are wrong, ``meant`` is the id of
    the command that it was to be: sent again under this id in the right form, it takes the place of the task, unless
    it says less where nothing was wrong."""

    kind: Literal["report.keep"] = "report.keep"
    fact: ClassVar[bool] = True
    by_anybody: ClassVar[bool] = True
    by_hand: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = ANYONE
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    about: Identifier
    said: Raw
    fields: Annotated[tuple[Identifier, ...], Field(max_length=50)] = ()
    meant: UUID | None = None


class SettleReport(CommandBody):
    """A clinician asked what a report of harm meant that was kept as it was said, recorded what happened, and says what
    was done."""

    kind: Literal["report.settle"] = "report.settle"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    report: Identifier
    text: Text


class ReportKept(EventBody):
    """A report of harm as it was said (``said``), because its form (``about``) could not be taken: these ``fields`` are
    wrong. ``severity`` is how severe it is as far as it can be read, else the worst it could be."""

    kind: Literal["report.kept"] = "report.kept"
    safety: ClassVar[bool] = True
    opens: ClassVar = ("report", "reports")
    report: Identifier
    about: Identifier
    said: str
    fields: tuple[Identifier, ...] = ()
    meant: UUID | None = None
    severity: Severity


class ReportSettled(EventBody):
    """A clinician settled a kept report, and what was done about it."""

    kind: Literal["report.settled"] = "report.settled"
    safety: ClassVar[bool] = True
    report: Identifier
    text: Text


class ReportRepeated(EventBody):
    """A kept report was said again by the same person, in a form that could be taken. That settles it."""

    kind: Literal["report.repeated"] = "report.repeated"
    safety: ClassVar[bool] = True
    report: Identifier


class KeptReport(ImmutableModel):
    """A report of harm that was kept as it was said, by whom and when (UTC), and whether it is settled."""

    id: Identifier
    by: Identifier
    at: Instant
    about: Identifier
    said: str
    fields: tuple[Identifier, ...] = ()
    meant: UUID | None = None
    severity: Severity
    settled: bool = False


class ReportsState(PathwayState):
    """Kept reports of harm, each by its id."""

    reports: Entries[Identifier, KeptReport] = Entries()


def _kept(state: ReportsState, body: ReportKept, event: EventHeader) -> Changes:
    told = body.model_dump(exclude={"kind", "report"})
    kept = KeptReport(id=body.report, by=event.actor_id, at=event.at, **told)
    return {"reports": put(state.reports, kept.id, kept)}


def _settled(state: ReportsState, body: ReportSettled | ReportRepeated, event: EventHeader) -> Changes:
    report = state.reports.get(body.report)
    said = {} if report is None else {"said": keep_short(report.said)}
    return change_entry(state, "reports", body.report, settled=True, **said)


EVOLUTIONS: Evolutions = {ReportKept: _kept, ReportSettled: _settled, ReportRepeated: _settled}
