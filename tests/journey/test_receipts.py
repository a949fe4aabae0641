"""A command happens once, however often it arrives, and the journey's state does not grow with it."""

from typing import Any

import pytest

from simulation.people import referral
from tests.journey.play import JOURNEY, PROTOCOLS, before, course, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.protocol import Pathway
from workflows.journey.receipts import CommandReceipt, add_receipts, answer_repeated, command_digest, receipts_of
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import digest
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.protocols import list_pathways


def test_every_command_has_its_receipt_at_its_last_version() -> None:
    events = course("PTSD").events
    receipts = receipts_of(events)
    for event in events:
        assert receipts[event.command_id].digest == event.command_digest
        assert receipts[event.command_id].version >= event.version
    assert receipts[events[-1].command_id].version == events[-1].version


def test_receipts_of_parts_are_those_of_the_whole() -> None:
    events = course("PTSD").events
    whole = receipts_of(events)
    for cut in range(0, len(events), 17):
        receipts = receipts_of(events[:cut])
        add_receipts(receipts, events[cut:])
        assert receipts == whole


def test_repeated_command_is_answered_with_its_receipt() -> None:
    play = started()
    command = play.command(c.AskQuestion(text="what if?"), Role.PATIENT)
    assert answer_repeated(play.receipts, command) is None
    play.take(command)
    known = answer_repeated(play.receipts, command)
    assert isinstance(known, CommandReceipt)
    assert known.version == play.journey.version


def test_refused_command_stays_refused_whatever_followed_from_it() -> None:
    """Also where its refusal changed what is awaited, so that its last event is not the refusal."""
    play = before("session.check", 2)
    command = play.command(c.ReleaseSession(session=2), Role.SESSION_MONITOR)
    refusal = play.decide(command)
    assert isinstance(refusal, Refusal)
    [kept] = play.keep(command, refusal)
    later = kept.model_copy(update={"version": kept.version + 1, "body": e.ObligationsUpdated(opened=(), closed=())})
    again = answer_repeated(receipts_of([kept, later]), command)
    assert isinstance(again, Refusal)
    assert (again.code, again.field) == (RefusalCode.INCOMPLETE, "command_id")


@pytest.mark.parametrize("pathway", list_pathways())
def test_a_start_under_another_protocol_is_another_command(pathway: Pathway) -> None:
    protocol = PROTOCOLS[pathway]
    start = referral(protocol, JOURNEY)
    same = c.Command.model_validate_json(start.model_dump_json())
    other = referral(protocol.model_copy(update={"version": protocol.version + 1}), JOURNEY)
    assert command_digest(same) == command_digest(start)
    assert command_digest(other.model_copy(update={"command_id": start.command_id})) != command_digest(start)


@pytest.mark.parametrize("pathway", list_pathways())
def test_a_protocol_has_the_digest_of_its_content(pathway: Pathway) -> None:
    protocol = PROTOCOLS[pathway]
    assert protocol.digest == digest(protocol.model_dump(mode="json"))
    changes: tuple[dict[str, Any], ...] = (
        {"version": 99},
        {"illustrative": not protocol.illustrative},
        {"background_reading": ()},
    )
    for changed in changes:
        other = protocol.model_copy(update=changed)
        assert other.digest == digest(other.model_dump(mode="json")) != protocol.digest
