"""The record alone tells whether a journey runs on a protocol that the organisation approved."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from activities.record import Log, Record, StoredEvent
from activities.record.event_codec import to_new
from activities.record.verification.sign_offs import check_event, trusted_keys
from activities.signatures.register_changes import revoke
from simulation.people import CLINIC, SECOND_CLINIC
from tests.journey.play import JOURNEY, START
from tests.record.verification.finding import found
from tests.signatures.recorded import EARLY, LONG_AGO, history
from tests.signatures.room import CLIO_KEY, ORGANISATION, approval, published
from workflows.journey import events as e
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.signed_statement import ProtocolApproval


async def carry(
    record: Record, approval: ProtocolApproval | None, *, illustrative: bool = False, **changed: Any
) -> None:
    """Record the opening of the course's journey, as one that is (or is not) for a patient, in this log."""
    opening = history()[0]
    changed = {"log": await record.log_name(), "approval": approval, **changed}
    body = opening.body.model_copy(update=changed)
    opened = to_new(opening.model_copy(update={"illustrative": illustrative, "body": body}))
    await record.append(JOURNEY, 0, [opened])


def approved(*roles: Role, digest: str | None = None, **changed: Any) -> ProtocolApproval:
    """The approval of the protocol of the course by these two, signed the day before it."""
    opening = history()[0]
    assert isinstance(opening.body, e.PathwayStarted)
    protocol = opening.body.protocol
    given = {"at": opening.at - timedelta(days=1), "protocol": protocol.id, "version": protocol.version, **changed}
    return approval(*roles, digest=digest or opening.body.protocol_digest, **given)


TWO = (Role.MEDICAL_DIRECTOR, Role.CLINICIAN)


async def test_a_journey_on_an_approved_protocol_has_nothing_wrong(record: Record) -> None:
    await carry(record, approved(*TWO))
    assert await found(record) == set()
    left = revoke(EARLY, CLIO_KEY.key_id, at=history()[0].at, because="left", by="demo-security")
    assert await found(record, left) == set()


@pytest.mark.parametrize(
    "given",
    [
        lambda: None,
        lambda: approved(Role.MEDICAL_DIRECTOR),
        lambda: approved(Role.MEDICAL_DIRECTOR, Role.MEDICAL_DIRECTOR),
        lambda: approved(Role.CLINICIAN, Role.ON_CALL_CLINICIAN),
        lambda: approved(*TWO, digest="d" * 64),
        lambda: approved(*TWO, version=9),
        lambda: approved(*TWO, protocol="another"),
        lambda: approved(*TWO, clinics=(SECOND_CLINIC,)),
        lambda: approved(*TWO, clinics=(SECOND_CLINIC,)).model_copy(update={"clinics": (CLINIC,)}),
        lambda: approved(*TWO, at=START - timedelta(days=400)),
        lambda: approved(*TWO, at=START + timedelta(minutes=5)),
        lambda: approved(*TWO, at=LONG_AGO - timedelta(days=1), days=9999),
        lambda: swapped(approved(*TWO)),
        lambda: renamed(approved(*TWO)),
        lambda: approved(*TWO, organisation="Another"),
    ],
    ids=[
        "none", "one", "one twice", "no director", "another text", "another version", "another protocol",
        "another clinic", "moved here", "review passed", "signed later", "before enrolment", "signatures swapped",
        "another name", "another organisation",
    ],
)  # fmt: skip
async def test_a_journey_on_a_protocol_that_is_not_approved_is_found(
    record: Record, given: Callable[[], ProtocolApproval | None]
) -> None:
    await carry(record, given())
    assert await found(record) == {(1, "protocol_not_approved")}


@pytest.mark.parametrize("changed", [{"log": "another"}, {"organisation": "Another"}], ids=str)
async def test_a_journey_that_was_begun_elsewhere_is_found(record: Record, changed: dict[str, Any]) -> None:
    """A journey copied as a whole from another log, or from another organisation, and chained anew."""
    await carry(record, approved(*TWO), **changed)
    assert await found(record) == {(1, "wrong_scope")}


async def test_a_demonstration_in_a_log_of_patients_is_found() -> None:
    opening = to_new(history()[0])
    row = StoredEvent(
        **opening.model_dump(), log_id=1, position=1, journey_id=JOURNEY, version=1,
        recorded_at=opening.occurred_at, content_hash=b"", journey_hash=b"", log_hash=b"",
    )  # fmt: skip
    keys = trusted_keys(published(EARLY), ORGANISATION.public_key)
    assert check_event(None, row, history()[0], keys, Log("a-log", demonstration=True)) == ()
    assert check_event(None, row, history()[0], keys, Log("a-log", demonstration=False)) == ("wrong_scope",)


def swapped(of: ProtocolApproval) -> ProtocolApproval:
    one, two = of.approvals
    pairs = (
        one.model_copy(update={"signature": two.signature}),
        two.model_copy(update={"signature": one.signature}),
    )
    return of.model_copy(update={"approvals": pairs})


def renamed(of: ProtocolApproval) -> ProtocolApproval:
    one, two = of.approvals
    signer = two.signer.model_copy(update={"name": "Mallory Invented, MD"})
    return of.model_copy(update={"approvals": (one, two.model_copy(update={"signer": signer}))})


async def test_signers_who_had_no_right_to_approve_a_protocol_are_found(record: Record) -> None:
    opening = history()[0]
    await carry(record, approved(*TWO))
    before = opening.at - timedelta(days=2)
    early = EARLY.model_copy(update={"issued_at": LONG_AGO})
    gone = revoke(early, CLIO_KEY.key_id, at=before, because="left", by="demo-security")
    unknown = early.model_copy(
        update={"entries": tuple(each for each in EARLY.entries if each.key_id != CLIO_KEY.key_id)}
    )
    for register_ in (gone, unknown):
        assert await found(record, register_) == {(1, "protocol_not_approved")}


async def test_a_protocol_that_is_not_what_it_is_called_is_found_in_any_journey(record: Record) -> None:
    await carry(record, None, illustrative=True, protocol_digest="d" * 64)
    assert await found(record) == {(1, "wrong_protocol")}
