"""Whatever is compared with times of the record or of Temporal, or says who is on call, is not asked of the machine on
which a process happens to run: its clock may be wrong by a day."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.sources import ROOT, sources

MAY_ASK = {
    "activities/notices/smtp.py": "what a mail says of itself",
    "activities/record/export.py": "what an export says of itself",
    "activities/record/verification/anchors.py": "what an anchor says of itself, which is outside of the record",
    "application/context.py": "whoever acts; `go_by_record` corrects it",
    "application/temporal/builds.py": "when Temporal was last asked; `clock.differs` is told beside what is left",
    "application/temporal/run_history.py": "how long an append may go on, at most",
    "application/temporal/runs.py": "how long a task has waited; `clock.differs` is told beside what is left",
    "application/temporal/squatters.py": "whether a run has begun, which Temporal says to the day",
    "application/temporal/upkeep.py": "how lately a run was reset, which other workers look for, too",
    "application/watchdog/watch.py": "what only this process knows while the record is away",
}
"""Where the machine's clock is asked, and what for."""


def asks(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("datetime.now", "datetime.utcnow", "time.time"):
            yield str(path.relative_to(ROOT))


def test_the_clock_of_the_machine_is_asked_only_where_it_is_said() -> None:
    rooms = ("activities", "application/record", "application/temporal", "application/watchdog")
    found = {each for path in sources(*rooms, "application/context.py", "worker.py") for each in asks(path)}
    assert found == MAY_ASK.keys()
