"""Decisions of two people, and those of somebody to whom the right was lent."""

from datetime import timedelta
from typing import Any

import pytest

from activities.record import Record
from simulation.people import PEOPLE
from tests.journey.play import before
from tests.record.verification.finding import by, found, released, severe_hold
from tests.signatures.recorded import history, keep, only, rows, sign_offs
from workflows.journey import events as e
from workflows.journey.aggregate import fold
from workflows.journey.commands import Delegate
from workflows.journey.evidence import evidence_of
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal


def two_signatures() -> tuple[e.Event, e.Event]:
    [one, two] = [
        each
        for each in severe_hold().events
        if isinstance(each.body, e.SignedOff) and each.body.sign_off == SignOffKind.RISK_DECISION
    ]
    return one, two


async def test_a_decision_of_two_people_has_nothing_wrong(record: Record) -> None:
    one, two = two_signatures()
    assert one.actor_id != two.actor_id
    await keep(record, rows(severe_hold().events))
    assert await found(record) == set()


async def test_a_second_signature_of_the_first_person_is_found(record: Record) -> None:
    one, two = two_signatures()
    forged = by(two, one.actor_role)
    await keep(record, rows(forged if each is two else each for each in severe_hold().events))
    assert await found(record) == {(two.version, "not_theirs")}


async def test_one_signature_that_counts_as_two_is_found(record: Record) -> None:
    one, two = two_signatures()
    alone = [each for each in severe_hold().events if each is not two]
    renumbered = [each.model_copy(update={"version": n}) for n, each in enumerate(alone, start=1)]
    await keep(record, rows(renumbered, body=only(one.version, lambda body: body.update(first_of_two=False))))
    # Only the first is not as it should be: what was released named the second one's request.
    assert await found(record) == {(one.version, "wrong_count"), *released(renumbered)}


async def test_a_second_signature_that_counts_as_a_first_is_found(record: Record) -> None:
    _, two = two_signatures()
    change = only(two.version, lambda body: body.update(first_of_two=True))
    await keep(record, rows(severe_hold().events, body=change))
    assert await found(record) == {(two.version, "wrong_count"), *released(severe_hold().events)}


def delegated(*, until: timedelta = timedelta(days=2)) -> tuple[list[e.Event], int]:
    """The course up to its first decision, which a colleague makes to whom its clinician delegated it; its version."""
    first, to = sign_offs()[0], Role.ON_CALL_CLINICIAN
    assert isinstance(first.body, e.SignedOff)
    play = before("signoff.sign")
    given = play.take(
        play.command(
            Delegate(to=PEOPLE[to].id, sign_offs=(first.body.sign_off,), until=play.at + until, reason="on leave"),
            Role.CLINICIAN,
        )
    )
    assert not isinstance(given, Refusal)
    start = [event for event in history() if event.version < first.version]
    version = first.version + len(given)
    own = by(first, to).model_copy(update={"version": version, "at": play.at + timedelta(hours=1)})
    return [*start, *given, own], version


async def test_a_delegated_decision_has_nothing_wrong_while_it_is_delegated(record: Record) -> None:
    events, _ = delegated()
    await keep(record, rows(events))
    assert await found(record) == set()


async def test_a_decision_after_its_delegation_ended_is_found(record: Record) -> None:
    events, version = delegated(until=timedelta(minutes=30))
    await keep(record, rows(events))
    assert await found(record) == {(version, "wrong_role")}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"to": PEOPLE[Role.MEDICAL_DIRECTOR].id}, {"bad_signature"}),
        ({"reason": "another"}, {"bad_signature"}),
        ({"until": "2029-01-01T00:00:00.000000Z"}, {"bad_signature"}),
        ({"name": "Mallory Invented, MD"}, {"bad_signature", "wrong_name"}),
        ({"licence": {"number": "1", "states": ["WA"], "expires": "2099-12-31"}},
         {"bad_signature", "wrong_licence", "wrong_state"}),
        ({"signature": None}, {"unsigned"}),
    ],
    # Not the sets: their order, and with it the id, differs from process to process.
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)  # fmt: skip
async def test_a_right_that_nobody_lent_is_found(record: Record, change: dict[str, Any], expected: set[str]) -> None:
    """Without what names them, the colleague had no right to decide either."""
    events, version = delegated()
    given = next(each.version for each in events if isinstance(each.body, e.Delegated))
    await keep(record, rows(events, body=only(given, lambda body: body.update(change))))
    lent = change.keys() & {"to", "signature"}
    decided = {(version, "wrong_role")} if lent else set()
    if "licence" in change:
        decided = {(version, "not_theirs")}  # a right lasts no longer, and goes no further, than its giver's licence
    assert await found(record) == {(given, reason) for reason in expected} | decided


async def test_a_right_that_was_not_theirs_to_lend_is_found(record: Record) -> None:
    """Truly signed, by an enrolled colleague, whose own role does not sign this."""
    events, version = delegated()
    forged = [by(each, Role.ON_CALL_CLINICIAN) if isinstance(each.body, e.Delegated) else each for each in events]
    await keep(record, rows(forged))
    given = next(each.version for each in events if isinstance(each.body, e.Delegated))
    assert await found(record) == {(given, "wrong_role"), (version, "wrong_role")}


async def test_a_decision_on_ones_own_work_is_found(record: Record) -> None:
    """The protocol says that who wrote the evaluation does not approve it."""
    opening = history()[0]
    assert isinstance(opening.body, e.PathwayStarted)
    rules = opening.body.protocol.sign_offs
    own = {**rules, SignOffKind.EVALUATION: rules[SignOffKind.EVALUATION].model_copy(update={"not_author": True})}
    protocol = opening.body.protocol.model_copy(update={"sign_offs": own})
    body = opening.body.model_copy(update={"protocol": protocol, "protocol_digest": protocol.digest})
    first = sign_offs()[0]
    state = fold([opening.model_copy(update={"body": body}), *history()[1 : first.version - 1]])
    new = {"evidence": evidence_of(state, SignOffKind.EVALUATION)}
    decision = first.model_copy(update={"body": first.body.model_copy(update=new)})
    events = [opening.model_copy(update={"body": body}), *history()[1 : first.version - 1], decision]
    await keep(record, rows(events))
    assert await found(record) == {(first.version, "not_theirs")}
