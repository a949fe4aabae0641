"""What somebody tried and was refused is shown: when, by whom they claimed to be, and why."""

import asyncio
import re
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from activities.record import KeyAway, Record
from activities.record.event_codec import to_new
from application.sign_offs import refused_attempts
from deploy.local.postgres import Database
from simulation.people import PEOPLE, profile
from tests.cli.helpers import World, call
from tests.cli.on_record import ProofWorld
from tests.journey.play import JOURNEY, Play, before
from tests.signatures.recorded import history
from workflows.journey.commands import Command, ReleaseSession, RequestSupport
from workflows.journey.decide import decide, keep_refusal
from workflows.journey.events import Event
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal


def refused(play: Play) -> list[Event]:
    """A release that nothing was ready for, and whose refusal the journey kept."""
    command = Command(command_id=uuid4(), actor=PEOPLE[Role.CLINICIAN], body=ReleaseSession(session=7))
    refusal = decide(play.journey, command, play.at)
    assert isinstance(refusal, Refusal)
    return list(keep_refusal(play.journey, {}, command, refusal, play.at))


def unanswered(play: Play) -> list[Event]:
    """A refusal that is kept because nobody else was told; it is no attempt to sign or release."""
    body = RequestSupport(urgency="routine", text="an invented question")
    command = Command(command_id=uuid4(), actor=PEOPLE[Role.OPS], body=body)
    refusal = Refusal(code="unknown", reason="invented", remedy="none")  # type: ignore[arg-type]
    return list(keep_refusal(play.journey, {}, command, refusal, play.at, unanswered=True))


def alter(database: Database, kind: str) -> None:
    """Have nobody be able to read the events of a kind any more."""

    async def run() -> None:
        connection = await asyncpg.connect(database.admin_url)
        await connection.execute("ALTER TABLE record.journey_event DISABLE TRIGGER ALL")
        await connection.execute("UPDATE record.journey_event SET payload = '{}' WHERE event_type = $1", kind)
        await connection.close()

    asyncio.run(run())


def until_release() -> tuple[Play, list[Event]]:
    play = before("session.release")
    return play, history()[: play.journey.version]


@pytest.fixture
def world(migrated: Database) -> World:
    play, events = until_release()
    world = World(migrated)
    world.put(JOURNEY, events + refused(play))
    return world


def test_attempts_of_a_journey(world: World) -> None:
    [attempt] = call(world, "signoff", "attempts", str(JOURNEY), "--json").json
    play, _ = until_release()
    assert attempt["journey_id"] == str(JOURNEY)
    assert (attempt["tried"], attempt["version"]) == ("session.release", play.journey.version + 1)
    assert (attempt["claimed_by"], attempt["claimed_role"]) == (PEOPLE[Role.CLINICIAN].id, "clinician")
    assert attempt["at"] == play.at.isoformat()
    assert attempt["illustrative"]
    assert "session" in attempt["reason"]
    people = call(world, "signoff", "attempts", str(JOURNEY))
    for shown in ("ILLUSTRATIVE", "Release a", PEOPLE[Role.CLINICIAN].id, attempt["reason"].split()[0]):
        assert shown in people.out


def test_only_what_was_tried_to_sign_release_or_give(migrated: Database) -> None:
    play, events = until_release()
    world = World(migrated)
    world.put(JOURNEY, events + unanswered(play))
    assert world.events(JOURNEY)[-1].body.kind in ("command.refused", "obligations.updated")
    assert call(world, "signoff", "attempts", str(JOURNEY), "--json").json == []
    assert "No attempt" in call(world, "signoff", "attempts", str(JOURNEY)).err


def test_the_timeline_tells_attempts_whole(world: World) -> None:
    told = call(world, "pathway", "timeline", str(JOURNEY)).out
    assert re.search(r"Attempt refused\s*│ Release a session", told)


def test_an_unknown_journey(world: World) -> None:
    answer = call(world, "signoff", "attempts", "6a0a1c8e-3f5e-4b7c-9d5a-333333333333", "--json")
    assert answer.code == 3


def test_the_latest_of_all(migrated: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(refused_attempts, "PAGE", 3)
    world = ProofWorld(migrated, None)
    assert call(world, "signoff", "attempts", "--json").json == []
    play, events = until_release()
    last = events[-1].version
    first = refused(play)
    for n in range(3):
        first += [each.model_copy(update={"event_id": uuid4(), "version": last + n + 2}) for each in refused(play)[:1]]
    world.kept([to_new(event) for event in events + first[:1] + first[-3:]])
    # Nothing waits for the lists: who attacks a journey that has just begun is seen at once.
    before = call(world, "signoff", "attempts", "--json").json
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(profile(PEOPLE[Role.MEDICAL_DIRECTOR], "another-clinic"))
    assert call(world, "signoff", "attempts", "--json", "--profile", str(elsewhere)).json == []
    world.project()
    assert call(world, "signoff", "attempts", "--json", "--profile", str(elsewhere)).json == []
    found = call(world, "signoff", "attempts", "--json").json
    assert found == before
    assert [attempt["position"] for attempt in found] == [last + n for n in (1, 2, 3, 4)]
    assert {UUID(attempt["journey_id"]) for attempt in found} == {JOURNEY}
    two = call(world, "signoff", "attempts", "--limit", "2", "--json").json
    assert [attempt["position"] for attempt in two] == [last + 3, last + 4]
    assert "more than 2" in call(world, "signoff", "attempts", "--limit", "2").err


def test_what_cannot_be_read_is_told_and_hides_no_other(world: World, migrated: Database) -> None:
    """Its key is away, or it was altered: nobody can say what was tried, so none may be taken to be there."""
    world.project()
    alter(migrated, "command.refused")
    for of in ((str(JOURNEY),), ()):
        told = call(world, "signoff", "attempts", *of)
        assert "not shown: 1 refused" in told.err
        assert "No attempt" not in told.err
        assert call(world, "signoff", "attempts", *of, "--json").json == []


def test_what_cannot_be_read_is_counted_for_its_own_clinic_alone(
    world: World, migrated: Database, tmp_path: Path
) -> None:
    """Also while no list shows its journey: how many there are says what goes on elsewhere."""
    alter(migrated, "command.refused")
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(profile(PEOPLE[Role.MEDICAL_DIRECTOR], "another-clinic"))
    assert "1 refused" in call(world, "signoff", "attempts").err
    assert "refused command" not in call(world, "signoff", "attempts", "--profile", str(elsewhere)).err
    # Whose it is nobody can say any more: so nobody is told that there is none.
    alter(migrated, "pathway.started")
    for whose in ((), ("--profile", str(elsewhere))):
        assert "1 refused" in call(world, "signoff", "attempts", *whose).err


def test_a_journey_that_no_list_shows_and_whose_key_is_away_hides_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise KeyAway

    monkeypatch.setattr(Record, "read", away)
    assert call(world, "signoff", "attempts", "--json").json == []
