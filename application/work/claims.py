"""Claims: somebody says that they will do something, so that two people do not."""

from typing import NamedTuple
from uuid import UUID

from activities.record.read_models import Claim, Task, WorklistFilter, claim, release, worklist
from application.context import Context
from application.errors import Conflict, NotFound
from application.identity.sessions import require_session
from application.reading.access_log import ActOn, require_staff
from application.reading.freshness import true_up_to, wait_for_read_models
from application.reading.history import read_to_act
from application.words.viewer import spell_with_place
from application.work.worklist import MOST
from workflows.journey.vocabulary.actors import Role

IN_CHARGE = (Role.COORDINATOR, Role.MEDICAL_DIRECTOR)
"""Who may release what others claimed."""
A_CLAIM = "to claim a task"


class Released(NamedTuple):
    """What was released, and the claim that ended; None if there was none."""

    task: Task
    was: Claim | None


async def claim_task(context: Context, journey_id: UUID, obligation: str) -> Task:
    """Claim a task for the person. It stops nobody, and nothing waits for it.

    Raises:
        NotAllowed: they are not of the staff, act in no working session, or have no part in the journey.
        NotFound: nothing with this id is awaited.
        Conflict: somebody else has claimed it.
    """
    require_staff(context, A_CLAIM)
    await require_session(context)
    await read_to_act(context, ActOn(action="work claim", journey_id=journey_id), journey_id)
    head = await wait_for_read_models(context)
    await claim(await context.record(), journey_id, obligation, context.person.id)
    return await _untaken(context, journey_id, obligation, head)


async def release_task(context: Context, journey_id: UUID, obligation: str) -> Released:
    """Release the person's claim. Coordinators and medical directors may also release the claim of somebody else.

    Raises:
        NotFound, NotAllowed, Conflict: as `claim_task`.
    """
    require_staff(context, A_CLAIM)
    await require_session(context)
    await read_to_act(context, ActOn(action="work release", journey_id=journey_id), journey_id)
    head = await wait_for_read_models(context)
    in_charge = context.person.role in IN_CHARGE
    was = await release(await context.record(), journey_id, obligation, context.person.id, of_anybody=in_charge)
    return Released(await _untaken(context, journey_id, obligation, head), was)


async def _untaken(context: Context, journey_id: UUID, obligation: str, head: int) -> Task:
    """Return what is awaited under this id, if nobody else has claimed it."""
    answer = await worklist(await context.record(), WorklistFilter(journey_id=journey_id), limit=MOST)
    task = next((task for task in answer.rows if task.obligation == obligation), None)
    if task is None:
        raise NotFound(
            "nothing of this id is awaited in this journey",
            f"See `work list --journey {journey_id}`; what was done or overtaken is not there any more",
            state=f"Nothing was changed. {true_up_to(answer, head)}",
            ids={"journey_id": str(journey_id)},
        )
    if task.claimed_by not in (None, context.person.id):
        since = "" if task.claimed_at is None else spell_with_place(task.claimed_at)
        raise Conflict(
            f"{task.claimed_by} has claimed it, on {since}",
            "Ask them, or a coordinator if they are away. Whoever does it first has done it, claimed or not",
            state="Nothing was changed.",
            ids={
                "journey_id": str(task.journey_id),
                "obligation": task.obligation,
                "claimed_by": task.claimed_by or "",
            },
        )
    return task
