"""Somebody has to look while Temporal is down: they may, and are reviewed once it is back, whatever was lost."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from activities.record import Record
from activities.record.event_codec import load_journey
from activities.record.reconciliation import heads_that_may_wait
from deploy.local.stack import run_worker
from simulation.people import CLINIC, PEOPLE, profile
from tests.faults.helpers import Course, at_work, call_cli
from tests.faults.test_lost_temporal import connected, reconcile
from tests.fixtures.everything import everything, open_stack
from workflows.journey.commands import Withdraw
from workflows.journey.vocabulary.actors import Role

STRANGER = {"id": "somebody-else", "role": "on_call_clinician", "clinics": ["another-clinic"]}
REASON = {"reason": "Invented: the emergency room called"}
REVIEW = {"access": "access-1", "justified": True, "text": "Invented: it was needed"}


async def awaited(record: Record, journey_id: UUID) -> list[str]:
    journey = await load_journey(record, journey_id)
    assert journey is not None
    return [waiting.id for waiting in journey.waiting.values() if waiting.kind == "access_review"]


@pytest.mark.faults
@pytest.mark.server
@pytest.mark.timeout(300)
async def test_an_emergency_is_reviewed_whatever_is_lost(tmp_path: Path) -> None:
    stranger, director = tmp_path / "stranger.json", tmp_path / "director.json"
    stranger.write_text(json.dumps(STRANGER))
    director.write_text(profile(PEOPLE[Role.MEDICAL_DIRECTOR], CLINIC))
    async with (
        open_stack(tmp_path, keep_data=False, time_skipping=True, headless=True) as stack,
        stack.open_record(everything(stack.postgres)) as record,
        stack.codec() as codec,
    ):
        client = await connected(stack, codec)
        running, ended = (Course(client, record, stack.signers, "care-pathway") for _ in range(2))
        async with at_work(client, record, stack.signers, "care-pathway"):
            await running.begin()
            await ended.begin()
            await ended.send(Withdraw(), by=Role.PATIENT)
            await client.get_workflow_handle(f"journey/{ended.id}").result()
        both = (running.id, ended.id)

        await stack.temporal.stop()
        for journey_id in both:
            assert (await call_cli(stack, "pathway", "show", str(journey_id), "--profile", str(stranger)))[0] == 4
            assert (
                await call_cli(
                    stack, "access", "break-glass", str(journey_id), "--profile", str(stranger), given=REASON
                )
            )[0] == 0
            assert (await call_cli(stack, "pathway", "show", str(journey_id), "--profile", str(stranger)))[0] == 0
            assert await awaited(record, journey_id) == []

        before = {head.journey_id: head.version async for page in heads_that_may_wait(record) for head in page}
        await stack.temporal.start()
        client = await connected(stack, codec)
        async with await run_worker(stack.worker_env, stack.logs / "worker.log"):
            code, found = await reconcile(stack)
            assert (code, Counter(each["drift"] for each in found["findings"])) == (7, {"unreviewed": 2})
            assert (await reconcile(stack, "--repair"))[0] == 0
            for journey_id in both:
                await record.wait_for(journey_id, before[journey_id] + 1, timedelta(seconds=30))
                assert await awaited(record, journey_id) == ["access_review:access-1"]
            code, found = await reconcile(stack)
            assert (code, found["open_journeys"], found["findings"]) == (0, 2, [])

        await stack.temporal.stop()
        for file in (tmp_path / "temporal").iterdir():
            file.unlink()
        await stack.temporal.start()
        client = await connected(stack, codec)
        async with await run_worker(stack.worker_env, stack.logs / "worker.log"):
            code, found = await reconcile(stack, "--repair")
            assert (code, Counter(each["drift"] for each in found["findings"])) == (0, {"lost": 2})
            for journey_id in both:
                assert (
                    await call_cli(stack, "access", "review", str(journey_id), "--profile", str(director), given=REVIEW)
                )[0] == 0
                assert await awaited(record, journey_id) == []
            await client.get_workflow_handle(f"journey/{ended.id}").result()
            assert (await reconcile(stack))[0] == 0
