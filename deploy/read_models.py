"""The read models, apart from any worker: `python -m deploy.read_models` with one of

run               project until SIGTERM or Ctrl-C; any number of these and of workers may run at once
rebuild           build all of them anew while people work, and show the new ones
roll-back         show the build before this one again
retry JOURNEY     apply a journey anew that an event could not be applied to
check             compare them with a fresh fold of the record
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from uuid import UUID

from activities.record.read_models import (
    BeingRebuilt,
    BuildFailed,
    NothingToGoBackTo,
    differences,
    rebuild,
    retry,
    roll_back,
    run,
    stale,
)
from activities.record.store import Record, RecordFault, RecordUnavailable, open_record
from application.logs import configure_logging
from application.settings import SettingsError, load_settings

FAILED, USAGE, UNAVAILABLE = 1, 2, 6


async def act(record: Record, command: Sequence[str]) -> int | None:
    """Do what was asked: 0 when it is done, 1 when something is wrong, None when this is no command."""
    match command:
        case ["run"]:
            stop = asyncio.Event()
            for caught in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(caught, stop.set)
            await run(record, stop)
        case ["rebuild"]:
            print(f"Read models {await rebuild(record)} are live; the ones before are kept.")
        case ["roll-back"]:
            print(f"Read models {await roll_back(record)} are live again.")
        case ["retry", journey]:
            try:
                journey_id = UUID(journey)
            except ValueError:
                return None
            code = await retry(record, journey_id)
            print("The journey is up to date." if code is None else f"The journey is stale still ({code}).")
            return 0 if code is None else FAILED
        case ["check"]:
            found, stuck = await differences(record), (await stale(record)).rows
            for journey_id in sorted({difference.journey_id for difference in found}):
                print(f"{journey_id}  differs from the record: rebuild")
            for each in stuck:
                print(f"{each.journey_id}  is stale from version {each.version} on ({each.code}): retry")
            return FAILED if found or stuck else 0
        case _:
            return None
    return 0


async def _with_record(command: Sequence[str]) -> int | None:
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    async with open_record(settings.database_url.get_secret_value()) as record:
        return await act(record, command)


def main(command: Sequence[str]) -> int:
    """Exit code 0 when it is done, 1 when something is wrong, 2 for settings or usage, 6 without a record."""
    try:
        code = asyncio.run(_with_record(command))
    except (BeingRebuilt, BuildFailed, NothingToGoBackTo) as refused:
        print(refused, file=sys.stderr)
        return FAILED
    except SettingsError as error:
        print(error, file=sys.stderr)
        return USAGE
    except (RecordUnavailable, RecordFault) as error:
        print(error, file=sys.stderr)
        return UNAVAILABLE
    if code is None:
        print(__doc__, file=sys.stderr)
        return USAGE
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
