"""`python -m tests.benchmarks.projector URL`: nothing but a projector, until it is ended."""

import asyncio
import sys

from activities.record.read_models import run
from tests.fixtures.clear import open_clear


async def project(url: str) -> None:
    """Project what is recorded in a database, given by the application's address."""
    async with open_clear(url) as record:
        await run(record, asyncio.Event())


if __name__ == "__main__":
    asyncio.run(project(sys.argv[1]))
