"""What has ended Temporal forgets, once the retention of its namespace is over."""

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.record.event_codec import load_events
from application.temporal.journey_client import reopen, start
from deploy.local import stack as local
from deploy.local.temporal import TemporalServer
from tests.faults.helpers import AT_RISK, Course, at_work, call_cli, command, findings, support
from tests.faults.test_lost_temporal import connected, reconcile
from tests.fixtures.everything import everything, open_stack
from tests.helpers import eventually
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(300)]

QUEUE = "care-pathway"
AT_ONCE = timedelta(seconds=1)


SETTINGS = {
    "system.namespaceMinRetentionLocal": "1s",
    "history.retentionTimerJitterDuration": "1s",
    # Whoever ends before the server knows of the new retention is kept for as long as the old one said.
    "system.namespaceCacheRefreshInterval": "50ms",
}


class ForgetfulServer(TemporalServer):
    """A server that takes the shortest retention there is, and keeps to it."""

    def _command(self) -> list[str | Path]:
        settings = (("--dynamic-config-value", f'{name}="{value}"') for name, value in SETTINGS.items())
        return [*super()._command(), *(word for setting in settings for word in setting)]

    async def _keep_closed_workflows(self) -> None:
        client = await Client.connect(self.address, namespace=self.namespace)
        shortest = UpdateNamespaceRequest(namespace=self.namespace)
        shortest.config.workflow_execution_retention_ttl.FromTimedelta(AT_ONCE)
        await client.workflow_service.update_namespace(shortest, retry=True)


async def is_gone(course: Course) -> bool:
    try:
        await course.handle.describe()
    except RPCError as error:
        return error.status == RPCStatusCode.NOT_FOUND
    return False


async def test_what_is_said_of_a_journey_that_temporal_has_forgotten_is_taken_from_its_record_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "TemporalServer", ForgetfulServer)
    async with (
        open_stack(tmp_path, keep_data=False, time_skipping=True, headless=True) as stack,
        stack.open_record(everything(stack.postgres)) as record,
        stack.codec() as codec,
    ):
        client = await connected(stack, codec)
        course = Course(client, record, stack.signers, QUEUE)
        async with at_work(client, record, stack.signers, QUEUE):
            await course.begin()
            await course.send(c.Withdraw(), by=Role.PATIENT)
            assert (await course.recorded()).closed
            await eventually(lambda: is_gone(course), timedelta(seconds=60))
            assert (await reconcile(stack))[0] == 0

            # The same referral begins nothing a second time.
            recorded = await course.rows()
            await start(client, course.opening, task_queue=QUEUE)
            await eventually(lambda: is_gone(course), timedelta(seconds=60))
            assert await course.rows() == recorded

            for body, by in ((AT_RISK, Role.CLINICIAN), (support("invented: help"), Role.PATIENT)):
                sent = command(body, by, of=course.id)
                receipt = await reopen(client, await load_events(record, course.id), sent, task_queue=QUEUE)
                await record.wait_for(course.id, receipt.version, timedelta(seconds=30))
            assert (await course.checked()).crises
            assert (await reconcile(stack))[0] == 0
        assert await findings(stack) == ()
        assert (await call_cli(stack, "record", "verify"))[0] == 0
