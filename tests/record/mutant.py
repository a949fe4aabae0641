"""`python -m tests.record.mutant DATABASE PORT`: put the record that is imported here to the test.

Exit code 0 when it keeps all promises, 3 when it breaks one, which is printed.
"""

import asyncio
import sys

from activities.record import migrate
from deploy.local.postgres import Database
from tests.record.at_least_once import (
    Broken,
    Command,
    Projector,
    Script,
    claiming,
    play,
    projecting,
    rebuilding,
    take_turns,
)

AGAIN = 3
STORM = Script(
    writers=[
        [Command(0, 2, "uncommitted", 2, 1), Command(1, 1, "unanswered"), Command(0, 3, "cancelled", 2, 1)],
        [Command(0, 1, "answered", 3), Command(0, 4, "uncommitted"), Command(1, 2, "unanswered", 1, 2)],
        [Command(1), Command(0, 1, "blind"), Command(1, poison=True), Command(1, 2)],
        [Command(0), Command(0, 1, "cancelled", 1, 1), Command(1, 4)],
    ],
    projectors=[Projector(3, tuple(range(1, 12))), Projector(7, tuple(range(11, 2, -1)))],
    rebuilds=(0, 5, 0),
)


async def put_to_the_test(database: Database) -> None:
    """What needs only the right moment, and what needs a crowd and some luck; what takes longest last.

    Raises:
        Broken: a promise is not kept.
    """
    await migrate(database.owner_url, demonstration=True)
    await take_turns(database, claiming, projecting)
    await play(database, STORM)
    await take_turns(database, rebuilding)
    for _ in range(AGAIN):
        await play(database, STORM)


if __name__ == "__main__":
    try:
        asyncio.run(put_to_the_test(Database(sys.argv[1], int(sys.argv[2]))))
    except Broken as broken:
        print(broken)
        sys.exit(3)
