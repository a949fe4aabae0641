import time
from collections import Counter
from temporalio.api.enums.v1 import EventType
from tests.workflow.world import World, task_failures
from workflows.journey.protocol import Condition
from workflows.protocols.demonstration import demonstration

async def test_speed(real_world: World) -> None:
    for c in Condition:
        t = time.monotonic()
        case = await real_world.begin(demonstration(c))
        await case.play()
        print(c, time.monotonic() - t, case.journey.version, case.journey.outcome, len(case.sent))
        hs = await case.histories()
        print([len(h.events) for h in hs], [sum(e.ByteSize() for e in h.events) for h in hs])
        for h in hs:
            print(task_failures(h.events))
        print(Counter(EventType.Name(e.event_type)[11:] for h in hs for e in h.events))
