"""`make drill`: twenty people act on real servers while everything is killed, stopped, put back and flooded in turn.

Afterwards everything that anybody was told must be true. Exit code 1, with what differs, if anything is not.
"""

import argparse
import asyncio
import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from time import monotonic
from uuid import uuid4

from temporalio.runtime import Runtime, TelemetryConfig

from activities.record.errors import RecordUnavailable
from activities.record.event_codec import load_events
from activities.record.read_models.status import wait_until_caught_up
from application.context import Context
from application.errors import UseCaseError
from application.process.exit import leave
from application.process.logs import configure_logging
from application.record.comparison import compare
from application.record.passes import run_pass
from application.record.reconcile import Reconciliation
from application.settings import Settings, load_settings
from application.temporal.client import TemporalJourneys
from application.temporal.journeys import Journeys
from deploy.local.stack import StackError
from simulation.people import person_of, referral
from tests.benchmarks.environment import environment, load
from tests.benchmarks.report import Figure, Report, Section, percentile
from tests.benchmarks.stage import QUEUE, Servers, servers
from tests.drill.checks import check_agreement, check_promises, check_waiting, find_alarms, read
from tests.drill.disturbances import KINDS, Disturbance, Ground, disturb
from tests.drill.people import ACKNOWLEDGED, Desk, Told, gather_people
from tests.faults.helpers import PROTOCOLS, Course, run_cli
from workflows.journey import commands as c
from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary.actors import Role

HOME = Path(".local") / "drill"
JOURNEYS = 30
SETTLED = timedelta(minutes=2, seconds=5)
"""The pass at the end is made as of so much later: what has just happened may take two minutes to show."""
HEALS_WITHIN = timedelta(seconds=20)
"""How long a drill waits for a journey to take a command before it goes on to the next disturbance."""
AGREES_WITHIN = timedelta(seconds=90)


def hasten(protocol: Protocol) -> Protocol:
    """Return the protocol with alarms that come within a minute, and again every minute."""
    policies = dict(protocol.escalation_policies)
    for name in ("urgent", "emergency", "unreadable_message"):
        policy = policies[name]
        last = len(policy.steps) - 1
        steps = tuple(
            step.model_copy(
                update={
                    "minutes": None,
                    "percent": 1 + 30 * number,
                    "repeat_minutes": 1 if number == last and step.repeat_minutes else None,
                }
            )
            for number, step in enumerate(policy.steps)
        )
        policies[name] = policy.model_copy(update={"due_minutes": 1, "steps": steps})
    return protocol.model_copy(update={"escalation_policies": policies})


class Drill:
    """One drill, and what it has seen so far."""

    def __init__(self, servers: Servers, seed: int, kinds: Sequence[str]) -> None:
        self.servers, self.seed = servers, seed
        self.wrong: list[str] = []
        self.told: list[Told] = []
        self.disturbances: list[Disturbance] = []
        self.kinds = kinds
        copies = servers.stack.directory / "copies"
        self.ground = Ground(servers, Random(seed), copies, before_put_back=self.mark_in_doubt)
        self._probes: list[asyncio.Task[None]] = []

    async def run(self, length: timedelta | None, count: int | None, journeys: int) -> Report:
        """Begin, disturb for so long or so often, wait for quiet, and check."""
        report = Report(dict(await environment(self.servers)) | {"seed": str(self.seed)})
        await self.ground.begin_work()
        keeping = asyncio.create_task(self.ground.keep_workers())
        try:
            await self._begin(journeys)
            began = monotonic()
            await self._disturb(length, count)
            report.environment["disturbed for"] = f"{monotonic() - began:.0f} s"
            report.sections += await self._conclude()
        finally:
            keeping.cancel()
            for worker in self.ground.workers:
                await worker.stop()
        report.environment["load after"] = load()
        return report

    async def _begin(self, journeys: int) -> None:
        stack = self.servers.stack
        protocol = hasten(PROTOCOLS["PTSD"])
        courses = [Course(self.servers.client, self.servers.record, stack.signers, QUEUE) for _ in range(journeys)]
        for course in courses:
            course.opening = referral(protocol, course.id)
        for n in range(0, journeys, 10):
            await asyncio.gather(*(course.begin() for course in courses[n : n + 10]))
        self.ground.desks = [Desk(course, self.told) for course in courses]

    async def _disturb(self, length: timedelta | None, count: int | None) -> None:
        stop = asyncio.Event()
        people = [asyncio.create_task(one.act(stop)) for one in gather_people(self.ground.desks, self.seed)]
        copying = asyncio.create_task(self.ground.keep_copies())
        began, chance = monotonic(), self.ground.chance
        await asyncio.sleep(3)
        for number, name in enumerate(_in_turn(self.kinds, chance)):
            if count is not None and number >= count:
                break
            if length is not None and monotonic() - began > length.total_seconds():
                break
            desk = chance.choice(self.ground.desks)
            _say(f"{monotonic() - began:6.1f} s  {name}")
            done = await disturb(self.ground, name, desk)
            self.disturbances.append(done)
            probe = asyncio.create_task(self._probe(done, desk))
            self._probes.append(probe)
            await asyncio.wait([probe], timeout=HEALS_WITHIN.total_seconds())
            await asyncio.sleep(chance.uniform(1, 4))
            for task in (*people, copying):
                if task.done():
                    task.result()
        stop.set()
        copying.cancel()
        await asyncio.gather(*people)
        # What does not heal until then is found by the checks.
        await asyncio.wait(self._probes, timeout=60)
        for probe in self._probes:
            probe.cancel()

    async def _probe(self, done: Disturbance, desk: Desk) -> None:
        """Find out when the journey takes a command of somebody again."""
        while not done.healed:
            command = c.Command(
                command_id=uuid4(),
                actor=person_of(desk.course.id, Role.OPS),
                body=c.RequestSupport(urgency="routine", text=f"invented: a probe {uuid4()}"),
            )
            told = await desk.hand_in(command)
            if told.outcome in (*ACKNOWLEDGED, "no such journey"):
                done.healed = (told.at - done.ended).total_seconds()
            else:
                await asyncio.sleep(0.5)

    async def mark_in_doubt(self) -> None:
        """Temporal's database is about to be put back: what it alone holds is lost with it."""
        await asyncio.sleep(1)
        known = {
            (desk.course.id, event.command_id)
            for desk in self.ground.desks
            for event in await load_events(self.servers.record, desk.course.id)
        }
        for each in self.told:
            # What was told to be recorded stands in the record's own database: nothing excuses that it is gone.
            in_doubt = each.outcome in ("accepted", "signalled")
            if in_doubt and (each.journey_id, each.command.command_id) not in known:
                each.lost_with_temporal = True

    async def _conclude(self) -> list[Section]:
        """One pass of reconciliation, then every check."""
        _say("quiet; one pass of reconciliation, then the checks")
        wrong: list[str] = []
        courses = [desk.course for desk in self.ground.desks]
        record = self.servers.record
        began = monotonic()
        async with self._context() as context:
            done = await _one_pass(context)
            took = monotonic() - began
            for found in await asyncio.gather(*(check_agreement(course, AGREES_WITHIN) for course in courses)):
                wrong += found
            _, left = await compare(record, await context.journeys(), now=context.now())
            wrong += [f"{each.journey_id} is still {each.drift.value} after reconciliation" for each in left]
        await wait_until_caught_up(record, timedelta(seconds=30))
        for words in (("record", "verify"), ("record", "reconcile")):
            code, said = await run_cli(self.servers.stack, *words)
            if code:
                wrong.append(f"{' '.join(words)} ended with {code}: {said}")
        recorded = await read(courses)
        wrong += check_promises(self.told, recorded)
        wrong += check_waiting(recorded, datetime.now(UTC))
        alarms, missing = await find_alarms(self.servers, recorded, self.ground.log_paths, self.disturbances)
        wrong += missing
        wrong += [f"{alarm.late} late: {alarm.what}" for alarm in alarms if alarm.late > alarm.bound]
        self.wrong = wrong
        outcomes = Counter(each.outcome for each in self.told)
        answered = [each.seconds for each in self.told if each.outcome in ("accepted", "recorded")]
        late = [alarm.late.total_seconds() for alarm in alarms]
        return [
            Section(
                "Commands",
                [
                    Figure("sent", len(self.told), ""),
                    Figure("sent again", sum(each.sent - 1 for each in self.told if each.sent > 1), ""),
                    *(Figure(outcome, outcomes[outcome], "") for outcome in sorted(outcomes)),
                    Figure("accepted, and lost with Temporal's database", self._lost(recorded.versions), ""),
                    Figure("until accepted, p50", percentile(answered, 50), "s"),
                    Figure("until accepted, p99", percentile(answered, 99), "s"),
                    Figure("until accepted, worst", max(answered), "s"),
                ],
            ),
            Section("Disturbances, and until the journey took a command again", [*self._healing()]),
            Section(
                "Alarms",
                [
                    Figure("left", len(alarms), ""),
                    *(Figure(f"late, p{percent}", percentile(late, percent), "s") for percent in (50, 99) if late),
                    Figure("late, worst", max(late, default=0), "s"),
                ],
            ),
            Section(
                "Afterwards",
                [
                    Figure("journeys", len(courses), ""),
                    Figure("events", sum(map(len, recorded.events.values())), ""),
                    Figure("the pass of reconciliation", took, "s"),
                    Figure("that it found to differ", len(done.found), ""),
                    Figure("of those mended", sum(each.repaired for each in done.found), ""),
                    Figure("what is wrong in the end", len(wrong), ""),
                ],
            ),
        ]

    def _lost(self, versions: object) -> int:
        assert isinstance(versions, dict)
        return sum(each.lost_with_temporal and each.command.command_id not in versions for each in self.told)

    def _healing(self) -> Iterator[Figure]:
        for kind in KINDS:
            done = [one for one in self.disturbances if one.kind == kind]
            healed = [one.healed for one in done if one.healed is not None]
            if done:
                never = f", {len(done) - len(healed)} not" if len(healed) < len(done) else ""
                yield Figure(f"{len(done)} × {kind}{never}", max(healed, default=float("nan")), "s at most")

    @asynccontextmanager
    async def _context(self) -> AsyncIterator[Context]:
        settings = load_settings()

        @asynccontextmanager
        async def journeys(_: Settings) -> AsyncIterator[Journeys]:
            yield TemporalJourneys(self.servers.client, settings.task_queue)

        def later() -> datetime:
            return datetime.now(UTC) + SETTLED

        async with Context(load=lambda: settings, connect=journeys, now=later) as context:
            yield context


def _in_turn(kinds: Sequence[str], chance: Random) -> Iterator[str]:
    """Every kind once, in any order, and again."""
    while True:
        yield from chance.sample(kinds, len(kinds))


async def _one_pass(context: Context) -> Reconciliation:
    """Reconcile once, as soon as no worker does."""
    async with asyncio.timeout(120):
        while True:
            with suppress(RecordUnavailable, UseCaseError):
                done = await run_pass(context)
                if done is not None:
                    return done
            await asyncio.sleep(0.2)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


async def drill(arguments: argparse.Namespace) -> tuple[Report, list[str]]:
    home: Path = arguments.directory
    for old in ("copies", "logs"):
        shutil.rmtree(home / old, ignore_errors=True)
    length = None if arguments.disturbances else timedelta(minutes=arguments.minutes)
    async with servers(home) as running:
        os.environ |= running.stack.worker_env
        one = Drill(running, arguments.seed, arguments.only)
        report = await one.run(length, arguments.disturbances, arguments.journeys)
        return report, one.wrong


def _kinds(given: str) -> list[str]:
    kinds = [kind for kind in KINDS if any(words.strip() in kind for words in given.split(","))]
    if not kinds:
        raise argparse.ArgumentTypeError(f"there are: {'; '.join(KINDS)}")
    return kinds


def main() -> int:
    """Exit code 0 when everything that anybody was told is true."""
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5, help="how long it is disturbed")
    parser.add_argument("--disturbances", type=int, help="how many disturbances there are, in place of minutes")
    parser.add_argument("--only", type=_kinds, default=[*KINDS], help="kinds, by words of their names")
    parser.add_argument("--directory", type=Path, default=HOME, help="where its servers keep their data and logs")
    parser.add_argument("--journeys", type=int, default=JOURNEYS)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="of what is done, and by whom")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    arguments = parser.parse_args()
    _say(f"--seed {arguments.seed}")
    configure_logging("CRITICAL", "console")
    # Temporal's client warns of each outage, and outages are what a drill is.
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=None)))
    try:
        report, wrong = asyncio.run(drill(arguments))
    except KeyboardInterrupt:
        return 1
    except (StackError, RecordUnavailable) as error:
        print(f"There was no drill: {error}", file=sys.stderr)
        return 1
    print(report.as_json() if arguments.json else report.as_text())
    for each in wrong:
        print(f"WRONG: {each}", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    leave(main())
