"""The smallest clinic: what `protocol check` lets pass never waits for somebody it does not have."""

import json
from collections.abc import Iterator
from itertools import chain, combinations
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import PEOPLE
from tests.journey.play import PROTOCOLS, Play, before
from workflows.journey import authorization
from workflows.journey import commands as c
from workflows.journey.always.sign_offs.model import SignOff
from workflows.journey.authorization import cosigners, may_decide
from workflows.journey.envelopes import CommandBody
from workflows.journey.evidence import first_approval
from workflows.journey.protocol import Protocol, SignOffKind, SignOffRule
from workflows.journey.sign_off_types import SIGN_OFF_TYPES
from workflows.journey.vocabulary.actors import CLINICAL, STAFF_ROLES, Actor, Role
from workflows.protocols.rules import find_broken_rules
from workflows.protocols.small_clinics import FOR_FEW, dead_ends, dead_ends_for

STAFF = [PEOPLE[role] for role in CLINICAL if role in PROTOCOLS["PTSD"].care_team.smallest_clinic]
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
        first = first_approval(tried.journey, KIND, SUBJECT)
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
        ruled_so = SignOffRule.model_validate({**BASE.sign_offs[KIND].model_dump(), **rule})
        protocol = BASE.model_copy(update={"sign_offs": {**BASE.sign_offs, KIND: ruled_so}})
        refused = [at for at, _ in find_broken_rules(protocol) if at == ("sign_offs", KIND.value)]
        assert bool(refused) == any(dead_end(protocol, role) for role in WROTE), rule


TWO = (("one", Role.CLINICIAN), ("other", Role.MEDICAL_DIRECTOR), ("third", Role.COORDINATOR))
"""A clinic with one clinician, one medical director and one coordinator."""
KINDS = st.sampled_from(SignOffKind)


@pytest.mark.parametrize("pathway", PROTOCOLS)
def test_a_clinic_of_three_is_no_dead_end(pathway: str) -> None:
    """The release of a severe hold, the review of exclusions, serious events, looks in an emergency, deaths, risk."""
    assert not [*dead_ends(PROTOCOLS[pathway], TWO)]


@pytest.mark.parametrize(
    ("staff", "where"),
    [
        (TWO[:1], "care_team"),
        ((*TWO[:1], *TWO[2:]), "sign_offs"),
        ((("one", Role.CLINICIAN), ("one", Role.MEDICAL_DIRECTOR), ("third", Role.COORDINATOR)), "sign_offs"),
    ],
    ids=["one clinician alone", "no director", "one person in two roles"],
)
def test_a_clinic_that_lacks_somebody_is_told(staff: tuple[tuple[str, Role], ...], where: str) -> None:
    assert where in [at[0] for at, _ in dead_ends(BASE, staff)]


CLINICIANS = (("one", Role.CLINICIAN), ("other", Role.CLINICIAN))


@pytest.mark.parametrize(
    ("others", "accepted"),
    [
        ((), False),
        ((("desk", Role.COORDINATOR),), False),
        ((("desk", Role.COORDINATOR), ("tech", Role.OPS)), True),
        ((("lead", Role.MEDICAL_DIRECTOR),), True),
    ],
    ids=["nobody", "coordinator", "coordinator and ops", "director"],
)
def test_a_clinic_in_which_nobody_may_read_a_message_is_told(
    others: tuple[tuple[str, Role], ...], accepted: bool
) -> None:
    """Clinicians sign everything there. A message that the service cannot read holds care until somebody else has
    read it, and whoever leaves is replaced by somebody else too."""
    staff = (*CLINICIANS, *others)
    assert not [at for at, _ in dead_ends(signed_by_clinicians(), staff) if at[1] != "smallest_clinic"]
    assert accepted is not bool([*dead_ends(signed_by_clinicians(), staff)])
    assert accepted is all(any(role in command.roles for _, role in staff) for command in FOR_FEW)


def signed_by_clinicians() -> Protocol:
    """A protocol under which clinicians have every part and sign everything."""
    values = BASE.model_dump(mode="json")
    for rule in values["sign_offs"].values():
        rule |= {"roles": ["clinician"], "cosigned_by": ["clinician"] if rule["cosigned_by"] else []}
    values["eligibility"]["prior_treatments"]["exception_cosigned_by"] = ["clinician"]
    values["access_reviewers"] = [{"by": "clinician", "escalation_policy": "access_review"}]
    values["care_team"]["roles"] = {part: ["clinician"] for part in values["care_team"]["roles"]}
    return Protocol.model_validate_json(json.dumps(values), strict=True)


def test_every_command_for_few_of_the_staff_is_checked() -> None:
    """What every clinician may do is done in every clinic: what takes two people takes two clinicians. To start a
    pathway, nothing waits."""
    bodies = (body for body in vars(c).values() if isinstance(body, type) and issubclass(body, CommandBody))
    few = {body for body in bodies if {*body.roles} & {*STAFF_ROLES} and not {*CLINICAL} <= {*body.roles}}
    assert few == {*FOR_FEW, c.StartPathway}


@pytest.mark.parametrize(("patient", "where"), [("other", "sign_offs"), ("one", "sign_offs"), ("somebody", None)])
def test_a_patient_who_is_one_of_the_staff_may_leave_nobody(patient: str, where: str | None) -> None:
    """The only medical director is the patient: nobody else may be the first to release a severe hold."""
    assert (where in {at[0] for at, _ in dead_ends_for(BASE, TWO, patient)}) is (where is not None)
    kinds = {at[1] for at, _ in dead_ends_for(BASE, TWO, "other") if at[0] == "sign_offs"}
    assert "severe_hold_release" in kinds
    enough = (*TWO, ("second", Role.CLINICIAN), ("deputy", Role.MEDICAL_DIRECTOR), ("desk", Role.COORDINATOR))
    assert not [*dead_ends_for(BASE, enough, patient)]


@pytest.mark.parametrize(
    ("unlicensed", "ends"), [((), False), (("third",), False), (("other",), True), (("one",), True)]
)
def test_whoever_has_no_licence_where_the_patient_lives_signs_nothing(unlicensed: tuple[str, ...], ends: bool) -> None:
    """The only medical director has a licence elsewhere: nobody releases a severe hold."""
    found = [at for at, _ in dead_ends_for(BASE, TWO, "somebody", unlicensed)]
    assert bool(found) is ends
    assert (("sign_offs", "severe_hold_release") in found) is ends


@given(kind=KINDS, wrote=st.sampled_from([None, *STAFF]), data=st.data())
def test_every_sign_off_has_somebody_who_may(kind: SignOffKind, wrote: Actor | None, data: st.DataObject) -> None:
    """In the smallest clinic, whoever wrote it and whoever signs first, by the rules of the journey itself."""
    play = WROTE[Role.PATIENT]
    if wrote is not None and SIGN_OFF_TYPES[kind].written_by == "nobody":
        return
    by_them = patch.object(authorization, "authors", lambda *_: () if wrote is None else (wrote.id,))
    subject = None if SIGN_OFF_TYPES[kind].written_by == "nobody" else SUBJECT
    with by_them:

        def may(first: SignOff | None = None) -> list[Actor]:
            return [by for by in STAFF if may_decide(play.journey, kind, subject, by, play.at, first) is None]

        firsts = may()
        assert firsts, kind
        if not cosigners(play.journey, kind):
            return
        by = data.draw(st.sampled_from(firsts))
        assert by.licence is not None
        signed = SignOff(
            request="r", kind=kind, subject=subject, decision="approve", meaning="x", evidence="0" * 64, by=by.id,
            role=by.role, name="x", licence=by.licence, state="CA", at=play.at, version=1, nonce="n", first_of_two=True,
        )  # fmt: skip
        assert may(signed), kind
