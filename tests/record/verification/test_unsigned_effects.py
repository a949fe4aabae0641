"""What takes effect without the decision that it needs is found: releases, steps and ends."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from activities.record import Record
from tests.journey.play import started
from tests.record.verification.finding import found, released, severe_hold
from tests.signatures.recorded import history, keep, only, rows, sign_offs
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.commands import Withdraw
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.stage import Outcome, Stage
from workflows.protocols import list_pathways


async def test_a_release_that_nobody_signed_for_is_found(record: Record) -> None:
    events = severe_hold().events
    without = [each for each in events if not isinstance(each.body, e.SignedOff)]
    renumbered = [each.model_copy(update={"version": n}) for n, each in enumerate(without, start=1)]
    await keep(record, rows(renumbered))
    assert await found(record) == released(renumbered, whatever=True)
    assert len(released(renumbered, whatever=True)) == 4, "who was reached, what was found, the crisis, and the hold"


async def test_a_release_in_the_name_of_another_decision_is_found(record: Record) -> None:
    """The next one with it: what its clearance was signed on shows the session before, and that is not as it was."""
    session, following, _ = (event for event in history() if isinstance(event.body, e.SessionReleased))
    await keep(record, rows(history(), body=only(session.version, lambda body: body.update(clearance="clearance:9"))))
    wrong = {(each.version, "released_unsigned") for each in (session, following)}
    assert wrong == await found(record) & released()


async def test_a_release_through_a_shut_gate_is_found(record: Record) -> None:
    """Everything is signed; it is two days too early."""
    session = next(event for event in history() if isinstance(event.body, e.SessionReleased))
    early = {"occurred_at": session.at - timedelta(days=2)}
    await keep(record, rows(history(), columns=lambda event: early if event is session else {}))
    assert (session.version, "gate_shut") in await found(record)


@pytest.mark.parametrize("pathway", list_pathways())
@pytest.mark.parametrize(
    "ends",
    [
        {"decision": "decline", "referral": "elsewhere"},
        {"choice": "in_clinic", "referral": "elsewhere"},
        {"choice": "neither", "referral": "elsewhere"},
        {},
    ],
    ids=["declined", "in clinic", "neither", "to its end"],
)
async def test_every_way_to_its_end_has_nothing_wrong(record: Record, pathway: Pathway, ends: dict[str, Any]) -> None:
    play = started(pathway)
    if ends:
        play.go_on(lambda journey: any(w.sign_off == SignOffKind.ELIGIBILITY for w in journey.waiting.values()))
        play.sign(SignOffKind.ELIGIBILITY, **ends)
    play.go_on(lambda journey: journey.closed)
    await keep(record, rows(play.events))
    assert await found(record) == set()


@pytest.mark.parametrize(
    "body",
    [
        e.StageEntered(stage=Stage.SESSIONS),
        e.StageEntered(stage=Stage.FOLLOW_UP),
        e.PathwayEnding(outcome=Outcome.COMPLETED, reason="x"),
        e.PathwayEnding(outcome=Outcome.IN_CLINIC, reason="x"),
        e.PathwayEnding(outcome=Outcome.INELIGIBLE, reason="x"),
        e.PathwayEnding(outcome=Outcome.LOST_TO_FOLLOW_UP, reason="x"),
        e.PathwayClosed(outcome=Outcome.WITHDRAWN),
    ],
    ids=lambda body: " ".join(str(value) for value in body.model_dump().values()),
)
async def test_a_step_that_nobody_signed_for_is_found(record: Record, body: e.EventBody) -> None:
    first = sign_offs()[0].version
    forged = history()[first].model_copy(update={"body": body, "event_id": uuid4()})
    await keep(record, rows([*history()[:first], forged]))
    assert await found(record) == {(first + 1, "effect_unsigned")}


async def test_a_course_that_a_review_stops_has_nothing_wrong(record: Record) -> None:
    play = started("PTSD")

    def asked(journey: Journey) -> bool:
        return any(w.sign_off == SignOffKind.RESPONSE_REVIEW for w in journey.waiting.values())

    [review] = [w for w in play.go_on(asked).journey.waiting.values() if w.sign_off == SignOffKind.RESPONSE_REVIEW]
    play.sign(SignOffKind.RESPONSE_REVIEW, review.subject, choice="stop")
    assert play.journey.stage == Stage.FOLLOW_UP
    await keep(record, rows(play.events))
    assert await found(record) == set()


async def test_what_is_ended_by_hand_takes_no_signature(record: Record) -> None:
    play = started("PTSD")
    play.do(Withdraw(reason="x"), Role.PATIENT)
    await keep(record, rows(play.events))
    assert await found(record) == set()
