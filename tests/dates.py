"""`make dates`: the tests under other dates than today's, and with other random examples.

    make dates                                     # all dates, all tests that need no Temporal server
    make dates ARGS="leap-day -- tests/journey"    # one date, one folder

Each date is a run of its own, in which the clock of every process, PostgreSQL too, is moved by libfaketime and goes on
from there. A Temporal server does not obey it: `tests.fixtures.moved_clock` leaves out what needs one, and the
courses are then played on real servers, in journeys whose time is skipped ahead to that date before they begin.
"""

import argparse
import importlib.util
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from workflows.protocols import list_shipped, load

COURSES = ("tests/workflow/test_courses.py",)
SHORTLY = timedelta(minutes=1)


def moments(now: datetime) -> Mapping[str, datetime]:
    """The moments (UTC) at which the runs begin, by name. The clock changes come while the tests run."""
    known_until = max(load(path).working_time.holidays_known_until for path in list_shipped())
    return {
        "next-year": now + timedelta(days=365),
        "weekend": now + timedelta(days=5 - now.weekday()),
        "leap-day": datetime(2028, 2, 29, 20, tzinfo=UTC),
        "us-spring": datetime(2027, 3, 14, 10, tzinfo=UTC) - SHORTLY,
        "us-autumn": datetime(2027, 11, 7, 9, tzinfo=UTC) - SHORTLY,
        "europe-spring": datetime(2027, 3, 28, 1, tzinfo=UTC) - SHORTLY,
        "europe-autumn": datetime(2027, 10, 31, 1, tzinfo=UTC) - SHORTLY,
        "new-year": datetime(2027, 12, 31, 23, 59, tzinfo=UTC),
        "holidays-unknown": datetime(known_until.year + 1, 7, 3, 17, tzinfo=UTC),
    }


def moved(ahead: timedelta) -> dict[str, str]:
    """The environment in which a process sees a time that is ``ahead`` of the machine's.

    Raises:
        RuntimeError: this is not Linux, or libfaketime is not installed.
    """
    found = importlib.util.find_spec("libfaketime")
    if sys.platform != "linux" or found is None or found.origin is None:
        raise RuntimeError("Moving the clock needs Linux and the development tools (`make lint` installs them).")
    library = Path(found.origin).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
    return {
        **os.environ,
        "LD_PRELOAD": str(library),
        # An offset, not a moment: all processes of a run see one time.
        "FAKETIME": f"{ahead.total_seconds():+.0f}",
        # Waiting takes as long as it takes.
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def run(name: str, moment: datetime, seed: int, more: list[str]) -> bool:
    """Run the tests from a moment (UTC) on, then courses on real servers unless tests are named; whether all passed."""
    print(f"\n{name}: from {moment:%A %Y-%m-%d %H:%M} UTC, --hypothesis-seed={seed}", flush=True)
    processes = ["-n", str(2 * (os.cpu_count() or 1)), "--dist", "load"]
    command = [sys.executable, "-m", "pytest", "--quiet", *processes, "-m", "not soak", f"--hypothesis-seed={seed}"]
    ahead = moment - datetime.now(UTC)
    passed = subprocess.run([*command, *more], env=moved(ahead), check=False).returncode == 0
    # Time can only be skipped ahead.
    if more or ahead < timedelta():
        return passed
    begin = {**os.environ, "JOURNEYS_BEGIN": moment.isoformat()}
    whole = [*command, "-m", "", *COURSES]  # The long courses, too: of the options the last one counts.
    return subprocess.run(whole, env=begin, check=False).returncode == 0 and passed


def main() -> int:
    begins = moments(datetime.now(UTC))
    parser = argparse.ArgumentParser(prog="make dates", description="Run the tests under other dates.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(begins)}; all, if none is named")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="of the random examples")
    cut = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    given, more = parser.parse_args(sys.argv[1:cut]), sys.argv[cut + 1 :]
    unknown = [name for name in given.names if name not in begins]
    if unknown:
        parser.error(f"no such date: {', '.join(unknown)}")
    failed = [name for name in given.names or begins if not run(name, begins[name], given.seed, more)]
    print(f"\nFailed: {', '.join(failed)}" if failed else "\nAll dates passed.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
