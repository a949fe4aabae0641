"""How long people wait: until their command is accepted, and until it is recorded."""

from collections.abc import Sequence
from datetime import UTC, datetime
from time import perf_counter
from uuid import uuid4

from temporalio.client import WorkflowHandle

from activities.signatures.sessions import prove
from application.temporal.journey_client import submit
from tests.benchmarks.bare import Bare
from tests.benchmarks.report import Aim, Figure, Section, percentile
from tests.benchmarks.stage import WITHIN, Patient, Servers, Session, inputs, quiet, start_bare
from workflows.journey.commands import Command

ACCEPTED = Aim(1.3)
RECORDED = Aim(4.0)
IN_SESSION = Aim(1.2)


async def latency(servers: Servers, *, journeys: int) -> Section:
    """Take journeys through their commands, before or after each a bare update of the same bytes. In every second
    journey people act in working sessions."""
    commands = inputs()
    bare = await start_bare(servers, updates=10_000)
    seconds = Seconds(servers, bare)
    for number in range(journeys + 1):
        if number == 1:
            seconds.forget()  # the first journey warms everything up
        for in_session in (False, True) if number % 2 else (True, False):
            await seconds.measure(commands, bare_first=number % 2 == 0, in_session=in_session)
    await bare.terminate()
    title = f"Round trips: {len(seconds.bare)} commands of {journeys} journeys, each beside a bare update of its size"
    return Section(
        title,
        [
            *_figures("bare update", seconds.bare),
            *_figures("accepted", seconds.accepted, beside=seconds.bare, aim=ACCEPTED),
            *_figures("recorded", seconds.recorded, beside=seconds.bare, aim=RECORDED),
            *_figures(
                "accepted, in a session", seconds.in_session, beside=seconds.accepted, named="without", aim=IN_SESSION
            ),
            *_figures(
                "recorded, in a session",
                seconds.recorded_in_session,
                beside=seconds.recorded,
                named="without",
                aim=IN_SESSION,
            ),
        ],
        [
            f"means: bare {_mean(seconds.bare):.1f}, accepted {_mean(seconds.accepted):.1f}, "
            f"recorded {_mean(seconds.recorded):.1f} ms"
        ],
    )


class Seconds:
    """The round trips timed so far."""

    def __init__(self, servers: Servers, handle: WorkflowHandle[Bare, int]) -> None:
        self._servers, self._handle = servers, handle
        self.forget()

    def forget(self) -> None:
        self.bare: list[float] = []
        self.accepted: list[float] = []
        self.recorded: list[float] = []
        self.in_session: list[float] = []
        self.recorded_in_session: list[float] = []

    async def measure(self, commands: Sequence[Command], *, bare_first: bool, in_session: bool) -> None:
        patient = Patient(self._servers, in_session=in_session)
        await patient.start()
        version = await self._recorded(patient, 1)
        for command in commands:
            prepared = await patient.prepared(command, version)
            if bare_first:
                await self._bare(prepared)
            session = await patient.session_for(prepared)
            version = await self._ours(patient, prepared, session, in_session=in_session)
            if not bare_first:
                await self._bare(prepared)

    async def _ours(
        self,
        patient: Patient,
        command: Command,
        session: Session | None,
        *,
        in_session: bool,
    ) -> int:
        await quiet()
        began = perf_counter()
        sent = command if session is None else prove(*session, patient.id, command, datetime.now(UTC))
        receipt = await submit(self._servers.client, patient.id, sent)
        (self.in_session if in_session else self.accepted).append(perf_counter() - began)
        await self._recorded(patient, receipt.version)
        (self.recorded_in_session if in_session else self.recorded).append(perf_counter() - began)
        return receipt.version

    async def _recorded(self, patient: Patient, version: int) -> int:
        await self._servers.record.wait_for(patient.id, version, WITHIN)
        return version

    async def _bare(self, command: Command) -> None:
        await quiet()
        began = perf_counter()
        await self._handle.execute_update(Bare.submit, command, id=str(uuid4()))
        self.bare.append(perf_counter() - began)


def _figures(
    name: str, seconds: list[float], *, beside: list[float] | None = None, named: str = "bare", aim: Aim | None = None
) -> list[Figure]:
    """The aim is for the median; the 99th percentile of a shared machine is noise, and shown all the same."""
    return [
        Figure(
            f"{name}, p{percent}",
            1000 * percentile(seconds, percent),
            "ms",
            None if beside is None else 1000 * percentile(beside, percent),
            aim if percent == 50 else None,
            named,
        )
        for percent in (50, 99)
    ]


def _mean(seconds: list[float]) -> float:
    return 1000 * sum(seconds) / len(seconds)
