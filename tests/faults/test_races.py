"""Two clinicians decide the same request at the same moment: one decides, the other is told who and when."""

import asyncio
from datetime import UTC, datetime
from itertools import product

import pytest
from temporalio.client import Client

from activities.record.event_codec import load_events, load_journey
from activities.record.store import Record
from application.errors import Refused
from simulation.keys import Signers
from tests.faults.attackers import asked, decision, send
from tests.faults.helpers import PATIENCE, Course, at_work
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.calendars import format_moment
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

pytestmark = [pytest.mark.server, pytest.mark.faults]

AT_ONCE = 8
"""All share the few connections of one record: more of them would wait too long for one."""
WAYS = tuple(product(("update", "signal"), repeat=2))
"""How the two come in. Half of all races are between two updates."""
DECISIONS = (("approve", "approve"), ("approve", "decline"), ("return", "approve"), ("decline", "return"))


async def handed_in(course: Course, signed: c.Command, way: str) -> Refusal | None:
    """Send it in one of both ways; a signal answers nothing."""
    if way == "signal":
        await send(course.client, course.id, "sign_off", signed)
        return None
    try:
        await course.submit(signed)
    except Refused as rejected:
        return rejected.refusal
    return None


async def race(course: Course, number: int) -> None:
    await course.begin()
    placed = await course.send(c.PlaceHold(reason="invented: a hold, for somebody to decide on"))
    await course.record.wait_for(course.id, placed.version, PATIENCE)
    before = await load_journey(course.record, course.id)
    assert before is not None
    ways = WAYS[0] if number % 2 else WAYS[number // 2 % len(WAYS)]
    first, second = DECISIONS[number // 8 % len(DECISIONS)]
    request, at = asked(before), datetime.now(UTC)
    pair = [
        course.signers.signed(course.id, decision(before, request, by, decision=decided), at)
        for by, decided in ((Role.CLINICIAN, first), (Role.MEDICAL_DIRECTOR, second))
    ]
    told = await asyncio.gather(*(handed_in(course, one, way) for one, way in zip(pair, ways, strict=True)))
    events: list[e.Event] = []
    while not {one.command_id for one in pair} <= {event.command_id for event in events}:
        await course.record.wait_for(course.id, before.version + len(events) + 1, PATIENCE)
        events = [event for event in await load_events(course.record, course.id) if event.version > before.version]
    [won] = [event for event in events if isinstance(event.body, e.SignedOff)]
    [lost] = [event for event in events if isinstance(event.body, e.CommandRefused)]
    assert {won.command_id, lost.command_id} == {one.command_id for one in pair}
    assert isinstance(won.body, e.SignedOff)
    assert isinstance(lost.body, e.CommandRefused)
    winner = next(one for one in pair if one.command_id == won.command_id)
    assert isinstance(winner.body, c.Sign)
    assert won.body.signature == winner.body.signature
    assert lost.body.code == RefusalCode.ALREADY_DONE
    who, when = f"{won.body.name} ({won.actor_id})", format_moment(won.at, before.patient.zone)
    who_and_when = f"{who} has decided this at {when} ({won.body.decision})"
    assert who_and_when in lost.body.reason
    for one, way, refusal in zip(pair, ways, told, strict=True):
        if way == "update" and one is not winner:
            assert refusal is not None
            assert (refusal.code, who_and_when in refusal.reason) == (RefusalCode.ALREADY_DONE, True)
        else:
            assert refusal is None
    released = [event for event in events if isinstance(event.body, e.HoldReleased)]
    assert len(released) == (won.body.decision == "approve")
    assert len(events) <= 2 + len(released) + 1, "nothing else happened but what is awaited from now on"
    await course.checked()


@pytest.mark.parametrize("races", [len(WAYS) * len(DECISIONS) * 2, pytest.param(200, marks=pytest.mark.soak)])
async def test_every_race_has_one_winner(
    client: Client, record: Record, signers: Signers, task_queue: str, races: int
) -> None:
    courses = [Course(client, record, signers, task_queue) for _ in range(races)]
    async with at_work(client, record, signers, task_queue):
        for start in range(0, races, AT_ONCE):
            batch = enumerate(courses[start : start + AT_ONCE], start)
            async with asyncio.TaskGroup() as group:
                for number, course in batch:
                    group.create_task(race(course, number))
