"""How late alarms are, and how long people wait, while reminders of many journeys would all come in one second.

The clinic of the reminded journeys opens in a few minutes, and each of them has a reminder due at that moment. Other
journeys have alarms due just after it, and people send holds: once with reminders spread over a window, once without.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from math import inf
from time import perf_counter
from uuid import UUID, uuid4

from activities.record.event_codec import load_events
from application.temporal.journey_client import start, submit
from simulation.people import person_of, referral
from tests.benchmarks.report import Aim, Figure, Section, percentile
from tests.benchmarks.stage import PROTOCOL, QUEUE, Servers, withdrawal
from workflows.journey import events as e
from workflows.journey.commands import Command, PlaceHold
from workflows.journey.protocol import Action, EscalationPolicy, EscalationStep, Protocol
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.calendars import WorkingTime

ALARM_LATE = Aim(5.0)
HOLD_ANSWERED = Aim(2.0)
REMINDERS_A_SECOND = Aim(60, at_least=True)
ALARMS = 20
HOLDS = 20
STARTS_AT_ONCE = 16
STARTS_A_SECOND = 8
"""How many journeys are counted on to start in a second, before the clinic opens."""
LOOKED_AT = timedelta(seconds=90)
"""How long after the opening alarms fall due and holds are sent."""
LAST = EscalationStep(minutes=1440, action=Action.ESCALATE, to=Role.MEDICAL_DIRECTOR)


async def lateness(servers: Servers, *, journeys: int) -> Section:
    """Measure it with reminders spread over half an hour, and with none spread."""
    figures: list[Figure] = []
    for window in (30, 0):
        late, answered, reminded = await _measure(servers, journeys, window)
        how = f"spread over {window} min" if window else "all in one second"
        aims = (ALARM_LATE, HOLD_ANSWERED) if window else (None, None)
        figures += [
            Figure(f"alarm late at most, reminders {how}", max(late), "s", None, aims[0]),
            Figure(f"alarm late, p50, reminders {how}", percentile(late, 50), "s"),
            Figure(f"hold answered at most, reminders {how}", max(answered), "s", None, aims[1]),
            Figure(f"reminders taken in {LOOKED_AT.total_seconds():g} s, {how}", len(reminded), "reminders"),
        ]
        if not window:  # All were due together: how long the last one waited tells how fast they were taken.
            rate = len(reminded) / max(reminded, default=inf)
            figures.append(Figure("reminders taken a second", rate, "per second", None, REMINDERS_A_SECOND))
    return Section(
        f"Lateness: {ALARMS} alarms and {HOLDS} holds while {journeys} reminders fall on one second", figures
    )


async def _measure(
    servers: Servers, journeys: int, window: int
) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    ready = datetime.now(UTC) + timedelta(seconds=30 + journeys / STARTS_A_SECOND)
    opens = ready.replace(second=0, microsecond=0) + timedelta(minutes=2)
    reminded = [uuid4() for _ in range(journeys)]
    crowd, protocol = asyncio.Semaphore(STARTS_AT_ONCE), _reminding(opens, window)

    async def begin(journey_id: UUID) -> None:
        async with crowd:
            await start(servers.client, referral(protocol, journey_id), task_queue=QUEUE)

    async def end(journey_id: UUID) -> None:
        """By a command: what is only ended in Temporal is begun again by reconciliation."""
        async with crowd:
            await submit(servers.client, journey_id, withdrawal(journey_id), timeout=timedelta(minutes=5))

    await asyncio.gather(*map(begin, reminded))
    for journey_id in reminded:
        await servers.record.wait_for(journey_id, 1, timedelta(minutes=10))
    apart = LOOKED_AT / ALARMS
    alarmed = [uuid4() for _ in range(ALARMS)]
    # Each has an alarm one minute after its start.
    await _until(opens - timedelta(minutes=1))
    for number, journey_id in enumerate(alarmed):
        await _until(opens - timedelta(minutes=1) + number * min(apart, timedelta(seconds=2)))
        await start(servers.client, referral(_alarming(), journey_id), task_queue=QUEUE)
    await _until(opens)
    answered = []
    for journey_id in reminded[:HOLDS]:
        began = perf_counter()
        body = PlaceHold(reason="invented: somebody is worried")
        held = Command(command_id=uuid4(), actor=person_of(journey_id, Role.COORDINATOR), body=body)
        await submit(servers.client, journey_id, held, timeout=timedelta(minutes=5))
        answered.append(perf_counter() - began)
        await asyncio.sleep(1)
    await _until(opens + LOOKED_AT)
    taken = [seconds for journey_id in reminded for seconds in await _late(servers, journey_id)]
    late = [seconds for journey_id in alarmed for seconds in await _late(servers, journey_id)]
    await asyncio.gather(*map(end, (*reminded, *alarmed)))
    return late, answered, taken


async def _late(servers: Servers, journey_id: UUID) -> list[float]:
    """How many seconds after its time each step of a journey was taken."""
    events = await load_events(servers.record, journey_id)
    return [
        (event.at - event.body.due).total_seconds() for event in events if isinstance(event.body, e.ObligationEscalated)
    ]


async def _until(moment: datetime) -> None:
    await asyncio.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))


def _reminding(opens: datetime, window: int) -> Protocol:
    """A protocol under which the evaluation is reminded of when the clinic opens, at ``opens`` (UTC)."""
    begin = time(opens.hour, opens.minute)
    working = WorkingTime(
        zone="Africa/Abidjan",  # as UTC
        weekdays=(1, 2, 3, 4, 5, 6, 7),
        hours=(begin, time(23, 59)),
        holidays_known_until=opens.date() + timedelta(days=30),
    )
    remind = EscalationStep(percent=1, action=Action.REMIND, to=Role.CLINICIAN, spread_minutes=window)
    return _with(EscalationPolicy(due_minutes=1, clock="working", steps=(remind, LAST)), working_time=working)


def _alarming() -> Protocol:
    """A protocol under which an alarm is due a minute after the start."""
    page = EscalationStep(minutes=0, action=Action.PAGE, to=Role.ON_CALL_CLINICIAN, alarm=True)
    return _with(EscalationPolicy(due_minutes=1, steps=(page, LAST)))


def _with(policy: EscalationPolicy, **changes: object) -> Protocol:
    policies = {**PROTOCOL.escalation_policies, "evaluation": policy}
    return PROTOCOL.model_copy(update={"escalation_policies": policies, **changes})
