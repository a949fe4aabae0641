"""Whether this process still asks Temporal for workflow tasks, by what the SDK itself counts of its polls.

The native part of the SDK can fail inside and stop polling, while the process lives on and nothing is raised.
Temporal's list of pollers does not surely tell: where a task queue has partitions, it names those of one.
"""

import asyncio

from temporalio.runtime import BUFFERED_METRIC_KIND_GAUGE, MetricBuffer

POLLERS = "temporal_num_pollers"
OF_WORKFLOWS = frozenset({"workflow_task", "sticky_workflow_task"})
LOOKS = 60
"""So many looks in a row without a poll, a second apart, are no pause: between two polls there are milliseconds."""
_BUFFER = 50_000
"""Far more than what is counted between two looks. What does not fit is lost, and logged."""


class Polls:
    """The polls for workflow tasks that are under way. Give ``metrics`` to the runtime of the worker's client."""

    def __init__(self) -> None:
        self.metrics = MetricBuffer(_BUFFER)
        self._under_way: dict[str, float] = {}

    def most_under_way(self) -> float | None:
        """How many there were at most since the last look; None before the first poll.

        While Temporal does not answer, a poll stays under way. One that a busy worker makes between two looks counts.
        """
        most = sum(self._under_way.values())
        for update in self.metrics.retrieve_updates():
            if update.metric.name == POLLERS and update.metric.kind == BUFFERED_METRIC_KIND_GAUGE:
                kind = str(update.attributes.get("poller_type"))
                if kind in OF_WORKFLOWS:
                    self._under_way[kind] = update.value
                    most = max(most, sum(self._under_way.values()))
        return most if self._under_way else None

    async def ended(self, *, every: float, looks: int = LOOKS) -> None:
        """Return once there were none in so many looks in a row, ``every`` so many seconds. Before the first poll, and
        if this SDK counts under other names, it waits for ever."""
        without = 0
        while without < looks:
            await asyncio.sleep(every)
            without = without + 1 if self.most_under_way() == 0 else 0
