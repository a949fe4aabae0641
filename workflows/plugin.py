"""The one configuration of Temporal that client, worker and replayer share."""

import dataclasses

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PASSED_THROUGH = ("workflows.journey", "workflows.effects", "zoneinfo", "tzdata")
"""Imported once for all workflows: the core is proven pure by a test, and a copy of it for each cached
journey would cost fifteen times the memory and six times the time to start one. Zone data is read by the
core through `zoneinfo`, which the sandbox's own copies of `datetime` do not fit."""


def _runner(given: WorkflowRunner | None) -> WorkflowRunner:
    if isinstance(given, SandboxedWorkflowRunner) or given is None:
        restrictions = (given or SandboxedWorkflowRunner()).restrictions
        passed: SandboxRestrictions = restrictions.with_passthrough_modules(*PASSED_THROUGH)
        return dataclasses.replace(given or SandboxedWorkflowRunner(), restrictions=passed)
    return given


class CarePathwayPlugin(SimplePlugin):
    """Pydantic payloads, the core passed through the sandbox, and bugs as failures of a task, not of a journey.

    Put it on the client; a worker built on that client inherits it.
    """

    def __init__(self) -> None:
        super().__init__(
            "care-pathway",
            data_converter=pydantic_data_converter,
            workflow_runner=_runner,
            # Nothing but a deliberate ApplicationError ends a journey: an empty list, said aloud.
            workflow_failure_exception_types=[],
        )
