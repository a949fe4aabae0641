"""What is kept of attempts, and that what is well is found well."""

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs
from temporalio.client import Client

from activities.record.store import Record
from simulation.keys import Signers
from simulation.people import PEOPLE
from tests.faults.attackers import (
    anew,
    asked,
    clock,
    decision,
    forged,
    found_offline,
    held,
    only_attempts,
    push,
    send,
    signed,
)
from tests.faults.helpers import Course, command
from tests.faults.red_team.checks import counts, push_all
from tests.helpers import eventually
from workflows.journey import commands as c
from workflows.journey.decide import REFUSALS_KEPT
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode

pytestmark = pytest.mark.server


@pytest.mark.faults
async def test_forgeries_are_kept_up_to_a_bound(plain: Client, course: Course) -> None:
    """Nobody fills the record by trying, nor keeps a genuine decision from counting."""
    before = await held(course)
    genuine = await signed(course, decision(before, asked(before)))
    at = await clock(course)
    forgeries = [forged(course.signers, course.id, decision(before, asked(before)), at) for _ in range(REFUSALS_KEPT)]
    assert None not in await push_all(plain, course, forgeries)
    await only_attempts(course, before, REFUSALS_KEPT)
    # One after them finds no room in the record, and is refused and logged all the same.
    with capture_logs() as logs:
        assert await push(plain, course.id, anew(forgeries[0])) is not None
    assert [line["event"] for line in logs] == ["signoff.refused"]
    after = await course.recorded()
    assert after.refusals == REFUSALS_KEPT
    [told] = after.messages.values()
    assert told.content.startswith("1 more messages")
    assert after.holds["hold-2"].source == told.id
    assert await push(plain, course.id, genuine) is None
    assert (await course.recorded()).holds["hold-1"].released


async def test_nobody_can_have_a_genuine_decision_refused_ahead_of_it(plain: Client, course: Course) -> None:
    """Somebody who carries it says that it, or a forgery under its id and nonce, was refused: that is only words."""
    before = await held(course)
    genuine = await signed(course, decision(before, asked(before)))
    forgery = genuine.model_copy(update={"body": genuine.body.model_copy(update={"rationale": "invented: forged"})})
    says = {"code": RefusalCode.SIGNATURE, "reason": "invented: never happened", "remedy": "none"}
    for claimed in (forgery, genuine):
        await send(plain, course.id, "refused", {"command": claimed.model_dump(mode="json"), "refusal": says})

    async def kept() -> bool:
        return len((await course.recorded()).messages) == 2

    await eventually(kept)
    await send(plain, course.id, "sign_off", forgery)
    await eventually(lambda: _attempts(course, 1))
    told = await push(plain, course.id, genuine)
    assert told is None, str(told)


async def _attempts(course: Course, count: int) -> bool:
    return (await course.recorded()).refusals >= count


@pytest.mark.faults
async def test_a_forgery_in_the_name_of_the_clock_does_not_use_up_a_genuine_decision(
    plain: Client, course: Course
) -> None:
    before = await held(course)
    genuine = await signed(course, decision(before, asked(before)))
    actor = genuine.actor.model_copy(update={"role": Role.SYSTEM})
    await send(plain, course.id, "sign_off", genuine.model_copy(update={"actor": actor}))
    await only_attempts(course, before, 1)
    told = await push(plain, course.id, genuine)
    assert told is None, str(told)


# Sign-offs that are well, and must be found so


@pytest.mark.faults
async def test_what_two_people_and_a_delegate_signed_is_found_well(
    plain: Client, course: Course, record: Record, signers: Signers
) -> None:
    """A severe hold is released by two; another one by who was lent the right to. Nothing is wrong with either."""
    report = c.ReportAdverseEvent(
        what="invented: fainted", grade=3, serious=False, onset=datetime.now(UTC), causality="unlikely"
    )
    await course.send(report, by=Role.PATIENT)
    await course.play(lambda journey: bool(journey.holds) and not journey.held)
    journey = await course.recorded()
    assert len([one for one in journey.sign_offs if one.kind == SignOffKind.SEVERE_HOLD_RELEASE]) == 2
    assert await found_offline(record, signers, course.id) == set()
    lent = c.Delegate(
        to=PEOPLE[Role.ON_CALL_CLINICIAN].id,
        sign_offs=(SignOffKind.HOLD_RELEASE,),
        until=await clock(course) + timedelta(days=1),
        reason="invented: on leave",
    )
    await course.submit(await signed(course, command(lent, Role.CLINICIAN)))
    await held(course)
    await counts(plain, course, Role.ON_CALL_CLINICIAN)
