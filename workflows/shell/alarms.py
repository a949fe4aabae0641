"""Alarms leave at once, even if the record is down; those of senders without the keys, a few at a time."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import TimeoutError as NoAnswerInTime

from workflows import messages as m
from workflows.journey.events import Event
from workflows.journey.views.notices import notices
from workflows.shell.activity_calls import try_to_ask

LONGEST_PAUSE = timedelta(minutes=5)
"""How long it takes at most until an alarm that failed for good is tried again."""


class Alarms:
    """The alarms of a run that are on their way."""

    def __init__(self) -> None:
        self._leaving: list[asyncio.Task[None]] = []
        self._failed = 0
        self._turn, self._strangers_turn = asyncio.Semaphore(m.ALARMS_AT_ONCE), asyncio.Semaphore(m.STRANGERS_ALARMS)

    @property
    def delivered(self) -> bool:
        """Whether none is on its way any more. One that failed, and waits to be tried again, does not keep a new run
        from beginning: that run first delivers whatever is recorded."""
        return len(self._under_way()) == self._failed

    @property
    def failed(self) -> bool:
        """Whether one failed, and waits to be tried again. No run comes after the last one to deliver it."""
        return self._failed > 0

    def send(self, clinic: str, events: Sequence[Event], *, stranger: bool = False) -> None:
        """Send what these events raise in a journey of this clinic."""
        raised = tuple(notice for event in events for notice in notices(event) if notice.alarm)
        self._leaving = self._under_way()
        if raised:
            alarm = m.Alarm(clinic=clinic, notices=raised)
            self._leaving.append(asyncio.create_task(self._deliver(alarm, stranger=stranger)))

    def _under_way(self) -> list[asyncio.Task[None]]:
        for alarm in self._leaving:
            if alarm.done():
                alarm.result()  # Only a bug ends one with an error. It fails this task, and is retried until a fix.
        return [alarm for alarm in self._leaving if not alarm.done()]

    async def _deliver(self, alarm: m.Alarm, *, stranger: bool) -> None:
        pause = m.MOMENT
        turn = self._strangers_turn if stranger else self._turn
        while not await _send(alarm, turn):
            self._failed += 1
            await workflow.sleep(pause, summary="raise the alarm again")
            self._failed -= 1
            pause = min(2 * pause, LONGEST_PAUSE)


async def _send(alarm: m.Alarm, turn: asyncio.Semaphore) -> bool | None:
    async with turn:
        return await try_to_ask(m.raise_alarm, alarm, then=_note_logged)


def _note_logged(alarm: m.Alarm, failed: ActivityError) -> m.Alarm:
    """Keep that the log has an alarm: whoever reads it is paged once, however long the record is away."""
    told: Sequence[object] = ()
    if isinstance(failed.cause, ApplicationError):
        told = failed.cause.details
    elif isinstance(failed.cause, NoAnswerInTime):
        told = failed.cause.last_heartbeat_details
    return alarm.model_copy(update={"logged": m.is_logged(alarm, told)})
