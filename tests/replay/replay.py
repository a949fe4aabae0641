"""`python -m tests.replay.replay [NAME ...]`: replay recorded courses on the current code; 1 if one does not."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from application.process.exit import leave
from deploy.local.temporal import NAMESPACE
from tests.replay import corpus
from tests.replay.clear import ClearCodec
from workflows.care_journey import CareJourney
from workflows.temporal_plugin import CarePathwayPlugin, PathwayCodec


async def replay(histories: Sequence[WorkflowHistory], codec: PathwayCodec) -> list[str]:
    """Replay runs whose payloads this codec reads, and say of each that fails why."""

    async def given() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    replayer = Replayer(workflows=[CareJourney], plugins=[CarePathwayPlugin(codec)], namespace=NAMESPACE)
    results = await replayer.replay_workflows(given(), raise_on_replay_failure=False)
    return [f"{run_id}: {failure!r}" for run_id, failure in results.replay_failures.items()]


async def main(names: Sequence[str]) -> int:
    failed = 0
    for name in names or corpus.names():
        runs = list(corpus.load(name))
        failures = await replay(runs, ClearCodec())
        failed += bool(failures)
        print(f"{name}: {len(runs)} runs, {sum(len(run.events) for run in runs)} events, {len(failures)} failed")
        for failure in failures:
            print(f"  {failure}", file=sys.stderr)
    return int(failed > 0)


if __name__ == "__main__":
    leave(asyncio.run(main(sys.argv[1:])))
