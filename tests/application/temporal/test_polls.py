"""What counts as a poll of a worker, of what the SDK says between two looks."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.runtime import BUFFERED_METRIC_KIND_COUNTER, BUFFERED_METRIC_KIND_GAUGE, MetricBuffer

from application.temporal.polls import POLLERS, Polls


def gauge(value: float, poller: str = "workflow_task") -> Any:
    metric = SimpleNamespace(name=POLLERS, kind=BUFFERED_METRIC_KIND_GAUGE)
    return SimpleNamespace(metric=metric, value=value, attributes={"poller_type": poller})


COUNTED = SimpleNamespace(
    metric=SimpleNamespace(name="temporal_request", kind=BUFFERED_METRIC_KIND_COUNTER), value=1, attributes={}
)


@pytest.mark.parametrize(
    ("looks", "most"),
    [
        ([[COUNTED, gauge(5, "activity_task")]], [None]),
        ([[gauge(2)], [], []], [2, 2, 2]),
        ([[gauge(2)], [gauge(0)], []], [2, 2, 0]),
        ([[gauge(0)], [gauge(1), gauge(0)], []], [0, 1, 0]),
        ([[gauge(0), gauge(1, "sticky_workflow_task")], [gauge(1), gauge(0)]], [1, 2]),
    ],
    ids=["none yet", "one that waits", "the last one", "one between two looks", "of either kind"],
)
def test_the_most_polls_since_the_last_look(looks: Sequence[Sequence[Any]], most: Sequence[float | None]) -> None:
    polls, told = Polls(), iter(looks)
    polls.metrics = cast(MetricBuffer, SimpleNamespace(retrieve_updates=lambda: next(told)))
    assert [polls.most_under_way() for _ in looks] == most
