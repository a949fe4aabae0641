"""What is left of an attack: refused and kept, or not decided at all, and an honest decision counts."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from tests.faults.attackers import anew, asked, decision, only_attempts, push, send, signed
from tests.faults.helpers import Course
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.messages import NOT_CHECKED

MINUTE = timedelta(minutes=1)


async def counts(plain: Client, course: Course, by: Role = Role.CLINICIAN) -> None:
    """An honest approval of the newest hold's release counts."""
    journey = await course.recorded()
    request = asked(journey)
    assert await push(plain, course.id, await signed(course, decision(journey, request, by))) is None
    assert (await course.recorded()).holds[str(request.subject)].released


async def refused_both_ways(plain: Client, course: Course, attack: c.Command, code: RefusalCode, says: str) -> None:
    """Refused as an update, which is told so, and as a signal; both attempts are in the record, and nothing else."""
    before = await course.recorded()
    told = await push(plain, course.id, anew(attack))
    assert told is not None, "it was accepted"
    await send(plain, course.id, "sign_off", anew(attack))
    for kept in await only_attempts(course, before, 2):
        assert (kept.command_kind, kept.code) == ("signoff.sign", code.value), kept
        assert says in kept.reason
    assert told.code == code
    assert says in told.reason


async def push_all(plain: Client, course: Course, attacks: Sequence[c.Command]) -> list[Refusal | None]:
    """Send them as fast as the server takes them: it lets ten updates of one journey be under way."""
    room = asyncio.Semaphore(8)

    async def attempt(attack: c.Command) -> Refusal | None:
        async with room:
            return await push(plain, course.id, attack)

    return await asyncio.gather(*(attempt(attack) for attack in attacks))


async def cannot_be_checked(plain: Client, course: Course, attack: c.Command) -> None:
    """It is not decided at all, and whoever sent it is told so, and may send it again."""
    with pytest.raises(ApplicationError, match="cannot be checked now; nothing happened") as told:
        await push(plain, course.id, attack)
    assert told.value.type == NOT_CHECKED
