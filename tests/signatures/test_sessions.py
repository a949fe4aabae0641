"""Working sessions: a command counts only in a session that holds, for who sent it, where it is to count."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from activities.signatures.keys import PrivateKey
from activities.signatures.register_changes import enrol, revoke
from activities.signatures.sessions import (
    DEMONSTRATION,
    SessionProblem,
    ThisLog,
    check_session,
    open_session,
    prove,
    refusal_of,
    refuse_unproven,
    session_statement,
    unproven_events,
)
from activities.signatures.signer_registry import Register, ServiceEntry, SignerEntry
from simulation.people import CLINIC, PEOPLE, SECOND_CLINIC
from tests.journey.play import course
from tests.signatures.room import ENROLLED, KEYS, NOW, key_of, register
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.commands import SIGNED, Command
from workflows.journey.decide import decide
from workflows.journey.receipts import command_digest
from workflows.journey.vocabulary.actors import CLINICAL, CLOCK, STAFF_ROLES, Actor, Role
from workflows.journey.vocabulary.proof import LONGEST_SESSION, Proof, SessionCertificate
from workflows.journey.vocabulary.refusals import Refusal

LOG = ThisLog("11111111-2222-4333-8444-555555555555")
JOURNEY = UUID("22222222-2222-4222-8222-222222222222")
CORA, THEO, PAT = PEOPLE[Role.COORDINATOR], PEOPLE[Role.THERAPIST], PEOPLE[Role.PATIENT]
UNLICENSED = [PEOPLE[role] for role in STAFF_ROLES if role not in CLINICAL]
OWN = {PEOPLE[role].id: key for role, key in KEYS.items()}
OWN |= {person.id: key_of(person.id, seed) for seed, person in enumerate(UNLICENSED, start=50)}
SERVICE = key_of("demo-service", 60)
BY = ("demo-security", "demo-practice-manager")
SESSION_KEY = Ed25519PrivateKey.from_private_bytes(bytes([77]) * 32)


def enrolled(person: Actor, key: PrivateKey) -> SignerEntry:
    return SignerEntry(
        person=person.id,
        role=person.role,
        printed_name=person.name or "x",
        key_id=key.key_id,
        public_key=key.public_key.hex(),
        enrolled_at=ENROLLED,
        enrolled_by=BY,
    )


def known() -> Register:
    whole = register()
    for person in UNLICENSED:
        whole = enrol(whole, enrolled(person, OWN[person.id]))
    return enrol(
        whole,
        ServiceEntry(
            service="demo-service",
            ways=("link", DEMONSTRATION),
            key_id=SERVICE.key_id,
            public_key=SERVICE.public_key.hex(),
            enrolled_at=ENROLLED,
            enrolled_by=BY,
        ),
    )


REGISTER = known()


def session(person: Actor = CORA, by: PrivateKey | None = None, **changed: Any) -> SessionCertificate:
    """A session that somebody opened an hour ago."""
    key = by or OWN.get(person.id, SERVICE)
    fields: dict[str, Any] = {
        "organisation": REGISTER.organisation,
        "log": LOG.name,
        "clinics": person.clinics,
        "purpose": "CAREMGT",
        "begins": NOW - timedelta(hours=1),
        "lasts": LONGEST_SESSION,
        "session_key": SESSION_KEY,
        "key_id": key.key_id,
        "let_in_by": None if person.id in OWN else "link",
    }
    return open_session(key.key, session_statement(person, **{**fields, **changed}))


def asks(person: Actor = CORA) -> Command:
    return Command(command_id=uuid4(), actor=person, body=c.AskQuestion(text="x"))


def proven(
    command: Command,
    certificate: SessionCertificate | None = None,
    journey_id: UUID = JOURNEY,
    sent_at: datetime = NOW,
) -> Command:
    return prove(certificate or session(command.actor), SESSION_KEY, journey_id, command, sent_at)


def refused(command: Command, *, log: ThisLog = LOG, register: Register = REGISTER, at: datetime = NOW) -> str | None:
    refusal = refuse_unproven(register, log, CLINIC, JOURNEY, command, at)
    return None if refusal is None else refusal.reason


def says(problem: SessionProblem) -> str:
    return refusal_of(problem).reason


@pytest.mark.parametrize("person", [CORA, THEO, PAT, PEOPLE[Role.OBSERVER]], ids=lambda person: person.role.value)
def test_what_somebody_sends_in_their_session_counts(person: Actor) -> None:
    assert refused(proven(asks(person))) is None


class Wrong(NamedTuple):
    """A session that does not count, and why."""

    session: Callable[[], SessionCertificate]
    problem: SessionProblem
    person: Actor = CORA


FORGER = key_of(CORA.id, 99)
WRONG = {
    "another key says it is enrolled": Wrong(lambda: session(by=FORGER), SessionProblem.UNKNOWN_KEY),
    "another key signed": Wrong(
        lambda: session(by=FORGER, key_id=OWN[CORA.id].key_id), SessionProblem.BAD_SESSION
    ),
    "somebody else's": Wrong(lambda: session(THEO), SessionProblem.WRONG_PERSON),
    "opened in another's name": Wrong(lambda: session(CORA, by=OWN[THEO.id]), SessionProblem.WRONG_PERSON),
    "another role": Wrong(
        lambda: session(CORA.model_copy(update={"role": Role.OPS})), SessionProblem.WRONG_ROLE
    ),
    "a role that is not enrolled": Wrong(
        lambda: session(CORA.model_copy(update={"role": Role.MEDICAL_DIRECTOR})),
        SessionProblem.WRONG_ROLE,
        CORA.model_copy(update={"role": Role.MEDICAL_DIRECTOR}),
    ),
    "another organisation": Wrong(lambda: session(organisation="Other"), SessionProblem.WRONG_ORGANISATION),
    "another log": Wrong(lambda: session(log="other"), SessionProblem.WRONG_LOG),
    "another clinic": Wrong(lambda: session(clinics=(SECOND_CLINIC,)), SessionProblem.OTHER_CLINIC),
    "over": Wrong(lambda: session(lasts=timedelta(hours=1)), SessionProblem.OVER),
    "too long": Wrong(lambda: session(lasts=LONGEST_SESSION + timedelta(seconds=1)), SessionProblem.TOO_LONG),
    "not begun": Wrong(lambda: session(begins=NOW + timedelta(minutes=3)), SessionProblem.NOT_YET),
    "begun before the key was enrolled": Wrong(
        lambda: session(begins=ENROLLED - timedelta(hours=1)), SessionProblem.NOT_YET
    ),
    "staff let in by a service": Wrong(
        lambda: session(CORA, by=SERVICE, let_in_by="link"), SessionProblem.NOT_LET_IN
    ),
    "staff let in as in a demonstration": Wrong(
        lambda: session(CORA, by=SERVICE, let_in_by=DEMONSTRATION), SessionProblem.NOT_LET_IN
    ),
    "a service as if it were a person": Wrong(
        lambda: session(CORA, by=SERVICE, let_in_by=None), SessionProblem.UNKNOWN_KEY
    ),
    "a patient by an unknown way": Wrong(
        lambda: session(PAT, let_in_by="letter"), SessionProblem.NOT_LET_IN, PAT
    ),
    "a patient let in by a coordinator": Wrong(
        lambda: session(PAT, by=OWN[CORA.id], let_in_by="link"), SessionProblem.UNKNOWN_KEY, PAT
    ),
    "a patient let in by a coordinator's own key": Wrong(
        lambda: session(PAT, by=OWN[CORA.id], let_in_by=None), SessionProblem.WRONG_PERSON, PAT
    ),
    "another patient": Wrong(
        lambda: session(PAT.model_copy(update={"id": "somebody"})), SessionProblem.WRONG_PERSON, PAT
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_in_another_session_nothing_counts(wrong: Wrong) -> None:
    assert refused(proven(asks(wrong.person), wrong.session())) == says(wrong.problem)


def test_without_a_session_nothing_counts_but_in_a_demonstration() -> None:
    for person in (CORA, THEO, PAT):
        assert refused(asks(person)) == says(SessionProblem.NO_SESSION)
        assert refused(asks(person), log=ThisLog(LOG.name, demonstration=True)) is None
    let_in = session(CORA, by=SERVICE, let_in_by=DEMONSTRATION)
    assert refused(proven(asks(), let_in), log=ThisLog(LOG.name, demonstration=True)) is None
    wrong = proven(asks(), session(THEO))
    assert refused(wrong, log=ThisLog(LOG.name, demonstration=True)) == says(SessionProblem.WRONG_PERSON)


SENT = {
    "before the session": (timedelta(minutes=-63), SessionProblem.SENT_OUTSIDE),
    "a moment before it, by another clock": (timedelta(minutes=-61), None),
    "in it": (timedelta(), None),
    "a little ahead": (timedelta(minutes=1), None),
    "in the future": (timedelta(minutes=3), SessionProblem.SENT_OUTSIDE),
}


@pytest.mark.parametrize(("after", "problem"), SENT.values(), ids=SENT.keys())
def test_a_command_is_sent_in_its_session(after: timedelta, problem: SessionProblem | None) -> None:
    """The sender says when, and signs it: neither before the session, nor after now."""
    sent = proven(asks(), sent_at=NOW + after)
    assert refused(sent) == (problem and says(problem))


def test_what_was_sent_after_the_session_does_not_count() -> None:
    """Also where a clock is behind that says that the session is still open."""
    ends = NOW - timedelta(hours=1) + LONGEST_SESSION
    for sent_at, problem in ((ends, SessionProblem.SENT_OUTSIDE), (ends - timedelta(seconds=1), None)):
        seen = refused(proven(asks(), sent_at=sent_at), at=ends - timedelta(seconds=1))
        assert seen == (problem and says(problem))


def test_a_session_ends_at_once_when_its_key_is_revoked() -> None:
    sent, of_patient = proven(asks()), proven(asks(PAT))
    for key, command in ((OWN[CORA.id], sent), (SERVICE, of_patient)):
        after = revoke(REGISTER, key.key_id, at=NOW, because="lost", by="demo-security")
        assert refused(command, register=after) == says(SessionProblem.REVOKED)
        assert command.proof is not None
        for behind in (timedelta(seconds=1), timedelta(minutes=59)):
            seen = check_session(command.proof.session, after, LOG, NOW - behind)
            assert seen == SessionProblem.REVOKED, "no clock is believed that is behind the register"
            then = proven(command, sent_at=NOW - behind)
            assert refused(then, register=after, at=NOW - behind) == says(SessionProblem.REVOKED), "Temporal's neither"
    assert check_session(session(), REGISTER, LOG, NOW) is None


ALTERED = {
    "another id": lambda sent: sent.model_copy(update={"command_id": uuid4()}),
    "another body": lambda sent: sent.model_copy(update={"body": c.AskQuestion(text="y")}),
    "another kind": lambda sent: sent.model_copy(update={"body": c.Withdraw()}),
    "another person": lambda sent: sent.model_copy(update={"actor": THEO}),
    "another role": lambda sent: sent.model_copy(update={"actor": CORA.model_copy(update={"role": Role.OPS})}),
    "another name": lambda sent: sent.model_copy(update={"actor": CORA.model_copy(update={"name": "Other"})}),
    "the proof of another command": lambda sent: sent.model_copy(update={"proof": proven(asks()).proof}),
    "the proof for another journey": lambda sent: proven(sent, journey_id=uuid4()),
    "another time": lambda sent: sent.model_copy(update={"sent_at": NOW - timedelta(seconds=1)}),
    "no time": lambda sent: sent.model_copy(update={"sent_at": None}),
    "another session of the same key": lambda sent: sent.model_copy(
        update={"proof": Proof(session=session(purpose="TREAT"), value=sent.proof.value)}
    ),
}
"""What somebody may change who holds the command but not the session's key."""


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED.keys())
def test_what_was_changed_does_not_count(alter: Callable[[Command], Command]) -> None:
    assert refused(alter(proven(asks()))) is not None


@given(
    field=st.sampled_from(sorted(SessionCertificate.model_fields)),
    value=st.one_of(st.text(max_size=70), st.datetimes(timezones=st.just(UTC)), st.just(None), st.just(("a",))),
)
def test_no_word_of_a_session_can_be_changed(field: str, value: Any) -> None:
    """Whatever of a session is changed, nothing counts in it."""
    mine = session()
    if getattr(mine, field) == value:
        return
    try:
        changed = SessionCertificate.model_validate({**mine.model_dump(), field: value})
    except ValidationError:
        return
    command = proven(asks())
    assert command.proof is not None
    if changed != mine:
        forged = command.model_copy(update={"proof": Proof(session=changed, value=command.proof.value)})
        assert refused(forged) is not None
        assert refused(prove(changed, SESSION_KEY, JOURNEY, asks(), NOW)) is not None


def test_under_another_session_it_is_the_same_command() -> None:
    sent = asks()
    again = [proven(sent), proven(sent, session(begins=NOW - timedelta(minutes=1)))]
    assert {command_digest(each) for each in again} == {command_digest(sent)}
    assert not any(each.too_large for each in again)


# What is recorded


def moves() -> list[tuple[Journey, Command, datetime]]:
    """What people sent in a whole journey."""
    return [(journey, command, at) for journey, command, at in course("PTSD").moves if command.actor != CLOCK]


def recorded(journey: Journey, command: Command, at: datetime) -> tuple[e.Event, ...]:
    decided = decide(journey, command, at)
    assert not isinstance(decided, Refusal), str(decided)
    return decided


def acting(command: Command, journey: Journey, at: datetime) -> Command:
    return proven(command, session(command.actor, begins=at), journey.id, at)


def unproven(events: Sequence[e.Event], log: ThisLog = LOG) -> list[str]:
    return [*unproven_events(REGISTER, log, CLINIC, events)]


@pytest.mark.long
def test_a_whole_journey_is_recorded_as_people_sent_it() -> None:
    """With the proof of who sent it each command is recorded, and what anybody may send also without."""
    for journey, command, at in moves():
        events = recorded(journey, acting(command, journey, at), at)
        assert not unproven(events), command.body.kind
        assert [event.proof is not None for event in events] == [
            number == 0 and not isinstance(command.body, SIGNED) for number in range(len(events))
        ]
        without = recorded(journey, command, at)
        free = command.body.by_anybody or isinstance(command.body, SIGNED)
        assert bool(unproven(without)) is not free, command.body.kind
        assert not unproven(without, ThisLog(LOG.name, demonstration=True))


CHANGED = {
    "another journey": {"journey_id": uuid4()},
    "another command": {"command_id": uuid4()},
    "another digest": {"command_digest": "0" * 32},
    "somebody else": {"actor_id": THEO.id},
    "another role": {"actor_role": Role.OPS},
    "copied to another event": {"event_id": uuid4()},
    "sent at another time": {"sent_at": NOW + timedelta(seconds=1)},
    "sent at no time": {"sent_at": None},
    "much later": {"at": NOW + timedelta(days=400)},
}


@pytest.mark.long
@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED.keys())
def test_no_event_is_recorded_with_the_proof_of_another(changed: dict[str, Any]) -> None:
    for journey, command, at in moves():
        if isinstance(command.body, SIGNED):
            continue
        events = recorded(journey, acting(command, journey, at), at)
        forged = [event.model_copy(update=changed) for event in events]
        assert unproven(forged), command.body.kind
        assert unproven(forged, ThisLog(LOG.name, demonstration=True)), command.body.kind


def test_a_proof_stands_in_the_first_event_only() -> None:
    journey, command, at = next(
        each for each in moves() if len(recorded(*each)) > 1 and not isinstance(each[1].body, SIGNED)
    )
    first, *others = recorded(journey, acting(command, journey, at), at)
    assert unproven([first, *(each.model_copy(update={"proof": first.proof}) for each in others)])
    assert unproven([first.model_copy(update={"proof": None}), *others])


def test_a_session_that_ends_while_a_command_is_decided_counts_for_it() -> None:
    journey, command, at = next(each for each in moves() if not each[1].body.by_anybody)
    ended = session(command.actor, begins=at - LONGEST_SESSION)
    events = recorded(journey, proven(command, ended, journey.id, at - timedelta(seconds=1)), at)
    assert not unproven(events)
    late = [event.model_copy(update={"at": at + timedelta(minutes=3)}) for event in events]
    assert unproven(late)
