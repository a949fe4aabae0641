import time
from collections import Counter
from temporalio.api.enums.v1 import EventType
from tests.workflow.world import World, task_failures
from tests.workflow.courses import COURSES
import pytest

@pytest.mark.parametrize("name", [n for n, c in COURSES.items() if not c.early])
async def test_v1(skipping_world: World, name) -> None:
        t = time.monotonic()
        case = await COURSES[name].begin(skipping_world)
        await COURSES[name].play(case)
        print(name, time.monotonic() - t, case.journey.version, case.journey.outcome, len(case.sent))
        hs = await case.histories()
        print([len(h.events) for h in hs], [sum(e.ByteSize() for e in h.events) for h in hs], task_failures(hs[0].events))

@pytest.mark.parametrize("name", list(COURSES))
async def test_v2(played, name) -> None:
        t = time.monotonic()
        case = await played(name)
        print(name, time.monotonic() - t, case.journey.version, case.journey.outcome, len(case.sent))
        hs = await case.histories()
        print([len(h.events) for h in hs], [sum(e.ByteSize() for e in h.events) for h in hs], task_failures(hs[0].events))
