"""What ops see of the read models: their builds, how far behind they are, and what is stuck."""

from uuid import UUID

import pytest
from structlog.testing import capture_logs

from activities.record.read_models import projection, rebuild
from activities.record.read_models.rows import DEFINITION, apply
from cli.errors import ExitCode
from tests.cli.clinics import Clinics
from tests.cli.helpers import OPS
from tests.record.helpers import Connection, event
from tests.record.read_models.courses import catch_up, course_of


@pytest.fixture(autouse=True)
def by_ops(clinics: Clinics) -> None:
    clinics.world.set(profile=OPS)


async def test_builds_and_how_far_they_are(clinics: Clinics) -> None:
    [first] = (await clinics.json("record", "models"))["builds"]
    assert (first["status"], first["position"], first["behind"]) == ("live", clinics.position, 0)
    assert (first["definition"], first["ours"]) == (DEFINITION, True)
    await rebuild(clinics.record)
    await clinics.add(course_of()[:25])
    found = await clinics.json("record", "models")
    assert [(each["id"], each["status"], each["behind"]) for each in found["builds"]] == [
        (2, "live", 25), (1, "retired", 25),
    ]  # fmt: skip
    assert found["record"] == clinics.position
    assert found["stale"] == []
    shown = await clinics.call("record", "models")
    assert "retired" in shown.out
    assert shown.err == ""


async def test_they_can_be_built_anew(clinics: Clinics, owner: Connection) -> None:
    with capture_logs():
        assert (await clinics.json("record", "rebuild")) == {"live": 2}
    async with owner.transaction():
        assert await owner.fetchval("SELECT read_model.rebuild_alone(1::smallint)")
        busy = await clinics.call("record", "rebuild")
    assert (busy.code, "being rebuilt already" in busy.err) == (ExitCode.REFUSED, True)


async def test_a_build_of_another_version_is_told(clinics: Clinics, owner: Connection) -> None:
    await owner.execute("UPDATE read_model.generation SET definition = 99")
    [build] = (await clinics.json("record", "models"))["builds"]
    assert build["ours"] is False
    shown = await clinics.call("record", "models")
    assert "not of this version" in shown.out
    assert "builds a new one" in shown.err


async def test_what_is_stuck_is_named_and_can_be_retried(clinics: Clinics, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = await clinics.add(course_of()[:25])

    def poisoned(course: object, each: object, *more: object) -> object:
        if getattr(each, "journey_id", None) == stuck and getattr(each, "version", None) == 4:
            raise ArithmeticError("Robin has nightmares")
        return apply(course, each, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(projection, "apply", poisoned)
    await catch_up(clinics.record)
    [named] = (await clinics.json("record", "models"))["stale"]
    assert (named["journey_id"], named["version"], named["code"]) == (str(stuck), 4, "ArithmeticError")
    shown = await clinics.call("record", "models")
    assert str(stuck) in shown.out
    assert "record retry" in shown.err

    still = await clinics.call("record", "retry", str(stuck), "--json")
    assert still.code == 5
    assert "ArithmeticError" in still.error["reason"]
    assert "Robin" not in still.err
    assert (await clinics.json("record", "models"))["stale"][0]["attempts"] == 2

    monkeypatch.undo()
    with capture_logs():
        assert await clinics.json("record", "retry", str(stuck)) == {"journey_id": str(stuck), "stale": False}
    assert (await clinics.json("record", "models"))["stale"] == []
    assert await clinics.rows("--journey", str(stuck)) == clinics.awaited(lambda journey, _: journey.id == stuck)


async def test_retrying_what_is_not_stuck_or_not_there(clinics: Clinics) -> None:
    assert (await clinics.call("record", "retry", str(clinics.held))).code == 0
    unknown = await clinics.call("record", "retry", str(UUID(int=7)))
    assert (unknown.code, unknown.out) == (3, "")
    assert "no journey of this id" in unknown.err
    assert (await clinics.call("record", "retry", "Robin")).code == 2
    await clinics.record.append(clinics.held, clinics.journeys[clinics.held].version, [event()])
    await catch_up(clinics.record)
    assert (await clinics.call("record", "retry", str(clinics.held))).code == 5
    assert (await clinics.call("record", "retry", str(clinics.ended))).code == 0
