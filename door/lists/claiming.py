"""`work claim` and `work release`: who will see to something, so that two people do not."""

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import typer

from door import shell
from door.access.looking import reader
from door.lists.standing import at_head, true_up_to
from door.outcomes import ExitCode, Problem
from door.screen import Screen, facts, here
from workflows.journey.actors import Role

if TYPE_CHECKING:
    from activities.record import Record
    from activities.record.read_models import Task

MOST = 1000
IN_CHARGE = (Role.COORDINATOR, Role.MEDICAL_DIRECTOR)
"""Who may release what others claimed."""

Obligation = Annotated[
    str,
    typer.Argument(
        metavar="OBLIGATION", help="The id that `work list` shows below that of the journey.", show_default=False
    ),
]


def claim_command(
    context: typer.Context,
    journey: shell.JourneyId,
    obligation: Obligation,
    profile: shell.Profile = None,
    json: shell.Json = False,
) -> None:
    """Say that you will see to something, so that two people do not. It ends when the thing is done.

    It stops nobody, and nothing waits for it: what is overdue is followed up all the same.
    """
    _run("claimed", context, journey, obligation, profile, json=json)


def release_command(
    context: typer.Context,
    journey: shell.JourneyId,
    obligation: Obligation,
    profile: shell.Profile = None,
    json: shell.Json = False,
) -> None:
    """Give up what you claimed: it is anybody's again.

    A coordinator or a medical director releases also what somebody claimed who is away, and is told whose it was.
    """
    _run("released", context, journey, obligation, profile, json=json)


def _run(
    outcome: Literal["claimed", "released"],
    context: typer.Context,
    journey: str,
    obligation: str,
    profile: str | None,
    *,
    json: bool,
) -> None:
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        from activities.record.read_models import claim, release

        journey_id = shell.journey_id(journey)
        who = reader(context, profile, None)
        person = who.person
        await who.stored(journey_id)
        async with services.record() as record:
            head = await at_head(record)
            given_up = None
            if outcome == "claimed":
                await claim(record, journey_id, obligation, person.id)
            else:
                in_charge = person.role in IN_CHARGE
                given_up = await release(record, journey_id, obligation, person.id, of_anybody=in_charge)
            task = await _awaited(record, journey_id, obligation, head)
        if task.claimed_by is not None and task.claimed_by != person.id:
            raise _taken(task)
        if screen.json_only:
            told = ("journey_id", "obligation", "illustrative", "stale", "due", "claimed_by", "claimed_at")
            was = {} if outcome == "claimed" else {"was_claimed_by": None if given_up is None else given_up.by}
            screen.data({"outcome": outcome, **task.model_dump(mode="json", include=set(told)), **was})
            return
        screen.illustrative(task.illustrative)
        said = {"journey": journey_id, "obligation": task.obligation, "what": task.what, "due": here(task.due)}
        said |= {} if task.claimed_at is None else {"by": person.id, "since": here(task.claimed_at)}
        said |= {} if given_up is None else {"was claimed by": given_up.by}
        said |= {} if task.stale is None else {"STALE": f"this is as of version {task.version}"}
        screen.show(facts(said, f"It is {outcome}"))

    shell.run(act, json_only=json)


async def _awaited(record: "Record", journey_id: UUID, obligation: str, head: int) -> "Task":
    """What is awaited under this id, and who claimed it.

    Raises:
        Problem: nothing is, as far as is known.
    """
    from activities.record.read_models import WorklistFilter, worklist

    answer = await worklist(record, WorklistFilter(journey_id=journey_id), limit=MOST)
    found = next((task for task in answer.rows if task.obligation == obligation), None)
    if found is not None:
        return found
    raise Problem(
        ExitCode.NOT_FOUND,
        "nothing of this id is awaited in this journey",
        f"See `work list --journey {journey_id}`; what was done or overtaken is not there any more",
        state=f"Nothing was changed. {await true_up_to(record, answer.position, head)}",
        ids={"journey_id": str(journey_id)},
    )


def _taken(task: "Task") -> Problem:
    by, since = task.claimed_by or "", "" if task.claimed_at is None else here(task.claimed_at)
    return Problem(
        ExitCode.REFUSED,
        f"{by} has claimed it, on {since}",
        "Ask them, or a coordinator if they are away. Whoever does it first has done it, claimed or not",
        state="Nothing was changed.",
        ids={"journey_id": str(task.journey_id), "obligation": task.obligation, "claimed_by": by},
    )
