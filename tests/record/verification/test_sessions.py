"""Who acted is proven years later and offline, from the record and the register alone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from activities.record.event_codec import from_stored
from activities.record.stored import Log, StoredEvent
from activities.record.verification.journeys import verify_journey
from activities.record.verification.sign_offs import trusted_keys
from activities.record.verification.verify_export import WITHOUT_SESSION, is_untimely
from activities.signatures.register_changes import revoke
from activities.signatures.sessions import DEMONSTRATION, SPOKEN_FOR, open_session, prove, session_statement
from activities.signatures.signer_registry import Register
from tests.journey.play import course
from tests.record.handed import row
from tests.signatures.recorded import LONG_AGO
from tests.signatures.room import ORGANISATION, published
from tests.signatures.test_sessions import LOG, OWN, REGISTER, SERVICE, SESSION_KEY, moves
from workflows.journey import events as e
from workflows.journey.commands import SIGNED, Command
from workflows.journey.decide import decide
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.proof import SessionCertificate
from workflows.journey.vocabulary.refusals import Refusal

EARLY = REGISTER.model_copy(
    update={
        name: tuple(each.model_copy(update={"enrolled_at": LONG_AGO}) for each in getattr(REGISTER, name))
        for name in ("entries", "services")
    }
)
"""The register, with all keys enrolled long before the journeys that are played."""


def acting(command: Command, at: Any, **changed: Any) -> SessionCertificate:
    own = OWN.get(command.actor.id)
    key = own or SERVICE
    fields: dict[str, Any] = {
        "organisation": REGISTER.organisation,
        "log": LOG.name,
        "clinics": command.actor.clinics,
        "purpose": "TREAT",
        "begins": at - timedelta(minutes=5),
        "lasts": timedelta(hours=8),
        "session_key": SESSION_KEY,
        "key_id": key.key_id,
        "let_in_by": "link" if own is None else None,
    }
    return open_session(key.key, session_statement(command.actor, **{**fields, **changed}))


def recorded(
    change: Callable[[e.Event], e.Event] = lambda event: event,
    *,
    real: bool = True,
    ago: timedelta = timedelta(),
    **session: Any,
) -> tuple[StoredEvent, ...]:
    """The rows of a journey up to its first decision, in which everybody acts in a session, and sent all some time
    ``ago``; the one that begins is as if it were of a patient where it is ``real``."""
    rows: list[StoredEvent] = []
    events: list[e.Event] = []
    for journey, command, at in moves():
        if isinstance(command.body, SIGNED):
            break
        proven = prove(acting(command, at, **session), SESSION_KEY, journey.id, command, at - ago)
        decided = decide(journey, proven, at)
        assert not isinstance(decided, Refusal)
        events += decided
    opening = course("PTSD").events[0]
    for event in (opening, *map(change, events)):
        kept = event.model_copy(update={"illustrative": not real})
        rows.append(row(kept))
    return tuple(rows)


def found(rows: tuple[StoredEvent, ...], register: Register = EARLY) -> set[str]:
    """What is found of sessions and proofs, but for the beginning, which nobody sent here."""
    keys = trusted_keys(published(register), ORGANISATION.public_key)
    judged, *_ = verify_journey(rows, keys, log=Log(LOG.name, demonstration=True))
    reasons = {(each.version, each.reason) for each in judged.findings}
    return {
        reason
        for version, reason in reasons
        if (version or 0) > 1 and (reason.startswith(("session_", "proof_")) or reason == "unproven")
    }


def test_what_people_did_in_sessions_is_proven() -> None:
    rows = recorded()
    assert any(from_stored(each).proof is not None for each in rows)
    assert found(rows) == set()


def test_the_kinds_that_need_no_session_are_the_same() -> None:
    assert set(WITHOUT_SESSION) == {body.model_fields["kind"].default for body in SPOKEN_FOR}


CHANGED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "no proof": ({"proof": None}, {"unproven"}),
    "another person": ({"actor_id": "somebody"}, {"session_of_another"}),
    "another role": ({"actor_role": Role.OPS}, {"session_of_another"}),
    "another command": ({"command_digest": "0" * 32}, {"proof_forged"}),
    "copied": ({"event_id": uuid4()}, {"proof_copied"}),
    "sent at no time": ({"sent_at": None}, {"proof_forged"}),
    "sent at another time": ({"sent_at": LONG_AGO}, {"proof_forged", "proof_at_another_time"}),
}


@pytest.mark.parametrize(("changed", "reasons"), CHANGED.values(), ids=CHANGED.keys())
def test_what_a_superuser_changes_is_found(changed: dict[str, Any], reasons: set[str]) -> None:
    def change(event: e.Event) -> e.Event:
        return event if event.proof is None else event.model_copy(update=changed)

    assert found(recorded(change)) == reasons


SESSIONS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "another organisation": ({"organisation": "Other"}, {"session_elsewhere"}),
    "another log": ({"log": "other"}, {"session_elsewhere"}),
    "too long": ({"lasts": timedelta(hours=13)}, {"session_at_another_time"}),
    "over": ({"lasts": timedelta(minutes=2)}, {"session_at_another_time"}),
    "an unknown key": ({"key_id": "0" * 32}, {"session_unknown_key"}),
    "a demonstration's way": ({"let_in_by": DEMONSTRATION}, {"session_not_let_in"}),
}


@pytest.mark.parametrize(("session", "reasons"), SESSIONS.values(), ids=SESSIONS.keys())
def test_a_session_that_does_not_count_is_found(session: dict[str, Any], reasons: set[str]) -> None:
    assert found(recorded(**session)) >= reasons


@pytest.mark.parametrize(
    ("ago", "reasons"),
    [
        (timedelta(minutes=6), set()),  # a moment before its session, which lies within what clocks may differ by
        (timedelta(minutes=8), {"proof_at_another_time"}),
        (timedelta(minutes=-1), set()),
        (timedelta(minutes=-3), {"proof_at_another_time"}),
    ],
)
def test_what_was_sent_in_the_future_or_outside_its_session_is_found(ago: timedelta, reasons: set[str]) -> None:
    assert found(recorded(ago=ago)) == reasons


@pytest.mark.parametrize(
    ("changed", "untimely"),
    [
        ({}, False),
        ({"at": "2026-11-23T17:05:00Z"}, False),
        ({"at": "2026-11-23T17:05:01Z"}, True),
        ({"at": "2026-11-23T20:00:00Z", "taken_at": "2026-11-23T17:05:00Z"}, False),
        ({"at": "2026-11-23T20:00:00Z", "taken_at": "2026-11-23T17:05:01Z"}, True),
        ({"at": "2026-11-23T17:00:00Z", "taken_at": "2026-11-23T17:00:01Z"}, True),
        ({"at": "2026-11-23T16:57:59Z"}, True),
        ({"at": "2026-11-23T20:00:00Z", "kind": "hold.placed"}, False),
        ({"said": "2026-11-23T17:00:01+00:00"}, True),
        ({"said": None}, True),
    ],
)
def test_in_an_export_what_came_too_late_is_found(changed: dict[str, Any], untimely: bool) -> None:
    """Also where the build that decided it is not at hand."""
    sent_at = "2026-11-23T17:00:00+00:00"
    said = {"at": sent_at, "taken_at": None, "kind": "patient.moved", "said": sent_at} | changed
    decided = {"command": {"sent_at": sent_at}, "at": said["at"], "taken_at": said["taken_at"]}
    assert is_untimely(decided, {"body": {"kind": said["kind"]}, "sent_at": said["said"]}) is untimely


def test_a_session_after_its_key_was_revoked_is_found() -> None:
    revoked = EARLY
    for key in (*OWN.values(), SERVICE):
        revoked = revoke(revoked, key.key_id, at=revoked.issued_at, because="lost", by="demo-security")
    assert "session_revoked" in found(recorded(), revoked)


def test_in_a_demonstration_a_session_may_be_missing() -> None:
    def without(event: e.Event) -> e.Event:
        return event.model_copy(update={"proof": None})

    assert found(recorded(without, real=False)) == set()
    assert found(recorded(without)) == {"unproven"}


def test_every_proof_is_looked_at() -> None:
    """Each person's, one at a time."""
    rows = recorded()
    proven = [(number, event) for number, event in enumerate(map(from_stored, rows)) if event.proof is not None]
    assert len(proven) > 1
    for number, event in proven:
        assert event.proof is not None
        other = event.proof.model_copy(update={"value": "00" * 64})
        forged = (*rows[:number], row(event.model_copy(update={"proof": other})), *rows[number + 1 :])
        assert found(forged) == {"proof_forged"}
