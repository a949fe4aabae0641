"""The sandbox that workflows run in: what is imported once for all of them, and what is remembered of each."""

from dataclasses import replace
from typing import Any

from temporalio.api.common.v1 import Payloads
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import (
    ExecuteWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowRunner,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

PASSED_THROUGH = (
    "workflows.care_journey",
    "workflows.journey",
    "workflows.authenticity",
    "workflows.fairness",
    "workflows.messages",
    "workflows.search_attributes",
    "workflows.shell",
    "workflows.signals",
    "zoneinfo",
    "tzdata",
)
"""Modules that are imported once for all workflows. A test proves the core pure, and that the shell asks only Temporal.
A copy of the core for each cached journey would cost fifteen times the memory and six times the time to start, and one
of the workflow's file alone milliseconds and 60 KB. The core reads zone data with `zoneinfo`, which does not work with
the sandbox's own copies of `datetime`."""


def sandboxed(given: WorkflowRunner | None) -> WorkflowRunner:
    """Return the runner for our workflows in the place of the SDK's; any other stays."""
    if given is not None and not isinstance(given, SandboxedWorkflowRunner):
        return given
    plain = given or SandboxedWorkflowRunner()
    passed: SandboxRestrictions = plain.restrictions.with_passthrough_modules(*PASSED_THROUGH)
    return _Runner(passed, plain.runner_class)


class _Runner(SandboxedWorkflowRunner):
    """The SDK's sandbox, asked once where the SDK asks it three to four times for each payload.

    Any part of a message keeps all of it in memory, outside Python. The SDK keeps two parts of a run's first task, both
    empty, and with them its whole start, which has the protocol: 75 KB for each journey. So it is given copies.
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        result = Payloads()
        result.CopyFrom(det.last_completion_result)
        interceptors = (*det.interceptor_classes, _WithoutFirstTask)
        return Remembering(
            super().create_instance(replace(det, last_completion_result=result, interceptor_classes=interceptors))
        )


class _WithoutFirstTask(WorkflowInboundInterceptor):
    """Begins a run without what keeps its first task in memory."""

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 - the SDK's name
        input.headers = dict(input.headers)
        return await super().execute_workflow(input)


class Remembering(WorkflowInstance):
    """A run in the sandbox that remembers what its payloads belong to: to the run, or, while the SDK reads or writes
    those of one task, to a command. Whenever the sandbox is asked it is entered and left, which takes longer than to
    encrypt the payload."""

    def __init__(self, instance: WorkflowInstance) -> None:
        self._instance = instance
        self._contexts: dict[Any, SerializationContext | None] = {}
        self._stores: dict[Any, StorageDriverStoreContext] = {}

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        # What belongs to the run, which has no command, always does.
        self._contexts = {of: found for of, found in self._contexts.items() if of is None}
        self._stores = {of: found for of, found in self._stores.items() if of is None}
        return self._instance.activate(act)

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        if command_info not in self._contexts:
            self._contexts[command_info] = self._instance.get_serialization_context(command_info)
        return self._contexts[command_info]

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        if command_info not in self._stores:
            self._stores[command_info] = self._instance.get_external_store_context(command_info)
        return self._stores[command_info]

    def get_info(self) -> Info:
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        return self._instance.get_thread_id()
