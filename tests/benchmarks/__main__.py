"""`make bench`: what the service costs and how fast it is, beside a bare workflow on the same servers.

Figures are judged against the aims and never fail the run: machines are shared and noisy.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

from activities.record.record import RecordUnavailable
from deploy.leaving import leave
from deploy.local.stack import StackError
from tests.benchmarks.budget import budget
from tests.benchmarks.core import core
from tests.benchmarks.environment import environment, load
from tests.benchmarks.latency import latency
from tests.benchmarks.memory import memory
from tests.benchmarks.report import Report, Section
from tests.benchmarks.stage import servers
from tests.benchmarks.throughput import throughput

HOME = Path(".local") / "bench"


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    round_trip_journeys: int
    rounds: int
    round_journeys: int
    waiting: int
    passes: int


WHOLE = Size(round_trip_journeys=12, rounds=5, round_journeys=8, waiting=300, passes=7)
QUICK = Size(round_trip_journeys=1, rounds=1, round_journeys=4, waiting=30, passes=1)


async def bench(size: Size) -> Report:
    """Measure everything, one benchmark after the other.

    Raises:
        StackError, RecordUnavailable: the servers or workers could not be started.
    """
    async with servers(HOME) as running:
        report = Report(dict(await environment(running)))
        report.sections.append(core(passes=size.passes))
        async with await running.worker() as worker, await running.bare_worker() as bare_worker:
            await _measure(report, "Round trips", latency(running, journeys=size.round_trip_journeys))
            playing = throughput(running, worker, bare_worker, rounds=size.rounds, journeys=size.round_journeys)
            await _measure(report, "Whole journeys", playing)
            await _measure(report, "History of one journey", budget(running))
        await _measure(report, "Worker memory", memory(running, journeys=size.waiting))
        report.environment["load after"] = load()
    return report


async def _measure(report: Report, title: str, benchmark: Awaitable[Section]) -> None:
    """One that breaks does not take the others with it."""
    print(f"{title} ...", file=sys.stderr, flush=True)
    try:
        section = await benchmark
    except Exception as error:
        section = Section(title, failed=f"{error!r}; logs are in {HOME / 'logs'}")
    report.sections.append(section)


def main() -> int:
    """Exit code 0 when everything was measured, whatever the figures are; 1 otherwise."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only see that everything runs; the figures mean little")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    arguments = parser.parse_args()
    try:
        report = asyncio.run(bench(QUICK if arguments.quick else WHOLE))
    except KeyboardInterrupt:
        return 1
    except (StackError, RecordUnavailable) as error:
        print(f"Nothing could be measured: {error}", file=sys.stderr)
        return 1
    print(report.as_json() if arguments.json else report.as_text())
    return any(section.failed is not None for section in report.sections)


if __name__ == "__main__":
    leave(main())
