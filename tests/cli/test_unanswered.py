"""What anybody may send and nobody answers is left with Temporal; its sender is told what the record says of it."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from application.errors import HELD, KEPT_AS_SAID, Unavailable
from application.pathway.commands import LEFT_OUT
from tests.cli.conftest import Profiles
from tests.cli.helpers import DirectJourneys, World, call
from workflows.journey.vocabulary.actors import Role

FELL = {"what": "Invented: a fall", "grade": 2, "serious": False, "onset": "2026-03-02T09:00:00-08:00"}


@pytest.fixture(autouse=True)
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait(*_: object) -> int:
        raise Unavailable("no answer came", "Run the same command again")

    monkeypatch.setattr(DirectJourneys, "submit", wait)


def test_what_is_recorded_is_told_as_done(world: World, journey: UUID, profiles: Profiles) -> None:
    words = ("pathway", "hold", str(journey), "--profile", profiles[Role.COORDINATOR], "--json")
    answer = call(world, *words, given={"reason": "Invented: wait"})
    assert answer.code == 0, answer.err
    assert answer.json["outcome"] == "recorded"
    assert world.state(journey).held


def test_a_report_that_is_kept_as_it_was_said_is_told_so(world: World, journey: UUID, profiles: Profiles) -> None:
    words = ("adverse-event", "report", str(journey), "--profile", profiles[Role.PATIENT], "--json")
    answer = call(world, *words, given=FELL | {"onset": "2190-03-02T09:00:00Z"})
    assert answer.code != 0
    assert answer.error["state"] == KEPT_AS_SAID
    assert world.state(journey).reports["report-1"].fields == ("onset",)


def test_what_temporal_holds_is_told_as_accepted_and_not_as_lost(
    world: World, journey: UUID, profiles: Profiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker has taken it yet. Whoever is told that it failed sends it again, or believes that nobody will know."""

    async def hold(*_: object) -> None:
        pass

    monkeypatch.setattr(DirectJourneys, "hand_in", hold)
    monkeypatch.setattr("application.pathway.commands.RECORDED_WITHIN", timedelta())
    by = ("--profile", profiles[Role.COORDINATOR], "--json")
    for words, given in (
        (("pathway", "hold", str(journey)), {"reason": "Invented: wait"}),
        (("adverse-event", "report", str(journey)), FELL | {"onset": "long ago"}),
    ):
        assert call(world, *words, *by, given=given).error["state"] == HELD


def test_what_is_refused_is_told_so(world: World, journey: UUID, profiles: Profiles) -> None:
    words = ("pathway", "hold", str(journey), "--profile", profiles[Role.COORDINATOR], "--json")
    once = ("--command-id", str(uuid4()))
    assert call(world, *words, *once, given={"reason": "Invented: wait"}).code == 0
    answer = call(world, *words, *once, given={"reason": "Invented: for another reason"})
    assert answer.code != 0
    assert answer.error["state"] == LEFT_OUT
    assert len(world.state(journey).holds) == 1
