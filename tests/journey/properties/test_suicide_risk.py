"""Suicide risk: an honest patient is never stuck, and nothing older than an alarm clears it."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.journey.contacts import handover
from tests.journey.instruments.vectors import c_ssrs, c_ssrs_since
from tests.journey.play import Play, after, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.holds.model import RISK_CAUSES
from workflows.journey.evidence import first_approval
from workflows.journey.instruments import C_SSRS_FORMS, Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.refusals import Refusal

BEGUN = started()
SEEN = after("session.end")


@dataclass
class Honest(Play):
    """A journey whose patient has a history, and answers honestly whenever somebody asks."""

    lifetime: str = "nn---n-"
    since: list[str] = field(default_factory=list)

    def take(self, command: c.Command) -> tuple[e.Event, ...] | Refusal:
        body = command.body
        if isinstance(body, c.RecordInstrument) and body.instrument in C_SSRS_FORMS:
            if body.instrument == Instrument.C_SSRS:
                told: Any = c_ssrs(self.lifetime)
            else:
                told = c_ssrs_since(self.since.pop(0) if self.since else "nn---n")
            command = command.model_copy(update={"body": body.model_copy(update={"answers": told})})
        return super().take(command)


@given(
    st.sampled_from(["nn---n-", "nn---yn", "yn---n-", "yn---yn", "yynnnn-", "nynnnyn", "yynnnyn"]),
    st.lists(st.sampled_from(["nn---n", "yn---n", "yynnnn"]), max_size=6),
)
@examples(0.5)
def test_an_honest_patient_with_no_more_than_low_risk_since_reaches_a_release(lifetime: str, since: list[str]) -> None:
    play = Honest(BEGUN.journey, BEGUN.at, receipts=dict(BEGUN.receipts), lifetime=lifetime, since=list(since))
    play.go_on(lambda journey: any(session.released_at for session in journey.sessions.values()))


acts = st.sampled_from(
    [
        ("ask", "nn---n"), ("ask", "yn---n"), ("ask", "yyynnn"), ("ask", "yyyynn"), ("ask", "nn---y"),
        ("ask", "yy---n"), ("self", "nn---n"), ("self", "yyyyyn"), ("screen", "nn---yn"), ("screen", "nn---n-"),
        ("screen", "yyynnn-"),
        ("phq", 0), ("phq", 1), ("amend", "nn---n"), ("amend", "yyyynn"), ("amend", "yyynnn"), ("reach", True),
        ("reach", False), ("sign reached", Role.CLINICIAN),
        ("sign level", Role.ON_CALL_CLINICIAN), ("sign", Role.CLINICIAN),
        ("sign", Role.MEDICAL_DIRECTOR), ("sign", Role.ON_CALL_CLINICIAN),
        ("hand over", Role.CLINICIAN), ("wait", 5),
    ]
)  # fmt: skip


@given(st.lists(acts, min_size=4, max_size=25))
@examples(1)
def test_nothing_older_than_an_alarm_clears_it(chosen: list[tuple[str, Any]]) -> None:
    play = Play(SEEN.journey, SEEN.at, receipts=dict(SEEN.receipts))
    # So that many runs get as far as a decision.
    ending = [("reach", True), ("sign reached", Role.CLINICIAN)]
    for act in [*chosen, *ending, ("ask", "nn---n"), ("sign", Role.CLINICIAN), ("sign", Role.MEDICAL_DIRECTOR)]:
        _try(play, *act)
        _require_sound(play)


def _try(play: Play, what: str, how: Any) -> None:
    occasion = f"x-{play.journey.version}"
    match what:
        case "ask" | "self":
            answers: Any = c_ssrs_since(how)
            body: c.CommandBody = c.RecordInstrument(
                instrument=Instrument.C_SSRS_SINCE, occasion=occasion, answers=answers
            )
            play.take(play.command(body, Role.PATIENT if what == "self" else Role.CLINICIAN))
        case "screen":
            body = c.RecordInstrument(instrument=Instrument.C_SSRS, occasion=occasion, answers=c_ssrs(how))
            play.take(play.command(body, Role.CLINICIAN))
        case "phq":
            answers = [0] * 8 + [how]
            body = c.RecordInstrument(instrument=Instrument.PHQ_9, occasion=occasion, answers=answers)
            play.take(play.command(body, Role.PATIENT))
        case "amend":
            known = [m for m in play.journey.measurements if m.instrument == Instrument.C_SSRS_SINCE]
            if known:
                fact = c.RecordInstrument(
                    instrument=Instrument.C_SSRS_SINCE, occasion=known[0].occasion, answers=c_ssrs_since(how)
                )
                play.take(play.command(c.Amend(version=known[0].version, reason="x", correction=fact), Role.CLINICIAN))
        case "reach":
            crisis = next(reversed([*play.journey.crises]), "crisis-1")
            body = c.RecordCrisisContact(crisis=crisis, reached=how, assessment="x", safety_plan=True)
            play.take(play.command(body, Role.CLINICIAN))
        case "sign reached" | "sign level":
            kind = SignOffKind.CRISIS_REACHED if what == "sign reached" else SignOffKind.RISK_LEVEL
            for asked in [waiting for waiting in play.journey.waiting.values() if waiting.sign_off == kind]:
                play.take(play.command(play.signature(kind, asked.subject), how))
        case "sign" | "hand over" if play.asks_for(SignOffKind.RISK_DECISION):
            if what == "hand over":
                play.take(play.command(handover(), Role.CLINICIAN))
            choice = "settled" if what == "sign" else "handed_over"
            signature = play.signature(
                SignOffKind.RISK_DECISION, choice=choice, referral=None if what == "sign" else "a hospital"
            )
            play.take(play.command(signature, how))
        case "wait":
            play.later(hours=how)


def _require_sound(play: Play) -> None:
    """Whatever was let go or closed as settled: everything that raised an alarm before it was answered after it."""
    alarms: list[int] = []
    asked, contacts, found = 0, 0, 0
    signers: list[str] = []
    told: dict[str, int] = {}
    signed = 0
    for event in play.events:
        match event.body:
            case e.HoldPlaced() if event.body.cause in RISK_CAUSES:
                alarms.append(event.version)
            case e.CrisisOpened():
                alarms.append(event.version)
                found = event.version
            case e.InstrumentRecorded() if event.body.instrument in C_SSRS_FORMS and event.actor_role in CLINICAL:
                asked = event.version if event.body.score.complete else asked
            case e.CrisisContactRecorded() if event.body.reached:
                told[event.body.crisis] = event.version
            case e.CrisisReached():
                contacts = max(contacts, told[event.body.crisis])
            case e.RiskLevelSigned():
                signed = event.body.found
            case e.SignedOff() if event.body.sign_off == SignOffKind.RISK_DECISION:
                signers = [*signers, event.actor_id] if event.body.first_of_two else [*signers[-1:], event.actor_id]
            case e.HoldReleased():
                assert asked > max(alarms), "a clinician asked after everything that was found"
                assert contacts > found or not found, "the patient was reached after it"
                assert len(set(signers[-2:])) == 2
    owed = [m.found for m in play.journey.measurements if m.score.needs_c_ssrs]
    if owed and signed <= max(owed):
        assert play.journey.item_9_open, "no level but a signed one answers it"
    if any(not crisis.reached and not crisis.closed for crisis in play.journey.crises.values()):
        assert play.waits_for("crisis") is not None, "the alarm goes on until it is signed that they were reached"
    if first_approval(play.journey, SignOffKind.RISK_DECISION):
        assert play.journey.open_crises or play.journey.held_for_risk
