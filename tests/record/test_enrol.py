"""Enrolment: one open journey for a patient on a pathway, one journey for a request."""

import asyncio
from uuid import UUID, uuid4

import pytest

from activities.record import Enrolment, Record, RecordFault, patient_key
from activities.record.verification.chains import verify_chains
from tests.record.helpers import Connection, events

PATIENT = patient_key("clinic-1/4711")


async def enrol(record: Record, request: UUID, patient: bytes = PATIENT, pathway: str = "ptsd") -> Enrolment:
    return await record.enrol(patient_key=patient, pathway=pathway, request_id=request, journey_id=uuid4())


async def test_outcomes(record: Record) -> None:
    request, journey = uuid4(), uuid4()
    first = await record.enrol(patient_key=PATIENT, pathway="ptsd", request_id=request, journey_id=journey)
    assert first == Enrolment(outcome="enrolled", journey_id=journey, request_id=request)
    head = await record.head(journey)
    assert head is not None
    assert (head.version, head.position, head.status) == (0, 0, "open")

    again = await enrol(record, request)
    assert again == Enrolment(outcome="same_request", journey_id=journey, request_id=request)

    another = await enrol(record, uuid4())
    assert another == Enrolment(outcome="active", journey_id=journey, request_id=request)

    assert (await enrol(record, uuid4(), pathway="anxiety")).outcome == "enrolled"
    assert (await enrol(record, uuid4(), patient=patient_key("clinic-1/4712"))).outcome == "enrolled"


@pytest.mark.parametrize(("patient", "pathway"), [("someone else", "ptsd"), ("clinic-1/4711", "anxiety")])
async def test_a_request_for_someone_else_learns_nothing(record: Record, patient: str, pathway: str) -> None:
    request, asked = uuid4(), uuid4()
    await enrol(record, request)

    answer = await record.enrol(patient_key=patient_key(patient), pathway=pathway, request_id=request, journey_id=asked)

    assert answer == Enrolment(outcome="other_request", journey_id=asked, request_id=request)
    assert await record.head(asked) is None


async def test_after_the_end_the_patient_may_come_back(record: Record, owner: Connection) -> None:
    request = uuid4()
    first = await enrol(record, request)
    await record.append(first.journey_id, 0, events(2))
    assert (await enrol(record, uuid4())).outcome == "active"
    await record.append(first.journey_id, 2, events(1), closes=True)

    assert (await enrol(record, request)).journey_id == first.journey_id
    second = await enrol(record, uuid4())

    assert second.outcome == "enrolled"
    assert second.journey_id != first.journey_id
    assert await verify_chains(owner) == ()


async def test_a_journey_id_is_not_taken_over(record: Record) -> None:
    journey = (await enrol(record, uuid4())).journey_id
    with pytest.raises(RecordFault):
        await record.enrol(patient_key=patient_key("x"), pathway="ptsd", request_id=uuid4(), journey_id=journey)


async def test_twenty_requests_at_once_have_one_winner(record: Record) -> None:
    answers = await asyncio.gather(*(enrol(record, uuid4()) for _ in range(20)))

    [winner] = [answer for answer in answers if answer.outcome == "enrolled"]
    assert {(a.journey_id, a.request_id) for a in answers} == {(winner.journey_id, winner.request_id)}
    assert sum(answer.outcome == "active" for answer in answers) == 19


async def test_one_request_sent_twenty_times_is_one_journey(record: Record) -> None:
    request = uuid4()
    answers = await asyncio.gather(*(enrol(record, request) for _ in range(20)))

    assert len({answer.journey_id for answer in answers}) == 1
    assert sorted(answer.outcome for answer in answers) == ["enrolled"] + 19 * ["same_request"]


def test_patient_keys_tell_patients_apart() -> None:
    assert patient_key("a") == patient_key("a") != patient_key("b")
    assert len(PATIENT) == 32
