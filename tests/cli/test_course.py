"""A whole journey by the command line, as people send it: every move accepted, shown and awaited."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

import pytest

from activities.record.event_codec import load_events
from application.caches.histories import Histories
from application.pathway.command_catalog import KINDS
from application.pathway.wording import SENTENCES
from simulation.player import at_once, play
from tests.cli.helpers import World, call
from tests.journey.play import Play
from workflows.journey.aggregate import Journey, fold
from workflows.journey.commands import Command, Sign
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.codes import code_in
from workflows.journey.vocabulary.words import in_words


@dataclass
class CommandLine:
    """The way into a journey by the command line: every move accepted, shown and awaited."""

    world: World
    journey: UUID
    profiles: dict[Role, str]
    seen: Journey | None = None
    """The journey as it was looked at last. Nobody else acts in it."""

    async def look(self) -> tuple[Journey, datetime]:
        known = 0 if self.seen is None else self.seen.version
        new = self.world.on_record(partial(load_events, journey_id=self.journey, after_version=known))
        self.seen = fold(new, self.seen)
        return self.seen, self.world.at

    async def submit(self, command: Command) -> None:
        assert self.seen is not None
        if len(self.world.received) % 10 == 0:  # It takes as long as the move itself.
            why = call(self.world, "pathway", "why", str(self.journey), "--json").json["sentences"]
            left = len(self.seen.waiting) - SENTENCES
            assert len(why) >= SENTENCES + min(left, 0)
            assert left <= 0 or any(said.startswith(f"and {left} more.") for said in why)
        send(self.world, self.journey, command, self.profiles)

    async def wait_until(self, moment: datetime) -> None:
        assert self.seen is not None
        play = Play(self.seen, self.world.at)
        play.wait(seconds=(moment - play.at).total_seconds())
        self.world.put(self.journey, play.events)
        self.world.at = play.at


def send(world: World, journey: UUID, command: Command, profiles: dict[Role, str]) -> None:
    body, profile = command.body, profiles[command.actor.role]
    common = ("--profile", profile, "--command-id", str(command.command_id), "--json")
    if isinstance(body, Sign):
        form = body.model_dump(mode="json", include={"rationale", "choice", "referral"}, exclude_none=True)
        seen = ("--evidence", code_in(body.request))
        words: tuple[str, ...] = ("signoff", body.decision, str(journey), body.request, *seen)
    else:
        form = body.model_dump(mode="json", exclude={"kind"}, exclude_none=True)
        noun, _, verb = body.kind.partition(".")
        words = (noun, verb, str(journey))
    world.person = command.actor.id
    sent = call(world, *words, *common, given=form)
    assert sent.code == 0, (words, sent.err)
    assert sent.json["outcome"] == "recorded"
    received = world.received[-1].body
    if isinstance(received, Sign):
        assert received.signature is not None
        received = received.model_copy(update={"signature": None})
    assert received == body


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("keys")
def test_a_journey_from_referral_to_discharge(world: World, journey: UUID, profiles: dict[Role, str]) -> None:
    world.lately = Histories()  # Each command would read the whole course anew.
    at_once(play(CommandLine(world, journey, profiles)))
    assert world.state(journey).outcome == "completed"

    shown = call(world, "pathway", "show", str(journey))
    assert "ILLUSTRATIVE" in shown.out
    assert "completed" in shown.out
    history = call(world, "pathway", "timeline", str(journey))
    assert "Decision signed" in history.out
    assert len(call(world, "pathway", "timeline", str(journey), "--json").json) == len(world.events(journey))
    assert "Nothing is awaited" in call(world, "pathway", "why", str(journey)).out
    late = call(world, "pathway", "hold", str(journey), "--profile", profiles[Role.PATIENT], given={"reason": "x"})
    assert late.code == 5
    json.loads(call(world, "pathway", "show", str(journey), "--json").out)


def test_every_kind_of_the_core_has_its_command(world: World) -> None:
    for kind in KINDS:
        helped = call(world, kind.noun, kind.verb, "--help")
        assert helped.code == 0
        assert in_words(kind.roles[0]) in " ".join(helped.out.split())
