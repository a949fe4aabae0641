"""What other rules decided is derived by the build that has them: here a copy of the core with one rule changed."""

import asyncio
import json
import os
import shlex
import shutil
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError

from activities.record import Record
from activities.record.command_codec import decided_by
from activities.record.stored import StoredCommand, StoredEvent
from activities.record.verification import left_notices
from activities.record.verification.builds import AT_ONCE, Build, BuildError, Builds, Greeting, open_build
from activities.record.verification.derivation import Divergence, derive_again
from activities.record.verification.record import verify_record
from activities.record_activities import RecordActivities
from activities.signatures.sessions import ThisLog
from tests.journey.play import Decision
from tests.record.handed import batch, kept, signed_course
from tests.record.helpers import Connection
from tests.record.test_redeliveries import register_of
from workflows.journey.decided import DecidedBy
from workflows.journey.events import SignedOff
from workflows.messages import NOT_TAKEN

pytestmark = pytest.mark.program

ROOT = Path(__file__).resolve().parents[3]
MODULE = "activities.record.verification.builds"
RULE = ("workflows/journey/stages/sessions/dosing.py", 'f"dose-{', 'f"given-{')
"""Where the copy decides otherwise: under which name a dose is kept."""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> str:
    """How the copy is started."""
    copy = tmp_path_factory.mktemp("build")
    for room in ("activities", "workflows"):
        # With what is compiled of it: to compile all of it anew takes longer than these tests.
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("*.pyc.*"))
    path, rule, changed = RULE
    source = (copy / path).read_text()
    assert source.count(rule) == 1
    (copy / path).write_text(source.replace(rule, changed))
    return shlex.join(["sh", "-c", f"cd {shlex.quote(str(copy))} && {shlex.quote(sys.executable)} -m {MODULE}"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def other(build: str) -> AsyncIterator[Build]:
    """The copy, as it runs."""
    async with open_build(build) as opened:
        yield opened


def to_its_first_dose() -> list[Decision]:
    """A signed course up to where these rules and those of the copy decide differently."""
    every = signed_course()
    dosed = next(n for n, each in enumerate(every) if any(event.body.kind == "session.dosed" for event in each.events))
    return every[: dosed + 1]


async def test_another_build_derives_what_it_decided_by_its_own_rules(
    other: Build, record: Record, admin: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decisions = to_its_first_dose()
    assert other.by != decided_by()
    assert other.by.zones == decided_by().zones
    monkeypatch.setattr("tests.record.handed.decided_by", lambda: other.by)
    rows, commands = kept(decisions)
    monkeypatch.undo()
    mine = derive_again(rows, commands)
    assert (mine.faults, mine.derived, mine.others) == ((), 0, {other.by: len(rows)})
    derived, faults, tells = await other.derive(rows, commands)
    doses = [row for row in rows if row.event_type == "session.dosed"]
    assert derived == len(rows)
    assert faults == tuple(Divergence(dose.position, dose.version, "not_derived") for dose in doses)
    assert len(faults) == 1
    assert sorted(tells) == [row.version for row in rows]

    recording = RecordActivities(record, register_of(tmp_path), demonstrations=True)
    monkeypatch.setattr("activities.record_activities.decided_by", lambda: other.by)
    for decision in decisions[:10]:
        await recording.append(batch([decision]))
    monkeypatch.undo()
    for decision in decisions[10:20]:
        await recording.append(batch([decision]))
    alone = await verify_record(record, derive=True)
    assert alone.others[other.by] > 0
    async with open_build(shlex.join([sys.executable, "-m", MODULE])) as same:
        for builds in ([other], [same, other, other]):
            whole = await verify_record(record, derive=True, builds=builds)
            assert (whole.findings, dict(whole.others), whole.derived) == ((), {}, whole.events)
            assert whole.by_builds[other.by] == alone.others[other.by]
        useless = await verify_record(record, derive=True, builds=[same])
        assert (useless.by_builds, useless.others) == ({same.by: 0}, alone.others)

    # Its notices are compared by its own rules, too.
    monkeypatch.setattr(left_notices, "LEFT_WITHIN", timedelta())
    first = {event.event_id: event.version for decision in decisions[:10] for event in decision.events}
    await admin.execute("ALTER TABLE record.notice DISABLE TRIGGER append_only")
    gone = await admin.fetchval("DELETE FROM record.notice WHERE event_id = ANY($1) RETURNING event_id", list(first))
    assert (await verify_record(record, derive=True)).findings == ()
    found = (await verify_record(record, derive=True, builds=[other])).findings
    assert {(each.version, each.reason) for each in found} >= {(first[gone], "notice_lost")}


def listed(directory: Path, *commands: str) -> Builds:
    """The builds of a file that has these command lines."""
    file = directory / "builds"
    file.touch(mode=0o600)
    file.write_text("\n".join(["# what ran before", "", *commands]))
    return Builds(file)


async def test_nothing_moves_on_what_other_rules_are_said_to_have_decided(
    build: str, other: Build, record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has database and keys can say so of anything. What only adds to the record waits for no build."""
    decisions = signed_course()
    moving = next(n for n, each in enumerate(decisions) if isinstance(each.events[0].body, SignedOff))
    recording = RecordActivities(record, register_of(tmp_path), demonstrations=True)
    monkeypatch.setattr("activities.record_activities.decided_by", lambda: other.by)
    for decision in decisions[: moving - 1]:
        await recording.append(batch([decision]))
    monkeypatch.undo()

    def afresh(builds: Builds) -> RecordActivities:
        return RecordActivities(record, register_of(tmp_path), log=ThisLog("", demonstration=True), builds=builds)

    mine = decided_by()
    says = Greeting(protocol="care-pathway/build/1", core=mine.core, zones=mine.zones).model_dump_json()
    nobody, useless = Builds(None), listed(tmp_path, "true", shlex.join(["echo", says]))
    both = batch(decisions[moving - 1 : moving + 1])
    assert (await afresh(nobody).append(both)).version == decisions[moving - 1].events[-1].version
    for builds in (nobody, useless):
        with pytest.raises(ApplicationError, match="other rules decided") as refused:
            await afresh(builds).append(batch([decisions[moving]]))
        assert refused.value.type == NOT_TAKEN
    # Once ops have said which build it was, it goes on.
    await afresh(listed(tmp_path, "true", build)).append(batch([decisions[moving]]))


def renamed(
    journey_id: UUID, rows: list[StoredEvent], commands: list[StoredCommand]
) -> tuple[list[StoredEvent], list[StoredCommand]]:
    """The same as another journey's, as far as a build is asked which one it is."""
    named = {"journey_id": journey_id}
    return [each.model_copy(update=named) for each in rows], [each.model_copy(update=named) for each in commands]


async def test_a_build_that_gives_something_else_has_derived_nothing(
    build: str, other: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here these rules decided, and it is said that the build did, which keeps a dose under another name."""
    builds = listed(tmp_path, build)
    monkeypatch.setattr("tests.record.handed.decided_by", lambda: other.by)
    rows, commands = kept(to_its_first_dose())
    assert await builds.derive(rows, commands) == {other.by: 0}
    dosed = next(row for row in rows if row.event_type == "session.dosed")
    before = [row for row in rows if row.version < dosed.version and row.command_id != dosed.command_id]
    until = [each for each in commands if each.version <= before[-1].version]
    assert await builds.derive(before, until) == {other.by: len(before)}
    # What others could have put there is not run.
    (tmp_path / "builds").chmod(0o644)
    assert await builds.derive(before, until) == {}


async def test_journeys_for_which_a_build_gives_no_answer_hold_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a program of another time: it may be slow with one journey, or never come to its end."""
    theirs = DecidedBy(core="1" * 64, zones="1" * 64)
    monkeypatch.setattr("tests.record.handed.decided_by", lambda: theirs)
    rows, commands = kept(signed_course()[:1])
    greeting = Greeting(protocol="care-pathway/build/1", core=theirs.core, zones=theirs.zones).model_dump_json()
    answer = json.dumps({"derived": len(rows), "faults": []})
    script = f"echo '{greeting}'; read asked; case $asked in *0000-bad0*) sleep 600;; *) echo '{answer}';; esac"
    builds = listed(tmp_path, shlex.join(["sh", "-c", script]))
    bad = [renamed(UUID(f"{n:08}-0000-0000-bad0-000000000000"), rows, commands) for n in range(AT_ONCE + 2)]

    async def ask_about(*journeys: tuple[list[StoredEvent], list[StoredCommand]]) -> None:
        await asyncio.gather(*(builds.derive(*each) for each in journeys))

    async def require_that_another_is_derived(*meanwhile: tuple[list[StoredEvent], list[StoredCommand]]) -> None:
        asking = asyncio.create_task(ask_about(*meanwhile))
        await asyncio.sleep(0)
        async with asyncio.timeout(15):
            assert await builds.derive(rows, commands) == {theirs: len(rows)}
        assert not asking.done()
        asking.cancel()
        await asyncio.wait([asking])

    await require_that_another_is_derived(bad[0])
    with monkeypatch.context() as short:
        short.setattr("activities.record.verification.builds.QUICK", timedelta(seconds=0.2))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await ask_about(*bad)
    # From now on it is known with which the build is slow.
    await require_that_another_is_derived(*bad)


async def test_a_build_that_says_nothing_keeps_nobody_from_one_that_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.record.verification.builds.GREETED", timedelta(seconds=0.3))
    theirs = DecidedBy(core="1" * 64, zones="1" * 64)
    monkeypatch.setattr("tests.record.handed.decided_by", lambda: theirs)
    rows, commands = kept(signed_course()[:1])
    greeting = Greeting(protocol="care-pathway/build/1", core=theirs.core, zones=theirs.zones).model_dump_json()
    answer = json.dumps({"derived": len(rows), "faults": []})
    known = shlex.join(["sh", "-c", f"echo '{greeting}'; read asked; echo '{answer}'"])
    asked = tmp_path / "asked"
    silent = shlex.join(["sh", "-c", f"echo >> {shlex.quote(str(asked))}; exec sleep 600"])
    builds = listed(tmp_path, silent, known)
    for _ in range(3):
        assert await builds.derive(rows, commands) == {theirs: len(rows)}
    assert asked.read_text() == "\n", "asked once"


async def test_a_build_that_is_given_up_ends_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked again and again: each time one more would go on for ever."""
    monkeypatch.setattr("activities.record.verification.builds.GREETED", timedelta(seconds=1))
    os.mkfifo(pipe := tmp_path / "pipe")
    read = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(BuildError):
        async with open_build(shlex.join(["sh", "-c", f"exec 3> {shlex.quote(str(pipe))}; echo >&3; sleep 600; true"])):
            pytest.fail("it was taken for a build")
    os.set_blocking(read, True)
    async with asyncio.timeout(5):
        said = [await asyncio.to_thread(os.read, read, 9) for _ in range(2)]
    os.close(read)
    assert said == [b"\n", b""], "it was open, and nobody has it open any more"


@pytest.mark.parametrize("said", [{}, {"notices": {"1": [{"of": "another shape"}]}}, {"notices": 7, "more": True}])
async def test_what_a_build_of_another_time_says_of_notices_costs_none_of_what_it_derives(
    said: dict[str, object],
) -> None:
    mine, answer = decided_by(), json.dumps({"derived": 3, "faults": [[4, 2]], **said})
    greeting = Greeting(protocol="care-pathway/build/1", core=mine.core, zones=mine.zones).model_dump_json()
    async with open_build(shlex.join(["sh", "-c", f"echo '{greeting}'; read asked; echo '{answer}'"])) as older:
        found = await older.derive((), ())
    assert (found.derived, [each.version for each in found.faults], found.tells) == (3, [2], {})


@pytest.mark.parametrize("command", ["", "no-such-program-anywhere", "echo hello", "true", "'", "echo '{}'"])
async def test_what_is_no_build_is_said_to_be_none(command: str) -> None:
    with pytest.raises(BuildError):
        async with open_build(command):
            pytest.fail("it was taken for a build")


async def test_a_build_is_given_no_setting_of_the_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAREPATH_RECORDER_URL", "postgresql://somebody@there")
    said = tmp_path / "said"
    with pytest.raises(BuildError):
        async with open_build(shlex.join(["sh", "-c", f"env > {shlex.quote(str(said))}"])):
            pytest.fail("it was taken for a build")
    assert "CAREPATH" not in said.read_text()
