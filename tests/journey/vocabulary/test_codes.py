"""Ids and codes that are read without the content say nothing of it: nobody without the key can try a guess."""

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import referral
from tests.journey.play import JOURNEY, PROTOCOLS, START, Play, before, course
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import fold
from workflows.journey.decide import decide
from workflows.journey.obligations import obligations
from workflows.journey.protocol import SignOffKind
from workflows.journey.receipts import receipts_of
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import abbreviate, canonical, digest
from workflows.journey.vocabulary.codes import code_in, code_of
from workflows.journey.vocabulary.command_ids import own_id
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

KEYS = st.text("0123456789abcdef", min_size=64, max_size=64)
SAID = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=20), st.lists, max_leaves=5)


@given(KEYS, KEYS, SAID, SAID)
def test_a_code_follows_from_its_key_and_the_content_alone(key: str, other: str, said: object, else_: object) -> None:
    assert code_of(key, said) == code_of(key, said)
    assert (code_of(key, said) == code_of(other, said)) is (key == other)
    assert (code_of(key, said) == code_of(key, else_)) is (canonical(said) == canonical(else_))
    assert code_of(key, said) != digest(said)


@cache
def under(key: str) -> Play:
    """The beginning of one course, word for word the same whatever the key."""
    start = referral(PROTOCOLS["PTSD"], JOURNEY)
    decided = decide(None, start.model_copy(update={"body": start.body.model_copy(update={"code_key": key})}), START)
    assert not isinstance(decided, Refusal)
    play = Play(fold(decided), START, list(decided), receipts=receipts_of(decided))
    return play.go_on(lambda journey: len(journey.sign_offs) >= 3)


def test_the_same_is_asked_for_under_other_ids_in_another_journey() -> None:
    one, other = (under(key * 64).journey for key in "ab")
    first, second = one.sign_offs[0], other.sign_offs[0]
    assert first.evidence == second.evidence, "what is signed does not depend on it"
    assert first.request.rpartition(":")[0] == second.request.rpartition(":")[0]
    assert not {code_in(each.request) for each in one.sign_offs} & {code_in(each.request) for each in other.sign_offs}


def test_whoever_may_read_the_journey_derives_its_codes() -> None:
    journey = under("a" * 64).journey
    for signed in journey.sign_offs:
        assert code_in(signed.request) == abbreviate(code_of(journey.code_key, signed.evidence))


REFUSAL = Refusal(code=RefusalCode.SIGNATURE, reason="invented", remedy="invented")


def attempt(play: Play, key: str) -> UUID:
    """The id under which an attempt is kept that nobody signed."""
    unsigned = play.command(play.signature(SignOffKind.EVALUATION), Role.CLINICIAN)
    return play.changed(code_key=key).keep(unsigned, REFUSAL)[0].command_id


def kept_report(play: Play, key: str) -> UUID:
    """The id under which a report is kept whose form was not taken."""
    journey = play.changed(code_key=key)
    ahead = play.at + timedelta(days=1)
    report = play.command(c.ReportAdverseEvent(what="invented", grade=4, serious=True, onset=ahead), Role.PATIENT)
    refusal = journey.decide(report)
    assert isinstance(refusal, Refusal)
    assert refusal.kept
    return journey.keep(report, refusal)[0].command_id


@pytest.mark.parametrize("kept", [attempt, kept_report])
def test_what_is_kept_of_a_refused_command_has_an_id_of_its_own(kept: object) -> None:
    play = before("signoff.sign")
    assert callable(kept)
    found = [kept(play, key * 64) for key in "aab"]
    assert found[0] == found[1] != found[2]


def said_in(play: Play) -> Iterator[object]:
    """Everything that is said in a course, as somebody might guess it."""
    for event in play.events:
        yield event.body.model_dump(mode="json")
        if isinstance(event.body, e.ObligationsUpdated):
            yield from (each.model_dump(mode="json") for each in event.body.opened)
    for _, command, _ in play.moves:
        yield command.model_dump(mode="json")
        yield command.body.model_dump(mode="json")


def test_no_id_in_a_course_is_a_plain_hash_of_what_is_said() -> None:
    play = course("PTSD")
    updates = [event.body for event in play.events if isinstance(event.body, e.ObligationsUpdated)]
    asked = {each.id for update in updates for each in update.opened}
    asked |= {each.id for each in obligations(play.journey)}
    ids = {event.event_id for event in play.events} | {event.command_id for event in play.events}
    read = " ".join([*asked, *map(str, ids)])
    hashes = {digest(said) for said in said_in(play)}
    hashes |= {event.command_digest for event in play.events}
    hashes |= {signed.evidence for signed in play.journey.sign_offs}
    assert len(hashes) > 100
    assert not [each for each in hashes if each[:12] in read]
    words = ("", "history:", "refused:", "kept:", "unreadable:0:")
    tried = {name(JOURNEY, f"{word}{each}") for each in hashes for word in words for name in (own_id, uuid5)}
    assert not tried & ids
