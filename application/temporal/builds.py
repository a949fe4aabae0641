"""Which builds of the worker poll for the tasks of journeys, which of them are ours, and where new runs go.

Whoever reaches Temporal can poll under any name, and make a build current. So a worker of ours shows by the identity
with which it polls that it has the keys: that names its queue and its build.
"""

import json
import os
import socket
from datetime import UTC, datetime, timedelta

from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from application.temporal.calls import ANSWER, failed_call
from application.temporal.journeys import DEPLOYMENT, PolledBuilds
from workflows.temporal_plugin import stand_in

POLLS = timedelta(minutes=2)
"""A worker that has not polled for this long is gone. One poll lasts up to 70 seconds."""


async def identity_of_worker(client: Client, task_queue: str, build_id: str | None) -> str:
    """Return the identity under which a worker of ours polls this queue.

    Raises:
        KeysUnavailable: it cannot be said now.
    """
    name = "" if build_id is None else f"{DEPLOYMENT}:{build_id}"
    return f"{os.getpid()}@{socket.gethostname()} {await _shown(client, task_queue, name)}"


async def polled_builds(client: Client, task_queue: str, *, now: datetime) -> PolledBuilds:
    """Return the builds that poll this queue at a moment (UTC).

    Raises:
        Unavailable: Temporal did not answer.
        KeysUnavailable: it cannot be said now.
    """
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        described = await client.workflow_service.describe_task_queue(request, retry=True, timeout=ANSWER)
    except RPCError as error:
        raise failed_call(error) from None
    since = now - POLLS
    polling = [each for each in described.pollers if each.last_access_time.ToDatetime(tzinfo=UTC) >= since]
    shown = {build: await _shown(client, task_queue, build) for build in {_build_of(each) for each in polling}}
    routed = described.versioning_info
    ramps = routed.ramping_version_percentage > 0
    return PolledBuilds(
        ours=frozenset(_build_of(each) for each in polling if each.identity.endswith(f" {shown[_build_of(each)]}")),
        current=_name(routed.current_deployment_version),
        ramping=_name(routed.ramping_deployment_version) if ramps else None,
    )


async def _shown(client: Client, task_queue: str, build: str) -> str:
    """Return what only who has the keys can say of a worker of this build."""
    return await stand_in(client, b"worker\0" + json.dumps((client.namespace, task_queue, build)).encode())


def _build_of(poller: PollerInfo) -> str:
    options = poller.deployment_options
    return _name(WorkerDeploymentVersion(deployment_name=options.deployment_name, build_id=options.build_id))


def _name(build: WorkerDeploymentVersion) -> str:
    return f"{build.deployment_name}:{build.build_id}".strip(":")
