"""A right that was lent ends with its giver's entry: their key, their licence, or that they work for the clinic."""

from datetime import date, datetime, timedelta

import pytest

from activities.signatures.register_changes import end_entry
from activities.signatures.signer_registry import Register
from activities.signatures.verifying import may_lend
from simulation.people import CLINIC
from tests.signatures.room import CLIO, CLIO_KEY, NOW, register, revoked
from workflows.journey.vocabulary.actors import Licence


def lends(
    whole: Register, *, key_id: str = CLIO_KEY.key_id, clinic: str = CLINIC, state: str = "CA", at: datetime = NOW
) -> bool:
    return may_lend(whole, key_id, clinic=clinic, state=state, at=at)


def without_entry(at: datetime) -> Register:
    return end_entry(register(), CLIO.id, CLIO.role, at=at)


def licensed(states: tuple[str, ...], expires: date) -> Register:
    return register(licence=Licence.model_validate({"number": "X-1", "states": states, "expires": expires}))


def test_who_has_key_licence_and_entry_lends() -> None:
    assert lends(register())
    assert lends(revoked(NOW + timedelta(seconds=1)))
    assert lends(without_entry(NOW + timedelta(seconds=1)))


@pytest.mark.parametrize(
    "whole",
    [
        revoked(NOW),
        revoked(NOW - timedelta(days=1)),
        without_entry(NOW),
        without_entry(NOW - timedelta(days=1)),
        licensed(("CA",), NOW.date() - timedelta(days=3)),
        licensed(("WA",), date(2099, 12, 31)),
    ],
    ids=["revoked now", "revoked before", "left now", "left before", "licence over", "licence lost for the state"],
)
def test_who_lost_one_of_them_lends_nothing(whole: Register) -> None:
    assert not lends(whole)


def test_nobody_lends_elsewhere_earlier_or_with_an_unknown_key() -> None:
    assert not lends(register(), clinic="another-clinic")
    assert not lends(register(), state="WA")
    assert not lends(register(), at=NOW - timedelta(days=31))
    assert not lends(register(), key_id="0" * 32)
