"""Signals: whatever a command does as an update it does as a signal."""

from itertools import accumulate
from typing import get_args
from uuid import uuid4

import pytest

from application.errors import Refused
from tests.workflow.courses import REFUSED_SIGNALS, Played, awaits, request, signature
from tests.workflow.world import Case, World, said
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import evolve, fold
from workflows.journey.decide import decide, keep_refusal
from workflows.journey.protocol import SignOffKind
from workflows.journey.receipts import receipts_of
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.protocols.demonstration import load_demonstration

KINDS = {body.model_fields["kind"].default for body in get_args(get_args(c.AnyBody)[0])}
BY_PEOPLE = {kind for kind in KINDS if not kind.startswith("clock.")}

LAST = (
    (Role.CLINICIAN, c.Transfer(reason="Invented: moved away", referral="Invented: the clinic there")),
    (Role.CLINICIAN, c.StopForSafety(reason="Invented: not safe here", referral="Invented: the hospital")),
)
"""What ends a journey at once, each in one of its own."""


def refused(events: tuple[e.Event, ...]) -> bool:
    return any(isinstance(event.body, e.CommandRefused) for event in events)


async def assert_decided_as_ever(case: Case) -> dict[str, bool]:
    """What was recorded of each command is what the core decides about it; which kinds were taken."""
    events = await case.events()
    states = [*accumulate(events[1:], evolve, initial=fold(events[:1]))]
    taken: dict[str, bool] = {}
    for command in case.sent[1:]:
        followed = tuple(event for event in events if event.command_id == command.command_id)
        before = states[followed[0].version - 2]
        if command.body.by_anybody:
            # A signal proves nobody: what anybody may send is decided at once, as if from a stranger.
            command = command.model_copy(update={"actor": command.actor.model_copy(update={"clinics": ()})})
        expected = decide(before, command, followed[0].at)
        if isinstance(expected, Refusal):
            known = receipts_of(events[: before.version])
            expected = keep_refusal(before, known, command, expected, followed[0].at, unanswered=True)
        assert followed == expected, command.body.kind
        kind = command.body.kind
        taken[kind] = taken.get(kind, False) or not refused(followed)
    return taken


async def test_every_kind_of_command_can_be_a_signal(played: Played, real_world: World) -> None:
    signals = await played("signals")
    taken = await assert_decided_as_ever(signals)
    for role, body in LAST:
        case = await real_world.begin(load_demonstration("ANXIETY"))
        await case.signal(said(role, body))
        taken |= await assert_decided_as_ever(case)
        assert case.journey.closed

    assert taken.keys() == BY_PEOPLE
    assert [kind for kind, accepted in taken.items() if not accepted] == list(REFUSED_SIGNALS)


@pytest.mark.parametrize("name", ["command", "sign_off"])
async def test_both_names_of_the_signal_are_read(real_world: World, name: str) -> None:
    case = await real_world.begin(load_demonstration("ANXIETY"))
    command = said(Role.PATIENT, c.PlaceHold(reason="invented"), of=case.id)

    await case.command_line_signal(name, command.model_dump_json())

    await case.known(command)
    assert case.journey.holds


async def test_a_signal_and_an_update_with_the_same_command_count_once(real_world: World) -> None:
    case = await real_world.begin(load_demonstration("ANXIETY"))
    command = said(Role.PATIENT, c.AskQuestion(text="Invented: does it hurt?"), of=case.id)

    await case.handle.signal("command", command)
    receipt = await case.submit(command)
    await case.handle.signal("command", command)
    await case.act(Role.PATIENT, c.Withdraw())

    asked = [event for event in await case.events() if isinstance(event.body, e.QuestionAsked)]
    assert len(asked) == 1
    assert receipt.version >= asked[0].version


async def test_nobody_signals_as_the_clock(real_world: World) -> None:
    case = await real_world.begin(load_demonstration("ANXIETY"))
    command = said(Role.PATIENT, c.PassDeadline())
    clock = command.model_copy(update={"actor": command.actor.model_copy(update={"role": Role.SYSTEM})})

    await case.signal(clock)

    [kept] = [event for event in await case.events() if event.command_id == clock.command_id]
    assert isinstance(kept.body, e.CommandRefused)
    assert kept.body.code == "not_allowed"


async def test_a_forgery_does_not_keep_the_genuine_decision_out(real_world: World) -> None:
    """Whoever carries a signed decision may change a word of it: that counts for nothing, and the decision does."""
    case = await real_world.begin(load_demonstration("ANXIETY"))
    await case.play(until=awaits(SignOffKind.EVALUATION))
    genuine = await case.signed(signature(case.journey, request(case.journey, SignOffKind.EVALUATION)))
    forged = genuine.model_copy(update={"body": genuine.body.model_copy(update={"rationale": "Invented: another"})})

    await case.handle.signal("sign_off", forged)
    await case.handle.signal("sign_off", forged)
    await case.handle.signal("sign_off", genuine)
    await case.handle.signal("sign_off", genuine)

    await case.known(genuine)
    bodies = [event.body for event in await case.events()]
    assert [body.code for body in bodies if isinstance(body, e.CommandRefused)] == [RefusalCode.SIGNATURE]
    assert len(case.journey.sign_offs) == 1
    again = genuine.model_copy(update={"command_id": uuid4()})
    with pytest.raises(Refused, match="has decided this"):
        await case.submit(again)


async def test_a_decision_that_was_refused_is_spent(real_world: World) -> None:
    """Or somebody who kept it could hand it in again once what stood against it is gone."""
    case = await real_world.begin(load_demonstration("ANXIETY"))
    await case.play(until=awaits(SignOffKind.EVALUATION))
    signed = await case.signed(signature(case.journey, request(case.journey, SignOffKind.EVALUATION)))
    await case.act(Role.CLINICIAN, c.PlaceHold(reason="Invented: wait a moment"))
    with pytest.raises(Refused, match="waits until the hold is released"):
        await case.submit(signed)
    await case.reach(case.journey.version + 1)
    await case.play(until=lambda journey: not journey.held, sees=lambda waiting: not waiting.care)
    assert awaits(SignOffKind.EVALUATION)(case.journey)

    with pytest.raises(Refused, match="used before"):
        await case.submit(signed.model_copy(update={"command_id": uuid4()}))
