"""The least a workflow can do: take a number of updates, and end. What ours is compared with."""

from typing import Any

from temporalio import workflow


@workflow.defn(name="Bare")
class Bare:
    """Counts what it is sent."""

    @workflow.init
    def __init__(self, opening: Any, updates: int) -> None:
        self._taken = 0

    @workflow.run
    async def run(self, opening: Any, updates: int) -> int:
        await workflow.wait_condition(lambda: self._taken >= updates)
        return self._taken

    @workflow.update
    def submit(self, command: Any) -> int:
        self._taken += 1
        return self._taken
