"""Who is not in the register, on a real server: turned away, but for what anybody may send."""

from uuid import uuid4

import pytest

from application.errors import Refused
from tests.workflow.world import World, said
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.protocols.demonstration import load_demonstration

pytestmark = pytest.mark.server


def unknown(role: Role, body: c.CommandBody) -> c.Command:
    """Somebody who claims to be of the clinic, and whom the register does not know."""
    known = said(role, body)
    return known.model_copy(update={"actor": known.actor.model_copy(update={"id": "nobody"})})


@pytest.mark.requirement("A64")
async def test_unknown_staff_leave_nothing_in_history(real_world: World) -> None:
    case = await real_world.begin(load_demonstration("PTSD"))
    before = len(await case.events())
    for role in (Role.COORDINATOR, Role.CLINICIAN):
        with pytest.raises(Refused) as refused:
            await case.submit(unknown(role, c.Move(zone="America/New_York", state="NY")))
        assert refused.value.refusal.code == RefusalCode.NOT_ALLOWED
    assert len(await case.events()) == before


async def test_a_hold_by_unknown_staff_counts_and_is_marked(real_world: World) -> None:
    case = await real_world.begin(load_demonstration("PTSD"))
    await case.act(Role.CLINICIAN, c.PlaceHold(reason="Invented: a call"))
    assert case.journey.held
    assert case.journey.strangers_heard == 0

    await case.submit(unknown(Role.CLINICIAN, c.PlaceHold(reason="Invented: another call")))

    assert case.journey.strangers_heard == 1
    assert len(case.journey.holds) == 2


async def test_unknown_staff_are_turned_away_as_a_signal_too(real_world: World) -> None:
    case = await real_world.begin(load_demonstration("PTSD"))
    await case.handle.signal("command", unknown(Role.COORDINATOR, c.Move(zone="America/New_York", state="NY")))
    await case.handle.signal("command", unknown(Role.COORDINATOR, c.PlaceHold(reason="Invented: by signal")))
    while not case.journey.held:
        await case.reach(case.journey.version + 1)
    await case.quiet()
    events = await case.events()
    assert not [event for event in events if isinstance(event.body, e.PatientMoved)]


async def test_what_is_claimed_of_others_is_looked_up(real_world: World) -> None:
    """A new clinician, whom only the command says to be of the clinic."""
    case = await real_world.begin(load_demonstration("PTSD"))
    handing = said(Role.COORDINATOR, c.Reassign(duty="clinician", to="demo-clinician-2", reason="Invented: on leave"))
    [known] = handing.named
    invented = known.model_copy(update={"id": "nobody"})
    body = c.Reassign(duty="clinician", to="nobody", reason="Invented: on leave")
    with pytest.raises(Refused):
        await case.submit(handing.model_copy(update={"command_id": uuid4(), "body": body, "named": (invented,)}))
    await case.submit(handing)
    assert case.journey.clinician == "demo-clinician-2"
