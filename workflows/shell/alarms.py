"""Alarms leave at once, even if the record is down; those of who has not the keys a few at a time."""

import asyncio
from collections.abc import Sequence

from workflows import messages as m
from workflows.journey.events import Event
from workflows.journey.notices import notices
from workflows.shell.activity_calls import ask


class Alarms:
    """The alarms of a run that are on their way."""

    def __init__(self) -> None:
        self._leaving: list[asyncio.Task[bool]] = []
        self._strangers_turn = asyncio.Semaphore(m.STRANGERS_ALARMS)

    @property
    def delivered(self) -> bool:
        """Whether none is on its way any more."""
        return all(alarm.done() for alarm in self._leaving)

    def send(self, clinic: str, events: Sequence[Event], *, stranger: bool = False) -> None:
        """Send what these events raise in a journey of this clinic."""
        raised = tuple(notice for event in events for notice in notices(event) if notice.alarm)
        self._leaving = [alarm for alarm in self._leaving if not alarm.done()]
        if raised:
            alarm = m.Alarm(clinic=clinic, notices=raised)
            leaving = self._send_in_turn(alarm) if stranger else _send(alarm)
            self._leaving.append(asyncio.create_task(leaving))

    async def _send_in_turn(self, alarm: m.Alarm) -> bool:
        async with self._strangers_turn:
            return await _send(alarm)


async def _send(alarm: m.Alarm) -> bool:
    return await ask(m.raise_alarm, alarm, "alarm")
