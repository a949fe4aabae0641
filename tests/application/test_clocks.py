"""Whatever is compared with times of the record or of Temporal, or says who is on call, is not asked of the machine on
which a process happens to run: its clock may be wrong by a day."""

import re

import pytest

from tests.sources import ROOT, sources

MAY_ASK = {
    "activities/notices/smtp.py": "what a mail says of itself",
    "activities/notices/webhooks.py": "what a message says of itself",
    "activities/record/export.py": "what an export says of itself",
    "activities/record/verification/anchors.py": "what an anchor says of itself, which is outside of the record",
    "application/context.py": "whoever acts; `go_by_record` corrects it",
    "application/watchdog/watch.py": "what only this process knows while the record is away",
}
"""Where the machine's clock is asked, and what for."""
ASKS = re.compile(r"\b(datetime\.(now|utcnow|today)|date\.today|time\.time(_ns)?|utc_now)\b|(?<![\w.])time(_ns)?\(")
"""How it is asked, or handed on what asks it."""


@pytest.mark.parametrize(
    "source", ["datetime.now(UTC)", "now=datetime.now", "date.today()", "time.time()", "int(time())", "time_ns()"]
)
def test_a_source_that_asks_the_clock_is_found(source: str) -> None:
    assert ASKS.search(source)


def test_the_clock_of_the_machine_is_asked_only_where_it_is_said() -> None:
    rooms = ("activities", "application/record", "application/temporal", "application/watchdog")
    every = sources(*rooms, "application/context.py", "worker.py")
    assert {str(path.relative_to(ROOT)) for path in every if ASKS.search(path.read_text())} == MAY_ASK.keys()
