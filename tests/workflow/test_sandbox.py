"""What is remembered of a run in its sandbox, and for how long."""

import asyncio
from dataclasses import fields
from typing import Any

import pytest
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import StorageDriverStoreContext, WorkflowSerializationContext
from temporalio.worker import (
    ExecuteWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInstance,
    WorkflowInstanceDetails,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import Info

from workflows.sandbox import Remembering, sandboxed


class Run(WorkflowInstance):
    """A run whose payloads belong to what it says now."""

    def __init__(self) -> None:
        self.said, self.asked, self.stored = "first", 0, 0

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        return WorkflowActivationCompletion(run_id=act.run_id)

    def get_serialization_context(self, command_info: Any) -> WorkflowSerializationContext:
        self.asked += 1
        return WorkflowSerializationContext(namespace=self.said, workflow_id=str(command_info))

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        self.stored += 1
        return StorageDriverStoreContext(target=None)

    def get_info(self) -> Info:
        raise NotImplementedError


def test_a_run_is_asked_once_in_a_task_what_a_payload_belongs_to() -> None:
    run = Run()
    remembering = Remembering(run)
    for command in (None, "one", "two"):
        for _ in range(4):
            assert remembering.get_serialization_context(command) == run.get_serialization_context(command)
            assert remembering.get_external_store_context(command) == StorageDriverStoreContext(target=None)
    assert (run.asked, run.stored) == (3 + 12, 3)


def test_of_another_task_only_what_belongs_to_the_run_is_remembered() -> None:
    run = Run()
    remembering = Remembering(run)
    before = {command: remembering.get_serialization_context(command) for command in (None, "one")}
    assert remembering.activate(WorkflowActivation(run_id="invented")).run_id == "invented"
    run.said = "second"
    assert remembering.get_serialization_context(None) == before[None]
    assert remembering.get_serialization_context("one") == run.get_serialization_context("one") != before["one"]


class Began(WorkflowInboundInterceptor):
    """What begins a run in the end: says with what."""

    def __init__(self) -> None:
        pass

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 - the SDK's name
        return input


def test_a_run_keeps_no_part_of_its_first_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever part of a message is kept, all of it stays in memory."""
    given: list[WorkflowInstanceDetails] = []

    def create(_: SandboxedWorkflowRunner, det: WorkflowInstanceDetails) -> WorkflowInstance:
        given.append(det)
        return Run()

    monkeypatch.setattr(SandboxedWorkflowRunner, "create_instance", create)
    start = WorkflowActivation().jobs.add().initialize_workflow
    start.last_completion_result.payloads.add().data = b"invented"
    details = dict.fromkeys(field.name for field in fields(WorkflowInstanceDetails))
    details |= {"interceptor_classes": (), "last_completion_result": start.last_completion_result}
    sandboxed(None).create_instance(WorkflowInstanceDetails(**details))  # type: ignore[arg-type]
    [det] = given
    assert det.last_completion_result == start.last_completion_result
    assert det.last_completion_result is not start.last_completion_result
    [interceptor] = det.interceptor_classes
    began = ExecuteWorkflowInput(type=Run, run_fn=asyncio.sleep, args=[], headers=start.headers)
    assert asyncio.run(interceptor(Began()).execute_workflow(began)) is began
    assert began.headers == {}
    assert type(began.headers) is dict
