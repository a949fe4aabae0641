"""`python -m tests.replay.record [NAME ...]`: play courses on real servers and keep their histories.

Without a name all courses are recorded, and the transcript. See README.md.
"""

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.client import Client

from activities.record import migrate
from application.process.exit import leave
from application.temporal.namespace import (
    register_search_attributes,
)
from deploy.local.postgres import Database, Postgres
from deploy.local.temporal import TemporalServer
from simulation.keys import Signers, invent
from tests.fixtures.everything import allow_everything
from tests.replay import corpus
from tests.replay.clear import ClearCodec
from tests.replay.transcript import GOLDEN, transcript
from tests.workflow.courses import COURSES
from tests.workflow.world import EarlyServer, World, open_world
from workflows.temporal_plugin import CarePathwayPlugin

TRANSCRIPT = "transcript"


@asynccontextmanager
async def world_on(server: TemporalServer, database: Database, signers: Signers) -> AsyncIterator[World]:
    try:
        await server.start()
        client = await Client.connect(
            server.address,
            namespace=server.namespace,
            plugins=[CarePathwayPlugin(ClearCodec())],
            # Instead of the process and the machine, which would be in every history.
            identity="recorder",
        )
        await register_search_attributes(client)
        async with open_world(client, database, signers, task_queue="recorder") as world:
            yield world
    finally:
        await server.stop()


async def record(names: Sequence[str], directory: Path) -> None:
    postgres = Postgres(directory / "postgres", directory / "postgres.log")
    real = TemporalServer(directory / "temporal.log", time_skipping=True, headless=True)
    try:
        await postgres.start()
        database = await postgres.fresh_database()
        await migrate(database.owner_url, demonstration=True)
        await allow_everything(postgres)
        signers = invent(directory / "signers")
        suggesting = EarlyServer(directory / "early.log")
        async with world_on(real, database, signers) as world, world_on(suggesting, database, signers) as early:

            async def play(name: str) -> None:
                if name == TRANSCRIPT:
                    GOLDEN.write_text(await transcript(world))
                    print(f"{name}: {GOLDEN}")
                    return
                course = COURSES[name]
                case = await course.begin(early if course.world == "early" else world)
                await course.play(case)
                await case.handle.result()
                runs = await case.histories()
                path = corpus.save(name, runs)
                print(f"{name}: {len(runs)} runs, {sum(len(r.events) for r in runs)} events, {path.stat().st_size} B")

            async with asyncio.TaskGroup() as group:
                for name in names:
                    group.create_task(play(name))
    finally:
        await postgres.stop("immediate")
        postgres.remove_data()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.replay.record", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join([*COURSES, TRANSCRIPT])}")
    names = parser.parse_args().names or [*COURSES, TRANSCRIPT]
    unknown = [name for name in names if name not in (*COURSES, TRANSCRIPT)]
    if unknown:
        parser.error(f"no such course: {', '.join(unknown)}")
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(record(names, Path(directory)))
    return 0


if __name__ == "__main__":
    leave(main())
