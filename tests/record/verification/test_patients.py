"""What a journey took in of its patient's other journeys is what those say, and the record tells patients apart."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from activities.record import KeyAway, MoreIsKnown, NotAppendable, Record, patient_index
from activities.record.event_codec import load_journey, to_new
from activities.record.patients import (
    Parted,
    find_uninformed,
    find_unparted,
    look_elsewhere,
    must_look,
    opening_of,
    part,
    part_again,
)
from activities.record.reconciliation import find_gone_on_beside
from activities.record.verification.patients import Placed, check_patient
from activities.record.verification.record import verify_record
from activities.record_activities import RecordActivities
from simulation.people import person_of, referral
from tests.fixtures.clear import PATIENTS, patient_key
from tests.journey.play import PROTOCOLS, Play, started
from tests.record.handed import batch, signed
from tests.record.helpers import Connection, event
from tests.record.test_redeliveries import register_of
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import fold
from workflows.journey.always.patient.elsewhere import see_elsewhere
from workflows.journey.always.patient.model import Elsewhere
from workflows.journey.decide import decide
from workflows.journey.protocol import Protocol, SignOffKind
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.refusals import Refusal

SECOND = UUID("22222222-2222-4222-8222-222222222222")
SECOND_REF = "demo-patient-other"


def with_medicine(medicine: str) -> Protocol:
    protocol = PROTOCOLS["ANXIETY"]
    return protocol.model_copy(update={"dose": protocol.dose.model_copy(update={"medicine": medicine})})


def another(play: Play, protocol: Protocol, ref: str | None = None, journey_id: UUID = SECOND) -> Play:
    """Another journey, of the same patient unless it is said whose."""
    opening = referral(protocol, journey_id)
    assert isinstance(opening.body, c.StartPathway)
    patient = play.journey.patient if ref is None else play.journey.patient.model_copy(update={"ref": ref})
    decided = decide(
        None, opening.model_copy(update={"body": opening.body.model_copy(update={"patient": patient})}), play.at
    )
    assert not isinstance(decided, Refusal)
    return Play(fold(decided), play.at, list(decided))


def take_in(play: Play, elsewhere: Elsewhere, position: int) -> None:
    play.do(c.TakeInHistory(elsewhere=elsewhere, position=position), CLOCK)


def placed(events: Sequence[e.Event], after_position: int) -> list[Placed]:
    return [Placed(after_position + number, event) for number, event in enumerate(events, start=1)]


def dosed() -> Play:
    """A journey that has given a dose, with all its events."""
    play = started()
    return play.go_on(lambda journey: bool(journey.doses))


def reasons(*journeys: list[Placed]) -> list[str]:
    return [
        finding.reason
        for finding in check_patient(
            PATIENTS, {each[0].event.journey_id: each for each in journeys if each[0].event is not None}
        )
    ]


def test_what_the_others_say_is_right() -> None:
    first = dosed()
    known = len(first.events)
    second = another(first, with_medicine("invented-2"))
    take_in(second, see_elsewhere([first.journey], "invented-2", second.journey.clinic), known)
    assert reasons(placed(first.events, 0), placed(second.events, known)) == []


def test_something_else_than_the_others_say_is_found() -> None:
    first = dosed()
    known = len(first.events)
    second = another(first, with_medicine("invented-2"))
    seen = see_elsewhere([first.journey], "invented-2", second.journey.clinic)
    halved = seen.doses[0].model_copy(update={"dose_mg": 50})
    take_in(second, seen.model_copy(update={"doses": (halved,)}), known)
    assert reasons(placed(first.events, 0), placed(second.events, known)) == ["history_differs"]


@pytest.mark.parametrize("readable", [0, 1])
def test_what_cannot_be_read_beside_is_not_called_a_difference(readable: int) -> None:
    """It could not be checked, which is said once of the journey that took it in."""
    first = dosed()
    known = len(first.events)
    second = another(first, with_medicine("invented-2"))
    take_in(second, see_elsewhere([first.journey], "invented-2", second.journey.clinic), known)
    locked = [
        Placed(position, event if number < readable else None)
        for number, (position, event) in enumerate(placed(first.events, 0))
    ]
    found = check_patient(PATIENTS, {first.journey.id: locked, SECOND: placed(second.events, known)})
    assert [(each.journey_id, each.version, each.reason) for each in found] == [(SECOND, 1, "history_unread")]


def test_what_cannot_be_read_after_it_hides_no_difference() -> None:
    first = dosed()
    known = len(first.events)
    second = another(first, with_medicine("invented-2"))
    seen = see_elsewhere([first.journey], "invented-2", second.journey.clinic)
    take_in(second, seen.model_copy(update={"unconfirmed": True}), known)
    after = known + len(second.events) + 1
    both = {first.journey.id: [*placed(first.events, 0), Placed(after, None)], SECOND: placed(second.events, known)}
    assert [each.reason for each in check_patient(PATIENTS, both)] == ["history_differs"]


def test_a_session_that_rests_on_less_is_found() -> None:
    second = another(started(), with_medicine("invented-2"), ref=person_of(SECOND, Role.PATIENT).id)
    second.go_on(lambda journey: any(s.released_at is not None for s in journey.sessions.values()))
    planned = next(n for n, event in enumerate(second.events) if isinstance(event.body, e.SessionScheduled))
    first = dosed()
    opened = first.events[0].body
    assert isinstance(opened, e.PathwayStarted)
    opened = opened.model_copy(update={"patient": second.journey.patient})
    first.events[0] = first.events[0].model_copy(update={"body": opened})
    # The other journey gave its dose before anything was planned here, and nobody took that in.
    apart = placed(second.events[:planned], 0)
    theirs = placed(first.events, len(apart))
    apart += placed(second.events[planned:], len(apart) + len(theirs))
    both = 2
    assert reasons(theirs, apart) == ["rests_on_less"] * 3 * both, "planned, cleared and released, in each"


def test_a_second_journey_with_the_medicine_is_found() -> None:
    first = started()
    second = another(first, PROTOCOLS["ANXIETY"])
    assert reasons(placed(first.events, 0), placed(second.events, 9)) == ["second_journey"]


async def record_all(
    record: Record,
    play: Play,
    merges: Sequence[bytes] = (),
    parts: Sequence[bytes] = (),
    parts_read: int | None = None,
    asked: Sequence[bytes] = (),
) -> int:
    """Record the events of a play that are not recorded yet; the position after them."""
    head = await record.head(play.journey.id)
    version = 0 if head is None else head.version
    new = [event for event in play.events if event.version > version]
    opening = opening_of(record.patients, play.journey) if version == 0 else None
    appended = await record.append(
        play.journey.id,
        version,
        [to_new(event) for event in new],
        opening=opening,
        merges=merges,
        parts=parts,
        parts_read=parts_read,
        asked=asked,
    )
    return appended.position


async def two_patients(record: Record) -> tuple[Play, Play]:
    """The journeys of two patients, the first of whom has had a dose."""
    first = dosed()
    await record_all(record, first)
    second = another(first, with_medicine("invented-2"), ref=SECOND_REF)
    await record_all(record, second)
    return first, second


async def merged(record: Record) -> tuple[Play, Play]:
    """Two patients, the second of whom was merged with the first."""
    first, second = await two_patients(record)
    other = first.journey.patient.ref
    second.do(c.ProposeMerge(other=other, reason="invented"), Role.COORDINATOR)
    second.sign(SignOffKind.PATIENT_MERGE, "merge-1")
    await record_all(record, second, [patient_key(other)])
    return first, second


async def found(record: Record) -> list[str]:
    return [finding.reason for finding in (await verify_record(record, keys={})).findings if finding.reason in OURS]


OURS = (
    "history_differs", "rests_on_less", "history_unread", "second_journey", "patient_differs", "patient_invented",
    "head_differs",
)  # fmt: skip


async def test_merged_patients_are_judged_together(record: Record, owner: Connection) -> None:
    first, second = await two_patients(record)
    seen = await look_elsewhere(record, second.journey)
    assert seen.elsewhere == Elsewhere()
    second.do(c.ProposeMerge(other=first.journey.patient.ref, reason="invented"), Role.COORDINATOR)
    second.sign(SignOffKind.PATIENT_MERGE, "merge-1")
    await record_all(record, second, [patient_key(first.journey.patient.ref)])
    seen = await look_elsewhere(record, second.journey)
    assert [dose.source for dose in seen.elsewhere.doses] == [dose.source for dose in first.journey.own_doses]
    take_in(second, seen.elsewhere, seen.position)
    await record_all(record, second)
    assert await found(record) == []

    await owner.execute(
        "INSERT INTO record.patient SELECT log_id, sha256('invented'), known_as, ever_known_as "
        "FROM record.patient LIMIT 1"
    )
    assert await found(record) == ["patient_invented"]
    await owner.execute("UPDATE record.patient SET known_as = patient_key")
    assert "patient_differs" in await found(record)
    await owner.execute("UPDATE record.journey SET medicine = 'another'")
    assert "head_differs" in await found(record)


@pytest.mark.requirement("B27")
async def test_whoever_may_be_the_patient_is_told_that_somebody_asks(record: Record) -> None:
    """A merge was proposed, and the other one of the two knew of it only once it was signed."""
    first, second = await two_patients(record)
    other = first.journey.patient.ref
    second.do(c.ProposeMerge(other=other, reason="invented"), Role.COORDINATOR)
    await record_all(record, second, asked=[patient_key(other)])
    for decision in ("asked", "declined"):
        seen = await look_elsewhere(record, first.journey)
        assert seen.elsewhere == Elsewhere(identity_asked=decision == "asked"), "and nothing else of somebody else"
        assert (await look_elsewhere(record, second.journey)).elsewhere == Elsewhere()
        take_in(first, seen.elsewhere, seen.position)
        await record_all(record, first)
        if decision == "asked":
            second.sign_once(SignOffKind.PATIENT_MERGE, "merge-1", decision="decline")
            await record_all(record, second)
    assert await found(record) == []


async def test_a_journey_that_cannot_be_read_makes_the_others_no_forgeries(record: Record, owner: Connection) -> None:
    first = dosed()
    await record_all(record, first)
    second = another(first, with_medicine("invented-2"))
    await record_all(record, second)
    seen = await look_elsewhere(record, second.journey)
    assert seen.elsewhere.doses
    take_in(second, seen.elsewhere, seen.position)
    await record_all(record, second)
    assert await found(record) == []
    await owner.execute("ALTER TABLE record.journey_event DISABLE TRIGGER append_only")
    await owner.execute("UPDATE record.journey_event SET payload = '{}' WHERE journey_id = $1", first.journey.id)
    assert await found(record) == ["history_unread"]
    alone = await verify_record(record, keys={}, journey_id=SECOND)
    assert "history_unread" in [each.reason for each in alone.findings], "nothing else says so here"


async def test_a_patient_of_whom_nothing_was_read_is_not_called_invented(record: Record, owner: Connection) -> None:
    await record_all(record, started())
    assert (await verify_record(record)).findings == (), "of a demonstration only the chains are looked at"
    await owner.execute("ALTER TABLE record.journey_event DISABLE TRIGGER append_only")
    await owner.execute("UPDATE record.journey_event SET payload = '{}' WHERE version = 1")
    assert await found(record) == []


async def test_patients_who_were_taken_apart_are_judged_as_they_were_known_then(
    record: Record, owner: Connection
) -> None:
    """What each took in of the other is right for its time, stays on record, and counts no more; and both look anew."""
    first, second = await merged(record)
    other = first.journey.patient.ref
    for play in (second, first):
        seen = await look_elsewhere(record, play.journey)
        take_in(play, seen.elsewhere, seen.position)
        await record_all(record, play)
    second.do(c.ProposeUnmerge(merge="merge-1", reason="invented: two people"), Role.COORDINATOR)
    before, known = second.journey, len(second.events)
    second.sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    found_apart = await part(record, second.journey, other)
    assert found_apart.keys == (patient_key(other),)
    await record_all(record, second, parts=found_apart.keys)
    assert await must_look(record, before, second.events[known:], second.journey) == {first.journey.id}
    assert {*await find_gone_on_beside(record, None)} == {first.journey.id, SECOND}
    for play in (second, first):
        seen = await look_elsewhere(record, play.journey)
        assert seen.elsewhere == Elsewhere()
        take_in(play, seen.elsewhere, seen.position)
        await record_all(record, play)
        assert [body.parted for body in taken_in(play)] == [(), () if play is second else (SECOND_REF,)]
        assert [hold.cause for hold in play.journey.standing_holds][-1] == "patients_parted"
    assert await found(record) == []
    await owner.execute("UPDATE record.patient SET known_as = ever_known_as")
    assert "patient_differs" in await found(record)


async def test_who_is_who_is_recorded_one_command_after_the_other(record: Record, tmp_path: Path) -> None:
    """The record was away while two merges were signed and both undone: nobody stays one with somebody else."""
    first, others = started(), {"demo-patient-second": uuid4(), "demo-patient-third": uuid4()}
    for number, (ref, journey_id) in enumerate(others.items(), 2):
        await record_all(record, another(first, with_medicine(f"invented-{number}"), ref, journey_id))
    for number, ref in enumerate(others, 1):
        first.do(c.ProposeMerge(other=ref, reason="invented"), Role.COORDINATOR)
        first.sign(SignOffKind.PATIENT_MERGE, f"merge-{number}")
    for number in range(1, len(others) + 1):
        first.do(c.ProposeUnmerge(merge=f"merge-{number}", reason="invented: two people"), Role.COORDINATOR)
    for number in range(1, len(others) + 1):
        first.sign(SignOffKind.PATIENT_UNMERGE, f"merge-{number}")
    recording = RecordActivities(record, register_of(tmp_path), demonstrations=True)
    left, answers = signed(first.decisions), 0
    while left:
        told = await recording.append(batch(left))
        assert told.version >= left[0].events[0].version
        left, answers = [each for each in left if each.events[0].version > told.version], answers + 1
    assert answers == 2 * len(others)
    for ref, journey_id in {first.journey.patient.ref: first.journey.id, **others}.items():
        assert await patient_index.journeys_of(record, patient_key(ref)) == (journey_id,)
    assert await found(record) == []


async def taken_for_one(record: Record) -> tuple[Play, Play]:
    """Two patients, the second of whom was merged with the first, and that undone by signatures not recorded yet."""
    first, second = await merged(record)
    second.do(c.ProposeUnmerge(merge="merge-1", reason="invented: two people"), Role.COORDINATOR)
    second.sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    return first, second


async def test_who_could_not_be_taken_apart_is_found_and_is_once_it_can_be(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a journey of either could not be read while the undoing was recorded."""
    first, second = await taken_for_one(record)
    assert await find_unparted(record) == ()
    await record_all(record, second)
    assert await find_unparted(record) == (second.journey.id,)
    for play in (second, first):
        seen = await look_elsewhere(record, play.journey)
        take_in(play, seen.elsewhere, seen.position)
        await record_all(record, play)
    informed: dict[UUID, bytes] = {}
    assert await find_uninformed(record, informed) == ()
    assert await part_again(record, second.journey.id) == frozenset((first.journey.id, second.journey.id))
    assert await find_unparted(record) == ()
    # Whoever took them apart ended here: nobody has looked.
    assert {*await find_uninformed(record, informed)} == {first.journey.id, second.journey.id}
    for play in (second, first):
        seen = await look_elsewhere(record, play.journey)
        take_in(play, seen.elsewhere, seen.position)
        await record_all(record, play)
    assert await find_uninformed(record, informed) == ()
    read: list[UUID] = []
    monkeypatch.setattr("activities.record.patients.load_journey", lambda _, journey_id: read.append(journey_id))
    assert await find_uninformed(record, informed) == ()
    assert read == [], "nothing has changed"
    first.do(c.PlaceHold(reason="invented"), Role.COORDINATOR)
    await record_all(record, first)
    monkeypatch.undo()
    known = dict(informed)
    assert await find_uninformed(record, informed) == ()
    assert {each for each in informed if informed[each] != known[each]} == {first.journey.id}
    for play in (first, second):
        assert await patient_index.journeys_of(record, patient_key(play.journey.patient.ref)) == (play.journey.id,)
    assert await found(record) == []
    for play in (first, second):
        assert await part_again(record, play.journey.id) == frozenset(), "nothing is left to do"


async def test_who_alters_who_is_who_takes_no_dose_from_anybody(record: Record) -> None:
    """Whoever has a worker's database role may say with any event, of which nobody needs to be able to read what it
    says, that the patient of a journey is two."""
    first, second = await merged(record)
    other = first.journey.patient.ref
    before = (await look_elsewhere(record, second.journey)).elsewhere
    assert before.doses
    await record.append(
        second.journey.id, second.journey.version, [event()], parts=[patient_key(other)], parts_read=10**9
    )
    assert await patient_index.journeys_of(record, patient_key(other)) == (first.journey.id,), "they are two there"
    after = (await look_elsewhere(record, second.journey)).elsewhere
    assert after.doses == before.doses
    assert (await look_elsewhere(record, first.journey)).elsewhere.unreadable
    assert "patient_differs" in await found(record)


async def test_who_is_one_by_another_statement_too_is_found_until_that_is_undone(record: Record) -> None:
    first, second = await taken_for_one(record)
    await record_all(record, second)
    first.do(c.ProposeMerge(other=SECOND_REF, reason="invented"), Role.COORDINATOR)
    first.sign(SignOffKind.PATIENT_MERGE, "merge-1")
    await record_all(record, first, [patient_key(SECOND_REF)])
    assert await part_again(record, second.journey.id) == frozenset()
    assert await find_unparted(record) == (second.journey.id,)
    first.do(c.ProposeUnmerge(merge="merge-1", reason="invented"), Role.COORDINATOR)
    first.sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    await record_all(record, first)
    assert await find_unparted(record) == tuple(sorted((first.journey.id, second.journey.id)))
    assert await part_again(record, first.journey.id)
    assert await find_unparted(record) == ()


async def test_who_was_signed_to_be_two_is_linked_by_no_number_named_while_they_were_one(record: Record) -> None:
    """A journey that begins while two count as one may name the reference of one and the number of the other. No
    signature takes that back, so they stayed one for ever."""
    first = dosed()
    first = numbered(first, "4711")
    await record_all(record, first)
    second = another(first, with_medicine("invented-2"), ref=SECOND_REF)
    second = numbered(second, None)
    await record_all(record, second)
    own = first.journey.patient.ref
    second.do(c.ProposeMerge(other=own, reason="invented"), Role.COORDINATOR)
    second.sign(SignOffKind.PATIENT_MERGE, "merge-1")
    await record_all(record, second, [patient_key(own)])
    third = numbered(another(first, with_medicine("invented-3"), ref=SECOND_REF, journey_id=uuid4()), "4711")
    await record_all(record, third)
    second.do(c.ProposeUnmerge(merge="merge-1", reason="invented: two people"), Role.COORDINATOR)
    second.sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    read = await part(record, second.journey, own)
    assert read.keys, "they can be taken apart"
    await record_all(record, second, parts=read.keys, parts_read=read.position)
    assert await find_unparted(record) == ()
    assert await patient_index.journeys_of(record, patient_key(own)) == (first.journey.id,)
    theirs = await patient_index.journeys_of(record, patient_key(SECOND_REF))
    assert set(theirs) == {second.journey.id, third.journey.id}
    assert await found(record) == []


def numbered(play: Play, number: str | None) -> Play:
    """The same play, whose clinic gave the patient this number."""
    opened = play.events[0].body
    assert isinstance(opened, e.PathwayStarted)
    patient = opened.patient.model_copy(update={"number": number})
    begins = play.events[0].model_copy(update={"body": opened.model_copy(update={"patient": patient})})
    return Play(fold([begins, *play.events[1:]]), play.at, [begins, *play.events[1:]])


async def test_who_can_be_taken_apart_is_although_another_cannot_yet(record: Record) -> None:
    first, second = await taken_for_one(record)
    third = another(first, with_medicine("invented-3"), ref="demo-patient-third", journey_id=uuid4())
    await record_all(record, third)
    second.do(c.ProposeMerge(other="demo-patient-third", reason="invented"), Role.COORDINATOR)
    second.sign(SignOffKind.PATIENT_MERGE, "merge-2")
    second.do(c.ProposeUnmerge(merge="merge-2", reason="invented"), Role.COORDINATOR)
    second.sign(SignOffKind.PATIENT_UNMERGE, "merge-2")
    first.do(c.ProposeMerge(other=SECOND_REF, reason="invented"), Role.COORDINATOR)
    first.sign(SignOffKind.PATIENT_MERGE, "merge-1")
    await record_all(record, first)
    await record_all(record, second, [patient_key("demo-patient-third")])
    assert await part_again(record, SECOND) == {first.journey.id, SECOND, third.journey.id}, "all of them look"
    assert await patient_index.journeys_of(record, patient_key("demo-patient-third")) == (third.journey.id,)
    assert await find_unparted(record) == (SECOND,), "the first is one with the second by its own statement"


async def test_what_was_taken_in_until_they_could_be_taken_apart_is_right_for_its_time(record: Record) -> None:
    """The record counted the two as one until then, and so did what was taken in."""
    _, second = await taken_for_one(record)
    await record_all(record, second)
    for late in (True, False):
        seen = await look_elsewhere(record, second.journey)
        assert bool(seen.elsewhere.doses) is late, "of the first, who is somebody else"
        take_in(second, seen.elsewhere, seen.position)
        await record_all(record, second)
        assert bool(await part_again(record, SECOND)) is late
    assert await found(record) == []
    seen = await look_elsewhere(record, second.journey)
    take_in(second, seen.elsewhere.model_copy(update={"unconfirmed": True}), seen.position)
    await record_all(record, second)
    assert await found(record) == ["history_differs"]


async def test_a_merge_is_undone_although_the_others_go_on_meanwhile(record: Record) -> None:
    """Whoever signs it is not kept waiting by a busy journey. Only who is who must not have changed."""
    first, second = await taken_for_one(record)
    read = await part(record, second.journey, first.journey.patient.ref)
    first.do(c.RequestSupport(urgency="routine", text="Invented: when is my visit?"), Role.PATIENT)
    await record_all(record, first)
    await record_all(record, another(first, with_medicine("invented-3"), ref="demo-patient-third", journey_id=uuid4()))
    await record_all(record, second, parts=read.keys, parts_read=read.position)
    assert await find_unparted(record) == ()
    assert await found(record) == []


async def test_a_merge_is_not_undone_by_what_was_read_before_somebody_said_who_is_who(record: Record) -> None:
    first, second = await taken_for_one(record)
    read = await part(record, second.journey, first.journey.patient.ref)
    first.do(c.ProposeMerge(other=SECOND_REF, reason="invented"), Role.COORDINATOR)
    first.sign(SignOffKind.PATIENT_MERGE, "merge-1")
    await record_all(record, first, [patient_key(SECOND_REF)])
    with pytest.raises(MoreIsKnown):
        await record_all(record, second, parts=read.keys, parts_read=read.position)


async def test_who_is_merged_anew_meanwhile_is_not_taken_apart_again(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass has read that the merge was undone; then two people sign in the same journey that they are one after
    all. Taken apart, neither would know of the other's doses."""
    first, second = await taken_for_one(record)
    await record_all(record, second)
    other = first.journey.patient.ref

    async def late(*given: Any) -> Parted:
        second.do(c.ProposeMerge(other=other, reason="invented"), Role.COORDINATOR)
        second.sign(SignOffKind.PATIENT_MERGE, "merge-2")
        await record_all(record, second, [patient_key(other)])
        return await part(*given)

    monkeypatch.setattr("activities.record.patients.part", late)
    assert await part_again(record, second.journey.id) == frozenset()
    assert patient_key(other) in await patient_index.keys_beside(record, patient_key(SECOND_REF))


async def test_nobody_is_parted_where_no_merge_was_undone(record: Record) -> None:
    first, second = await taken_for_one(record)
    with pytest.raises(NotAppendable):
        await patient_index.part_again(record, second.journey.id, 1, [patient_key(first.journey.patient.ref)], 1)


def taken_in(play: Play) -> list[e.HistoryTakenIn]:
    return [event.body for event in play.events if isinstance(event.body, e.HistoryTakenIn)]


async def test_who_is_one_for_another_reason_too_is_not_taken_apart(record: Record) -> None:
    first = started()
    await record_all(record, first)
    second = another(first, with_medicine("invented-2"), ref="demo-patient-other")
    for n in (1, 2):
        second.do(c.ProposeMerge(other=first.journey.patient.ref if n == 1 else "third", reason="x"), Role.COORDINATOR)
        second.sign(SignOffKind.PATIENT_MERGE, f"merge-{n}")
    await record_all(record, second, [patient_key(first.journey.patient.ref), patient_key("third")])
    first.do(c.ProposeMerge(other="third", reason="x"), Role.COORDINATOR)
    first.sign(SignOffKind.PATIENT_MERGE, "merge-1")
    await record_all(record, first, [patient_key("third")])
    second.do(c.ProposeUnmerge(merge="merge-1", reason="x"), Role.COORDINATOR)
    second.sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    with capture_logs() as logged:
        assert (await part(record, second.journey, first.journey.patient.ref)).keys == ()
    assert [(line["event"], line["journey_id"]) for line in logged] == [("patient.not_parted", str(second.journey.id))]


async def test_patients_taken_for_one_are_found(record: Record, owner: Connection) -> None:
    first = started()
    await record_all(record, first)
    await record_all(record, another(first, with_medicine("invented-2"), ref=f"demo-{uuid4()}"))
    assert await found(record) == []
    await owner.execute(
        "UPDATE record.patient SET known_as = (SELECT min(patient_key::text)::bytea FROM record.patient)"
    )
    assert "patient_differs" in await found(record)


async def test_the_others_look_once_what_a_journey_says_to_them_has_changed(record: Record) -> None:
    """A session that is released somewhere else is stopped by it, so nobody may have to ask first."""
    first = dosed()
    await record_all(record, first)
    second = another(first, with_medicine("invented-2"))
    await record_all(record, second)
    before = first.journey

    async def told_of(body: c.CommandBody, by: Role) -> frozenset[UUID]:
        known = len(first.events)
        first.do(body, by)
        return await must_look(record, before, first.events[known:], first.journey)

    assert await told_of(c.AskQuestion(text="invented"), Role.PATIENT) == frozenset()
    taken = c.RecordDose(dose_mg=10, route="oral", taken_at=first.at)
    assert await told_of(taken, Role.OBSERVER) == {SECOND}
    assert await must_look(record, None, first.events, first.journey) == {SECOND}
    assert await find_gone_on_beside(record, None) == (*sorted([first.journey.id, SECOND]),)
    assert await find_gone_on_beside(record, datetime.now(UTC) + timedelta(hours=1)) == ()


@pytest.mark.requirement("A35")
async def test_a_journey_that_cannot_be_read_lets_nothing_be_released(record: Record) -> None:
    first = started()
    await record_all(record, first)
    row = to_new(first.events[-1]).model_copy(update={"event_id": uuid4(), "payload": b"{}"})
    await record.append(first.journey.id, first.journey.version, [row])
    second = another(first, with_medicine("invented-2"))
    await record_all(record, second)
    assert (await look_elsewhere(record, second.journey)).elsewhere.unreadable


async def test_a_journey_whose_key_is_away_ends_no_pass_over_the_others(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two who were taken for one have keys of their own. Nothing is known of the one who cannot be read, so nobody is
    said to know it."""
    first, second = await taken_for_one(record)
    await record_all(record, second)

    async def load(record: Record, journey_id: UUID, **given: Any) -> Any:
        if journey_id == first.journey.id:
            raise KeyAway
        return await load_journey(record, journey_id, **given)

    monkeypatch.setattr("activities.record.patients.load_journey", load)
    informed: dict[UUID, bytes] = {}
    assert await find_uninformed(record, informed) == ()
    assert informed == {}
