"""A protocol as a journey carries it: read once, spelled once, and always the whole of it."""

import json
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_core import to_json

from simulation.people import referral
from tests.journey.play import JOURNEY, PROTOCOLS, START
from workflows.journey.aggregate import begin
from workflows.journey.commands import Command
from workflows.journey.decide import decide
from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary.refusals import Refusal

protocols = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))


def _spelled(protocol: Protocol) -> dict[str, Any]:
    spelled: dict[str, Any] = referral(protocol, JOURNEY).model_dump(mode="json")
    return spelled


@protocols
def test_it_is_spelled_as_it_is_by_itself(protocol: Protocol) -> None:
    command = referral(protocol, JOURNEY)

    assert command.model_dump(mode="json")["body"]["protocol"] == protocol.model_dump(mode="json")
    assert json.loads(command.model_dump_json())["body"]["protocol"] == json.loads(protocol.model_dump_json())
    without_none = json.loads(to_json(command, exclude_none=True))["body"]["protocol"]
    assert without_none == protocol.model_dump(mode="json", exclude_none=True)


@protocols
def test_whoever_changes_what_was_spelled_changes_no_other(protocol: Protocol) -> None:
    _spelled(protocol)["body"]["protocol"]["dose"].clear()

    assert _spelled(protocol)["body"]["protocol"] == protocol.model_dump(mode="json")


@protocols
@pytest.mark.parametrize("exclude_none", [False, True])
def test_equal_ones_are_one_object(protocol: Protocol, exclude_none: bool) -> None:
    read = [
        Command.model_validate_json(to_json(referral(protocol, JOURNEY), exclude_none=exclude_none)) for _ in range(2)
    ]

    assert read[0] == referral(protocol, JOURNEY)
    assert read[0].body.protocol is read[1].body.protocol  # type: ignore[union-attr]


@protocols
def test_a_wrong_one_is_refused_by_name_whichever_way_it_comes(protocol: Protocol) -> None:
    wrong = _spelled(protocol)
    wrong["body"]["protocol"]["unknown"] = 1
    del wrong["body"]["protocol"]["dose"]

    for came in ("python", "json"):
        with pytest.raises(ValidationError) as refused:
            Command.model_validate(wrong) if came == "python" else Command.model_validate_json(json.dumps(wrong))
        named = sorted((error["loc"][2:], error["type"]) for error in refused.value.errors())
        assert named == [(("protocol", "dose"), "missing"), (("protocol", "unknown"), "extra_forbidden")]


@protocols
def test_what_two_journeys_begin_with_came_not_from_one_another(protocol: Protocol) -> None:
    decided = decide(None, referral(protocol, JOURNEY), START)
    assert not isinstance(decided, Refusal)
    one, other = begin(decided[0]), begin(decided[0])

    # Entries that came from one another share where each stands.
    assert one.waiting == other.waiting
    assert one.waiting is not other.waiting
