"""A clinic with one person in each role: what `protocol check` lets pass never waits for somebody it does not have."""

from collections.abc import Iterator
from itertools import chain, combinations

import pytest

from simulation.people import PEOPLE
from tests.journey.play import PROTOCOLS, Play, before, ruled
from workflows.journey import commands as c
from workflows.journey.actors import CLINICAL, Actor, Role
from workflows.journey.always.sign_offs.model import SignOff
from workflows.journey.authorization import may_decide
from workflows.journey.evidence import half_signed
from workflows.journey.protocol import Protocol, SignOffKind
from workflows.protocols.rules import find_broken_rules

STAFF = [PEOPLE[role] for role in CLINICAL]
KIND = SignOffKind.SERIOUS_ADVERSE_EVENT
SUBJECT = "adverse-event-1"
GROUPS = list(chain.from_iterable(combinations(CLINICAL, size) for size in range(4)))
BASE = PROTOCOLS["PTSD"]


def reported_by(role: Role) -> Play:
    play = before("session.schedule")
    why = ("hospitalization",)
    play.do(c.ReportAdverseEvent(what="invented", grade=3, serious=True, serious_because=why, onset=play.at), role)
    return play


WROTE = {role: reported_by(role) for role in (Role.PATIENT, *CLINICAL)}


def allowed(play: Play, first: SignOff | None = None) -> Iterator[Actor]:
    return (by for by in STAFF if may_decide(play.journey, KIND, SUBJECT, by, play.at, first) is None)


def dead_end(protocol: Protocol, wrote: Role) -> bool:
    """Whether the people there are can come to a point from which nobody of them may sign, tried out one by one."""
    play = WROTE[wrote].changed(protocol=protocol)
    firsts = list(allowed(play))
    if not firsts:
        return True
    for by in firsts:
        tried = Play(play.journey, play.at)
        tried.sign_once(KIND, SUBJECT, by=by)
        first = half_signed(tried.journey, KIND, SUBJECT)
        if first is not None and not list(allowed(tried, first)):
            return True
    return False


@pytest.mark.parametrize("not_author", [False, True])
@pytest.mark.parametrize("seconds", GROUPS, ids=str)
def test_the_check_refuses_what_leads_to_a_dead_end_and_nothing_else(
    seconds: tuple[Role, ...], not_author: bool
) -> None:
    for roles in GROUPS[1:]:
        rule = {"roles": list(roles), "cosigned_by": list(seconds), "not_author": not_author}
        protocol = ruled(**{KIND.value: rule})
        refused = [at for at, _ in find_broken_rules(protocol) if at == ("sign_offs", KIND.value)]
        assert bool(refused) == any(dead_end(protocol, role) for role in WROTE), rule
