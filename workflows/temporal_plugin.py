"""The one configuration of Temporal that client, worker and replayer share."""

import dataclasses
from typing import Any

from pydantic_core import to_json
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter, pydantic_data_converter
from temporalio.converter import (
    CompositePayloadConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
)
from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PASSED_THROUGH = (
    "workflows.journey",
    "workflows.messages",
    "workflows.outbox",
    "workflows.ledger",
    "workflows.search_attributes",
    "zoneinfo",
    "tzdata",
)
"""Modules that are imported once for all workflows. A test proves the core pure. A copy of it for each cached journey
would cost fifteen times the memory and six times the time to start. The core reads zone data with `zoneinfo`, which
does not work with the sandbox's own copies of `datetime`."""


class _JSON(PydanticJSONPlainPayloadConverter):
    """Pydantic's JSON without the fields that are not set. Histories are a third smaller, and easier to read."""

    def to_payload(self, value: Any) -> Payload | None:
        return Payload(metadata={"encoding": self.encoding.encode()}, data=to_json(value, exclude_none=True))


class PayloadConverter(CompositePayloadConverter):
    """Temporal's default converters with the JSON one replaced."""

    def __init__(self) -> None:
        json = _JSON()
        super().__init__(
            *(
                json if isinstance(converter, JSONPlainPayloadConverter) else converter
                for converter in DefaultPayloadConverter.default_encoding_payload_converters
            )
        )


DATA_CONVERTER = dataclasses.replace(pydantic_data_converter, payload_converter_class=PayloadConverter)
"""Payloads will be encrypted here: a codec is one more argument."""


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
            data_converter=DATA_CONVERTER,
            workflow_runner=_runner,
            # Only a deliberate ApplicationError ends a journey. The empty list says so explicitly.
            workflow_failure_exception_types=[],
        )
