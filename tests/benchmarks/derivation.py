"""What it costs to decide commands again before they are recorded, beside recording the same events unseen."""

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from activities.record.command_codec import decided_by, to_kept
from activities.record.event_codec import to_new
from activities.record.patients import opening_of
from activities.record.store import Record
from activities.record.stored import NewCommand
from activities.record_activities import RecordActivities
from activities.signatures.register_file import RegisterFile
from deploy.local.postgres import Postgres
from tests.benchmarks.database import fresh
from tests.benchmarks.report import Figure, Section
from tests.journey.play import JOURNEY
from tests.record.handed import batch, signed_course
from tests.signatures.recorded import EARLY
from tests.signatures.room import ORGANISATION, published
from workflows.journey.aggregate import begin


async def derivation(postgres: Postgres, *, rounds: int) -> Section:
    """Record the same signed course, one command after the other, in turns: decided again, and as it was handed in."""
    derived, believed = [], []
    for _ in range(rounds):
        async with fresh(postgres) as (_, record, _):
            derived.append(await _derived(record))
        async with fresh(postgres) as (_, record, _):
            believed.append(await _believed(record))
    commands = len(signed_course())
    each, bare = (1e3 * median(seconds) / commands for seconds in (derived, believed))
    return Section(
        f"Recording {commands} commands of a course one by one, medians of {rounds} rounds in turns",
        [
            Figure("recorded unseen", bare, "ms a command"),
            Figure("decided again and recorded", each, "ms a command", bare, beside="unseen"),
        ],
        [
            "decided again: derived, compared, signatures and the patient's other journeys looked at, notices left",
            "a command's way through Temporal comes on top of both: see latency and throughput",
        ],
    )


async def _derived(record: Record) -> float:
    batches = [batch([decision]) for decision in signed_course()]
    with TemporaryDirectory() as directory:
        path = Path(directory) / "register.json"
        path.write_bytes(published(EARLY))
        recording = RecordActivities(record, RegisterFile(path, ORGANISATION.public_key), demonstrations=True)
        began = perf_counter()
        for each in batches:
            await recording.append(each)
        return perf_counter() - began


async def _believed(record: Record) -> float:
    decisions = signed_course()
    began = perf_counter()
    for number, (decided, events) in enumerate(decisions):
        kept = to_kept(decided, decided_by())
        await record.append(
            JOURNEY,
            events[0].version - 1,
            [to_new(event, kept.digest) for event in events],
            opening=None if number else opening_of(record.patients, begin(events[0])),
            commands=[NewCommand(events=len(events), payload=kept.payload)],
        )
    return perf_counter() - began
