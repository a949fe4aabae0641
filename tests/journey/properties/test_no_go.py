"""Once a checklist holds a no-go, nothing anybody else does leads to a release before a clinician has lifted it."""

from datetime import timedelta
from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

from simulation.people import checklist, vitals
from tests.journey.play import PROTOCOLS, Play, before
from workflows.journey import commands as c
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.refusals import Refusal

RULES = PROTOCOLS["PTSD"].sessions
SIDES = ("adult", "physically_present", "briefed")


@st.composite
def no_gos(draw: st.DrawFn) -> dict[str, Any]:
    """What of a checklist is wrong: at least one thing, and often several."""
    items = draw(st.sets(st.sampled_from(RULES.checklist), max_size=3))
    high, low = RULES.vitals.systolic.recheck[1], RULES.vitals.systolic.recheck[0]
    systolic = draw(st.none() | st.integers(int(high) + 1, 250) | st.integers(60, int(low) - 1))
    sides = draw(st.sets(st.sampled_from(SIDES), max_size=2))
    elsewhere = draw(st.booleans())
    if not (items or systolic or sides):
        elsewhere = True
    return {"items": items, "systolic": systolic, "sides": sides, "elsewhere": elsewhere}


def form(play: Play, number: int, wrong: dict[str, Any] | None) -> c.CheckSession:
    good = checklist(play.journey, number, play.at)
    assert good.observer is not None
    if wrong is None:
        return good
    return good.model_copy(
        update={
            "items": good.items | dict.fromkeys(sorted(wrong["items"]), False),
            "vitals": vitals(play.at, wrong["systolic"] or 118),
            "observer": good.observer.model_copy(update=dict.fromkeys(sorted(wrong["sides"]), False)),
            "location_confirmed": not wrong["elsewhere"],
        }
    )


ATTEMPTS = (
    "check", "check", "check", "release", "release", "move", "cancel", "instruct", "clear", "support", "amend", "clock",
)  # fmt: skip


def attempt(play: Play, number: int, what: str) -> tuple[c.CommandBody, Role | Any] | None:
    """Something that is not the clinician's decision on the hold."""
    session = play.journey.sessions.get(number)
    match what:
        case "check" if session is not None:
            return form(play, number, None), Role.SESSION_MONITOR
        case "amend" if session is not None and session.check is not None:
            return c.Amend(
                version=session.check.version, reason="x", correction=form(play, number, None)
            ), Role.SESSION_MONITOR
        case "release":
            return c.ReleaseSession(session=number), Role.SESSION_MONITOR
        case "move":
            schedule = c.ScheduleSession(
                session=number,
                starts_at=play.at + timedelta(hours=1),
                supervising_clinician=play.journey.clinician,
                session_monitor="demo-session-monitor",
                live_clinician="demo-clinician",
            )
            return schedule, Role.COORDINATOR
        case "cancel":
            return c.CancelSession(session=number, reason="x"), Role.PATIENT
        case "instruct":
            return c.Instruct(session=number, content_version="demo-1"), Role.COORDINATOR
        case "clear" if play.asks_for(SignOffKind.CLEARANCE, str(number)):
            return play.signature(SignOffKind.CLEARANCE, str(number)), Role.CLINICIAN
        case "support" if (asked := play.waits_for("support")) is not None and asked.subject is not None:
            return c.AnswerSupport(support=asked.subject, text="x"), Role.ON_CALL_CLINICIAN
        case "clock":
            return c.PassDeadline(), CLOCK
    return None


@given(st.data(), st.sampled_from([1, 2]), no_gos())
def test_nothing_leads_to_a_release_before_a_clinician_lifts_it(
    data: st.DataObject, number: int, wrong: dict[str, Any]
) -> None:
    play = before("session.check", number)
    play.do(form(play, number, wrong), Role.SESSION_MONITOR)
    for _ in range(data.draw(st.integers(1, 12))):
        play.later(minutes=data.draw(st.sampled_from([0, 1, 15, 60, 60 * 24, 60 * 24 * 4])))
        tried = attempt(play, number, data.draw(st.sampled_from(ATTEMPTS)))
        if tried is None:
            continue
        body, by = tried
        answer = play.take(play.command(body, by))
        note(f"{play.at} {body}: {answer if isinstance(answer, Refusal) else 'ok'}")
        session = play.journey.sessions.get(number)
        assert session is None or session.released_at is None
    assert play.journey.held
