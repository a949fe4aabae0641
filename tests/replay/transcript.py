"""What a journey asks of Temporal, command by command, in words: timeouts, retries and durations too.

Replay compares which commands come in which order, and not what is in them.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import RetryPolicy
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from simulation.player import BEYOND
from tests.journey.variants import unspread
from tests.workflow.courses import awaits
from tests.workflow.world import Case, World, said
from workflows.journey import commands as c
from workflows.journey.obligations import next_deadline
from workflows.journey.protocol import Protocol, SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.protocols.demonstration import load_demonstration
from workflows.search_attributes import DUE, RECORDED
from workflows.temporal_plugin import in_history

GOLDEN = Path(__file__).parent / "transcript.txt"


def _elapsed(protocol: Protocol) -> Protocol:
    """The protocol with every clock counting elapsed time: working time lasts as long as the day it is played on. Its
    reminders are not spread, which goes by the id of the journey."""
    escalation_policies = {
        name: policy.model_copy(update={"clock": "elapsed"}) for name, policy in protocol.escalation_policies.items()
    }
    return unspread(protocol.model_copy(update={"escalation_policies": escalation_policies}))


async def transcript(world: World) -> str:
    """Play a short journey, in which one thing is over before the next is done, and write down what it asked for."""
    case = await world.begin(_elapsed(load_demonstration("ANXIETY")))
    await case.quiet()
    await case.play(until=awaits(SignOffKind.ELIGIBILITY), send=_one_by_one)
    serious = c.ReportAdverseEvent(
        what="Invented: taken to hospital",
        grade=3,
        serious=True,
        serious_because=("hospitalization",),
        onset=await case.clock.now(),
    )
    await _one_by_one(case, said(Role.COORDINATOR, serious))
    deadline = next_deadline(case.journey)
    assert deadline is not None
    await case.clock.wait_until(deadline)
    await case.reach(case.journey.version + 1)
    await case.quiet()
    await _one_by_one(case, said(Role.PATIENT, c.Withdraw(), of=case.id))
    await case.play(send=_one_by_one)
    await case.handle.result()
    history = await case.history_events()
    await _open(case, history)
    return "\n".join(lines(history)) + "\n"


async def _open(case: Case, history: Sequence[HistoryEvent]) -> None:
    """Decrypt what is shown."""
    codec = in_history(case.world.client, case.handle.id).payload_codec
    assert codec is not None
    for event in history:
        completed = event.workflow_execution_update_completed_event_attributes
        for payload in (
            *event.workflow_execution_update_accepted_event_attributes.accepted_request.input.args.payloads,
            *completed.outcome.success.payloads,
            *event.workflow_execution_completed_event_attributes.result.payloads,
            event.user_metadata.summary,
        ):
            [clear] = await codec.decode([payload])
            payload.CopyFrom(clear)


async def _one_by_one(case: Case, command: c.Command) -> None:
    await case.submit(command)
    if not case.journey.closed:
        await case.quiet()


def lines(history: Sequence[HistoryEvent]) -> Iterator[str]:
    """One line for what came in, and an indented one for each thing the workflow asked for."""
    timers: dict[str, str] = {}
    for event in history:
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                started = event.workflow_execution_started_event_attributes
                yield f"start of {started.workflow_type.name}"
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
                update = event.workflow_execution_update_accepted_event_attributes.accepted_request.input
                command = json.loads(update.args.payloads[0].data)
                yield f"update {update.name}: {command['body']['kind']}, by {command['actor']['role']}"
            case EventType.EVENT_TYPE_TIMER_FIRED:
                yield f"timer fired: {timers[event.timer_fired_event_attributes.timer_id]}"
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                asked = event.activity_task_scheduled_event_attributes
                yield (
                    f"    activity {asked.activity_type.name}: "
                    f"attempt {_span(asked.start_to_close_timeout)}, "
                    f"in all {_span(asked.schedule_to_close_timeout)}, "
                    f"waiting {_span(asked.schedule_to_start_timeout)}, "
                    f"heartbeat {_span(asked.heartbeat_timeout)}; {_retries(asked.retry_policy)}"
                )
            case EventType.EVENT_TYPE_TIMER_STARTED:
                timer = event.timer_started_event_attributes
                timers[timer.timer_id] = _summary(event)
                yield f"    timer of {_minutes(timer.start_to_fire_timeout)}: {_summary(event)}"
            case EventType.EVENT_TYPE_TIMER_CANCELED:
                yield f"    cancel timer: {timers[event.timer_canceled_event_attributes.timer_id]}"
            case EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
                fields = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
                shown = [f"{name}={_shown(name, payload.data)}" for name, payload in sorted(fields.items())]
                yield f"    search attributes {', '.join(shown)}"
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
                outcome = event.workflow_execution_update_completed_event_attributes.outcome
                yield f"    answer {_answer(outcome.success.payloads[0].data)}"
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
                result = event.workflow_execution_completed_event_attributes.result
                yield f"    end with {result.payloads[0].data.decode()}"


def _answer(told: bytes) -> str:
    """What a command was answered, without the digest of the command, which is signed at another time each time."""
    answer = {name: value for name, value in json.loads(told).items() if name != "answers"}
    return json.dumps(answer, separators=(",", ":"))


def _shown(name: str, value: bytes) -> str:
    """The value of a search attribute, but for what is another one each time."""
    different = {DUE.name: "a time", RECORDED.name: "a version and a hash"}
    return different[name] if name in different and value else value.decode() or "none"


def _summary(event: HistoryEvent) -> str:
    text = json.loads(event.user_metadata.summary.data)
    assert isinstance(text, str)
    return text


def _span(duration: Duration) -> str:
    span = duration.ToTimedelta()
    return f"{span.total_seconds():g} s" if span else "no limit"


def _minutes(duration: Duration) -> str:
    """Rounded, because the real time between two steps is in it, and how far is skipped beyond a moment."""
    minutes = round((duration.ToTimedelta() + BEYOND / 2) / timedelta(minutes=1))
    days, hours = divmod(minutes, 24 * 60)
    return f"{days} d {hours // 60} h {hours % 60} min"


def _retries(policy: RetryPolicy) -> str:
    times = "for ever" if policy.maximum_attempts == 0 else f"{policy.maximum_attempts} attempts"
    return (
        f"again after {_span(policy.initial_interval)}, {policy.backoff_coefficient:g} times longer each time "
        f"up to {_span(policy.maximum_interval)}, {times}, not after {', '.join(policy.non_retryable_error_types)}"
    )
