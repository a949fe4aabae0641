"""How an attempt ends that records nothing of a batch: it is tried again, the run decides again, or it is refused."""

from datetime import timedelta

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.record.errors import UnreadableEvent
from activities.signatures.signer_registry import RegisterError
from workflows.journey.decided import Batch
from workflows.messages import AHEAD, DIVERGED, MOMENT, OTHER_BUILD, TRY_AGAIN, UNPROVEN, Recorded

log = structlog.get_logger("record")

ATTEMPTS = 6
"""How often a batch waits for a worker with the rules that decided it, within some ten seconds, or for the clock. After
that the run decides it again."""
REGISTER_WAIT = timedelta(milliseconds=250)
"""How long after the first attempt the register is read once more: somebody may have been putting it in its place."""
CLOCK_WAIT = timedelta(minutes=1)
"""How long an attempt waits at most for the clock of the database."""


def refused(why: str, kind: str = DIVERGED) -> ApplicationError:
    """Return the error that ends a batch for good."""
    return ApplicationError(f"{UNPROVEN}{why}", type=kind, non_retryable=True)


def leave_to_others(batch: Batch) -> Recorded:
    """Have a batch tried again where the rules are that decided it; have the run decide it again if there is no such
    worker.

    Raises:
        ApplicationError: to be retried.
    """
    log.warning("record.other_build", journey_id=str(batch.journey_id))
    if may_try_again():
        raise ApplicationError("other rules than this worker's decided it; nothing is lost", type=OTHER_BUILD)
    return decide_again(batch)


def wait_for_clock(batch: Batch, ahead: timedelta) -> Recorded:
    """Have a batch tried again when the database's clock has come to it; have the run decide it again if that takes
    long.

    Raises:
        ApplicationError: to be retried.
    """
    if ahead > CLOCK_WAIT:
        log.error("record.ahead_of_clock", journey_id=str(batch.journey_id), seconds=round(ahead.total_seconds()))
    if may_try_again():
        raise ApplicationError(
            "it is dated ahead of the record's clock; nothing is lost",
            type=AHEAD,
            next_retry_delay=min(ahead, CLOCK_WAIT) + timedelta(milliseconds=1),
        )
    return decide_again(batch)


def wait_for_register(batch: Batch, error: RegisterError) -> Recorded:
    """Have a batch tried again at once, and then have the run decide it again: what nobody may wait for is recorded
    without the register, and is not to wait behind what needs it. Nothing is recorded before the beginning of a
    journey, so that waits on.

    Raises:
        ApplicationError: to be retried.
    """
    log.error("record.register_away", journey_id=str(batch.journey_id))
    begins = batch.expected_version == 0
    if begins or (activity.in_activity() and activity.info().attempt == 1):
        raise ApplicationError(
            "the register cannot be read; nothing is lost",
            type=TRY_AGAIN,
            next_retry_delay=MOMENT if begins else REGISTER_WAIT,
        ) from error
    return decide_again(batch)


def may_try_again() -> bool:
    """Whether this attempt is not the last one before the run decides again."""
    return activity.in_activity() and activity.info().attempt < ATTEMPTS


def decide_again(batch: Batch) -> Recorded:
    """Answer that nothing of a batch is recorded: the run reads the record, and decides again."""
    return Recorded(version=batch.expected_version, position=0)


def quarantine(event: UnreadableEvent) -> ApplicationError:
    """Quarantine a journey of which an event cannot be read: what it says might change all that is decided after it."""
    log.error("record.unreadable", journey_id=str(event.journey_id), version=event.version)
    return refused(str(event))
