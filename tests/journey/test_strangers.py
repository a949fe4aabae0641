"""Who may send what to which journey: every kind of command, by each role, of its clinic, of another and of none.

Who has no part in a journey may hold it, report harm, ask for help and look in an emergency, and nothing else; and is
told nothing of the journey by the answer.
"""

from functools import cache
from itertools import product
from typing import Any

import pytest
from pydantic import TypeAdapter

from activities.signatures.staff import ANYBODYS as RECORDED_UNPROVEN
from application.pathway.command_catalog import KINDS, SPECIAL
from simulation.people import PEOPLE, person_of
from tests.cli.valid import FORMS
from tests.journey.play import JOURNEY, Play, after, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

BODY: TypeAdapter[Any] = TypeAdapter(c.AnyBody)
BODIES = {kind.name: BODY.validate_python(FORMS[kind.name] | {"kind": kind.name}) for kind in KINDS}
BODIES["access.break-glass"] = c.BreakGlass(reason="an emergency")
MANY = 8
"""More people than these meet some of the states each before a merge, and all of them in the soak."""
ANYBODYS = {
    "pathway.hold",
    "pathway.record-death",
    "pathway.doubt-death",
    "adverse-event.report",
    "report.keep",
    "crisis.report",
    "support.request",
    "session.dose",
    "access.break-glass",
}


@cache
def plays() -> dict[str, Play]:
    running = after("session.dose")
    held = after("session.dose")
    held.do(c.PlaceHold(reason="Invented"), Role.CLINICIAN)
    left = started()
    left.do(c.Withdraw(), Role.COORDINATOR)
    assert left.journey.closed
    dead = after("session.end")
    dead.do(c.RecordDeath(related="unknown", reason="Invented"), Role.OBSERVER)
    died = after("session.end")
    died.do(c.RecordDeath(related="unknown", reason="Invented"), Role.OBSERVER)
    died.sign(SignOffKind.DEATH, "death-1")
    known = {"reported dead": dead, "dead": died}
    return {"begun": started(), "running": running, "held": held, "closed": left, **known}


def strangers(role: Role) -> dict[str, Actor]:
    """People in this role who have no part in the journey."""
    known = PEOPLE[role]

    def who(name: str, *clinics: str) -> Actor:
        return known.model_copy(update={"id": name, "clinics": clinics})

    if role in (Role.PATIENT, Role.OBSERVER):
        return {"somebody else": who(f"other-{role.value}")}
    return {
        "of another clinic": who(f"other-{role.value}", "night-clinic"),
        "the same id at another clinic": who(known.id, "night-clinic"),
        "of no clinic": who(f"nobody-{role.value}"),
        "of a clinic nobody has": who("x", "demo-clinic-2", "demo", "Demo-Clinic"),
    }


def test_only_these_may_come_from_anybody() -> None:
    assert {kind for kind, body in BODIES.items() if body.by_anybody} == ANYBODYS
    assert not any(model.by_anybody for model in SPECIAL if model is not c.BreakGlass)


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("kind", BODIES)
def test_who_has_no_part_changes_nothing_and_is_told_nothing(kind: str, every: int) -> None:
    body = BODIES[kind]
    people = [stranger for role in type(body).roles for stranger in strangers(role).values()]
    step = every if len(people) > MANY else 1
    # Each state is met by others than the one before it, so that nobody and no state is left out.
    meetings = [(play, each) for n, play in enumerate(plays().values()) for each in people[n % step :: step]]
    for play, stranger in meetings:
        journey = play.journey
        answer = play.decide(c.Command(command_id=JOURNEY, actor=stranger, body=body))
        if kind not in ANYBODYS:
            assert isinstance(answer, Refusal), stranger
            assert answer.code == RefusalCode.NOT_ALLOWED
            assert "no part in this journey" in answer.reason
        elif not isinstance(answer, Refusal):
            assert any(isinstance(event.body, e.StrangerHeard) for event in answer)
            # Whoever records asks for no more proof than there is of somebody nobody knows.
            roots = [event.body for event in answer if event.causation_id is None]
            assert all(isinstance(body, RECORDED_UNPROVEN) for body in roots), [body.kind for body in roots]
            continue
        said = str(answer)
        told = {journey.stage.value, journey.clinic, journey.patient.ref, journey.coordinator, journey.clinician}
        told |= {*journey.holds, *journey.doses, "withdrawn", "closed", "ending"}
        assert not [word for word in told if word in said]


@pytest.mark.parametrize("kind", BODIES)
def test_who_has_a_part_is_refused_for_other_reasons_alone(kind: str) -> None:
    body = BODIES[kind]
    for play, role in product(plays().values(), type(body).roles):
        if role == Role.OBSERVER:
            continue  # Whom staff named as one has a part; nobody has before.
        answer = play.decide(c.Command(command_id=JOURNEY, actor=person_of(JOURNEY, role), body=body))
        assert not (isinstance(answer, Refusal) and "no part in this journey" in answer.reason)
