"""A clearance covers everything since the last one, and nothing that happened after it was signed."""

from collections import Counter
from datetime import datetime

import pytest

from tests.journey.play import START, Play, after, before, course
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.safety.model import Happened
from workflows.journey.envelopes import EventBody
from workflows.journey.evidence import current_decision, evidence
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.stages.sessions.dose_gate import NOT_CLEARED, dose_gate
from workflows.journey.vocabulary.actors import CLOCK, Actor, Role
from workflows.protocols import list_pathways

NO_SAFETY = {
    # who acts, who is meant, and what is awaited or refused
    "access.glass-broken", "access.reviewed", "care-team.left", "care-team.stranger-heard", "care-team.updated",
    "command.refused", "obligation.acknowledged", "obligation.escalated", "obligations.updated", "pathway.covered",
    "pathway.cover-ended", "pathway.reassigned", "patient.updated", "patient.birth-date-corrected",
    "patient.merge-proposed", "patient.unmerge-proposed", "permission.changed", "permission.monitoring-checked",
    "permission.proposed", "contacts.scheduled", "visit.moved", "cancellation.kept", "supply.counted", "supply.moved",
    "supply.witnessed",
    # decisions, and what they rest on: their own evidence is part of the clearance's
    "signoff.addendum-added", "signoff.answered", "signoff.delegated", "signoff.delegation-ended", "signoff.signed",
    "signoff.withdrawn", "evaluation.recorded", "screening.recorded", "screening.reopened", "plan.recorded",
    "education.acknowledged", "education.confirmed", "education.explained", "education.reading-confirmed",
    "education.sent", "question.asked", "question.answered", "consent.given", "consent.paper-entered",
    "consent.version-changed", "consent.version-proposed", "consent.withdrawn", "consent.witnessed",
    # in the evidence by itself: doses, medicines, limits, corrections, the checklist, where the patient is, a test
    "session.dosed", "medicine.recorded", "medicines.reconciled", "limits.overridden", "limits.override-proposed",
    "limits.tightened", "fact.amended", "fact.correction-confirmed", "fact.correction-rejected",
    "fact.entered-in-error", "history.taken-in", "patient.merged", "patient.unmerged", "patient.moved",
    "pregnancy.judged", "pregnancy.tested", "session.checked", "session.instructed",
    "session.instructions-acknowledged", "session.scheduled", "session.cancelled", "session.released",
    "session.end-proposed",
    # after these no session is released
    "pathway.started", "pathway.ending", "pathway.closed", "stage.entered", "discharge.proposed", "handover.proposed",
    "watch.handed-over",
}  # fmt: skip
"""The kinds of events that say nothing about how the patient is, and why."""


def kinds(of: type[EventBody]) -> dict[str, bool]:
    """Every kind of event, and whether it concerns safety."""
    found = {}
    for kind in of.__subclasses__():
        if "kind" in kind.model_fields:
            found[str(kind.model_fields["kind"].default)] = kind.safety
        found |= kinds(kind)
    return found


def test_of_every_kind_of_event_it_is_said_whether_a_clearance_outlasts_it() -> None:
    known = kinds(EventBody)
    assert {kind for kind, safety in known.items() if not safety} == NO_SAFETY
    assert len(known) > len(NO_SAFETY)


@pytest.mark.parametrize("pathway", list_pathways())
def test_what_happened_is_counted(pathway: Pathway) -> None:
    played = course(pathway)
    safety = kinds(EventBody)
    happened = [event for event in played.events if safety[event.body.kind]]
    assert played.journey.happened == Happened(
        kinds=dict(Counter(event.body.kind for event in happened)), last=happened[-1].version, at=happened[-1].at
    )


def cleared(play: Play) -> bool:
    return current_decision(play.journey, SignOffKind.CLEARANCE, "1") is not None


def ready() -> Play:
    """The first session is cleared, and would be released now."""
    play = before("session.release")
    assert cleared(play)
    assert not dose_gate(play.journey, 1, play.at)
    return play


def later(at: datetime) -> dict[str, tuple[c.CommandBody, Role | Actor]]:
    """What people may say at a moment after a session was cleared, each of another kind."""
    harm = c.ReportAdverseEvent(what="invented", grade=1, serious=False, onset=at)
    seen = c.RecordObservation(seen_at=at, consciousness="alert", breathing_normal=True)
    return {
        "a mild adverse event": (harm, Role.PATIENT),
        "a severe adverse event": (harm.model_copy(update={"grade": 3}), Role.OBSERVER),
        "one that the clinician reports": (harm.model_copy(update={"grade": 2}), Role.CLINICIAN),
        "a call for support": (c.RequestSupport(urgency="routine", text="invented"), Role.PATIENT),
        "an urgent call": (c.RequestSupport(urgency="urgent", text="invented"), Role.OBSERVER),
        "a hold": (c.PlaceHold(reason="invented"), Role.CLINICIAN),
        "a hold of the patient's": (c.PlaceHold(reason="invented"), Role.PATIENT),
        "a good observation": (seen, Role.OBSERVER),
        "what was seen": (c.RecordObservation(seen_at=at, note="invented"), Role.PATIENT),
        "a crisis": (c.ReportCrisis(what="invented"), Role.OBSERVER),
        "a message that cannot be read": (c.KeepUnreadable(name="submit", content="{"), CLOCK),
        "psychotherapy": (
            c.RecordTherapy(held_at=at, approach="exposure", attended=True, summary="invented", concern="clinical"),
            Role.THERAPIST,
        ),
    }


@pytest.mark.parametrize("what", later(START))
def test_a_later_safety_event_makes_a_clearance_stale(what: str) -> None:
    play = ready()
    play.do(*later(play.at)[what])
    assert not cleared(play)
    assert NOT_CLEARED in dose_gate(play.journey, 1, play.at)


def test_what_is_over_again_has_happened() -> None:
    """A call that was answered stands before no dose any more. Who clears the session has to know of it."""
    play = ready()
    play.do(c.RequestSupport(urgency="routine", text="invented"), Role.PATIENT)
    play.do(c.AnswerSupport(support="support-1", text="invented"), Role.CLINICIAN)
    assert dose_gate(play.journey, 1, play.at) == (
        "clear session 1 (clearance:1)",
        NOT_CLEARED,
    )
    [asked] = evidence(play.journey, SignOffKind.CLEARANCE, "1")["content"]["since_last_clearance"]["support"]
    assert (asked["text"], asked["open"]) == ("invented", False)


def test_a_clearance_shows_what_is_new_since_the_last_one() -> None:
    play = before("session.release", 2)
    told = evidence(play.journey, SignOffKind.CLEARANCE, "2")["content"]["since_last_clearance"]
    assert [session["number"] for session in told["sessions"]] == [1]
    assert [contact["done_at"] for contact in told["contacts"]] == [
        contact.model_dump(mode="json")["done_at"] for contact in play.journey.contacts.values() if contact.done_at
    ]
    first = evidence(before("session.release").journey, SignOffKind.CLEARANCE, "1")["content"]["since_last_clearance"]
    assert [measured["instrument"] for measured in first["measured"]]
    assert first["sessions"] == []
    baseline = [m for m in first["measured"] if m["occasion"] == "baseline"]
    assert baseline
    assert not [m for m in told["measured"] if m["occasion"] == "baseline"]


def test_an_adverse_event_is_new_once() -> None:
    play = after("session.end")
    play.do(c.ReportAdverseEvent(what="invented", grade=1, serious=False, onset=play.at), Role.PATIENT)

    def new(journey: Journey, session: int) -> list[str]:
        told = evidence(journey, SignOffKind.CLEARANCE, str(session))["content"]["since_last_clearance"]
        return [event["id"] for event in told["adverse_events"]]

    play.go_on(lambda _: play.asks_for(SignOffKind.CLEARANCE, "2"))
    assert new(play.journey, 2) == ["adverse-event-1"]
    play.go_on(lambda _: play.asks_for(SignOffKind.CLEARANCE, "3"))
    assert new(play.journey, 3) == ["adverse-event-1"], "it was followed up since"
    known = play.journey.adverse_events["adverse-event-1"].model_copy(update={"followed_up_at": None})
    assert new(play.changed(adverse_events={known.id: known}).journey, 3) == []


def test_only_safety_makes_it_stale() -> None:
    play = ready()
    play.do(c.AskQuestion(text="invented"), Role.PATIENT)
    assert cleared(play)
    assert e.QuestionAsked.safety is False
