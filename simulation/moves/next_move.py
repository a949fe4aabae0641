"""What somebody does next in an invented journey.

Pure and deterministic: the same journey at the same moment gives the same move, under the same command id, so a move
that is sent twice happens once.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from simulation.moves.always import (
    answer_returned,
    answer_support,
    ask_particulars,
    check_monitoring,
    confirm_correction,
    follow_up_adverse_event,
    reach,
    read_message,
    record_address,
    renew_permission,
    review_access,
    settle_report,
    speak_again,
    take_alarm,
    witness,
)
from simulation.moves.contacts import check_in, find_time, hold_visit, measure, renew, settle_contact
from simulation.moves.preparing import (
    acknowledge,
    answer_question,
    ask_about_suicide,
    consent,
    evaluate,
    explain,
    reconcile,
    screen,
    write_plan,
)
from simulation.moves.sessions import (
    acknowledge_instructions,
    check,
    collect,
    count_doses,
    dispense,
    end_session,
    instruct,
    judge_pregnancy,
    observe,
    release,
    schedule,
    take_dose,
)
from simulation.moves.signing import sign
from simulation.moves.situation import PlayedMove, Situation
from simulation.people import command_of, invented
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.obligations import obligations
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.stage import Stage

NextMove = c.Command | datetime
"""What happens next: a command to send now, or the moment until which nobody has anything to do."""


ACTIONS: Mapping[str, Callable[[Situation], PlayedMove | datetime | None]] = {
    "evaluation": evaluate,
    "suicide_risk": ask_about_suicide,
    "screening": screen,
    "planning": write_plan,
    "education": explain,
    "acknowledgement": acknowledge,
    "question": answer_question,
    "consent": consent,
    "witness": witness,
    "scheduling": schedule,
    "measure": measure,
    "instructions": instruct,
    "instructions_read": acknowledge_instructions,
    "checklist": check,
    "release": release,
    "dose": take_dose,
    "observation": observe,
    "session_end": end_session,
    "check_in": check_in,
    "visit": hold_visit,
    "follow_up_visit": hold_visit,
    "renewal": renew,
    "missed_contact": settle_contact,
    "correction": confirm_correction,
    "medicines_review": reconcile,
    "dispensing": dispense,
    "pregnancy_test": judge_pregnancy,
    "no_show": find_time,
    "monitoring_check": check_monitoring,
    "permission_end": renew_permission,
    "leftovers": collect,
    "supply_count": count_doses,
    "dispatch_address": record_address,
    "particulars": ask_particulars,
    "crisis": reach,
    "crisis_contact": speak_again,
    "support": answer_support,
    "alarm": take_alarm,
    "adverse_event_outcome": follow_up_adverse_event,
    "unreadable_message": read_message,
    "kept_report": settle_report,
    "cancellation": read_message,
    "access_review": review_access,
    "returned": answer_returned,
    "licence_there": lambda _: None,  # It is settled in the register.
    "identity_elsewhere": lambda _: None,  # It is decided in the other journey.
}
"""What somebody does about each kind of obligation, besides signing."""


def next_move(
    journey: Journey, at: datetime, *, late: Collection[str] = (), unwell: Collection[str] = ()
) -> NextMove | None:
    """Return the next thing somebody does, the moment to wait for, or None when nobody has anything left to do.

    A closed journey may still have something to do: emergency access is reviewed.

    Obligations named in ``late``, by subject ("check-in-1-24h") or kind ("plan"), are done only once their escalation
    policy has held care or is used up. At check-ins named in ``unwell`` the patient feels unwell. Holds, reviews and
    crises that follow are done as usual.
    """
    if _may_leave(journey):
        return command_of(journey.id, journey, Role.CLINICIAN, _discharge())
    waits = []
    for waiting in obligations(journey):
        if (waiting.subject in late or waiting.kind in late) and not _escalated(journey, waiting):
            waits.append(waiting.next_step)
            continue
        act = sign if waiting.sign_off is not None else ACTIONS[waiting.kind]
        action = act(Situation(journey, waiting, at, waiting.subject in unwell))
        if isinstance(action, tuple):
            return command_of(journey.id, journey, *action)
        waits.append(action)
    return min((moment for moment in waits if moment is not None and moment > at), default=None)


def _escalated(journey: Journey, waiting: Obligation) -> bool:
    return waiting.taken >= len(waiting.steps) or any(hold.source == waiting.id for hold in journey.holds.values())


def _may_leave(journey: Journey) -> bool:
    """Whether the clinician proposes the discharge: once the first visit after the fixed weeks is done."""
    fixed = tuple(f"follow-up-week-{week}" for week in journey.protocol.follow_up.weeks)
    return (
        journey.stage == Stage.FOLLOW_UP
        and journey.discharge is None
        and journey.closing is None
        and any(k.type == "follow_up_visit" and k.done_at and k.id not in fixed for k in journey.contacts.values())
    )


def _discharge() -> c.ProposeDischarge:
    return c.ProposeDischarge(
        summary=invented("symptoms lower and stable through follow-up"),
        ongoing_support=invented("weekly psychotherapy goes on; the clinic can be called"),
    )
