"""The id of a referral that names none: the same content gives the same, and nobody without the secret can try it."""

from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.privacy.patient_keys import PatientKeys
from application.pathway.start import REFERRALS, Referral
from tests.cli.helpers import referral
from workflows.journey.vocabulary.base import canonical

OURS, THEIRS = PatientKeys(b"a" * 32), PatientKeys(b"b" * 32)


def without_id(**changed: Any) -> dict[str, Any]:
    return {name: value for name, value in referral(**changed).items() if name != "request_id"}


def made(secret: PatientKeys = OURS, **changed: Any) -> UUID:
    return Referral.model_validate(without_id(**changed)).identified(secret).request


def test_the_same_file_sent_again_is_the_same_request() -> None:
    again = dict(reversed(list(without_id().items())))
    assert made() == Referral.model_validate(again).identified(PatientKeys(b"a" * 32)).request
    assert made(reason="Invented: another reason") != made()


def test_an_id_of_its_own_stays() -> None:
    own = uuid4()
    assert Referral.model_validate(referral(request_id=str(own))).identified(OURS).request == own


@given(st.binary(min_size=1, max_size=64).map(PatientKeys))
def test_who_knows_all_of_the_content_and_not_the_secret_cannot_tell_it(guessed: PatientKeys) -> None:
    """They can try what was hashed before without a secret, and secrets."""
    content = Referral.model_validate(without_id())
    spelled = canonical(content.model_dump(mode="json", exclude_none=True)).decode()
    request = content.identified(OURS).request
    assert request not in (uuid5(REFERRALS, spelled), content.identified(guessed).request)
    assert made(THEIRS) != request


def test_nothing_is_asked_of_a_referral_before_it_has_an_id() -> None:
    with pytest.raises(ValueError, match="not identified"):
        _ = Referral.model_validate(without_id()).journey_id
