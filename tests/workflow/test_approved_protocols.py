"""A journey for patients: it starts under a protocol that two people signed, and under nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from activities.signatures.keys import new_seal, sign
from application.temporal.journey_client import handle_of, start
from simulation.keys import Signers
from simulation.people import CLINIC, ORGANISATION, PEOPLE, SECOND_CLINIC, referral
from tests.helpers import eventually
from tests.journey.variants import for_patients
from tests.workflow.world import World
from workflows.care_journey import CareJourney
from workflows.journey.commands import Command
from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.signed_statement import Approval, ProtocolApproval, ProtocolStatement, signer_of
from workflows.protocols.demonstration import load_demonstration
from workflows.search_attributes import HEALTH

PROTOCOL = for_patients(load_demonstration("ANXIETY"))


def approval(signers: Signers, protocol: Protocol, roles: tuple[Role, ...], **of: Any) -> ProtocolApproval:
    """What these people sign under a protocol, for a year; ``of`` it says something else than it is."""
    what: dict[str, Any] = {"protocol": protocol.id, "version": protocol.version, "digest": protocol.digest}
    what |= {"organisation": ORGANISATION, "clinics": (CLINIC,), **of}
    now = datetime.now(UTC)
    approvals = []
    for role in roles:
        key = signers.keys[PEOPLE[role].id]
        seal = new_seal(key.key_id, now, timedelta(days=365))
        statement = ProtocolStatement(**what, signer=signer_of(PEOPLE[role]), seal=seal)
        approvals.append(Approval(signer=statement.signer, signature=sign(key, statement)))
    return ProtocolApproval(**what, approvals=tuple(approvals))


def opening(given: ProtocolApproval, log: str) -> Command:
    command = referral(PROTOCOL, uuid4())
    body = command.body.model_copy(update={"demonstration": False, "approval": given, "log": log})
    return command.model_copy(update={"body": body})


async def test_a_protocol_that_two_people_signed_carries_patients(real_world: World) -> None:
    given = approval(real_world.signers, PROTOCOL, (Role.MEDICAL_DIRECTOR, Role.CLINICIAN))
    command = opening(given, await real_world.record.log_name())
    await start(real_world.client, command, task_queue=real_world.task_queue)
    journey_id = command.body.journey_id  # type: ignore[union-attr]
    await real_world.record.wait_for(journey_id, 1, timedelta(seconds=30))
    handle = handle_of(real_world.client, journey_id)

    async def told() -> bool:
        return (await handle.query(CareJourney.status)).recorded >= 1

    await eventually(told)
    await handle.terminate()


@pytest.mark.requirement("A17")
@pytest.mark.parametrize(
    "what", ["without the medical director", "signed by somebody else", "for another clinic", "in another log"]
)
async def test_nothing_is_recorded_under_a_protocol_nobody_may_use(real_world: World, what: str) -> None:
    log = await real_world.record.log_name()
    if what == "in another log":
        given, log = approval(real_world.signers, PROTOCOL, (Role.MEDICAL_DIRECTOR, Role.CLINICIAN)), str(uuid4())
    elif what == "without the medical director":
        given = approval(real_world.signers, PROTOCOL, (Role.ON_CALL_CLINICIAN, Role.CLINICIAN))
    elif what == "for another clinic":
        genuine = approval(
            real_world.signers, PROTOCOL, (Role.MEDICAL_DIRECTOR, Role.CLINICIAN), clinics=(SECOND_CLINIC,)
        )
        given = genuine.model_copy(update={"clinics": (CLINIC,)})
    else:
        genuine = approval(real_world.signers, PROTOCOL, (Role.MEDICAL_DIRECTOR, Role.CLINICIAN), digest="0" * 64)
        given = genuine.model_copy(update={"digest": PROTOCOL.digest})
    command = opening(given, log)
    await start(real_world.client, command, task_queue=real_world.task_queue)
    journey_id = command.body.journey_id  # type: ignore[union-attr]
    handle = handle_of(real_world.client, journey_id)

    async def quarantined() -> bool:
        return (await handle.describe()).typed_search_attributes.get(HEALTH) == "diverged"

    await eventually(quarantined)
    assert await real_world.record.load(journey_id) == ()
    await handle.terminate()
