"""A patient's own dose limits: tighter at once, wider only by a signed override.

A limit becomes wider for a patient only by a signature of those whom the protocol names, beyond the protocol's own
number only where the protocol lets it and as far as it lets it. Sources: "safety decisions are individualized"; "clear
dosing protocols".
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey
from workflows.journey.evidence import sign_off_requirement
from workflows.journey.patient_limits import limit_of, protocol_limit
from workflows.journey.protocol import DoseLimit, SignOffKind, is_tighter
from workflows.journey.requirements import Requirement
from workflows.journey.vocabulary.actors import CLINICAL, Actor
from workflows.journey.vocabulary.refusals import RefusalCode, refuse


def set_limits(journey: Journey, command: c.SetLimits, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Make limits tighter at once, or propose wider ones (mg, hours, percent, doses, as the protocol counts them)."""
    in_force = {name: limit_of(journey, name) for name in command.limits}
    unset = [name for name, value in in_force.items() if value is None]
    if unset:
        refuse(
            RefusalCode.PROTOCOL,
            f"the protocol sets no {', '.join(unset)}",
            "The medical director sets dose limits in the protocol",
            "limits",
        )
    same = [name for name, value in command.limits.items() if value == in_force[name]]
    if same:
        refuse(RefusalCode.ALREADY_DONE, f"{', '.join(same)} holds already", "Leave it out", "limits")
    wider = [name for name, value in command.limits.items() if not is_tighter(name, value, in_force[name] or 0)]
    if not wider:
        yield e.LimitsTightened(limits=command.limits, reason=command.reason)
        return
    if len(wider) < len(command.limits):
        refuse(
            RefusalCode.INCOMPLETE,
            "some of these limits are tighter, and some are wider",
            "Send the tighter ones first: they hold at once",
            "limits",
        )
    if by.role not in CLINICAL:
        refuse(
            RefusalCode.NOT_ALLOWED,
            "only a clinician proposes a wider limit",
            "Ask the journey's clinician",
            "limits",
        )
    for name, value in command.limits.items():
        _require_overridable(journey, name, value)
    yield e.OverrideProposed(limits=command.limits, reason=command.reason)


def _require_overridable(journey: Journey, name: DoseLimit, value: float) -> None:
    """Refuse a number beyond the protocol's, unless the protocol lets it be overridden so far."""
    protocols, widest = protocol_limit(journey, name), journey.protocol.dose_overrides.get(name)
    if protocols is None or value == protocols or is_tighter(name, value, protocols):
        return
    if journey.maintenance_since is not None or widest is None:
        refuse(
            RefusalCode.OUT_OF_LIMITS,
            f"the protocol lets nobody override {name}",
            f"Stay within {protocols:g}, or have the medical director change the protocol",
            "limits",
        )
    if value != widest and not is_tighter(name, value, widest):
        refuse(
            RefusalCode.OUT_OF_LIMITS,
            f"the protocol lets {name} be overridden up to {widest:g}",
            "Stay within it, or have the medical director change the protocol",
            "limits",
        )


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for the signature under a patient's own limits, and for the decision on an override."""
    if journey.own_limits and (asked := sign_off_requirement(journey, SignOffKind.PATIENT_LIMITS)):
        yield asked
    if journey.override is not None and (asked := sign_off_requirement(journey, SignOffKind.LIMIT_OVERRIDE)):
        yield asked


DECISIONS: Decisions = {
    c.SetLimits: set_limits,
}
