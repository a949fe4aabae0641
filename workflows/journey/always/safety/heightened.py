"""Heightened risk: while it lasts, what a patient does not answer escalates faster, also what was owed before.

Sources: systems, not patients, carry the burden of follow-up (Zero Suicide, "Transition"); precautions until a
professional has seen the person (Columbia Lighthouse Project, triage).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from workflows.journey.aggregate import Journey
from workflows.journey.always.holds.model import OF_HARM
from workflows.journey.always.safety.model import Support
from workflows.journey.always.safety.suicide_risk import found_at
from workflows.journey.entries import find
from workflows.journey.instruments import Level
from workflows.journey.recall import recalled
from workflows.journey.vocabulary.severity import Severity, is_at_least

SUICIDAL = (Level.MODERATE, Level.HIGH)
"""The levels of suicide risk that make it heightened."""


def is_heightened(journey: Journey, at: datetime) -> bool:
    """Whether the patient's risk is heightened at a moment (UTC): suicide risk was moderate or worse within the
    protocol's window, by a C-SSRS or as somebody told; or harm was told, and nobody has seen to it yet."""
    return _is_suicidal(journey, at) or _is_unsettled(journey)


def _is_suicidal(journey: Journey, at: datetime) -> bool:
    window = timedelta(days=journey.protocol.instruments.suicide_risk_heightened_days)
    last = _last_suicidal(journey)
    return last is not None and at - last <= window


@recalled
def _last_suicidal(journey: Journey) -> datetime | None:
    found = [found_at(journey, m) for m in journey.measurements if m.score.gate_level in SUICIDAL]
    found += [crisis.opened_at for crisis in journey.crises.values() if Level(crisis.level) in SUICIDAL]
    found += [risk.since for risk in journey.elsewhere.risks if risk.type == "crisis" and risk.what in SUICIDAL]
    return max(found, default=None)


@recalled
def _is_unsettled(journey: Journey) -> bool:
    return journey.item_9_open or _is_harmed(journey)


def _is_harmed(journey: Journey) -> bool:
    held = any(hold.cause in OF_HARM for hold in journey.standing_holds)
    return held or any(True for _ in find(journey.support, _urgent))


def _urgent(support: Mapping[str, Support]) -> tuple[Support, ...]:
    return tuple(
        each for each in support.values() if each.open and is_at_least(Severity(each.urgency), Severity.URGENT)
    )
