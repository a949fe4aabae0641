"""How payloads travel: the smallest as they are, others compressed, the largest beside the history."""

import hashlib
import zlib
from collections.abc import Callable, Sequence

import pytest
from pydantic_core import to_json
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from tests.journey.play import course
from tests.replay.clear import ClearCodec
from workflows.authenticity import unmark
from workflows.compression import COMPRESSED, COMPRESSED_FROM, DICTIONARY, PAYLOAD_LIMIT
from workflows.journey import commands as c
from workflows.journey.always.safety.model import Message
from workflows.journey.protocol import Pathway
from workflows.messages import JourneyInput
from workflows.protocols import list_pathways
from workflows.temporal_plugin import KIND, STORED_FROM, data_converter

NOISE = "".join(hashlib.sha256(b"%d" % number).hexdigest() for number in range(12_000))
"""Text that compresses to about half."""


class Memory(StorageDriver):
    """A storage in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def name(self) -> str:
        return "record"

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:
        claims = []
        for payload in payloads:
            content = payload.SerializeToString(deterministic=True)
            digest = hashlib.sha256(content).hexdigest()
            self.kept[digest] = content
            claims.append(StorageDriverClaim(claim_data={"sha256": digest}))
        return claims

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        kept = [self.kept.get(claim.claim_data.get("sha256", "")) for claim in claims]
        return [Payload() if content is None else Payload.FromString(content) for content in kept]


@pytest.mark.parametrize(
    ("text", "readable", "kept"),
    [
        ("invented", True, 0),
        (NOISE[: COMPRESSED_FROM - 30], True, 0),
        ("x" * COMPRESSED_FROM, False, 0),
        (NOISE[: STORED_FROM - 2000], False, 0),
        (NOISE, False, 1),
    ],
    ids=["small", "just small", "compressed", "compressed and large", "beside the history"],
)
async def test_a_payload_comes_back_whatever_its_size(text: str, readable: bool, kept: int) -> None:
    storage = Memory()
    converter = data_converter(ClearCodec(), storage)
    [sent] = await converter.encode([text])
    assert (sent.data == f'"{text}"'.encode()) is readable
    assert len(storage.kept) == kept
    assert sent.ByteSize() < STORED_FROM
    assert await converter.decode([sent], [str]) == [text]
    if not kept:
        assert await data_converter(ClearCodec()).decode([sent], [str]) == [text]


def by_words(content: bytes, words: bytes = DICTIONARY) -> bytes:
    stream = zlib.compressobj(zdict=words)
    return stream.compress(content) + stream.flush()


def reference(driver: str = "record", claim: str = '{"sha256":"00"}') -> bytes:
    return f'{{"driverName":"{driver}","claimData":{claim}}}'.encode()


REFERENCE = {"encoding": b"json/protobuf", "messageType": b"temporal.api.sdk.v1.ExternalStorageReference"}
MARKED = {"__temporal_external_storage_reference": b"true"}
FORGED = {
    "of another driver": Payload(metadata=REFERENCE, data=reference("s3", "{}")),
    "of nothing": Payload(metadata=REFERENCE, data=reference()),
    "of no digest": Payload(metadata=REFERENCE, data=reference(claim="{}")),
    "not JSON": Payload(metadata=REFERENCE, data=b"{"),
    "of the older form": Payload(
        metadata={"encoding": b"json/external-storage-reference"}, data=b'{"driver_name":"x","driver_claim":{}}'
    ),
    "broken, of the older form": Payload(metadata={"encoding": b"json/external-storage-reference"}, data=b"?"),
    "marked": Payload(metadata={"encoding": b"x"} | MARKED, data=b"?"),
    "marked, and of nothing": Payload(metadata=REFERENCE | MARKED, data=reference()),
    "compressed by other words": Payload(metadata={"encoding": COMPRESSED}, data=by_words(b"invented" * 100, b"other")),
    "not compressed": Payload(metadata={"encoding": COMPRESSED}, data=b"invented"),
    "cut off": Payload(metadata={"encoding": COMPRESSED}, data=zlib.compress(b"invented" * 100)[:20]),
    "no payload inside": Payload(metadata={"encoding": COMPRESSED}, data=zlib.compress(b"\xff\xff\xff")),
    "of a kind that it is not": Payload(metadata={"encoding": b"json/plain", KIND: b"JourneyInput"}, data=b"[]"),
    "of no kind": Payload(metadata={"encoding": b"json/plain", KIND: b"\xff"}, data=b"[]"),
}
"""Payloads that anybody may send, and that must not stop a run: an error here fails all of its tasks."""
BOMBS: dict[str, Callable[[bytes], bytes]] = {"a bomb": zlib.compress, "a bomb by our words": by_words}
"""More of them, by what makes them of too many bytes. That takes long, and is left to the test."""


@pytest.mark.parametrize("forged", [*FORGED, *BOMBS])
async def test_a_forged_payload_raises_nothing(forged: str) -> None:
    if forged in BOMBS:
        payload = Payload(metadata={"encoding": COMPRESSED}, data=BOMBS[forged](bytes(PAYLOAD_LIMIT + 1)))
    else:
        payload = FORGED[forged]
    converter, sent = data_converter(ClearCodec(), Memory()), Payload()
    sent.CopyFrom(payload)
    [decoded] = await converter.decode([payload], [RawValue])
    assert unmark(decoded.payload) in (sent, Payload())


def test_the_words_never_change() -> None:
    """Histories that were compressed with them last for months."""
    assert hashlib.sha256(DICTIONARY).hexdigest() == "a8b93d61261cefe7883d7e0b710e6ffe8f49d5f5d7c39f8dad7f5ed33a5030c9"


@pytest.mark.parametrize("pathway", list_pathways())
async def test_words_in_common_make_what_a_course_sends_a_third_shorter(pathway: Pathway) -> None:
    commands = [decided.command for decided, _ in course(pathway).decisions[1:]]
    converter = data_converter(ClearCodec())
    sent = [payload.ByteSize() for payload in await converter.encode(commands)]
    plain = [len(zlib.compress(to_json(command, exclude_none=True))) for command in commands]
    assert sum(sent) < 0.7 * sum(plain)
    assert await converter.decode(await converter.encode(commands), [c.Command] * len(commands)) == commands


async def test_a_large_state_is_read_before_the_task_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    play = course("PTSD")
    message = Message(id="message-1", name="invented", content=NOISE)
    journey = play.journey.model_copy(update={"messages": {message.id: message}})
    given = JourneyInput(journey=journey, receipts=play.receipts)
    converter = data_converter(ClearCodec(), Memory())
    encoded = await converter.encode([given])
    [decoded] = await converter.decode(encoded, [RawValue])

    def too_late(*_: object) -> None:
        pytest.fail("it is read in the task")

    with monkeypatch.context() as inside:
        inside.setattr(JourneyInput, "model_validate_json", too_late)
        inside.setattr(PydanticJSONPlainPayloadConverter, "from_payload", too_late)
        arrived = converter.payload_converter.from_payload(decoded.payload, JourneyInput)
    assert arrived == given
    assert "handed" in arrived.__dict__
    # Taken once: nothing waits for ever. Whoever asks again reads it.
    assert converter.payload_converter.from_payload(decoded.payload, JourneyInput) == given
    assert await converter.decode(encoded, [JourneyInput]) == [given]
