"""Use cases on both servers: what is sent is accepted, recorded, refused or not there, and every look is kept."""

from uuid import UUID, uuid4

import pytest
from temporalio.client import Client

from activities.record import Record
from activities.record.access_log import list_access
from application.context import Context
from application.errors import NotFound, Refused, Unavailable
from application.pathway.command_catalog import KINDS, CommandKind
from application.pathway.commands import RecordedCommand, prepare, submit, wait_until_recorded
from application.sign_offs.requests import (
    ListRequests,
    Reasons,
    ShowRequest,
    ToSign,
    list_requests,
    read_to_sign,
    sign_request,
)
from simulation.keys import Signers
from simulation.people import PEOPLE
from tests.faults.helpers import As, Course, at_work
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode


def kind(name: str) -> CommandKind:
    return next(kind for kind in KINDS if kind.name == name)


async def act(context: Context, journey_id: UUID, body: c.AnyBody, command_id: UUID | None = None) -> RecordedCommand:
    command, known = await prepare(context, kind(body.kind), journey_id, body, command_id)
    return await wait_until_recorded(context, await submit(context, journey_id, command), known)


async def test_a_hold_is_placed_and_its_release_signed(
    as_: As, client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        hold, once = c.PlaceHold(reason="Invented: the patient called"), uuid4()
        async with as_(Role.COORDINATOR) as coordinator:
            placed = await act(coordinator, course.id, hold, once)
            again = await act(coordinator, course.id, hold, once)
            assert placed.journey is not None
            assert placed.journey.held
            assert again.accepted.version == placed.accepted.version
            with pytest.raises(NotFound):
                await act(coordinator, uuid4(), hold)
        async with as_(Role.SESSION_MONITOR) as monitor:
            with pytest.raises(Refused) as refused:
                await act(monitor, course.id, c.ReleaseSession(session=1))
            assert refused.value.refusal.code == RefusalCode.WRONG_STAGE
        async with as_(Role.CLINICIAN) as clinician:
            [asked] = await list_requests(clinician, ListRequests(journey_id=course.id, mine=True))
            query = ShowRequest(journey_id=course.id, request=asked.request.id)
            to_sign = await read_to_sign(clinician, query, "approve")
            assert isinstance(to_sign, ToSign)
            command = sign_request(clinician, to_sign, "approve", Reasons(rationale="Invented: all is well"))
            accepted = await submit(clinician, course.id, command)
            signed = await wait_until_recorded(clinician, accepted, to_sign.history.journey)
        assert signed.journey is not None
        assert not signed.journey.held
        assert signed.journey == (await course.recorded())
    looks = await list_access(record, journey_id=course.id)
    assert [(entry.reader_id, entry.command[0]) for entry in looks if entry.command[0] != "act"] == [
        (PEOPLE[Role.CLINICIAN].id, "signoff show"),
        (PEOPLE[Role.CLINICIAN].id, "signoff list"),
    ]


async def test_without_temporal_nothing_is_sent(as_: As, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    async with as_(Role.COORDINATOR) as coordinator:
        with pytest.raises(Unavailable, match="Temporal cannot be reached"):
            await act(coordinator, uuid4(), c.PlaceHold(reason="Invented"))
