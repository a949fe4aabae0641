"""Attacks on signatures: forged, missing, copied, changed, stale, used twice, at the wrong time."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client

from activities.record.store import Record
from deploy.local.stack import Stack, run_worker
from simulation.keys import ENROLLED, Signers
from simulation.people import PEOPLE
from tests.faults.attackers import (
    anew,
    asked,
    clock,
    decision,
    forged,
    found_offline,
    held,
    made_up,
    only_attempts,
    push,
    send,
    signed,
    with_seal,
)
from tests.faults.helpers import Course
from tests.faults.red_team.checks import MINUTE, counts, push_all, refused_both_ways
from tests.helpers import eventually
from workflows.journey import commands as c
from workflows.journey.instruments import Instrument
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.signed_statement import SignatureHeader

pytestmark = pytest.mark.server


FORGERIES = 100


# Forged signatures, and a worker that lives


@pytest.mark.faults
async def test_a_forged_signature_leaves_the_worker_alive(
    stack: Stack, client: Client, plain: Client, record: Record, signers: Signers, task_queue: str, tmp_path: Path
) -> None:
    env = {**stack.worker_env, "CAREPATH_TASK_QUEUE": task_queue, "CAREPATH_LOG_FORMAT": "json"}
    course = Course(client, record, signers, task_queue)
    async with await run_worker(env, tmp_path / "worker.log") as worker:
        pid = worker.pid
        await course.begin()
        before = await held(course)
        forgery = forged(signers, course.id, decision(before, asked(before)), await clock(course))
        refusal = await push(plain, course.id, forgery)
        assert refusal is not None
        assert (refusal.code, refusal.field) == (RefusalCode.SIGNATURE, "signature")
        many = [
            forged(signers, course.id, decision(before, asked(before), by), await clock(course))
            for _ in range(FORGERIES // 2)
            for by in (Role.CLINICIAN, Role.MEDICAL_DIRECTOR)
        ]
        told = await push_all(plain, course, many)
        assert {one.code for one in told if one is not None} == {RefusalCode.SIGNATURE}
        assert None not in told
        kept = await only_attempts(course, before, 1 + FORGERIES)
        assert {(one.command_kind, one.code) for one in kept} == {("signoff.sign", "signature")}
        await counts(plain, course)
        await course.checked()
        assert await found_offline(record, signers, course.id) == set()
        assert (worker.running, worker.pid) == (True, pid)
        logged = [json.loads(line) for line in worker.log_path.read_text().splitlines() if line.startswith("{")]
        refused = [line for line in logged if line["event"] == "signoff.refused"]
        assert {line["code"] for line in refused} == {"bad_signature"}
        assert {line["command_id"] for line in refused} == {str(one.command_id) for one in (forgery, *many)}
    assert worker.returncode == 0


# Nothing but words


@pytest.mark.faults
async def test_words_without_a_signature_decide_nothing(plain: Client, course: Course) -> None:
    before = await held(course)
    unsigned = decision(before, asked(before))
    await refused_both_ways(plain, course, unsigned, RefusalCode.SIGNATURE, "a decision")
    by_hand = anew(unsigned, signature=made_up(course.signers, Role.CLINICIAN, await clock(course)))
    await refused_both_ways(plain, course, by_hand, RefusalCode.SIGNATURE, "was not made with this key")
    stranger = made_up(course.signers, Role.CLINICIAN, await clock(course)).model_copy(update={"key_id": "f" * 32})
    await refused_both_ways(plain, course, anew(unsigned, signature=stranger), RefusalCode.SIGNATURE, "not enrolled")
    await counts(plain, course)


async def test_what_has_not_even_the_shape_of_a_signature_is_kept_for_people(plain: Client, course: Course) -> None:
    before = await held(course)
    content = decision(before, asked(before)).model_dump(mode="json", exclude_none=True)
    content["body"]["signature"] = "approved, trust me"
    await send(plain, course.id, "sign_off", content)

    async def kept() -> bool:
        return len((await course.recorded()).messages) == 1

    await eventually(kept)
    journey = await course.recorded()
    assert not journey.sign_offs
    assert [one.kind for one in journey.waiting.values()].count("unreadable_message") == 1
    await course.send(c.HandleMessage(message="message-1", text="invented: a forgery"), by=Role.OPS)
    await counts(plain, course)


# Genuine signatures in the wrong place


async def test_a_signature_on_another_journey_counts_for_nothing(
    plain: Client, course: Course, client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    other = Course(client, record, signers, task_queue)
    await other.begin()
    here, there = await held(course), await held(other)
    genuine = await signed(other, decision(there, asked(there)))
    copied = anew(decision(here, asked(here)), signature=genuine.body.signature)  # type: ignore[union-attr]
    for attack in (genuine, copied):
        await refused_both_ways(plain, course, attack, RefusalCode.SIGNATURE, "was not made with this key")
    assert await push(plain, other.id, genuine) is None
    await counts(plain, course)


CHANGES: dict[str, dict[str, Any]] = {
    "another decision": {"decision": "approve"},
    "a choice": {"choice": "neither"},
    "another rationale": {"rationale": "invented: no reason at all"},
    "no rationale": {"rationale": None},
    "a referral": {"referral": "invented: elsewhere"},
    "another meaning": {"meaning": "session_cleared"},
    "other evidence": {"evidence": "0" * 64},
    "no meaning there is": {"meaning": "anything_goes"},
}


@pytest.mark.faults
async def test_a_signature_under_a_changed_decision_counts_for_nothing(plain: Client, course: Course) -> None:
    before = await held(course)
    genuine = await signed(course, decision(before, asked(before), decision="return"))
    for change in CHANGES.values():
        await refused_both_ways(
            plain, course, anew(genuine, **change), RefusalCode.SIGNATURE, "was not made with this key"
        )
    as_another = genuine.model_copy(update={"actor": PEOPLE[Role.MEDICAL_DIRECTOR]})
    await refused_both_ways(plain, course, as_another, RefusalCode.SIGNATURE, "was not made with this key")
    # Untouched it counts, for what it says.
    assert await push(plain, course.id, genuine) is None
    journey = await course.recorded()
    assert [(one.decision, one.by) for one in journey.sign_offs] == [("return", "demo-clinician")]
    assert journey.held


@pytest.mark.faults
async def test_a_signature_on_another_request_counts_for_nothing(plain: Client, course: Course) -> None:
    await held(course)
    before = await held(course, "invented: and another one")
    first, second = asked(before, subject="hold-1"), asked(before, subject="hold-2")
    genuine = await signed(course, decision(before, first))
    for attack in (
        anew(genuine, request=second.id),
        anew(genuine, request=second.id, evidence=second.evidence),
    ):
        await refused_both_ways(plain, course, attack, RefusalCode.SIGNATURE, "was not made with this key")
    await counts(plain, course)
    assert await push(plain, course.id, genuine) is None
    assert not (await course.recorded()).held


# Evidence that changed on the way


@pytest.mark.faults
async def test_a_decision_on_evidence_that_changed_is_stale(plain: Client, course: Course) -> None:
    late_from = await held(course)
    late = await signed(course, decision(late_from, asked(late_from)))
    risk = c.RecordInstrument(
        instrument=Instrument.C_SSRS, occasion="asked", answers=dict.fromkeys(("q1", "q2", "q6"), False)
    )
    await course.send(risk, by=Role.CLINICIAN)
    changed = await course.recorded()
    assert asked(changed).evidence != asked(late_from).evidence
    await refused_both_ways(plain, course, late, RefusalCode.STALE, "superseded by newer evidence")
    moved = anew(late, request=asked(changed).id)
    await refused_both_ways(plain, course, moved, RefusalCode.SIGNATURE, "was not made with this key")
    before = await course.recorded()
    old_evidence = decision(changed, asked(changed), evidence=asked(late_from).evidence, by=Role.MEDICAL_DIRECTOR)
    told = await push(plain, course.id, await signed(course, old_evidence))
    assert told is not None
    assert (told.code, told.field) == (RefusalCode.STALE, "evidence")
    assert [one.code for one in await only_attempts(course, before, 1)] == ["stale"]
    await counts(plain, course)


# Used twice


@pytest.mark.faults
async def test_a_signature_counts_once(plain: Client, course: Course) -> None:
    before = await held(course)
    genuine = await signed(course, decision(before, asked(before), decision="return"))
    assert await push(plain, course.id, genuine) is None
    who = f"Clio Invented, MD ({PEOPLE[Role.CLINICIAN].id})"
    await refused_both_ways(plain, course, genuine, RefusalCode.ALREADY_DONE, f"{who} has decided this at")

    request = asked(before).id
    await course.send(c.WithdrawSignOff(request=request, reason="invented: read it again"), by=Role.CLINICIAN)
    withdrawn = await course.recorded()
    assert asked(withdrawn).id != request
    await refused_both_ways(plain, course, genuine, RefusalCode.ALREADY_DONE, "has decided this")
    moved = anew(genuine, request=asked(withdrawn).id, evidence=asked(withdrawn).evidence)
    await refused_both_ways(plain, course, moved, RefusalCode.SIGNATURE, "was not made with this key")
    assert isinstance(genuine.body, c.Sign)
    assert genuine.body.signature is not None
    # Even their own key makes no second decision under a nonce that was used.
    again = with_seal(course.signers, course.id, decision(withdrawn, asked(withdrawn)), genuine.body.signature.seal)
    await refused_both_ways(plain, course, again, RefusalCode.SIGNATURE, "this signature was used before")
    await counts(plain, course)


# At the wrong time


SEALS: dict[str, tuple[timedelta, timedelta, str]] = {
    "signed eleven minutes ago": (-11 * MINUTE, 10 * MINUTE, "this signature came too late"),
    "signed in the future": (5 * MINUTE, 10 * MINUTE, "it is signed in the future"),
    "valid for a day": (-MINUTE, timedelta(days=1), "valid for too long"),
    "valid for a lifetime": (-MINUTE, timedelta(days=50_000), "valid for too long"),
    "expired before it began": (MINUTE, -2 * MINUTE, "it is signed in the future"),
    "before the key was enrolled": (
        ENROLLED - datetime.now(UTC) - timedelta(days=1),
        timedelta(days=9000),
        "before the key was",
    ),
}


@pytest.mark.faults
async def test_a_signature_counts_only_in_its_time(plain: Client, course: Course) -> None:
    before = await held(course)
    for begins, lasts, says in SEALS.values():
        at = await clock(course) + begins
        key = course.signers.keys[PEOPLE[Role.CLINICIAN].id]
        seal = SignatureHeader(key_id=key.key_id, nonce=uuid4().hex, signed_at=at, expires_at=at + lasts)
        attack = with_seal(course.signers, course.id, decision(before, asked(before)), seal)
        await refused_both_ways(plain, course, attack, RefusalCode.SIGNATURE, says)
    await counts(plain, course)
