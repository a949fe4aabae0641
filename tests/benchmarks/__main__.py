"""`make bench`: what the service costs and how fast it is, beside what it could be compared with on the same servers.

Figures are judged against the aims and never fail the run: machines are shared and noisy.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from activities.record.errors import RecordUnavailable
from application.process.exit import leave
from deploy.local.stack import StackError
from tests.benchmarks.append import append
from tests.benchmarks.budget import budget
from tests.benchmarks.clicking import clicking
from tests.benchmarks.core import core
from tests.benchmarks.environment import environment, load
from tests.benchmarks.growth import growth
from tests.benchmarks.latency import latency
from tests.benchmarks.lateness import lateness
from tests.benchmarks.memory import memory
from tests.benchmarks.protection import protection
from tests.benchmarks.read_models import asking, building, hinting, lagging
from tests.benchmarks.reconcile import reconcile
from tests.benchmarks.report import Report, Section
from tests.benchmarks.stage import Servers, servers
from tests.benchmarks.starting import starting
from tests.benchmarks.throughput import throughput
from tests.benchmarks.verify import verify

HOME = Path(".local") / "bench"


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    round_trip_journeys: int
    rounds: int
    round_journeys: int
    waiting: int
    reminded: int
    passes: int
    calls: int
    append_rounds: int
    appends: int
    courses: int
    signed_courses: int
    seconds: int
    few_rows: int
    many_rows: int
    opened: tuple[int, ...]
    events: tuple[int, ...]
    open_journeys: int
    clicking_seconds: int


WHOLE = Size(
    round_trip_journeys=12,
    rounds=5,
    round_journeys=8,
    waiting=300,
    reminded=1000,
    passes=7,
    calls=9,
    append_rounds=5,
    appends=400,
    courses=500,
    signed_courses=110,
    seconds=20,
    few_rows=10_000,
    many_rows=1_000_000,
    opened=(0, 1_000, 10_000),
    events=(100, 10_000, 50_000),
    open_journeys=10_000,
    clicking_seconds=30,
)
QUICK = Size(
    round_trip_journeys=1,
    rounds=1,
    round_journeys=4,
    waiting=30,
    reminded=30,
    passes=1,
    calls=1,
    append_rounds=1,
    appends=40,
    courses=20,
    signed_courses=4,
    seconds=2,
    few_rows=1_000,
    many_rows=10_000,
    opened=(0, 100),
    events=(100, 500),
    open_journeys=200,
    clicking_seconds=3,
)

Benchmark: TypeAlias = Callable[[Servers, Size], Awaitable[Section]]


async def _core(_: Servers, size: Size) -> Section:
    return core(passes=size.passes)


async def _growth(_: Servers, size: Size) -> Section:
    return growth(opened=size.opened, events=size.events)


async def _latency(servers: Servers, size: Size) -> Section:
    async with await servers.worker(), await servers.bare_worker():
        return await latency(servers, journeys=size.round_trip_journeys)


async def _throughput(servers: Servers, size: Size) -> Section:
    async with await servers.worker() as worker, await servers.bare_worker() as bare_worker:
        return await throughput(servers, worker, bare_worker, rounds=size.rounds, journeys=size.round_journeys)


async def _protection(servers: Servers, size: Size) -> Section:
    async with await servers.worker() as worker:
        return await protection(servers, worker, rounds=size.rounds, journeys=size.round_journeys)


async def _history(servers: Servers, _: Size) -> Section:
    async with await servers.worker():
        return await budget(servers)


async def _lateness(servers: Servers, size: Size) -> Section:
    async with await servers.worker():
        return await lateness(servers, journeys=size.reminded)


BENCHMARKS: Mapping[str, Benchmark] = {
    "start": lambda servers, size: starting(servers, times=size.calls),
    "core": _core,
    "growth": _growth,
    "latency": _latency,
    "throughput": _throughput,
    "protection": _protection,
    "history": _history,
    "lateness": _lateness,
    "memory": lambda servers, size: memory(servers, journeys=size.waiting),
    "append": lambda servers, size: append(servers.stack.postgres, rounds=size.append_rounds, appends=size.appends),
    "hint": lambda servers, size: hinting(servers.stack.postgres, appends=size.appends),
    "rebuild": lambda servers, size: building(servers.stack.postgres, journeys=size.courses),
    "lag": lambda servers, size: lagging(servers.stack.postgres, journeys=size.courses, seconds=size.seconds),
    "lists": lambda servers, size: asking(servers.stack.postgres, few=size.few_rows, many=size.many_rows),
    "console": lambda servers, size: clicking(servers, journeys=size.open_journeys, seconds=size.clicking_seconds),
    "reconcile": lambda servers, size: reconcile(servers, journeys=size.open_journeys),
    "verify": lambda servers, size: verify(
        servers.stack.postgres, journeys=size.courses, signed_journeys=size.signed_courses
    ),
}


async def bench(size: Size, names: Sequence[str]) -> Report:
    """Measure what is named, one benchmark after the other.

    Raises:
        StackError, RecordUnavailable: the servers could not be started.
    """
    async with servers(HOME) as running:
        report = Report(dict(await environment(running)))
        for name in names:
            report.sections.append(await _measured(name, BENCHMARKS[name](running, size)))
        report.environment["load after"] = load()
    return report


async def _measured(name: str, benchmark: Awaitable[Section]) -> Section:
    """One that breaks does not take the others with it."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    try:
        return await benchmark
    except Exception as error:
        return Section(name, failed=f"{error!r}; logs are in {HOME / 'logs'}")


def _names(given: str) -> list[str]:
    names = given.split(",")
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(BENCHMARKS)}")
    return names


def main() -> int:
    """Exit code 0 when everything was measured, whatever the figures are; 1 otherwise."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", type=_names, default=list(BENCHMARKS), help=f"some of {','.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs; the figures mean little")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    arguments = parser.parse_args()
    try:
        report = asyncio.run(bench(QUICK if arguments.quick else WHOLE, arguments.only))
    except KeyboardInterrupt:
        return 1
    except (StackError, RecordUnavailable) as error:
        print(f"Nothing could be measured: {error}", file=sys.stderr)
        return 1
    print(report.as_json() if arguments.json else report.as_text())
    return any(section.failed is not None for section in report.sections)


if __name__ == "__main__":
    leave(main())
