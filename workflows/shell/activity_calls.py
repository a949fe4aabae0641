"""How a run asks for what is outside: by activities, each under an id that no other one has.

The id is bound to the answer, so that no other answer can stand in for it. None has a summary: its type says what it
is for, and each summary, which is encrypted, would cost a seventh of what the activity does to the history.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows import messages as m
from workflows.authenticity import Foreign

Given = TypeVar("Given")
Result = TypeVar("Result")


async def ask(
    activity: Callable[[Given], Awaitable[Result | Foreign]],
    given: Given,
    *,
    within: timedelta = m.ATTEMPT,
    beats: timedelta | None = None,
    then: Callable[[Given, ActivityError], Given] = lambda given, _: given,
) -> Result:
    """Ask an activity until it succeeds. During an outage it is seen as pending.

    A new activity is asked if the answer or the failure came from somebody without the keys, or if none comes at all:
    somebody may have paused the activity, moved it to another task queue, or given it a longer pause between attempts.
    Pauses in between grow, since each activity makes the history longer.

    ``within`` is how long one attempt may take, and ``beats`` how often the activity gives a sign of life at least.
    ``then`` changes what the next activity is given, after the failure of the one before.

    Raises:
        ActivityError: it failed, and says so itself.
    """
    pause, patience = m.MOMENT, m.PATIENCE
    while True:
        try:
            answer = await workflow.execute_activity(
                activity,
                given,
                activity_id=_new_activity_id(),
                start_to_close_timeout=within,
                schedule_to_close_timeout=patience,
                heartbeat_timeout=beats,
                retry_policy=m.RETRY,
            )
        except ActivityError as failed:
            # A failure that was to be retried ends nothing: whoever saw one can hand it in again as the last.
            cause = failed.cause
            if isinstance(cause, ApplicationError) and cause.non_retryable and cause.type != m.NOT_AUTHENTIC:
                raise
            given = then(given, failed)
        else:
            if answer is not None and not isinstance(answer, Foreign):
                return answer
        workflow.logger.error("journey.asked_again", extra={"activity": _name(activity)})
        await workflow.sleep(pause, summary="ask again")
        pause, patience = min(2 * pause, m.TRIED_AGAIN), min(2 * patience, m.LONGEST_PATIENCE)


async def try_to_ask(
    activity: Callable[[Given], Awaitable[Result | Foreign]],
    given: Given,
    *,
    then: Callable[[Given, ActivityError], Given] = lambda given, _: given,
) -> Result | None:
    """Ask an activity that is never to fail for good. None if it did all the same: the log says so, and it is to be
    asked again later, by a worker that has been mended. An error here would end the journey."""
    try:
        return await ask(activity, given, then=then)
    except ActivityError:
        workflow.logger.error("journey.activity_failed", extra={"activity": _name(activity)})
        return None


async def check_once(presented: m.SignatureCheck) -> m.SignatureResult | None:
    """Check who sent a command, and its signature, once: somebody waits for the answer. None if that cannot be checked
    at this moment."""
    try:
        result = await workflow.execute_activity(
            m.verify_signature,
            presented,
            activity_id=_new_activity_id(),
            schedule_to_close_timeout=m.MOMENT,
            retry_policy=m.ONCE,
        )
    except ActivityError:
        return None
    return result if isinstance(result, m.SignatureResult) else None


def _name(activity: Callable[[Given], Awaitable[object]]) -> str:
    return getattr(activity, "__name__", "activity")


def _new_activity_id() -> str:
    """Return an id that no other activity has. It stands in the history, and with each of its payloads."""
    return workflow.uuid4().hex[:16]
