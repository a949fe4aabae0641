"""Protocols for demonstrations and tests: the shipped files with INVENTED dose limits and short courses.

No value here has any clinical meaning. The protocols stay illustrative and drafts, so that they are refused
for patients wherever the shipped ones are.
"""

import json
from functools import cache
from typing import Any

from workflows.journey.protocol import Condition, Protocol
from workflows.protocols import find, load

INVENTED_DOSE = {
    "starting_dose": 100,
    "max_single_dose": 200,
    "max_mg_per_kg": 5,
    "max_7_day": 400,
    "max_course": 2000,
    "titration_max_step_pct": 50,
    "max_doses_dispensed": 2,
    "weight_max_age_days": 60,
}
"""INVENTED. Chosen so that arithmetic is easy to follow, and for nothing else."""

PLANNED = {Condition.PTSD: 3, Condition.ANXIETY: 2}
OBSERVE_MINUTES = [15, 40, 120]


@cache
def demonstration(condition: Condition) -> Protocol:
    """The shipped protocol of this condition with invented dose limits, fewer sessions and fewer observations.

    Raises:
        ProtocolError: the shipped file cannot be used.
    """
    values: dict[str, Any] = load(find(condition)).model_dump(mode="json")
    planned = PLANNED[condition]
    values["id"] += "-demonstration"
    values["title"] = f"DEMONSTRATION with INVENTED values: {values['title']}"
    values["dose"] |= INVENTED_DOSE
    values["sessions"] |= {"planned": planned, "observe_minutes": OBSERVE_MINUTES}
    for name, field in (
        ("clinician_visits", "after_session"),
        ("instrument_schedule", "before_session"),
        ("reviews", "after_session"),
    ):
        values[name][field] = [n for n in values[name][field] if n == "last" or n <= planned]
    return Protocol.model_validate_json(json.dumps(values), strict=True)
