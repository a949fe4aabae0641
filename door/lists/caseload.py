"""`pathway list`: where journeys stand, or stood, as the read models have it."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.table import Table

from door import forms, shell
from door.access.looking import reader
from door.lists.standing import at_head, not_a_cursor, true_up_to
from door.outcomes import ExitCode, Problem
from door.screen import Screen, here, row, table
from workflows.journey.actors import Role
from workflows.journey.base import Identifier as Word
from workflows.journey.base import InputModel
from workflows.journey.protocol import Pathway
from workflows.journey.stage import Stage

if TYPE_CHECKING:
    from activities.record import Record
    from activities.record.read_models import Answer, Case, PastCase

MOST = 1000


class Filters(InputModel):
    """What a list may be narrowed to."""

    stage: Stage | None = None
    pathway: Pathway | None = None
    awaits: Role | None = None
    clinic: Word | None = None


def list_command(
    context: typer.Context,
    stage: Annotated[str | None, typer.Option(help=f"One of: {', '.join(Stage)}.")] = None,
    pathway: Annotated[str | None, typer.Option(help="The name of a pathway, such as PTSD.")] = None,
    awaits: Annotated[str | None, typer.Option(metavar="ROLE", help="Who is awaited first.")] = None,
    clinic: shell.Clinic = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is past due.")] = False,
    closed: Annotated[bool, typer.Option("--closed", help="Closed journeys too.")] = False,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="POSITION|TIME",
            help="As was known after this position of the record, or at this time (yours, without an offset).",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many on a page.")] = 50,
    after: shell.After = None,
    profile: shell.Profile = None,
    purpose: shell.Purpose = None,
    json: shell.Json = False,
) -> None:
    """List journeys, the oldest first: where each stands, who is awaited first, and until when.

    With --at, where each stood as it knew then, in the order of their ids. A time is that of deciding, as for
    `pathway show --at`; after a position, what was recorded later is not in it.
    """
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        given = {"stage": stage, "pathway": pathway and pathway.upper(), "awaits": awaits, "clinic": clinic}
        filters = forms.check_options(Filters, given)
        if at is not None and (overdue or filters.awaits is not None):
            raise Problem(
                ExitCode.USAGE, "what was awaited then is not listed", "Leave --awaits and --overdue out with --at"
            )
        who = reader(context, profile, purpose)
        clinics = who.clinics(filters.clinic)
        async with services.record() as record:
            head, now = await at_head(record), services.now()
            moment = None if at is None else _past(at, head, now)
            page = _Page(filters, clinics, closed=closed, overdue=overdue, limit=limit, after=after)
            with not_a_cursor():
                listed = await (page.now(record, now) if moment is None else page.then(record, moment))
            journeys = [case.journey_id for case in listed.answer.rows]
            await who.keep(record, journeys, listed.answer.position, definition=listed.answer.definition)
            true = await true_up_to(record, listed.answer.position, head)
        answer = listed.answer
        if screen.json_only:
            known = {} if moment is None else {"at": moment if isinstance(moment, int) else moment.isoformat()}
            screen.data({**true.as_json(), **known, "next": answer.next, "rows": listed.for_scripts})
            return
        screen.illustrative(any(case.illustrative for case in answer.rows))
        screen.show(listed.for_people)
        if moment is not None:
            screen.note(f"As was known {f'after position {moment}' if isinstance(moment, int) else here(moment)}.")
        true.tell(screen)
        screen.more(answer.next)

    shell.run(act, json_only=json)


class Listed(NamedTuple):
    """A page of journeys, for whoever reads it."""

    answer: "Answer[Case] | Answer[PastCase]"
    for_scripts: list[dict[str, Any]]
    for_people: Table


def standing(answer: "Answer[Case]", now: datetime) -> Listed:
    """Where journeys stand, and which are overdue at a moment."""
    shown = table("journey", "clinic", "pathway", "stage", "awaits", "due (your time)", "health")
    rows = []
    for case in answer.rows:
        overdue = case.next_due is not None and case.next_due < now
        rows.append({**case.model_dump(mode="json"), "overdue": overdue})
        due = "" if case.next_due is None else f"{here(case.next_due)}{' overdue' if overdue else ''}"
        row(
            shown,
            case.journey_id,
            case.clinic,
            case.pathway,
            case.stage.value,
            case.awaits,
            due,
            _health(case.health, case.stale),
        )
    return Listed(answer, rows, shown)


class _Page(NamedTuple):
    """Which page of which journeys is wanted."""

    filters: Filters
    clinics: tuple[str, ...]
    closed: bool
    overdue: bool
    limit: int
    after: str | None

    async def now(self, record: "Record", now: datetime) -> Listed:
        """Where they stand."""
        from activities.record.read_models import CaseloadFilter, caseload

        wanted = CaseloadFilter(
            **dict(self.filters),
            clinics=self.clinics,
            open=None if self.closed else True,
            due_before=now if self.overdue else None,
        )
        return standing(await caseload(record, wanted, limit=self.limit, after=self.after), now)

    async def then(self, record: "Record", moment: int | datetime) -> Listed:
        """Where they stood, as was known at a moment."""
        from activities.record.read_models import caseload_as_of

        answer = await caseload_as_of(
            record,
            moment,
            clinics=self.clinics,
            pathway=self.filters.pathway,
            stage=self.filters.stage,
            closed=None if self.closed else False,
            limit=self.limit,
            after=self.after,
        )
        shown = table(
            "journey", "clinic", "pathway", "stage", "health", "so since (your time)", "coordinator", "clinician"
        )
        for case in answer.rows:
            row(
                shown,
                case.journey_id,
                case.clinic,
                case.pathway,
                case.stage.value,
                _health(case.health, case.stale),
                here(case.from_at),
                case.coordinator,
                case.clinician,
            )
        return Listed(answer, [case.model_dump(mode="json") for case in answer.rows], shown)


def _health(health: str, stale: str | None) -> str:
    return health if stale is None else f"{health}, STALE"


def _past(given: str, head: int, now: datetime) -> int | datetime:
    """The moment of ``--at``.

    Raises:
        Problem: it is none, or is still to come.
    """
    # A position of more digits is no position; Python would not even read it.
    moment = int(given) if given.isdecimal() and len(given) < 19 else shell.moment("--at", given)
    if moment > head if isinstance(moment, int) else moment > now:
        raise Problem(
            ExitCode.USAGE,
            "--at is still to come",
            f"The record is at position {head}; leave --at out for how things stand now",
        )
    return moment
