"""The watchdog: it knows the record and nothing of Temporal, and pages, until it is told to stop (SIGTERM, Ctrl-C)."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

import structlog

from application.errors import SettingsError
from application.process.exit import begin, leave
from application.process.logs import configure_logging
from application.watchdog.settings import WatchdogSettings, load_watchdog_settings
from application.watchdog.watch import watch

log = structlog.get_logger("watchdog")


async def run(settings: WatchdogSettings) -> None:
    """Watch until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for caught in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(caught, stop.set)
    watching = asyncio.create_task(watch(settings))
    stopping = asyncio.create_task(stop.wait())
    log.info("watchdog.started")
    await asyncio.wait((watching, stopping), return_when=asyncio.FIRST_COMPLETED)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    log.info("watchdog.stopped")


def main(argv: Sequence[str] = ()) -> int:
    """Run the watchdog; the exit code says whether it could start (0, 2 settings)."""
    if argv:
        print(
            "usage: python watchdog.py   (settings come from the environment: docs/reference/settings.md)",
            file=sys.stderr,
        )
        return 2
    begin()
    try:
        settings = load_watchdog_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    configure_logging(settings.log_level, settings.log_format)
    asyncio.run(run(settings))
    return 0


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
