"""An append has the patient's other journeys look."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from activities import record_activities
from activities.record import Record
from activities.record_activities import RecordActivities
from tests.journey.play import started
from tests.record.handed import batch
from tests.record.test_redeliveries import register_of

OTHERS = frozenset(uuid4() for _ in range(3))


async def test_none_waits_for_another_to_be_told(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An append has 15 seconds, and a Temporal that does not answer takes 10 for each."""
    told: list[UUID] = []
    all_at_once = asyncio.Barrier(len(OTHERS))

    async def others(*_: Any) -> frozenset[UUID]:
        return OTHERS

    async def tell(journey_id: UUID) -> None:
        async with asyncio.timeout(5), all_at_once:
            told.append(journey_id)

    monkeypatch.setattr(record_activities, "must_look", others)
    recording = RecordActivities(record, register_of(tmp_path), demonstrations=True, tell=tell)
    await recording.append(batch(started("PTSD").decisions))
    assert frozenset(told) == OTHERS
