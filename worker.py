"""The worker: runs journeys and their activities until it is told to stop (SIGTERM or Ctrl-C)."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfoNotFoundError

import structlog
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError
from temporalio.worker import Interceptor, Worker, WorkerDeploymentConfig, WorkflowInterceptorClassInput

from activities.anchor_activities import AnchorActivities
from activities.blob_storage import storage_of
from activities.notice_activities import NoticeActivities
from activities.notices.contacts import Contacts
from activities.notices.delivering import Sender, delivering
from activities.notices.wording import NAMELESS, Service
from activities.payload_codec import SealingCodec
from activities.privacy.errors import KeyringError, KeysUnavailable
from activities.record.command_codec import decided_by
from activities.record.errors import RecordFault, RecordUnavailable
from activities.record.read_models import running
from activities.record.recorded_journeys import RecordedJourneys
from activities.record.store import Record
from activities.record.verification.anchors import AnchorKeyError, read_key
from activities.record.verification.builds import Builds
from activities.record_activities import RecordActivities
from activities.seen_registers import SeenRegisters
from activities.signature_activities import SignatureActivities
from activities.signatures.register_file import RegisterFile
from activities.signatures.sessions import ThisLog, refuse_unproven
from activities.signatures.signer_registry import RegisterError
from activities.signatures.staff import refuse_unknown
from activities.signs_of_life import BEAT
from application.context import require_same_kind
from application.errors import SettingsError, Unavailable, UseCaseError, translate
from application.messages.channels import open_channels, service_of
from application.messages.settings import MessageSettings, load_message_settings
from application.process.exit import begin, keep_loaded, leave
from application.process.logs import configure_logging
from application.process.sealing import not_its_keys, open_keys, open_sealed
from application.record.passes import reconciling
from application.settings import Settings, load_settings, projector_url
from application.temporal.builds import identity_of_worker
from application.temporal.calls import failed_call
from application.temporal.client import TemporalJourneys, connected
from application.temporal.journeys import DEPLOYMENT, Journeys
from application.temporal.namespace import (
    SearchAttributesUnusable,
    register_search_attributes,
    schedule_anchors,
)
from application.temporal.polls import Polls
from application.temporal.resets import find_answered, hand_in_dropped
from application.temporal.run_control import look
from application.temporal.sdk_log import sdk_logging
from application.temporal.settings import load_temporal_config
from workflows.care_journey import CareJourney
from workflows.journey.vocabulary.base import abbreviate
from workflows.journey.vocabulary.calendars import zone_info
from workflows.journey.vocabulary.refusals import Refusal
from workflows.messages import CONSOLE_PAGE, DECIDED_BY, REFUSE_UNKNOWN, AnsweredBefore, SignatureCheck
from workflows.record_anchor import AnchorRecord
from workflows.temporal_plugin import CarePathwayPlugin, with_storage

log = structlog.get_logger("worker")

DRAIN = timedelta(seconds=20)
"""How long activities may run on after a stop is asked for. An append takes milliseconds."""
HARD_STOP = 30.0
"""Seconds after which a worker that does not stop ends itself. Nothing is lost: its tasks are retried."""
UNAVAILABLE = 6
TAKES_NO_TASKS = 1
LOOK_EVERY = 1.0
"""Seconds between two looks whether there are polls for workflow tasks."""
COULD_NOT_START = (
    RegisterError,
    KeyringError,
    KeysUnavailable,
    AnchorKeyError,
    RecordUnavailable,
    RecordFault,
    SearchAttributesUnusable,
    RPCError,
    Unavailable,
)


def build_worker(
    client: Client,
    record: Record,
    register: RegisterFile,
    *,
    log: ThisLog,
    task_queue: str,
    build_id: str | None = None,
    max_cached: int = 1000,
    anchors: AnchorActivities | None = None,
    demonstrations: bool = False,
    builds: Builds | None = None,
    identity: str | None = None,
    journeys: RecordedJourneys | None = None,
    service: Service = NAMELESS,
) -> Worker:
    """Build a worker for this client, record and register. ``log`` is that of the record.

    With a build id it takes part in worker versioning. ``max_cached`` journeys stay in memory; others are replayed
    when they wake. Where ``demonstrations`` are not allowed, none is begun, and ``builds`` derive what other
    rules decided. By its ``identity`` (`identity_of_worker`) reconciliation knows it for one of ours. ``journeys`` has
    what is recorded of those that were used last, if something else in this process goes on from there, too. Of the
    ``service`` journeys say at which page its console shows them.
    """
    client = with_storage(client, storage_of(record))

    async def tell(journey_id: UUID) -> None:
        with suppress(Unavailable):
            await look(client, journey_id)

    async def see_to_reset(journey_id: UUID, run_id: str) -> AnsweredBefore:
        await hand_in_dropped(client, record, journey_id, run_id)
        return await find_answered(client, journey_id, run_id)

    recording = RecordActivities(
        record,
        register,
        demonstrations=demonstrations,
        log=log,
        builds=builds,
        tell=tell,
        find_answered=see_to_reset,
        journeys=journeys,
    )
    activities = (
        *(recording.append, recording.catch_up, recording.look, NoticeActivities(record, register).alarm),
        SignatureActivities(register, log).verify,
        *(() if anchors is None else (anchors.anchor,)),
    )
    deployment = None
    if build_id is not None:
        version = WorkerDeploymentVersion(deployment_name=DEPLOYMENT, build_id=build_id)
        deployment = WorkerDeploymentConfig(
            version=version,
            use_worker_versioning=True,
            # A journey stays on the build it began with, and moves when it continues as new.
            default_versioning_behavior=VersioningBehavior.PINNED,
        )
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[CareJourney, AnchorRecord],
        activities=activities,
        graceful_shutdown_timeout=DRAIN,
        max_heartbeat_throttle_interval=BEAT,
        max_cached_workflows=max_cached,
        interceptors=[KnowsStaff(register, log, service)],
        deployment_config=deployment,
        # Else the SDK reads all code there is to make up a name for it.
        build_id=None if deployment else abbreviate(decided_by().core),
        identity=identity,
    )


class KnowsStaff(Interceptor):
    """Lets the validators of journeys look at the register: what comes from nobody leaves nothing in history."""

    def __init__(self, register: RegisterFile, log: ThisLog, service: Service = NAMELESS) -> None:
        self._register, self._log, self._service = register, log, service
        # A thread of its own: where a workflow runs, imports are those of its sandbox, and the library that checks
        # signatures ends the process when it wants to say that one is wrong.
        self._looking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="register")

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> None:  # noqa: A002 - the SDK's name
        """Offer the look, and tell by which rules is decided and where the console is; nothing is intercepted."""
        input.unsafe_extern_functions[REFUSE_UNKNOWN] = lambda presented: self._looking.submit(
            self._refuse_unknown, presented
        ).result()
        input.unsafe_extern_functions[DECIDED_BY] = decided_by
        input.unsafe_extern_functions[CONSOLE_PAGE] = self._service.page

    def _refuse_unknown(self, presented: SignatureCheck) -> Refusal | None:
        try:
            register = self._register.current()
        except RegisterError as error:
            raise RuntimeError(error.reason) from None
        clinic, command, at = presented.scope.clinic, presented.command, presented.at
        return refuse_unknown(register, clinic, command, presented.claimed, at, presented.rests_on) or refuse_unproven(
            register, self._log, clinic, presented.journey_id, command, at
        )


def open_register(settings: Settings) -> RegisterFile:
    """Open the register that the settings name, after reading and verifying it once.

    Raises:
        SettingsError: it is not named.
        RegisterError: it cannot be trusted.
    """
    missing = [
        (f"CAREPATH_{name.upper()}", "is missing: without it no sign-off can be checked")
        for name in ("register_file", "organisation_key")
        if getattr(settings, name) is None
    ]
    if settings.register_file is None or settings.organisation_key is None:
        raise SettingsError(missing)
    register = RegisterFile(settings.register_file, bytes.fromhex(settings.organisation_key))
    register.current()
    return register


def open_anchors(settings: Settings, record: Record) -> AnchorActivities | None:
    """Return the activities that write anchors of this record; None where no anchors are wanted.

    Raises:
        SettingsError: only one of directory and key is named.
        AnchorKeyError: the key cannot be used.
    """
    if settings.anchors_dir is None and settings.anchor_key_file is None:
        return None
    if settings.anchors_dir is None:
        raise SettingsError([("CAREPATH_ANCHORS_DIR", "is missing: a key of anchors is named")])
    if settings.anchor_key_file is None:
        raise SettingsError([("CAREPATH_ANCHOR_KEY_FILE", "is missing: a directory of anchors is named")])
    key = read_key(settings.anchor_key_file, settings.anchor_public)
    return AnchorActivities(record, settings.anchors_dir, key)


async def run(settings: Settings, messages: MessageSettings) -> int:
    """Connect, register search attributes, and work until SIGTERM or SIGINT, or until this process no longer asks for
    workflow tasks: then it can only be started anew. Return the exit code.

    Raises:
        SettingsError, RegisterError, KeyringError, KeysUnavailable, AnchorKeyError, RecordUnavailable, RecordFault,
            SearchAttributesUnusable, RPCError, Unavailable: it could not start; nothing was changed.
    """
    register = open_register(settings)
    polls = Polls()
    runtime = Runtime(telemetry=TelemetryConfig(logging=sdk_logging(), metrics=polls.metrics))
    stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def end(code: int) -> None:
        if not stop.done():
            stop.set_result(code)

    for caught in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(caught, end, 0)
    async with (
        open_keys(settings) as keys,
        open_sealed(settings) as record,
        open_sealed(settings, projector_url(settings)) as lists,
        open_channels(messages) as channels,
    ):
        plugin = CarePathwayPlugin(SealingCodec(keys))
        config = load_temporal_config(demonstration=settings.demonstration)
        client = await connected(config, plugin, runtime, demonstration=settings.demonstration)
        await require_same_kind(record, settings)
        if not await record.keep_identity():
            raise not_its_keys(settings)
        this_log = await record.log()
        await SeenRegisters(record, register).current()
        await register_search_attributes(client)
        anchors = open_anchors(settings, record)
        recorded, service = RecordedJourneys(), service_of(messages)
        worker = build_worker(
            client,
            record,
            register,
            log=ThisLog(*this_log),
            task_queue=settings.task_queue,
            build_id=settings.build_id,
            anchors=anchors,
            demonstrations=this_log.demonstration,
            builds=Builds(settings.builds_file),
            identity=await identity_of_worker(client, settings.task_queue, settings.build_id),
            journeys=recorded,
            service=service,
        )

        @asynccontextmanager
        async def journeys(_: Settings) -> AsyncIterator[Journeys]:
            yield TemporalJourneys(client, settings.task_queue)

        sender = Sender(record, register, Contacts(record, keys), channels, service, recorded)
        async with (
            looking_at(polls, end),
            worker,
            running(lists),
            reconciling(settings, journeys),
            delivering(sender),
        ):
            keep_loaded()
            log.info("worker.started", task_queue=settings.task_queue)
            if anchors is not None:
                every = timedelta(minutes=settings.anchor_minutes)
                try:
                    await schedule_anchors(client, every=every, task_queue=settings.task_queue)
                except RPCError as error:  # Care goes on without. Each pass of reconciliation asks for it again.
                    log.error("temporal.not_kept_up", kind="anchors", error=type(failed_call(error)).__name__)
            if settings.ready_file is not None:
                settings.ready_file.touch()
            code = await stop
            log.info("worker.stopping")
            _end_after(HARD_STOP)
    log.info("worker.stopped")
    return code


@asynccontextmanager
async def looking_at(polls: Polls, end: Callable[[int], None]) -> AsyncIterator[None]:
    """Look in the background whether there are polls. When there are none any more, say so and end the worker."""

    async def end_without_polls() -> None:
        await polls.ended(every=LOOK_EVERY)
        log.error("worker.takes_no_tasks")
        end(TAKES_NO_TASKS)

    looking = asyncio.create_task(end_without_polls())
    try:
        yield
    finally:
        looking.cancel()


def _end_after(seconds: float) -> None:
    asyncio.get_running_loop().call_later(seconds, os._exit, 1)


def main(argv: Sequence[str] = ()) -> int:
    """Run the worker; the exit code says how it ended.

    0: it was told to stop. 1: it took no workflow tasks any more, or did not stop in time. 2: its settings. 6: it could
    not start, since something was unavailable.
    """
    if argv:
        print(
            "usage: python worker.py   (settings come from the environment: docs/reference/settings.md)",
            file=sys.stderr,
        )
        return 2
    begin()
    try:
        zone_info("America/Los_Angeles")
        settings, messages = load_settings(), load_message_settings()
        configure_logging(settings.log_level, settings.log_format)
        return asyncio.run(run(settings, messages))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except ZoneInfoNotFoundError:
        print("The worker did not start: the package tzdata is missing. Install the requirements.", file=sys.stderr)
        return 2
    except COULD_NOT_START as error:
        print(f"The worker did not start, and nothing was changed: {why_not_started(error)}", file=sys.stderr)
        return UNAVAILABLE


def why_not_started(error: Exception) -> str:
    """Return why a worker could not start, and what to do, as ops read it."""
    match error:
        case RPCError(status=status):
            why = f"{failed_call(error).reason} ({status.name})."
        case UseCaseError() | RecordUnavailable() | RecordFault() | KeysUnavailable():
            why = f"{translate(error).reason}."
        case _:
            why = str(error)
    # One line: whatever starts a worker may show no more than its last.
    return f"{why} Nothing that was accepted is lost: journeys wait for a worker. See to that, and start it again."


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
