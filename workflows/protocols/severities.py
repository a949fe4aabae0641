"""Check that worse is never answered with less: each severity tells at least whom a milder one tells.

Each rule compares two escalation policies, the milder and the harder one. Whom the milder tells, the harder tells at
the latest at that time; with an alarm, if the milder does; and it holds care no later. What repeats goes on repeating
at least as often, also after it was acknowledged.
"""

from collections.abc import Iterator
from itertools import pairwise

from workflows.journey.protocol import EscalationPolicy, EscalationStep, Protocol, SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.severity import SEVERITIES, Severity, is_at_least
from workflows.protocols.reading import Broken


def check_severities(protocol: Protocol) -> Broken:
    """Find where something worse would be told to fewer people, later, or less hard."""
    policies = protocol.escalation_policies
    for milder, harder in pairwise(SEVERITIES):
        at = ("escalation_policies", harder.value)
        for why in _falls_behind(policies[milder.value], policies[harder.value]):
            yield at, f"{why} as in {milder.value}: worse is never answered with less"
    for severity in SEVERITIES:
        policy = policies[severity.value]
        for position, step in enumerate(policy.steps):
            if step.days_before is not None:
                yield (
                    ("escalation_policies", severity.value, "steps", position, "days_before"),
                    "a finding is not known days before: use minutes or percent",
                )
        if is_at_least(severity, Severity.CLINICAL) and policy.steps[-1].repeat_minutes is None:
            last = len(policy.steps) - 1
            yield (
                ("escalation_policies", severity.value, "steps", last),
                "must repeat (repeat_minutes) until somebody acknowledges",
            )
    for mild, hard in (
        (SignOffKind.ADVERSE_EVENT, SignOffKind.SERIOUS_ADVERSE_EVENT),
        (SignOffKind.HOLD_RELEASE, SignOffKind.SEVERE_HOLD_RELEASE),
    ):
        names = protocol.sign_offs[mild].escalation_policy, protocol.sign_offs[hard].escalation_policy
        for why in _falls_behind(policies[names[0]], policies[names[1]]):
            yield ("escalation_policies", names[1]), f"{why} as in {names[0]}: {hard.value} is the harder one"
    yield from _check_adverse_events(protocol)


def _check_adverse_events(protocol: Protocol) -> Broken:
    rules, at = protocol.adverse_events, ("adverse_events",)
    grades = rules.severity_from_grade
    for (milder, low), (harder, high) in pairwise(grades):
        if high < low:
            yield (*at, "severity_from_grade", harder), f"must not be below {milder}"
    if grades.urgent > rules.severe_from_grade:
        yield (*at, "severity_from_grade", "urgent"), "must not be above severe_from_grade: severe is told in minutes"
    if not is_at_least(rules.severity_if_serious, Severity.URGENT):
        yield (*at, "severity_if_serious"), "a serious event is told in minutes: must be urgent or emergency"
    if rules.emergency_grades.unknown_dose < rules.emergency_grades.overdose:
        yield (*at, "emergency_grades", "unknown_dose"), "must not be below overdose: it may be one"
    if rules.severe_follow_up_days > rules.follow_up_days:
        yield (*at, "severe_follow_up_days"), "must not be more than follow_up_days"
    if not protocol.sign_offs[SignOffKind.SERIOUS_ADVERSE_EVENT].not_author:
        yield (
            ("sign_offs", SignOffKind.SERIOUS_ADVERSE_EVENT.value, "not_author"),
            "must be true: a lower grade of a severe event takes a second person",
        )


def _falls_behind(milder: EscalationPolicy, harder: EscalationPolicy) -> Iterator[str]:
    """Say in which way the harder of two policies does less than the milder one."""
    if milder == harder:
        return
    if harder.clock == "working" and milder.clock != "working":
        yield "must count all time that passes"
    if harder.quiet_hours and not milder.quiet_hours:
        yield "must not wait for quiet hours"
    yield from _ladder_falls_behind(milder, harder, acknowledged=False)
    if milder.acknowledged:
        yield from _ladder_falls_behind(milder, harder, acknowledged=True)


def _ladder_falls_behind(milder: EscalationPolicy, harder: EscalationPolicy, *, acknowledged: bool) -> Iterator[str]:
    steps = harder.steps_when(acknowledged=acknowledged)
    after = " after the acknowledgement" if acknowledged else ""
    times = [(step, _minutes(step, 0 if acknowledged else harder.due_minutes)) for step in steps]
    before = [
        (step, _minutes(step, 0 if acknowledged else milder.due_minutes))
        for step in milder.steps_when(acknowledged=acknowledged)
    ]
    for step, by in before:
        told = [other for other, when in times if other.to == step.to and when <= by]
        if step.to not in (Role.PATIENT, Role.OBSERVER) and not told:
            yield f"must tell the {step.to.value} within {by:g} minutes{after}"
        elif step.alarm and not any(other.alarm for other in told):
            yield f"must alarm the {step.to.value} within {by:g} minutes{after}"
        if step.hold and not any(other.hold and when <= by for other, when in times):
            yield f"must hold care within {by:g} minutes{after}"
    (repeated, since), (repeats, begins) = before[-1], times[-1] if times else (None, 0.0)
    if repeated.repeat_minutes is None:
        return
    if (
        repeats is None
        or repeats.repeat_minutes is None
        or repeats.repeat_minutes > repeated.repeat_minutes
        or repeats.to != repeated.to
        or repeats.alarm < repeated.alarm
        or begins > since
    ):
        yield f"must repeat to the {repeated.to.value} at least every {repeated.repeat_minutes} minutes{after}"


def _minutes(step: EscalationStep, due_minutes: int) -> float:
    """Return when a step is taken, in minutes from the beginning of the wait or from its acknowledgement."""
    return due_minutes * step.percent / 100 if step.percent is not None else due_minutes + (step.minutes or 0)
