"""What the codec makes of payloads: of its own, of others', altered, moved, in clear, and while keys are away."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    PayloadCodec,
    SerializationContext,
    WorkflowSerializationContext,
)
from temporalio.exceptions import ApplicationError

from activities.payload_codec import KEY, PLACE, SealingCodec, read_payloads
from activities.privacy.data_keys import SERVICE, DataKey, DataKeys
from activities.privacy.errors import KeysUnavailable, KeyUnusable
from activities.privacy.key_store import KeyStore, open_key_store
from activities.privacy.master_keys import Keyring
from activities.privacy.patient_keys import PatientKeys
from deploy.local.postgres import Database
from workflows.authenticity import Foreign, is_authentic
from workflows.compression import COMPRESSED_FROM
from workflows.journey.decided import Batch
from workflows.messages import (
    DIVERGED,
    NOT_AUTHENTIC,
    Alarm,
    Attempted,
    JourneyInput,
    Others,
    Receipt,
    Recorded,
    RecordedState,
    SignatureCheck,
    SignatureResult,
    StateDigest,
)
from workflows.temporal_plugin import HistoryContext, NotAuthentic, data_converter

SAID = "Robin has nightmares"
JOURNEY, OTHER = uuid4(), uuid4()
HERE = WorkflowSerializationContext(namespace="clinic", workflow_id=f"journey/{JOURNEY}")


def activity(activity_id: str, journey: object = JOURNEY, namespace: str = "clinic") -> ActivitySerializationContext:
    return ActivitySerializationContext(
        namespace=namespace,
        activity_id=activity_id,
        activity_type="append_to_record",
        activity_task_queue="care-pathway",
        workflow_id=f"journey/{journey}",
        workflow_type="CareJourney",
        is_local=False,
    )


ELSEWHERE: dict[str, SerializationContext] = {
    "another workflow": WorkflowSerializationContext(namespace="clinic", workflow_id=f"journey/{OTHER}"),
    "another namespace": WorkflowSerializationContext(namespace="other", workflow_id=f"journey/{JOURNEY}"),
    "a workflow that is no journey": WorkflowSerializationContext(namespace="clinic", workflow_id="journey/x"),
    "nowhere": WorkflowSerializationContext(namespace="", workflow_id=""),
    "an activity of it": activity("1"),
    "an activity of another": activity("1", OTHER),
    "the history of another": HistoryContext("clinic", f"journey/{OTHER}"),
}


@pytest.fixture
async def sealing(key_store: KeyStore) -> SealingCodec:
    codec = SealingCodec(key_store)
    await codec.assign(JOURNEY, "patient-1")
    await codec.assign(OTHER, "patient-2")
    return codec


def at(codec: PayloadCodec, context: SerializationContext) -> DataConverter:
    assert isinstance(codec, SealingCodec)
    return data_converter(codec).with_context(context)


async def opened(codec: PayloadCodec, context: SerializationContext, payload: Payload) -> Payload:
    """What the codec of this place makes of a payload."""
    there = at(codec, context).payload_codec
    assert there is not None
    [found] = await there.decode([payload])
    return found


async def sealed(codec: SealingCodec, context: SerializationContext, value: object = SAID) -> Payload:
    [payload] = await at(codec, context).encode([value])
    return payload


@pytest.mark.parametrize("text", ["", SAID, "x" * COMPRESSED_FROM * 20, None, {"a": [1, None]}])
async def test_what_is_sealed_comes_back_where_it_was_made_for(sealing: SealingCodec, text: object) -> None:
    payload = await sealed(sealing, HERE, text)
    assert SAID.encode() not in payload.SerializeToString()
    assert await at(sealing, HERE).decode([payload]) == [text]
    assert await at(sealing, HistoryContext("clinic", f"journey/{JOURNEY}")).decode([payload]) == [text]


async def test_two_seals_of_the_same_differ(sealing: SealingCodec) -> None:
    one, two = [await sealed(sealing, HERE) for _ in range(2)]
    assert one.data != two.data


@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE)
async def test_what_is_moved_elsewhere_is_recognized(sealing: SealingCodec, place: SerializationContext) -> None:
    for made, met in ((HERE, place), (place, HERE)):
        payload = await sealed(sealing, made)
        found = await opened(sealing, met, payload)
        assert found == payload
        assert not is_authentic(found)
        # Also if it says to be made for there.
        forged = Payload(metadata=dict(payload.metadata), data=payload.data)
        forged.metadata[PLACE] = (await sealed(sealing, met)).metadata[PLACE]
        found = await opened(sealing, met, forged)
        assert not is_authentic(found)


async def test_the_answer_of_one_activity_is_none_of_another(sealing: SealingCodec) -> None:
    answer = await sealed(sealing, activity("one"))
    assert await at(sealing, activity("one")).decode([answer], [str]) == [SAID]
    with pytest.raises(NotAuthentic):
        await at(sealing, activity("two")).decode([answer], [str])


QUESTIONS: dict[str, tuple[object, tuple[Any, ...]]] = {
    "an id": (JOURNEY, (str, bool, Others, SignatureResult)),
    "a digest": (StateDigest(journey_id=JOURNEY), (RecordedState, Recorded, Receipt, int)),
    "a batch": (Batch(journey_id=JOURNEY, expected_version=1, commands=()), (Recorded, SignatureResult, bool)),
    "an alarm": (Alarm(clinic="demo-clinic", notices=()), (bool, str, SignatureResult)),
    "an answer": (SignatureResult(), (Recorded, SignatureCheck, JourneyInput)),
    "what an attempt leaves": (
        Attempted(notices=()),
        (bool, int, str, Recorded, RecordedState, SignatureResult, Others),
    ),
}


@pytest.mark.parametrize("what", QUESTIONS)
async def test_a_question_is_not_its_answer(sealing: SealingCodec, what: str) -> None:
    """Whoever takes a task has its question, made with the keys and for this very place, and can hand it back."""
    asked, answers = QUESTIONS[what]
    question = await sealed(sealing, activity("one"), asked)
    there = at(sealing, activity("one"))
    assert await there.decode([question], [type(asked)]) == [asked]
    for answer in answers:
        hint: Any = answer | Foreign
        assert await there.decode([question], [hint]) == [Foreign(b"")]
        with pytest.raises(NotAuthentic):
            await there.decode([question], [answer])
    failure = Failure(message="diverged")
    failure.application_failure_info.type = DIVERGED
    failure.encoded_attributes.CopyFrom(question)
    back = await there.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert back.type == NOT_AUTHENTIC


async def test_a_failure_is_no_answer(sealing: SealingCodec) -> None:
    """Whoever reaches Temporal sees that of an attempt, made with the keys and for this very place."""
    there, failure = at(sealing, activity("one")), Failure()
    await there.encode_failure(ApplicationError(SAID, type=DIVERGED), failure)
    for answer in (SignatureResult, Recorded, RecordedState, Others, bool, str):
        hint: Any = answer | Foreign
        assert await there.decode([failure.encoded_attributes], [hint]) == [Foreign(b"")]
    back = await there.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert (back.message, back.type) == (SAID, DIVERGED)


def spoil(change: Callable[[Payload], object]) -> Callable[[Payload], Payload]:
    def spoiled(payload: Payload) -> Payload:
        copy = Payload()
        copy.CopyFrom(payload)
        change(copy)
        return copy

    return spoiled


SPOILED = {
    "an altered byte": spoil(lambda p: setattr(p, "data", p.data[:20] + bytes([p.data[20] ^ 1]) + p.data[21:])),
    "an altered nonce": spoil(lambda p: setattr(p, "data", bytes([p.data[0] ^ 1]) + p.data[1:])),
    "cut off": spoil(lambda p: setattr(p, "data", p.data[:-1])),
    "nothing": spoil(lambda p: setattr(p, "data", b"")),
    "an unknown key": spoil(lambda p: p.metadata.update({KEY: uuid4().bytes})),
    "no key": spoil(lambda p: p.metadata.pop(KEY)),
    "no id of a key": spoil(lambda p: p.metadata.update({KEY: b"x"})),
    "no place": spoil(lambda p: p.metadata.pop(PLACE)),
    "no JSON for a place": spoil(lambda p: p.metadata.update({PLACE: b"\xff"})),
    "too short a place": spoil(lambda p: p.metadata.update({PLACE: b'["clinic"]'})),
    "a place that is nested": spoil(lambda p: p.metadata.update({PLACE: b"[" * 100_000})),
    "another encoding": spoil(lambda p: p.metadata.update({"encoding": b"json/plain"})),
    "in clear": lambda _: Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(SAID).encode()),
    "empty": lambda _: Payload(),
}


@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=SPOILED)
async def test_what_was_not_made_with_the_key_is_left_and_not_marked(
    sealing: SealingCodec, spoiled: Callable[[Payload], Payload]
) -> None:
    payload = spoiled(await sealed(sealing, HERE))
    found = await opened(sealing, HERE, payload)
    assert found == payload
    assert not is_authentic(found)
    hint: type = str | Foreign  # type: ignore[assignment]
    assert await at(sealing, HERE).decode([payload], [hint]) == [Foreign(payload.data)]
    with pytest.raises(NotAuthentic):
        await at(sealing, HERE).decode([payload], [str])


@given(st.dictionaries(st.sampled_from(["encoding", KEY, PLACE, "carepath-authentic"]), st.binary()), st.binary())
async def test_whatever_is_sent_nothing_is_raised_and_nothing_believed(
    codec: SealingCodec, metadata: dict[str, bytes], data: bytes
) -> None:
    found = await opened(codec, HERE, Payload(metadata=metadata, data=data))
    assert not is_authentic(found)


async def test_the_mark_is_of_this_process_and_leaves_it_never(sealing: SealingCodec) -> None:
    arrived = await opened(sealing, HERE, await sealed(sealing, HERE))
    assert is_authentic(arrived)
    there = at(sealing, HERE).payload_codec
    assert there is not None
    [sent] = await there.encode([arrived])
    again = await opened(sealing, HERE, sent)
    assert again == arrived
    mark = [value for name, value in arrived.metadata.items() if name == "carepath-authentic"]
    assert mark[0] not in sent.SerializeToString()
    # Whoever has learnt it, and sends it in clear, has nothing of it.
    stripped = await opened(sealing, HERE, arrived)
    assert not is_authentic(stripped)


class Away:
    """Keys that cannot be had."""

    async def assign(self, journey_id: object, patient_key: bytes) -> None:
        raise KeysUnavailable("away")

    async def of_journey(self, journey_id: object) -> DataKey:
        raise KeysUnavailable("away")

    async def find(self, key_id: object) -> DataKey | None:
        raise KeysUnavailable("away")

    async def find_all(self, key_ids: object) -> dict[UUID, DataKey]:
        raise KeysUnavailable("away")

    async def subjects(self, journeys: object) -> dict[UUID, str]:
        raise KeysUnavailable("away")

    async def patients(self) -> PatientKeys:
        raise KeysUnavailable("away")


async def test_only_keys_that_are_away_raise(sealing: SealingCodec) -> None:
    keys: DataKeys = Away()
    away = SealingCodec(keys)
    payload = await sealed(sealing, HERE)
    with pytest.raises(KeysUnavailable):
        await at(away, HERE).decode([payload])
    with pytest.raises(KeysUnavailable):
        await at(away, HERE).encode([SAID])
    clear = Payload(metadata={"encoding": b"json/plain"}, data=b"1")
    assert not is_authentic(await opened(away, HERE, clear))


WHOSE = {"its own": JOURNEY, "the service's": None, "another patient's": OTHER}


async def spoil_key(database: Database, key_id: UUID) -> None:
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute("UPDATE keys.data_key SET wrapped = 'spoiled' WHERE key_id = $1", key_id)
    await owner.close()


@pytest.mark.parametrize("whose", WHOSE)
async def test_a_key_that_does_not_open_here_delays_only_its_own_patient(
    sealing: SealingCodec, key_store: KeyStore, keys_database: Database, keyring: Path, whose: str
) -> None:
    """Ids of keys lie in clear in every history: who reaches Temporal can name anybody's."""
    key = await key_store.of_journey(WHOSE[whose])
    await key_store.rotate()
    mine = await sealed(sealing, HERE)
    await spoil_key(keys_database, key.key_id)
    named = spoil(lambda payload: payload.metadata.update({KEY: key.key_id.bytes}))(mine)
    async with open_key_store(keys_database.keys_url, Keyring(keyring)) as fresh:
        codec = SealingCodec(fresh)
        assert await at(codec, HERE).decode([mine]) == [SAID]
        if whose != "its own":
            found = await opened(codec, HERE, named)
            assert found == named
            assert not is_authentic(found)
        else:
            with pytest.raises(KeyUnusable):
                await opened(codec, HERE, named)


async def test_of_a_journey_without_a_patient_no_key_is_foreign(
    key_store: KeyStore, keys_database: Database, keyring: Path
) -> None:
    """What says whose it is may be lost and put back: until then nothing of it is given up."""
    other_store = SealingCodec(key_store)
    await other_store.assign(JOURNEY, "patient-1")
    mine = await sealed(other_store, HERE)
    owner = await asyncpg.connect(keys_database.owner_url)
    await owner.execute("DELETE FROM keys.journey")
    await owner.close()
    async with open_key_store(keys_database.keys_url, Keyring(keyring)) as fresh:
        assert await at(SealingCodec(fresh), HERE).decode([mine]) == [SAID]
    await spoil_key(keys_database, UUID(bytes=mine.metadata[KEY]))
    async with open_key_store(keys_database.keys_url, Keyring(keyring)) as fresh:
        with pytest.raises(KeyUnusable):
            await opened(SealingCodec(fresh), HERE, mine)


async def test_each_patient_has_a_key_and_it_survives_rotation(sealing: SealingCodec, key_store: KeyStore) -> None:
    mine, others = await sealed(sealing, HERE), await sealed(sealing, ELSEWHERE["another workflow"])
    assert mine.metadata[KEY] != others.metadata[KEY]
    service = await key_store.newest(SERVICE)
    nobodys = await sealed(sealing, ELSEWHERE["a workflow that is no journey"])
    assert nobodys.metadata[KEY] == service.key_id.bytes
    await key_store.rotate()
    assert (await sealed(sealing, HERE)).metadata[KEY] != mine.metadata[KEY]
    assert await at(sealing, HERE).decode([mine]) == [SAID]


async def test_a_person_reads_without_the_place_and_is_told_it(sealing: SealingCodec, key_store: KeyStore) -> None:
    mine, clear = await sealed(sealing, HERE), Payload(metadata={"encoding": b"json/plain"}, data=b"1")
    read, foreign = await read_payloads(key_store, [mine, clear])
    assert read is not None
    assert read.metadata["about"] == f"journey/{JOURNEY}".encode()
    assert json.loads(read.data) == SAID
    assert foreign is None


# Failures


async def failed(codec: SealingCodec, error: BaseException) -> Failure:
    failure = Failure()
    await at(codec, activity("one")).encode_failure(error, failure)
    return failure


async def read(codec: SealingCodec, failure: Failure, context: SerializationContext) -> BaseException:
    copy = Failure()
    copy.CopyFrom(failure)
    return await at(codec, context).decode_failure(copy)


async def test_a_failure_shows_nothing_and_comes_back_whole(sealing: SealingCodec) -> None:
    try:
        try:
            raise ValueError(f"invented: {SAID}")
        except ValueError as cause:
            raise ApplicationError(SAID, {"said": SAID}, type="held", non_retryable=True) from cause
    except ApplicationError as error:
        failure = await failed(sealing, error)
    assert SAID.encode() not in failure.SerializeToString()
    assert failure.application_failure_info.type == ""
    back = await read(sealing, failure, activity("one"))
    assert isinstance(back, ApplicationError)
    assert (back.message, back.type, back.non_retryable) == (SAID, "held", True)
    assert list(back.details) == [{"said": SAID}]
    assert isinstance(back.__cause__, ApplicationError)
    assert back.__cause__.message == f"invented: {SAID}"


async def test_a_failure_that_nobody_with_the_keys_made_says_nothing(sealing: SealingCodec) -> None:
    forged = Failure(message="diverged")
    forged.application_failure_info.type = DIVERGED
    forged.application_failure_info.details.payloads.add(metadata={"encoding": b"json/plain"}, data=b"1")
    moved = await failed(sealing, ApplicationError("invented", type=DIVERGED, non_retryable=True))
    for failure, context in ((forged, activity("one")), (moved, activity("two")), (moved, HERE)):
        back = await read(sealing, failure, context)
        assert isinstance(back, ApplicationError)
        assert back.type == NOT_AUTHENTIC
        assert not back.details
    # A genuine failure with another type on it is what it was made as.
    relabelled = await failed(sealing, ApplicationError("the record is away"))
    relabelled.application_failure_info.type = DIVERGED
    back = await read(sealing, relabelled, activity("one"))
    assert isinstance(back, ApplicationError)
    assert back.type != DIVERGED
