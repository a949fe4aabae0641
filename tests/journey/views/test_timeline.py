"""The timeline names what happened and what will: nothing that was planned and will never take place."""

from tests.journey.play import after, before, collected, course
from workflows.journey import commands as c
from workflows.journey.protocol import SignOffKind
from workflows.journey.views.summary import timeline
from workflows.journey.vocabulary.actors import Role
from workflows.journey.watch import contacts_watched


def test_a_timeline_names_no_contact_that_will_never_take_place() -> None:
    play = course("PTSD")
    assert play.journey.closed
    assert [k.id for k in play.journey.contacts.values() if k.open], "planned before the patient was discharged"
    assert not [entry.what for entry in timeline(play.journey) if entry.done is None]


def test_a_timeline_names_what_is_planned_while_the_pathway_goes_on() -> None:
    journey = before("pathway.propose-discharge").journey
    awaited = [k.id for k in journey.contacts.values() if k.open]
    assert awaited
    assert {*awaited} <= {entry.what for entry in timeline(journey)}


def test_a_timeline_names_the_contacts_after_a_dose_that_outlast_the_ending() -> None:
    play = after("session.end")
    planned = [k.id for k in play.journey.contacts.values() if k.open]
    owed = [k.id for k in contacts_watched(play.journey)]
    play.do(c.Withdraw(reason="x"), Role.PATIENT)
    shown = {entry.what for entry in timeline(play.journey)}
    assert owed
    assert [name for name in planned if name in shown] == owed


def test_a_timeline_of_a_patient_who_died_names_nothing_that_is_to_come() -> None:
    play = collected(after("session.end"))
    play.do(c.RecordDeath(related="no", reason="x"), Role.COORDINATOR)
    assert contacts_watched(play.journey)
    play.sign(SignOffKind.DEATH, "death-1")
    assert not [entry.what for entry in timeline(play.journey) if entry.done is None]


def test_a_timeline_says_in_words_what_was_decided_and_about_what() -> None:
    shown = {entry.what for entry in timeline(course("PTSD").journey)}
    assert {"evaluation approved", "clearance approved (session 1)", "response review approved (session 3)"} <= shown
