"""Passes every deadline when it comes, with one timer for the earliest."""

from contextlib import suppress
from datetime import datetime

from temporalio import workflow

from workflows import messages as m
from workflows.journey.obligations import due_steps, next_deadline
from workflows.shell.decider import Decider
from workflows.shell.recorder import Recorder

PORTIONS_AT_ONCE = 5
"""How many commands of the clock one workflow task decides, where very much is due at once. People come in between."""


async def keep_time(decider: Decider, recorder: Recorder) -> None:
    """Pass deadlines for as long as the run lasts."""
    # What is done according to the record has no deadline. Longer than a moment no alarm waits to learn that.
    with suppress(TimeoutError):
        await workflow.wait_condition(lambda: recorder.caught_up, timeout=m.MOMENT, timeout_summary="the record")
    while True:
        await recorder.until_decidable()
        if decider.pass_deadlines(PORTIONS_AT_ONCE):
            await workflow.sleep(m.MOMENTARY, summary="pass further deadlines")
        else:
            await _until_deadline(next_deadline(decider.ledger.journey), decider, recorder)


async def _until_deadline(deadline: datetime | None, decider: Decider, recorder: Recorder) -> None:
    """Return once the deadline has come, or another one is the earliest."""
    due = () if deadline is None else due_steps(decider.ledger.journey, deadline)
    ahead = None if deadline is None or deadline <= workflow.now() else deadline - workflow.now()
    # What is due and could not be passed is tried again, also if nobody comes by.
    overdue = m.TRIED_AGAIN if deadline is not None and ahead is None else None
    with suppress(TimeoutError):
        await workflow.wait_condition(
            lambda: (
                recorder.set_back
                or next_deadline(decider.ledger.journey) != deadline
                # Whatever wakes the run passes what is overdue, also if its timer was lost.
                or (ahead is not None and deadline is not None and deadline <= workflow.now())
            ),
            timeout=ahead or overdue,
            timeout_summary=next((waiting.what for waiting in due), "the end of a cover"),
        )
