"""A page of the worklist: what it shows people, and what scripts."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.table import Table

from door.access.looking import Reader
from door.lists.standing import TrueUpTo
from door.screen import elapsed, here, row, table
from workflows.journey.actors import Role

if TYPE_CHECKING:
    from activities.record import Record
    from activities.record.read_models import Answer, Task


class Listing(NamedTuple):
    """A page of the worklist at a moment."""

    answer: "Answer[Task]"
    true: TrueUpTo
    at: datetime

    @property
    def shown(self) -> list[str]:
        """The rows, each by what tells it from all others."""
        return [f"{task.journey_id}/{task.opened_version}/{task.obligation}" for task in self.answer.rows]

    async def kept(self, who: Reader, record: "Record") -> None:
        """Keep who looks at this page."""
        journeys = dict.fromkeys(task.journey_id for task in self.answer.rows)
        answer = self.answer
        await who.keep(record, [*journeys], answer.position, rows=self.shown, definition=answer.definition)

    def overdue(self, task: "Task") -> bool:
        return task.due < self.at

    def for_scripts(self, task: "Task") -> dict[str, Any]:
        return {**task.model_dump(mode="json"), "overdue": self.overdue(task)}

    @property
    def illustrative(self) -> bool:
        return any(task.illustrative for task in self.answer.rows)

    def drawn(self) -> Table:
        """For people: one row for each thing that is awaited."""
        shown = table("journey", "what", "due (your time)", "otherwise")
        shown.show_lines = True
        for task in self.answer.rows:
            marks = [f"STALE: as of version {task.version}"] if task.stale else []
            marks += ["HELD"] if task.held else []
            claimed = [] if task.claimed_by is None else [f"claimed by {task.claimed_by}"]
            late = [f"overdue by {elapsed((self.at - task.due).total_seconds())}"] if self.overdue(task) else []
            row(
                shown,
                "\n".join([str(task.journey_id), task.obligation, *marks]),
                "\n".join([task.what, whom(task), *claimed]),
                "\n".join([here(task.due), *late, f"since {here(task.since)}"]),
                otherwise(task),
            )
        return shown


def whom(task: "Task") -> str:
    """Whom it is awaited of: a role, who it falls to by the plan of care, and the roles it was escalated to since."""
    since = [words(role) for role in task.asked if role != task.owner]
    escalated = f", escalated to {', '.join(since)}" if since else ""
    return f"of {words(task.owner)}{f' {task.person}' if task.person else ''}{escalated}"


def otherwise(task: "Task") -> str:
    """What happens if it does not come."""
    if task.next_step is None or task.next_action is None or task.next_to is None:
        return "every step was taken"
    held = "; care is held" if task.next_holds else ""
    return f"{words(task.next_action)} ({words(task.next_to)})\n{here(task.next_step)}{held}"


def words(coded: str | Role) -> str:
    return str(coded).replace("_", " ")
