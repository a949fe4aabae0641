"""What a journey asks of Temporal is what it asked for when somebody last looked."""

import difflib

from tests.replay.transcript import GOLDEN, transcript
from tests.workflow.world import World

ACCEPT = "If this is what you want: python -m tests.replay.record transcript"


async def test_asks_of_temporal_what_is_written_down(real_world: World) -> None:
    now = (await transcript(real_world)).splitlines()
    then = GOLDEN.read_text().splitlines()

    changes = list(difflib.unified_diff(then, now, "written down", "now", lineterm="", n=1))

    assert not changes, "\n".join([*changes, ACCEPT])
