"""Nobody is their own second person under another id: who only acted before is compared by licence too."""

from collections.abc import Callable
from typing import Any

import pytest

from simulation.people import PEOPLE, member_of
from tests.journey.correcting import redose
from tests.journey.play import Play, after, person, sealed
from workflows.journey import commands as c
from workflows.journey.always.care_team.rules import list_people_to_look_up
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

WHO = person("who-acts", Role.CLINICIAN)
"""A clinician who is in no event of the journey until they act."""


def twin(role: Role) -> Actor:
    """The same person under another id and in another role, by the number of their licence."""
    return PEOPLE[role].model_copy(update={"id": "who-acts-too", "licence": WHO.licence})


def corrects(play: Play) -> Any:
    amend = c.Amend(version=play.version_of("session.dosed"), reason="x", correction=redose(play, dose_mg=99.0))
    play.do(amend, WHO)
    [correction] = play.journey.unconfirmed
    return c.ConfirmCorrection(correction=correction, reason="x")


def disposes(play: Play) -> Any:
    play.do(c.MoveSupply(movement="disposed", doses=1, moved_at=play.at), WHO)
    return c.WitnessDisposal(disposal=next(iter(play.journey.disposals)))


def breaks_glass(play: Play) -> Any:
    play.do(c.BreakGlass(reason="x"), WHO)
    return c.ReviewAccess(access=next(iter(play.journey.accesses)), justified=True, text="x")


def reports_death(play: Play) -> Any:
    play.do(c.RecordDeath(related="no", reason="invented"), WHO)
    return play.signature(SignOffKind.DEATH, "death-1")


def reports_harm(play: Play) -> Any:
    said = {"what": "x", "grade": 4, "serious": False, "onset": play.at, "causality": "unknown"}
    play.do(c.ReportAdverseEvent.model_validate(said), WHO)
    return play.signature(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")


@pytest.mark.parametrize("act", [corrects, disposes, breaks_glass, reports_death, reports_harm])
def test_who_acted_before_is_no_second_person_under_another_id(act: Callable[[Play], Any]) -> None:
    play = after("session.end")
    second = act(play)
    assert list_people_to_look_up(play.journey, second)[:1] == (WHO.id,)
    for role in (Role.MEDICAL_DIRECTOR, Role.CLINICIAN):
        command = play.command(second, twin(role))
        decided = play.decide(sealed(command.model_copy(update={"named": (*command.named, member_of(WHO))}), play.at))
        assert isinstance(decided, Refusal)
        assert decided.code == RefusalCode.NOT_ALLOWED
    assert not isinstance(play.decide(sealed(play.command(second, PEOPLE[Role.MEDICAL_DIRECTOR]), play.at)), Refusal)
