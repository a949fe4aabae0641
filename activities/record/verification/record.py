"""Verifies the record in one pass: chains, sign-offs, and the rows that people work from.

Everything is read in one snapshot. First comes the log in order of position, without contents; then the journeys, in
groups, where each event is read and parsed once for all checks. A large log is shared among processes.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple
from uuid import UUID

from activities.record.store import Record
from activities.record.verification.builds import Build
from activities.record.verification.chains import (
    FIRST,
    LAST,
    Connection,
    DatabaseRow,
    RecordFinding,
    Section,
    by_place,
    journeys_of,
    pages,
    read_journeys,
    read_log,
    snapshot,
)
from activities.record.verification.commands import ask_builds
from activities.record.verification.derivation import readable_event
from activities.record.verification.journeys import JourneyFindings, judge_journeys
from activities.record.verification.nonces import find_reused, load_used_elsewhere
from activities.record.verification.patients import Placed, check_patient, find_mistaken, journeys_by_patient
from activities.record.verification.processes import spread_steps
from activities.record.verification.shown_rows import Live, find_live, find_strangers
from activities.record.verification.verify_export import Keys
from workflows.journey.decided import DecidedBy

ALONE = 20_000
"""Up to this many events, one process is faster than starting several."""
SECTION = 50_000
"""How many positions are read at a time, unless that made more than a thousand parts."""


class VerificationResult(NamedTuple):
    """What was found, oldest first, and what was checked.

    ``events`` were read up to ``position``, where the log has the hash ``log_hash``. ``judged`` counts the events of
    ``journeys``, each from its beginning. For a single journey only its own events are read and there is no hash,
    because its place in the log can only be checked with other journeys' events. ``live`` is None where rows were not
    compared. ``derived`` counts the events that their commands gave again, and ``others`` those that other rules than
    the present ones decided, by which; ``by_builds`` says how many of the derived ones each given build gave, 0 for one
    that decided nothing of this. ``late`` counts the events that were recorded late. The times of a log that was
    created as a ``demonstration`` may be invented, and were not checked: there ``late`` is None.
    """

    findings: tuple[RecordFinding, ...]
    events: int
    position: int
    log_hash: bytes | None
    journeys: Sequence[UUID]
    judged: int
    illustrative: int
    sign_offs: int
    live: Live | None
    derived: int
    others: Mapping[DecidedBy, int]
    by_builds: Mapping[DecidedBy, int]
    late: int | None
    demonstration: bool


async def verify_record(
    record: Record,
    *,
    keys: Keys | None = None,
    read_models: bool = False,
    derive: bool = False,
    builds: Sequence[Build] = (),
    journey_id: UUID | None = None,
    after: int | None = None,
    progress: Callable[[int], None] = lambda _judged: None,
    alone: int = ALONE,
    section: int = SECTION,
) -> VerificationResult:
    """Check a log: with ``keys`` every sign-off too, with ``read_models`` also the rows people work from, and with
    ``derive`` that all of it follows from its commands.

    With ``journey_id`` only that journey is checked, and whether its signatures are used elsewhere. With ``after`` the
    log is checked from behind that position, and each journey that has an event there is checked from its beginning;
    the log before it and other journeys' signatures are trusted. A log of more than ``alone`` events is read by as many
    processes as there are processors, if the record can be opened again, and each reads at least ``section`` positions
    at a time. What other rules decided is asked of the ``builds`` that have them. ``progress`` is called with how many
    events were judged.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
        BuildError: a build does not answer.
    """
    log_id, start = record.log_id, FIRST if after is None else after
    demonstration = (await record.log()).demonstration
    async with record.connection() as connection, snapshot(connection):
        live = await find_live(connection, log_id) if read_models else None
        sizes = {journey_id: 0} if journey_id is not None else await journeys_of(connection, log_id, start)
        journeys = list(sizes)
        last = await connection.fetchval(
            "SELECT max(position) FROM record.journey_event WHERE log_id = $1 AND position > $2", log_id, start
        )
        many = journey_id is None and last is not None and last - max(start, 0) > alone
        async with spread_steps(record, connection, record.reopen if many else None) as spread:
            parts: list[Section] = []
            if journey_id is None:
                parts = [part async for part in spread(_section, _sections(start, last, section))]
            judged: list[JourneyFindings] = []
            async for some in spread(
                judge_journeys, ((page, keys, live, derive, demonstration) for page in pages(sizes))
            ):
                judged.append(some)
                progress(sum(each.events for each in judged))
        used = [use for each in judged for use in each.used]
        findings = [finding for part in parts for finding in part.findings]
        findings += (finding for each in judged for finding in each.findings)
        others = sum((Counter(dict(each.others)) for each in judged), Counter[DecidedBy]())
        underived = [each for some in judged for each in some.underived]
        derived = sum(each.derived for each in judged)
        # Each rules once: neither these, nor those of a build that was named twice, are counted again.
        asked = {build.by: build for build in builds if build.by in others}
        by_builds = dict.fromkeys((build.by for build in builds), 0)
        for by, events, odd in await ask_builds(record, connection, underived, asked.values()):
            others[by] -= events
            derived += events
            by_builds[by] += events
            findings += odd
        several = await journeys_by_patient(connection, log_id)
        wanted = {*journeys}
        for group in several:
            if wanted & {*group}:
                read = await read_journeys(connection, log_id, group)
                patient = {each: await _read_placed(record, events) for each, events, _ in read}
                found = check_patient(record.patients, patient)
                findings += (finding for finding in found if finding.journey_id in wanted)
        if journey_id is None and after is None:
            findings += await find_mistaken(connection, log_id, (known for each in judged for known in each.patients))
        if journey_id is not None:
            used += await load_used_elsewhere(connection, record, journey_id)
        elif live is not None and after is None:
            findings += await find_strangers(connection, live, journeys)
    findings += (finding for finding in find_reused(used) if journey_id in (None, finding.journey_id))
    end = max((part.end for part in parts), key=itemgetter(0), default=None)
    return VerificationResult(
        findings=tuple(sorted(findings, key=by_place)),
        events=sum(part.events for part in parts) if parts else sum(each.events for each in judged),
        position=max(each.position for each in judged) if end is None else end.position,
        log_hash=None if end is None else end.log_hash,
        journeys=journeys,
        judged=sum(each.events for each in judged),
        illustrative=sum(each.illustrative for each in judged),
        sign_offs=sum(each.sign_offs for each in judged),
        live=live,
        derived=derived,
        others=+others,
        by_builds=by_builds,
        late=None if demonstration else sum(each.late for each in judged),
        demonstration=demonstration,
    )


async def _section(record: Record, connection: Connection, after: int, until: int) -> Section:
    return await read_log(connection, record.log_id, after, until)


def _sections(after: int, last: int | None, least: int) -> Iterator[tuple[int, int]]:
    """Split the log behind a position into sections: from which position, up to which."""
    start, end = max(after, 0), last or 0
    size = max(least, (end - start) // 1000)
    ends = range(start + size, end, size)
    return pairwise((after, *ends, LAST))


async def _read_placed(record: Record, rows: Sequence[DatabaseRow]) -> list[Placed]:
    return [Placed(stored.position, readable_event(stored)) for stored in await record.decoded(rows, waits=False)]
