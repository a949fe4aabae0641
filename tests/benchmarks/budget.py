"""What one journey costs in Temporal: events of history, their bytes, and actions that are billed."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from uuid import uuid4

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from application.temporal.journey_client import handle_of, start
from simulation.people import referral
from simulation.player import on_servers, play
from tests.benchmarks.course import open_ended
from tests.benchmarks.report import Aim, Figure, Section
from tests.benchmarks.stage import QUEUE, Servers
from workflows.journey.protocol import Pathway
from workflows.protocols import list_pathways
from workflows.protocols.demonstration import load_demonstration

EVENTS, ACTIONS, KILOBYTES = Aim(300), Aim(65), Aim(200)

_BILLED = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "starts",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signals",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "updates",
    EventType.EVENT_TYPE_TIMER_STARTED: "timers",
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activities",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attributes",
}
"""A run that continues as new is billed as the start of the next. Refused updates and queries leave nothing."""

_OF_SKIPPING = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
)
"""Written only because time is skipped here."""


@dataclass
class Cost:
    """What is found in the history of one journey, over all its runs."""

    events: int = 0
    size: int = 0
    runs: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    by_type: Counter[str] = field(default_factory=Counter)

    def add(self, event: HistoryEvent) -> None:
        if event.event_type in _OF_SKIPPING:
            return
        self.events += 1
        self.size += event.ByteSize()
        name = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").lower()
        self.by_type[name] += event.ByteSize()
        if event.event_type in _BILLED:
            self.actions[_BILLED[event.event_type]] += 1
        retries = event.activity_task_started_event_attributes.attempt - 1
        if retries > 0:
            self.actions["retries"] += retries


async def budget(servers: Servers) -> Section:
    """Play both courses on skipped time up to the first follow-up without a fixed end, and read their histories."""
    costs = await asyncio.gather(*(_cost(servers, pathway) for pathway in list_pathways()))
    section = Section("History of one journey, up to the first open-ended follow-up")
    figures, notes = [], []
    for pathway, cost in zip(list_pathways(), costs, strict=True):
        figures += [
            Figure(f"{pathway}: events", cost.events, "", aim=EVENTS),
            Figure(f"{pathway}: size", cost.size / 1024, "KB", aim=KILOBYTES),
            Figure(f"{pathway}: billable actions", cost.actions.total(), "", aim=ACTIONS),
        ]
        actions = ", ".join(f"{count} {what}" for what, count in cost.actions.most_common())
        largest = ", ".join(f"{size / 1024:.0f} KB {name}" for name, size in cost.by_type.most_common(3))
        notes.append(f"{pathway}: {actions}; {cost.runs} runs; most of the size: {largest}")
    section.figures, section.notes = figures, notes
    return section


async def _cost(servers: Servers, pathway: Pathway) -> Cost:
    skipper = TimeSkipper(servers.client, config=TimeSkippingConfig(enabled=False))
    journey_id = uuid4()
    await start(skipper.client, referral(load_demonstration(pathway), journey_id), task_queue=QUEUE)
    handle = handle_of(servers.client, journey_id)
    first_run = (await handle.describe()).run_id
    await play(on_servers(servers.client, servers.record, servers.stack.signers, journey_id), until=open_ended)
    return await _read(servers.client, handle.id, first_run)


async def _read(client: Client, workflow: str, run: str) -> Cost:
    cost, following = Cost(), run
    while following:
        history = await client.get_workflow_handle(workflow, run_id=following).fetch_history()
        cost.runs += 1
        for event in history.events:
            cost.add(event)
        following = history.events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return cost
