"""`python -m tests.benchmarks.projector URL`: nothing but a projector, until it is ended."""

import asyncio
import sys

from activities.record import open_record
from activities.record.read_models import run


async def project(url: str) -> None:
    """Project what is recorded in a database, given by the application's address."""
    async with open_record(url) as record:
        await run(record, asyncio.Event())


if __name__ == "__main__":
    asyncio.run(project(sys.argv[1]))
