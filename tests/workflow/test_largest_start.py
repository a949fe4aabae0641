"""The largest protocol that may be loaded carries a journey, from the start to the record and back."""

from pathlib import Path

from activities.record.event_codec import load_events
from tests.protocols.largest import file_of_size
from tests.workflow.world import World
from workflows.journey.events import PathwayStarted
from workflows.protocols import load


async def test_a_start_with_the_largest_protocol_is_recorded(real_world: World, tmp_path: Path) -> None:
    protocol = load(file_of_size(tmp_path))
    case = await real_world.begin(protocol)
    [opened, *_] = await load_events(real_world.record, case.journey.id)
    assert isinstance(opened.body, PathwayStarted)
    assert opened.body.protocol == protocol
    await case.handle.terminate()
