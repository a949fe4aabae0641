"""What the figures were measured on."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version

import asyncpg
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest

from tests.benchmarks.stage import Servers
from tests.fixtures.everything import everything

PACKAGES = ("temporalio", "pydantic", "asyncpg")


async def environment(servers: Servers) -> Mapping[str, str]:
    system = await servers.client.workflow_service.get_system_info(GetSystemInfoRequest(), retry=True)
    connection = await asyncpg.connect(everything(servers.stack.postgres))
    try:
        database = connection.get_server_version()
    finally:
        await connection.close()
    return {
        "processors": str(os.cpu_count()),
        "machine": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        "Temporal server": system.server_version,
        "PostgreSQL": f"{database.major}.{database.minor}",
        "load before": load(),
    }


def load() -> str:
    """Processes that run or want to, on average over the last 1 and 5 minutes."""
    one, five, _ = os.getloadavg()
    return f"{one:.1f} (1 min) {five:.1f} (5 min)"
