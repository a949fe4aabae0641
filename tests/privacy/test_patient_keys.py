"""What stands for people and content where others read it follows from a secret, and from what it stands for."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.privacy.patient_keys import PatientKeys
from activities.record.watching import DueStep
from application.watchdog.look import name_of_step

WAYS: dict[str, Callable[[PatientKeys, str], bytes]] = {
    "a patient": lambda keys, said: keys.of_ref(said),
    "a number": lambda keys, said: keys.of_number("clinic", said),
    "a reader": lambda keys, said: keys.of_reader(said),
    "a referral": lambda keys, said: keys.of_referral(said.encode()),
    "content": lambda keys, said: keys.of_content(said.encode()),
    "codes": lambda keys, said: keys.of_codes(UUID(bytes=said.encode().ljust(16, b"\0")[:16])),
    "a step that is due": lambda keys, said: _step(keys, said),
}


def _step(keys: PatientKeys, said: str) -> bytes:
    record = cast("Any", SimpleNamespace(patients=keys))
    step = DueStep(UUID(int=1), said, datetime(2026, 11, 23, tzinfo=UTC), "notify", "clinician")
    return bytes.fromhex(name_of_step(record, step))


@pytest.mark.parametrize("way", WAYS)
@given(one=st.text("abc", max_size=8), other=st.text("abc", max_size=8))
def test_the_same_secret_gives_the_same_and_another_one_another(way: str, one: str, other: str) -> None:
    made, secret = WAYS[way], PatientKeys(b"secret")
    assert made(secret, one) == made(PatientKeys(b"secret"), one) != made(PatientKeys(b"another"), one)
    assert (made(secret, one) == made(secret, other)) is (one == other)


def test_no_two_of_them_are_the_same_for_the_same_words() -> None:
    made = [way(PatientKeys(b"secret"), "said") for name, way in WAYS.items() if name != "a step that is due"]
    assert len({*made}) == len(made)
