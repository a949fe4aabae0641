"""Plans that tests write."""

from typing import Any

from simulation.people import plan
from tests.journey.play import Play, before
from workflows.journey import commands as c
from workflows.journey.protocol import Pathway


def planned(pathway: Pathway = "PTSD", **changed: Any) -> c.RecordPlan:
    standing = before("plan.record", pathway=pathway)
    good = plan(standing.journey.protocol, standing.at)
    return c.RecordPlan(plan=c.Plan.model_validate({**good.model_dump(), **changed}))


def limited(**dose: float | None) -> Play:
    """The moment before planning, under a protocol with other dose limits."""
    play = before("plan.record")
    protocol = play.journey.protocol
    return play.changed(protocol=protocol.model_copy(update={"dose": protocol.dose.model_copy(update=dose)}))
