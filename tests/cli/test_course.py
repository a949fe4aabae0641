"""A whole journey through the door, as people send it, in memory: every move accepted, shown and awaited."""

import json
from datetime import datetime
from uuid import UUID

import pytest

from door.kinds import KINDS
from simulation.people import next_move
from tests.door.helpers import Memory, call
from workflows.journey.actors import Role
from workflows.journey.commands import Command, Sign

MOST_MOVES = 400


def send(services: Memory, journey: UUID, command: Command, profiles: dict[Role, str]) -> None:
    body, profile = command.body, profiles[command.actor.role]
    common = ("--profile", profile, "--command-id", str(command.command_id), "--json")
    if isinstance(body, Sign):
        form = body.model_dump(mode="json", include={"rationale", "choice", "referral"}, exclude_none=True)
        words: tuple[str, ...] = ("signoff", body.decision, str(journey), body.request, "--evidence", body.evidence)
    else:
        form = body.model_dump(mode="json", exclude={"kind"}, exclude_none=True)
        noun, _, verb = body.kind.partition(".")
        words = (noun, verb, str(journey))
    services.person = command.actor.id
    sent = call(services, *words, *common, given=form)
    assert sent.code == 0, (words, sent.err)
    assert sent.json["outcome"] == "recorded"
    received = services.received[-1].body
    if isinstance(received, Sign):
        assert received.signature is not None
        received = received.model_copy(update={"signature": None})
    assert received == body


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("keys")
def test_a_journey_from_referral_to_discharge(services: Memory, journey: UUID, profiles: dict[Role, str]) -> None:
    for _ in range(MOST_MOVES):
        state = services.books.state(journey)
        move = next_move(state, services.at)
        if move is None:
            break
        if isinstance(move, datetime):
            services.at = move
            continue
        why = call(services, "pathway", "why", str(journey), "--json").json["sentences"]
        assert len(why) >= len(state.waiting)
        send(services, journey, move, profiles)
    assert services.books.state(journey).outcome == "completed"

    shown = call(services, "pathway", "show", str(journey))
    assert "ILLUSTRATIVE" in shown.out
    assert "completed" in shown.out
    history = call(services, "pathway", "timeline", str(journey))
    assert "signoff.signed" in history.out
    assert len(call(services, "pathway", "timeline", str(journey), "--json").json) == len(
        services.books.journeys[journey]
    )
    assert "Nothing is awaited" in call(services, "pathway", "why", str(journey)).out
    late = call(services, "pathway", "hold", str(journey), "--profile", profiles[Role.PATIENT], given={"reason": "x"})
    assert late.code == 5
    json.loads(call(services, "pathway", "show", str(journey), "--json").out)


def test_every_kind_of_the_core_has_its_command(services: Memory) -> None:
    for kind in KINDS:
        helped = call(services, kind.noun, kind.verb, "--help")
        assert helped.code == 0
        assert kind.roles[0].value in helped.out
