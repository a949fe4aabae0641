"""Enrolment: one open journey for a patient with a medicine, at whatever clinic, and one journey for a request."""

import asyncio
from uuid import UUID, uuid4

import pytest

from activities.record import (
    Enrolment,
    MoreIsKnown,
    NotAppendable,
    Opening,
    PatientHasOpenJourney,
    Record,
    RecordFault,
    TwoPatients,
    patient_index,
)
from activities.record.verification.chains import verify_chains
from tests.fixtures.clear import number_key, patient_key
from tests.record.helpers import Connection, events

PATIENT = patient_key("clinic-1/4711")


def opening(*keys: bytes, medicine: str = "invented-1") -> Opening:
    return Opening(patient_keys=keys, medicine=medicine)


async def enrol(
    record: Record,
    request: UUID,
    *keys: bytes,
    pathway: str = "ptsd",
    medicine: str = "invented-1",
    journey: UUID | None = None,
) -> Enrolment:
    asked = opening(*(keys or (PATIENT,)), medicine=medicine)
    return await patient_index.enrol(record, asked, pathway=pathway, request_id=request, journey_id=journey or uuid4())


async def test_outcomes(record: Record) -> None:
    request, journey = uuid4(), uuid4()
    first = await enrol(record, request, journey=journey)
    assert first == Enrolment(outcome="enrolled", journey_id=journey, request_id=request)
    head = await record.head(journey)
    assert head is not None
    assert (head.version, head.position, head.status) == (0, 0, "open")

    again = await enrol(record, request)
    assert again == Enrolment(outcome="same_request", journey_id=journey, request_id=request)

    for pathway in ("ptsd", "anxiety"):
        asked, other = uuid4(), uuid4()
        another = await enrol(record, other, pathway=pathway, journey=asked)
        assert another == Enrolment(outcome="active", journey_id=asked, request_id=other), "whose it is is not told"

    assert (await enrol(record, uuid4(), medicine="invented-2")).outcome == "enrolled"
    assert (await enrol(record, uuid4(), patient_key("clinic-1/4712"))).outcome == "enrolled"


@pytest.mark.parametrize(("patient", "pathway"), [("someone else", "ptsd"), ("clinic-1/4711", "anxiety")])
async def test_a_request_for_someone_else_learns_nothing(record: Record, patient: str, pathway: str) -> None:
    request, asked = uuid4(), uuid4()
    await enrol(record, request)

    answer = await enrol(record, request, patient_key(patient), pathway=pathway, journey=asked)

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
        await enrol(record, uuid4(), patient_key("x"), journey=journey)


async def test_twenty_requests_at_once_have_one_winner(record: Record) -> None:
    answers = await asyncio.gather(*(enrol(record, uuid4()) for _ in range(20)))

    assert sum(answer.outcome == "enrolled" for answer in answers) == 1
    assert len({answer.journey_id for answer in answers}) == 20, "each is told of its own only"
    assert sum(answer.outcome == "active" for answer in answers) == 19


async def test_one_request_sent_twenty_times_is_one_journey(record: Record) -> None:
    request = uuid4()
    answers = await asyncio.gather(*(enrol(record, request) for _ in range(20)))

    assert len({answer.journey_id for answer in answers}) == 1
    assert sorted(answer.outcome for answer in answers) == ["enrolled"] + 19 * ["same_request"]


async def test_a_clinics_number_is_an_alias(record: Record) -> None:
    """The same number at another clinic is another patient's."""
    here, there = number_key("clinic-1", "17"), number_key("clinic-2", "17")
    assert (await enrol(record, uuid4(), patient_key("a"), here)).outcome == "enrolled"
    assert (await enrol(record, uuid4(), patient_key("b"), there)).outcome == "enrolled"
    assert (await enrol(record, uuid4(), patient_key("a"), number_key("clinic-3", "17"))).outcome == "active"
    with pytest.raises(TwoPatients):
        await enrol(record, uuid4(), patient_key("b"), here)
    for each in (opening(patient_key("a"), here), opening(patient_key("b"), there)):
        await record.append(uuid4(), 0, events(1), opening=each)
    with pytest.raises(TwoPatients):
        await enrol(record, uuid4(), patient_key("b"), here)
    with pytest.raises(TwoPatients):
        await record.append(uuid4(), 0, events(1), opening=opening(patient_key("b"), here))


async def test_no_second_journey_begins_with_the_medicine_enrolled_or_not(record: Record) -> None:
    """Two that begin at once: one wins."""
    journeys = [uuid4() for _ in range(8)]
    answers = await asyncio.gather(
        *(record.append(journey, 0, events(2), opening=opening(PATIENT)) for journey in journeys),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, PatientHasOpenJourney) for answer in answers) == 7
    [winner] = [j for j, answer in zip(journeys, answers, strict=True) if not isinstance(answer, BaseException)]
    assert await patient_index.journeys_of(record, PATIENT) == (winner,)
    assert (await enrol(record, uuid4())).outcome == "active"
    await record.append(winner, 2, events(1), closes=True)
    await record.append(uuid4(), 0, events(1), opening=opening(PATIENT))


async def test_a_journey_begins_for_the_patient_it_is_enrolled_for(record: Record) -> None:
    journey = (await enrol(record, uuid4())).journey_id
    with pytest.raises(NotAppendable):
        await record.append(journey, 0, events(1), opening=opening(patient_key("x")))
    await record.append(journey, 0, events(1), opening=opening(PATIENT))


async def test_what_rests_on_the_patient_is_not_recorded_once_another_journey_went_on(record: Record) -> None:
    one, two, stranger = uuid4(), uuid4(), uuid4()
    await record.append(one, 0, events(1), opening=opening(PATIENT))
    known = (await record.append(two, 0, events(1), opening=opening(PATIENT, medicine="invented-2"))).position
    await record.append(stranger, 0, events(3), opening=opening(patient_key("x")))
    known = (await record.append(one, 1, events(1), rests_on=known)).position
    with pytest.raises(MoreIsKnown):
        await record.append(two, 1, events(1), rests_on=known - 1)
    resting = events(1)
    await record.append(two, 1, resting, rests_on=known)
    again = await record.append(two, 1, resting, rests_on=0)
    assert again.replayed, "what is recorded stays so"


async def test_of_two_that_rest_on_the_same_at_once_one_is_recorded(record: Record) -> None:
    journeys = [uuid4() for _ in range(6)]
    known = 0
    for number, journey in enumerate(journeys):
        first = await record.append(journey, 0, events(1), opening=opening(PATIENT, medicine=f"invented-{number}"))
        known = first.position
    answers = await asyncio.gather(
        *(record.append(journey, 1, events(1), rests_on=known) for journey in journeys), return_exceptions=True
    )
    assert sum(isinstance(answer, MoreIsKnown) for answer in answers) == 5


async def test_a_merge_makes_two_patients_one(record: Record) -> None:
    one, two = uuid4(), uuid4()
    other = patient_key("clinic-2/17")
    await record.append(one, 0, events(1), opening=opening(PATIENT))
    known = (await record.append(two, 0, events(1), opening=opening(other, medicine="invented-2"))).position
    assert await patient_index.journeys_of(record, PATIENT) == (one,)
    await record.append(one, 1, events(1), merges=[other])
    assert (
        {*await patient_index.journeys_of(record, PATIENT)}
        == {*await patient_index.journeys_of(record, other)}
        == {one, two}
    )
    with pytest.raises(MoreIsKnown):
        await record.append(two, 1, events(1), rests_on=known)
    with pytest.raises(PatientHasOpenJourney):
        await record.append(uuid4(), 0, events(1), opening=opening(other))
    await record.append(one, 2, events(1), merges=[patient_key("never seen")])
    assert (await enrol(record, uuid4(), patient_key("never seen"))).outcome == "active"


async def test_two_patients_who_may_be_one_stay_two_and_rest_on_each_other(record: Record) -> None:
    """Whoever releases a session of either knows by then that somebody asks."""
    one, two, other = uuid4(), uuid4(), patient_key("clinic-2/18")
    await record.append(one, 0, events(1), opening=opening(PATIENT))
    known = (await record.append(two, 0, events(1), opening=opening(other, medicine="invented-2"))).position
    await record.append(one, 1, events(1), asked=[other, patient_key("never seen, either")])
    for key, journey in ((PATIENT, one), (other, two)):
        assert await patient_index.journeys_of(record, key) == (journey,)
        assert {*await patient_index.journeys_of(record, key, ever=True)} == {one, two}
    with pytest.raises(MoreIsKnown):
        await record.append(two, 1, events(1), rests_on=known)
    await record.append(uuid4(), 0, events(1), opening=opening(other))  # Each has the medicine of the other.


async def test_a_merge_that_was_wrong_makes_one_patient_two_again(record: Record) -> None:
    """Each has their own aliases again; who else was one with them stays with whom they belong to."""
    one, two, three, other, numbered, third = uuid4(), uuid4(), uuid4(), *map(patient_key, ("b", "b/17", "c"))
    await record.append(one, 0, events(1), opening=opening(PATIENT))
    await record.append(two, 0, events(1), opening=opening(other, numbered, medicine="invented-2"))
    await record.append(three, 0, events(1), opening=opening(third, medicine="invented-3"))
    await record.append(one, 1, events(1), merges=[other, third])
    assert {*await patient_index.journeys_of(record, numbered)} == {one, two, three}
    known = (await record.append(one, 2, events(1), parts=[other, numbered])).position
    assert (
        {*await patient_index.journeys_of(record, PATIENT)}
        == {*await patient_index.journeys_of(record, third)}
        == {one, three}
    )
    assert (
        {*await patient_index.journeys_of(record, other)}
        == {*await patient_index.journeys_of(record, numbered)}
        == {two}
    )
    # What rests on the time when they were one is not recorded: it must know that they are not.
    with pytest.raises(MoreIsKnown):
        await record.append(two, 1, events(1), rests_on=known - 1)
    await record.append(two, 1, events(1), rests_on=known)
    # Each may have a journey with the medicine of the other, and is known by all their own names.
    await record.append(uuid4(), 0, events(1), opening=opening(other))
    with pytest.raises(PatientHasOpenJourney):
        await record.append(uuid4(), 0, events(1), opening=opening(numbered))
    with pytest.raises(TwoPatients):
        await record.append(uuid4(), 0, events(1), opening=opening(PATIENT, numbered, medicine="invented-4"))
    # And once more, should they be one after all.
    await record.append(one, 3, events(1), merges=[numbered])
    assert {two, one, three} < {*await patient_index.journeys_of(record, PATIENT)}


async def test_who_is_only_enrolled_keeps_nobody_from_beginning(record: Record) -> None:
    """Anybody who may enrol may enrol wrongly. What is recorded decides."""
    mine, theirs = patient_key("a"), patient_key("b")
    await enrol(record, uuid4(), mine, theirs)
    await record.append(uuid4(), 0, events(1), opening=opening(mine))
    await record.append(uuid4(), 0, events(1), opening=opening(theirs))
    for chain in (("x", "y"), ("y", "z")):
        await enrol(record, uuid4(), *map(patient_key, chain), medicine=f"invented-{chain[0]}")
    assert (await enrol(record, uuid4(), patient_key("z"), patient_key("x"), medicine="invented-x")).outcome == "active"


def test_patient_keys_tell_patients_apart() -> None:
    assert patient_key("a") == patient_key("a") != patient_key("b")
    assert len(PATIENT) == 32
