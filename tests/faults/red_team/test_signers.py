"""People who may no longer sign, or not here."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from temporalio.client import Client

from activities.record.event_codec import load_journey
from activities.record.store import Record
from activities.signatures.keys import generate
from activities.signatures.register_changes import enrol, revoke
from activities.signatures.signer_registry import SignerEntry
from simulation.keys import COST, PASSPHRASE
from simulation.people import PEOPLE
from tests.faults.attackers import Office, asked, clock, decision, found_offline, held, push, quarantined, signed
from tests.faults.helpers import Course, at_work, reset
from tests.faults.red_team.checks import MINUTE, counts, refused_both_ways
from tests.helpers import eventually
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Licence, Role
from workflows.journey.vocabulary.refusals import RefusalCode

pytestmark = pytest.mark.server


@pytest.mark.faults
async def test_a_revocation_takes_effect_at_once_and_leaves_what_was_signed_before(
    client: Client, plain: Client, record: Record, task_queue: str, office: Office
) -> None:
    course = Course(client, record, office.signers, task_queue)
    async with at_work(client, record, office.signers, task_queue):
        await course.begin()
        await held(course)
        await counts(plain, course)
        before = await held(course, "invented: another one")
        early = await signed(course, decision(before, asked(before)))
        key_id = office.signers.keys[PEOPLE[Role.CLINICIAN].id].key_id
        office.publish(revoke(office.register, key_id, at=await clock(course), because="invented: lost", by="demo-ops"))
        late = await signed(course, decision(before, asked(before)))
        for attack in (early, late):
            await refused_both_ways(plain, course, attack, RefusalCode.SIGNATURE, "this key has been revoked")
        assert await found_offline(record, office.signers, course.id) == set()
        # The append proves the whole journey again: what was signed before the revocation still stands in it.
        await counts(plain, course, Role.MEDICAL_DIRECTOR)
        await course.checked()
        assert await found_offline(record, office.signers, course.id) == set()


@pytest.mark.faults
async def test_a_revocation_dated_back_closes_no_journey_for_good(
    client: Client, plain: Client, record: Record, task_queue: str, office: Office
) -> None:
    """What was signed between a revocation's date and its publication does not count, and somebody has to look. They
    then go on: with people whose keys are good, on what is recorded."""
    course = Course(client, record, office.signers, task_queue)
    async with at_work(client, record, office.signers, task_queue):
        await course.begin()
        await held(course)
        noticed = await clock(course)
        await counts(plain, course)
        key_id = office.signers.keys[PEOPLE[Role.CLINICIAN].id].key_id
        office.publish(revoke(office.register, key_id, at=noticed, because="invented: lost", by="demo-ops"))
        assert {reason for _, reason in await found_offline(record, office.signers, course.id)} >= {"revoked"}
        before = await held(course, "invented: and another one")
        release = await signed(course, decision(before, asked(before), Role.MEDICAL_DIRECTOR))
        with capture_logs() as logs:

            async def decided_on(times: int) -> bool:
                """Whether the release is recorded, or was refused this many times."""
                journey = await load_journey(record, course.id)
                released = journey is not None and all(hold.released for hold in journey.holds.values())
                return released or [line["event"] for line in logs].count("signoff.unproven") >= times

            assert await push(plain, course.id, release) is None
            await eventually(lambda: decided_on(1))
            if logs:
                await quarantined(course)
                await reset(course, task=-1)
                await eventually(lambda: decided_on(2))
        journey = await load_journey(record, course.id)
        assert journey is not None
        assert not journey.held, "nobody can ever decide anything here again"


async def test_an_expired_licence_signs_nothing(
    client: Client, plain: Client, record: Record, task_queue: str, office: Office, tmp_path: Path
) -> None:
    course = Course(client, record, office.signers, task_queue)
    clinician = PEOPLE[Role.CLINICIAN]
    assert clinician.name is not None
    assert clinician.licence is not None
    over = clinician.licence.model_copy(update={"expires": (datetime.now(UTC) - timedelta(days=2)).date()})
    key = generate(tmp_path / "renewed.key", clinician.id, PASSPHRASE, cost=COST)
    now = datetime.now(UTC) - MINUTE
    renewed = SignerEntry(
        person=clinician.id,
        role=clinician.role,
        printed_name=clinician.name,
        licence=over,
        key_id=key.key_id,
        public_key=key.public_key.hex(),
        enrolled_at=now,
        enrolled_by=("demo-ops", "demo-coordinator"),
    )
    office.publish(enrol(office.register, renewed))
    signers = replace(office.signers, keys={**office.signers.keys, clinician.id: key})
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        before = await held(course)
        unsigned = decision(before, asked(before))
        for licence, says in ((over, "the licence has expired"), (clinician.licence, "enrolled with another licence")):
            actor = clinician.model_copy(update={"licence": licence})
            attack = signers.signed(course.id, unsigned.model_copy(update={"actor": actor}), await clock(course))
            await refused_both_ways(plain, course, attack, RefusalCode.SIGNATURE, says)
        await counts(plain, course, Role.MEDICAL_DIRECTOR)
        await course.checked()


async def test_a_licence_for_other_states_signs_nothing_here(plain: Client, course: Course) -> None:
    await course.send(c.Move(zone="America/Los_Angeles", state="WA"))
    before = await held(course)
    attack = await signed(course, decision(before, asked(before)), "WA")
    await refused_both_ways(plain, course, attack, RefusalCode.SIGNATURE, "does not cover the state the patient is in")
    clinician = PEOPLE[Role.CLINICIAN]
    wider = clinician.model_copy(update={"licence": Licence(number="1", states=("WA",), expires=date(2099, 12, 31))})
    widened = await signed(course, decision(before, asked(before)).model_copy(update={"actor": wider}), "WA")
    await refused_both_ways(plain, course, widened, RefusalCode.SIGNATURE, "enrolled with another licence")
    await course.send(c.Move(zone="America/Los_Angeles", state="CA"))
    await counts(plain, course)
