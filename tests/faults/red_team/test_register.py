"""The register of signers in other hands."""

import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs
from temporalio.client import Client

from activities.record.store import Record
from activities.signatures.keys import PrivateKey, key_id_of
from activities.signatures.register_changes import revoke
from activities.signatures.register_file import publish
from simulation.people import PEOPLE
from tests.faults.attackers import Office, anew, asked, clock, decision, held, send, signed, with_key
from tests.faults.helpers import Course, at_work, support
from tests.faults.red_team.checks import cannot_be_checked, counts, refused_both_ways
from tests.helpers import eventually
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode

pytestmark = pytest.mark.server


def edited(office: Office) -> bytes:
    """The register with an attacker's public key in the clinician's place, under the organisation's old signature."""
    file = json.loads(office.path.read_bytes())
    own = stranger()
    entry = next(one for one in file["register"]["entries"] if one["person"] == PEOPLE[Role.CLINICIAN].id)
    entry |= {"key_id": own.key_id, "public_key": own.public_key.hex()}
    return json.dumps(file).encode()


def signed_by_another(office: Office) -> bytes:
    """The same, whole and consistent, signed with another organisation's key."""
    return publish(office.register, stranger())


STRANGER: list[PrivateKey] = []


def stranger() -> PrivateKey:
    """The key pair of whoever attacks."""
    if not STRANGER:
        key = Ed25519PrivateKey.generate()
        STRANGER.append(PrivateKey("demo-clinician", key_id_of(key.public_key().public_bytes_raw()), key))
    return STRANGER[0]


SWAPPED: dict[str, Callable[[Office], bytes]] = {
    "a key in another's place": edited,
    "signed by another organisation": signed_by_another,
    "nothing at all": lambda _: b"",
    "another register": lambda _: b'{"register": {}, "signature": ""}',
}


@pytest.mark.faults
@pytest.mark.parametrize("what", SWAPPED)
async def test_with_a_register_in_other_hands_nobody_signs_and_all_else_goes_on(
    client: Client, plain: Client, record: Record, task_queue: str, office: Office, what: str
) -> None:
    course = Course(client, record, office.signers, task_queue)
    genuine_file = office.path.read_bytes()
    async with at_work(client, record, office.signers, task_queue):
        await course.begin()
        before = await held(course)
        office.put(SWAPPED[what](office))
        with capture_logs() as logs:
            for by in (Role.CLINICIAN, Role.MEDICAL_DIRECTOR):
                await cannot_be_checked(plain, course, await signed(course, decision(before, asked(before), by)))
            own = with_key(course.id, decision(before, asked(before)), stranger(), await clock(course))
            await cannot_be_checked(plain, course, own)
        assert [line["event"] for line in logs].count("register.unreadable") == 1
        assert await course.recorded() == before
        await course.send(c.PlaceHold(reason="invented: holds need no register"), by=Role.PATIENT)
        await course.send(support("invented: nor do questions"))
        assert len((await course.recorded()).holds) == 2
        office.put(genuine_file)
        await refused_both_ways(plain, course, own, RefusalCode.SIGNATURE, "this key is not enrolled")
        await counts(plain, course)
        await course.checked()


async def test_a_signal_waits_for_the_register_and_holds_up_nothing(
    client: Client, plain: Client, record: Record, task_queue: str, office: Office
) -> None:
    """While a signed signal cannot be judged, holds get through and are recorded."""
    course = Course(client, record, office.signers, task_queue)
    genuine_file = office.path.read_bytes()
    async with at_work(client, record, office.signers, task_queue):
        await course.begin()
        before = await held(course)
        genuine = await signed(course, decision(before, asked(before)))
        office.put(b"")
        await send(plain, course.id, "sign_off", genuine)
        await course.send(c.PlaceHold(reason="invented: dizzy, and afraid"), by=Role.PATIENT)
        meanwhile = await course.recorded()
        assert len(meanwhile.holds) == len(before.holds) + 1
        assert not meanwhile.sign_offs
        office.put(genuine_file)

        async def counted() -> bool:
            return bool((await course.recorded()).sign_offs)

        await eventually(counted)


async def test_an_older_register_is_refused_by_who_has_seen_a_newer(
    client: Client, plain: Client, record: Record, task_queue: str, office: Office
) -> None:
    course = Course(client, record, office.signers, task_queue)
    older = office.path.read_bytes()
    async with at_work(client, record, office.signers, task_queue):
        await course.begin()
        before = await held(course)
        key_id = office.signers.keys[PEOPLE[Role.CLINICIAN].id].key_id
        office.publish(revoke(office.register, key_id, at=await clock(course), because="invented: lost", by="demo-ops"))
        newer = office.path.read_bytes()
        attack = await signed(course, decision(before, asked(before)))
        await refused_both_ways(plain, course, attack, RefusalCode.SIGNATURE, "this key has been revoked")
        office.put(older)
        before = await course.recorded()
        with capture_logs() as logs:
            await cannot_be_checked(plain, course, anew(attack))
        assert [line["event"] for line in logs] == ["register.unreadable"]
        assert await course.recorded() == before
        office.put(newer)
        await counts(plain, course, Role.MEDICAL_DIRECTOR)
        await course.checked()
