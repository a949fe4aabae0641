"""Courses a journey can take, by name. Tests play them on every server, and the replay corpus is recorded from them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import pytest

from simulation.player import BEYOND
from tests.workflow.world import Case, World, said
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.events import EvaluationRecorded, TherapyRecorded
from workflows.journey.protocol import DoseLimit, Pathway, SignOffKind
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.limits import COMMAND_LIMIT
from workflows.journey.vocabulary.stage import Stage
from workflows.protocols.demonstration import load_demonstration


@dataclass(frozen=True)
class Course:
    """How one journey goes, and where: on the real server, on one that suggests to continue as new early, or with
    a worker that keeps nothing in memory."""

    pathway: Pathway
    play: Callable[[Case], Awaitable[object]]
    zone: str | None = None
    world: Literal["real", "early", "uncached"] = "real"
    soak: bool = False
    """Too long for `make test`: other courses show there what it shows."""

    async def begin(self, world: World) -> Case:
        return await world.begin(load_demonstration(self.pathway), zone=self.zone)


def of_courses(*names: str) -> list[Any]:
    """These names as parameters: those of long courses are of the tier `soak`."""
    return [pytest.param(name, marks=[pytest.mark.soak] if COURSES[name].soak else []) for name in names]


Played = Callable[[str], Awaitable[Case]]
"""A course by its name, once it has been played."""


def stage(wanted: Stage) -> Callable[[Journey], bool]:
    return lambda journey: journey.stage == wanted


def awaits(kind: SignOffKind) -> Callable[[Journey], bool]:
    return lambda journey: any(waiting.sign_off == kind for waiting in journey.waiting.values())


def request(journey: Journey, kind: SignOffKind) -> Obligation:
    return next(waiting for waiting in journey.waiting.values() if waiting.sign_off == kind)


def signature(
    journey: Journey,
    asked: Obligation,
    *,
    decision: str = "approve",
    choice: str | None = None,
    referral: str | None = None,
) -> c.Command:
    """The decision of whoever the protocol asks, on the evidence as it is."""
    assert asked.sign_off is not None
    rule = journey.protocol.sign_offs[asked.sign_off]
    body = {
        "kind": "signoff.sign",
        "request": asked.id,
        "decision": decision,
        "meaning": rule.meaning,
        "evidence": asked.evidence,
        "choice": choice,
        "rationale": "Invented: weighed case by case",
        "referral": referral,
    }
    return said(rule.roles[0], body)


def visited(journey: Journey) -> bool:
    return any(contact.type == "visit" and contact.done_at for contact in journey.contacts.values())


async def happy(case: Case) -> None:
    await case.play()


LATE = "check-in-1-24h"
UNWELL = "check-in-2-4h"


async def late(case: Case) -> None:
    """A check-in is answered after its escalation policy has held care, and the patient is unwell at a later one."""
    await case.play(late=(LATE,), unwell=(UNWELL,))


FIRST_DAY = ("check-in-1-4h", "check-in-1-24h")
SOUGHT = 5
"""How often it is looked for a patient again before somebody decides."""


async def silent(case: Case) -> None:
    """After session 1 the patient never answers again. Somebody looks for them again and again, until a clinician
    settles the missed check-ins of the first day, and in the end decides that they are lost to follow-up. The dose that
    is left is collected."""
    decisions = (SignOffKind.ATTESTATION, SignOffKind.LOST_TO_FOLLOW_UP)

    def sees(waiting: Obligation) -> bool:
        return waiting.sign_off in decisions or waiting.kind == "leftovers"

    def sought(journey: Journey) -> bool:
        waiting = journey.waiting.get(f"check_in:{missed}")
        return waiting is not None and waiting.repeated >= SOUGHT

    await case.play(until=lambda journey: bool(journey.ended_sessions))
    for missed in FIRST_DAY:
        await case.play(until=sought, sees=sees)
        await case.act(Role.CLINICIAN, c.SettleContact(contact=missed, reason="Invented: sought, and not found"))
    await case.play(sees=sees)


async def in_clinic(case: Case) -> None:
    """The clinician decides for treatment in the clinic. Everything is sent as signals."""
    await case.play(until=awaits(SignOffKind.ELIGIBILITY), send=Case.signal)
    asked = request(case.journey, SignOffKind.ELIGIBILITY)
    decided = signature(case.journey, asked, choice="in_clinic", referral="Invented: to the clinic across the road")
    await case.signal(decided)


async def withdrawal(case: Case) -> None:
    """The patient withdraws while a session is running; it is observed to its end all the same."""
    await case.play(until=lambda journey: any(session.observations for session in journey.sessions.values()))
    await case.act(Role.PATIENT, c.Withdraw(reason="Invented: rather not"))
    await case.play()


MALFORMED: Mapping[str, tuple[str, tuple[object, ...]]] = {
    "no command at all": ("command", ("Invented: please call me",)),
    "a field that does not exist": ("command", ({"command_id": "x", "feelings": "bad"},)),
    "no argument": ("command", ()),
    "two arguments": ("command", ({}, {})),
    "an unknown name": ("help", ({"text": "Invented: I feel dizzy"},)),
    "larger than any command": ("sign_off", ("x" * (COMMAND_LIMIT + 1),)),
    "somebody who says to be the clock": (
        "command",
        (
            {
                "command_id": "00000000-0000-4000-8000-000000000001",
                "actor": {"id": "clock", "role": "system", "clock": True},
                "body": {"kind": "clock.pass-deadline"},
            },
        ),
    ),
}


async def malformed(case: Case) -> None:
    """Signals nobody can read: each is kept and holds care until ops have read it; then the patient leaves."""
    for name, arguments in MALFORMED.values():
        await case.handle.signal(name, args=arguments)
        while not case.journey.held:
            await case.reach(case.journey.version + 1)
        await case.play(until=lambda journey: not journey.held, sees=lambda waiting: not waiting.care)
    await case.act(Role.COORDINATOR, c.Withdraw())


async def chain(case: Case) -> None:
    """Continued as new many times, up to the first session; then the coordinator hands the patient over."""
    await case.play(until=lambda journey: bool(journey.ended_sessions))
    await case.act(Role.CLINICIAN, c.Transfer(reason="Invented: moved away", referral="Invented: to the clinic there"))
    await case.play()


async def uncached(case: Case) -> None:
    """Every workflow task begins with a replay of all before it."""
    await case.play(until=lambda journey: bool(journey.sessions))
    await case.act(Role.COORDINATOR, c.Withdraw())


ALARM = "alarm:adverse-event-1"


async def alarm(case: Case) -> None:
    """A seizure in the first session. Nobody acknowledges for a while, somebody does, and it rings on, more slowly,
    until it is reviewed. Runs are continued as new meanwhile."""

    def at_the_bedside(waiting: Obligation) -> bool:
        return waiting.kind in ("observation", "session_end")

    await case.play(until=lambda journey: any(session.observations for session in journey.sessions.values()))
    seen = {
        "kind": "session.observe",
        "session": 1,
        "minute": case.journey.sessions[1].observed_until,
        "consciousness": "unresponsive",
        "breathing_normal": True,
        "vomiting": False,
        "red_flags": ["seizure"],
    }
    await case.act(Role.SESSION_MONITOR, c.Observe.model_validate(seen))
    await case.play(until=lambda journey: journey.waiting[ALARM].repeated >= 5, sees=at_the_bedside)
    await case.act(Role.ON_CALL_CLINICIAN, c.AcknowledgeAlarm(obligation=ALARM, doing="Invented: called back"))
    await case.play(until=lambda journey: journey.waiting[ALARM].repeated >= 3, sees=at_the_bedside)
    await case.act(Role.PATIENT, c.Withdraw(reason="Invented: rather not"))
    await case.play()


REFUSED_SIGNALS = (
    "pathway.start",
    "patient.merge",
    "patient.unmerge",
    "supply.witness",
    "pathway.reject-correction",
    "pathway.propose-discharge",
    "visit.no-show",
    "contact.settle",
    "observation.miss",
    "session.miss-observation",
    "pathway.propose-handover",
)
"""What is out of place where `signals` sends it."""


async def signals(case: Case) -> None:
    """Everything as signals; what may be sent by hand, the first time by hand, and the first signed decision from
    Temporal's own command line."""

    async def send(case: Case, command: c.Command) -> None:
        earlier = [sent.body for sent in case.sent[1:]]
        first, signed = command.body.kind not in [body.kind for body in earlier], isinstance(command.body, c.SIGNED)
        if signed and not any(isinstance(body, c.SIGNED) for body in earlier):
            await case.signal_by_command_line(command)
        elif first and (command.body.by_hand or signed):
            await case.signal_by_hand(command)
        else:
            await case.signal(command)

    async def act(role: Role, body: Any) -> None:
        await send(case, said(role, body, of=case.id))

    await act(Role.COORDINATOR, case.opening.body)
    await act(Role.PATIENT, c.AskQuestion(text="Invented: may I read before a session?"))
    await act(Role.PATIENT, c.RequestSupport(urgency="routine", text="Invented: how do I park?"))
    reading = case.journey.protocol.background_reading[0]
    await act(Role.COORDINATOR, c.SendReading(reading=reading, content_version="v1"))
    await act(Role.PATIENT, c.ConfirmReading(reading=reading, content_version="v1"))
    await act(Role.PATIENT, c.UpdatePatient(emergency_contact_ref="demo-contact-2", reason="Invented: a new number"))
    await act(Role.COORDINATOR, c.CorrectBirthDate(born=date(1985, 4, 2), reason="Invented: misread"))
    await act(Role.COORDINATOR, c.ProposeMerge(other=case.journey.patient.ref, reason="Invented: the very same"))
    await act(Role.COORDINATOR, c.ProposeUnmerge(merge="merge-9", reason="Invented: somebody else"))
    await act(Role.PATIENT, c.RecordPregnancyTest(taken_at=case.journey.started_at, result="negative"))
    await act(Role.COORDINATOR, c.CountSupply(doses=0, counted_at=case.journey.started_at))
    await act(Role.CLINICIAN, c.WitnessDisposal(disposal="disposal-9"))
    therapy = c.RecordTherapy(
        held_at=case.journey.started_at,
        approach="supportive",
        attended=True,
        summary="Invented: a first talk",
        location=c.Location(state="CA", confirmed=True),
    )
    await act(Role.CLINICIAN, therapy)
    told = next(event for event in await case.events() if isinstance(event.body, TherapyRecorded))
    await act(Role.CLINICIAN, c.MarkInError(version=told.version, reason="Invented: another patient's"))
    await act(Role.MEDICAL_DIRECTOR, c.ConfirmCorrection(correction=told.version, reason="Invented: compared"))
    await act(Role.MEDICAL_DIRECTOR, c.RejectCorrection(correction=told.version, reason="Invented: not so"))
    tighter = c.SetLimits(limits={DoseLimit.MAX_SINGLE_DOSE: 100}, reason="Invented: frail")
    await act(Role.CLINICIAN, tighter)
    await act(Role.CLINICIAN, c.ProposePermission(until=date(2030, 1, 1), source="Invented: a rule"))
    await act(Role.COORDINATOR, c.Reassign(duty="coordinator", to="demo-coordinator-2", reason="Invented: on leave"))
    await act(Role.COORDINATOR, c.Move(zone="America/New_York", state="NY"))
    await act(Role.OBSERVER, c.PlaceHold(reason="Invented: wait a moment"))
    await act(Role.OBSERVER, c.RecordDeath(related="no", reason="Invented: the wrong patient"))
    await act(Role.PATIENT, c.DoubtDeath(death="death-1", reason="Invented: it is me"))
    await case.play(until=awaits(SignOffKind.DEATH), send=send, sees=lambda _: False)
    asked = request(case.journey, SignOffKind.DEATH)
    await send(case, signature(case.journey, asked, decision="decline"))
    report = c.ReportAdverseEvent(
        what="Invented: a headache", grade=1, serious=False, onset=case.journey.started_at, causality="unlikely"
    )
    await act(Role.PATIENT, report)
    higher = c.RegradeAdverseEvent(adverse_event="adverse-event-1", grade=3, serious=False, reason="Invented: worse")
    await act(Role.CLINICIAN, higher)
    await act(Role.ON_CALL_CLINICIAN, c.AcknowledgeAlarm(obligation=ALARM, doing="Invented: on the phone"))
    well = c.FollowUpAdverseEvent(
        adverse_event="adverse-event-1",
        findings="Invented: gone",
        action_taken="Invented: none",
        outcome="recovered",
        ended_at=case.journey.started_at,
    )
    await act(Role.CLINICIAN, well)
    said_of_harm = c.KeepReport(about="adverse-event.report", said="Invented: a rash, grade 9", fields=("grade",))
    await act(Role.PATIENT, said_of_harm)
    await act(Role.CLINICIAN, c.SettleReport(report="report-1", text="Invented: asked; it was the headache"))
    await act(Role.ON_CALL_CLINICIAN, c.BreakGlass(reason="Invented: the emergency room called"))
    contact = c.RecordCrisisContact(crisis="crisis-1", reached=False, assessment="Invented", safety_plan=False)
    await act(Role.ON_CALL_CLINICIAN, contact)
    await case.handle.signal("command", "Invented: not a command")
    await case.play(until=lambda journey: bool(journey.messages), send=send, sees=lambda _: False)
    await case.play(until=lambda journey: bool(journey.evaluation.sections), send=send)
    recorded = next(event for event in await case.events() if isinstance(event.body, EvaluationRecorded))
    correction = c.RecordEvaluation(function={"sleep": "Invented: worse than first said"})
    amendment = c.Amend(version=recorded.version, reason="Invented: misheard", correction=correction)
    await act(Role.CLINICIAN, amendment)
    await case.play(until=awaits(SignOffKind.EVALUATION), send=send)
    asked = request(case.journey, SignOffKind.EVALUATION)
    await send(case, signature(case.journey, asked, decision="return"))
    await act(Role.CLINICIAN, c.WithdrawSignOff(request=asked.id, reason="Invented: found it meanwhile"))
    asked = request(case.journey, SignOffKind.EVALUATION)
    await send(case, signature(case.journey, asked, decision="return"))
    await act(Role.CLINICIAN, c.AddAddendum(request=asked.id, text="Invented: ask about sleep, too"))
    until = case.journey.started_at + timedelta(days=60)
    weeks = case.journey.started_at + timedelta(days=14)
    lent = c.Delegate(to="demo-clinician-2", sign_offs=(SignOffKind.PLAN,), until=weeks, reason="Invented: on leave")
    await act(Role.CLINICIAN, lent)
    await act(Role.CLINICIAN, c.EndDelegation(delegation="delegation-1"))
    await act(Role.COORDINATOR, c.Cover(by="demo-clinician-2", until=until, reason="Invented: on leave"))
    await case.play(until=stage(Stage.SESSIONS), send=send)
    await act(Role.CLINICIAN, c.ProposeDischarge(summary="Invented: too early", ongoing_support="Invented: none"))
    versions = case.journey.consent_versions
    paper = c.EnterPaperConsent(consents=versions, signed_at=case.journey.started_at, document_ref="archive-17")
    await act(Role.COORDINATOR, paper)
    await act(Role.CLINICIAN, c.WitnessConsent(paper="paper-1"))
    another = c.ProposeConsentVersion(consent="privacy", version="privacy-2", reason="Invented: a new law")
    await act(Role.CLINICIAN, another)
    await act(Role.PATIENT, c.WithdrawConsent(consent="privacy"))
    await act(Role.COORDINATOR, c.RecordNoShow(visit="follow-up-week-1", tried="Invented: two calls"))
    far = case.journey.contacts["follow-up-week-1"].closes
    await act(Role.COORDINATOR, c.MoveVisit(visit="follow-up-week-1", to=far, reason="Invented: a holiday"))
    await act(Role.CLINICIAN, c.SettleContact(contact="follow-up-week-1", reason="Invented: too early"))
    [medicine, *_] = case.journey.medicines
    await act(Role.PATIENT, c.ChangeMedicine(medicine=medicine, dosage="Invented: half", reason="Invented: drowsy"))
    await act(Role.PATIENT, c.StopMedicine(medicine=medicine, reason="Invented: not needed"))
    await case.play(until=lambda journey: bool(journey.sessions), send=send)
    await act(Role.PATIENT, c.CancelSession(session=1, reason="Invented: a cold"))
    await case.play(until=visited, send=send)
    await act(Role.PATIENT, c.RecordObservation(seen_at=case.journey.started_at, consciousness="alert"))
    await act(Role.CLINICIAN, c.GiveUpObservation(dose="dose-9", minute=15, reason="Invented: no such dose"))
    await act(Role.CLINICIAN, c.MissObservation(session=9, minute=15, reason="Invented: no such session"))
    receiver = c.Receiver(name="Dr. Invented", organisation="Invented", reached_by="Invented", accepted=True)
    await act(Role.CLINICIAN, c.ProposeHandover(receiver=receiver, reason="Invented: too early"))
    await act(Role.PATIENT, c.ReportCrisis(what="Invented: a call"))
    await act(Role.PATIENT, c.Withdraw(reason="Invented: feels well enough"))
    await case.play(send=send)


COURSES: Mapping[str, Course] = {
    "ptsd": Course("PTSD", happy, soak=True),
    "anxiety": Course("ANXIETY", happy),
    "late": Course("PTSD", late, zone="America/Los_Angeles"),
    "silent": Course("PTSD", silent, zone="Australia/Adelaide", soak=True),
    "in-clinic": Course("ANXIETY", in_clinic),
    "withdrawal": Course("ANXIETY", withdrawal),
    "malformed": Course("ANXIETY", malformed),
    "signals": Course("PTSD", signals),
    "uncached": Course("ANXIETY", uncached, world="uncached"),
    "chain": Course("ANXIETY", chain, world="early", soak=True),
    "alarm": Course("PTSD", alarm, world="early"),
}

SHORTLY = BEYOND + timedelta(seconds=10)
"""How long after its time something may happen: the clock is skipped beyond a moment, and on a busy machine it goes on
while work is done."""
