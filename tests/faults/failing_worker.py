"""A worker whose native part stops polling at SIGUSR1, as it does after a fault inside: nobody is told."""

import asyncio
import signal
from typing import Any

from temporalio.worker import Worker

import worker
from application.process.exit import begin, leave

build = worker.build_worker


def build_failing(*given: Any, **options: Any) -> Worker:
    built = build(*given, **options)
    # What it does itself once the thread that holds workflows has died. No input of ours makes that happen surely.
    fail = built._bridge_worker.initiate_shutdown  # noqa: SLF001
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, fail)
    return built


if __name__ == "__main__":
    begin()
    worker.build_worker = build_failing
    worker.LOOK_EVERY = 0.02
    leave(worker.main())
