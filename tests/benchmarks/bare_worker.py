"""A process that works on bare workflows, with the Temporal configuration the service uses."""

import asyncio
import os
import signal

from temporalio.client import Client
from temporalio.worker import Worker

from activities.payload_codec import SealingCodec
from application.process.sealing import open_keys
from application.settings import load_settings
from application.temporal.settings import load_temporal_config
from tests.benchmarks.bare import Bare
from workflows.temporal_plugin import CarePathwayPlugin


async def run() -> None:
    settings = load_settings()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_keys(settings) as keys:
        plugin = CarePathwayPlugin(SealingCodec(keys))
        client = await Client.connect(**load_temporal_config(demonstration=True), plugins=[plugin])
        async with Worker(client, task_queue=settings.task_queue, workflows=[Bare]):
            assert settings.ready_file is not None
            settings.ready_file.touch()
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(run())
    os._exit(0)
