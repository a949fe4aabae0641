"""What was proven once is not proven again."""

import asyncio
from uuid import UUID, uuid4

from application.caches.proofs import AT_HAND, KEPT, Proofs


async def holds() -> bool:
    return True


async def fails() -> bool:
    return False


async def test_what_holds_is_proven_once_and_what_does_not_each_time() -> None:
    proofs, asked = Proofs(), list[bool]()

    async def prove() -> bool:
        asked.append(len(asked) > 1)
        return asked[-1]

    assert [await proofs.holds(b"one", prove) for _ in range(5)] == [False, False, True, True, True]
    assert len(asked) == 3
    assert await proofs.holds(b"another", holds)
    assert len(asked) == 3


async def test_one_proof_is_made_for_all_who_ask_together() -> None:
    proofs, asked = Proofs(), list[None]()

    async def prove() -> bool:
        asked.append(None)
        return True

    assert all(await asyncio.gather(*(proofs.holds(b"one", prove) for _ in range(20))))
    assert len(asked) == 1


async def test_the_oldest_proof_is_forgotten_first() -> None:
    proofs = Proofs()
    for number in range(KEPT + 1):
        assert await proofs.holds(number.to_bytes(2), holds)
    assert not await proofs.holds((0).to_bytes(2), fails)
    assert await proofs.holds((1).to_bytes(2), fails)


def test_a_journey_rests_on_just_those_objects() -> None:
    proofs, journey, rows, register = Proofs(), uuid4(), [b"rows"], [b"register"]
    assert not proofs.rest_on(journey, (rows, register))
    proofs.keep(journey, (rows, register))
    assert proofs.rest_on(journey, (rows, register))
    assert not proofs.rest_on(journey, (rows, [b"register"])), "equal, and read anew"
    assert not proofs.rest_on(journey, (rows,))
    assert not proofs.rest_on(uuid4(), (rows, register))
    for number in range(AT_HAND):
        proofs.keep(UUID(int=number), (rows,))
    assert not proofs.rest_on(journey, (rows, register))
