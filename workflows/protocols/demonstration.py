"""Protocols for demonstrations and tests: protocol files with INVENTED dose limits and short courses.

No value here has any clinical meaning. They are illustrative and drafts, so that they are refused for patients.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from workflows.journey.protocol import Pathway, Protocol
from workflows.protocols import SHIPPED, find, load

INVENTED_DOSE = {
    "starting_dose": 100,
    "max_single_dose": 200,
    "max_mg_per_kg": 5,
    "max_7_day": 400,
    "max_course": 2000,
    "max_with_maintenance": 3000,
    "titration_max_step_pct": 50,
    "max_doses_dispensed": 2,
    "weight_max_age_days": 60,
    "weight_plausible_kg": [30, 250],
    "weight_max_change_pct": 15,
}
"""INVENTED. Chosen so that arithmetic is easy to follow, and for nothing else."""


@cache
def load_demonstration(pathway: Pathway, directory: Path = SHIPPED) -> Protocol:
    """Load the protocol of this pathway with invented dose limits, half the sessions and fewer observations.

    Raises:
        ProtocolError: there is no file for this pathway in ``directory``, or it cannot be used.
    """
    return give_invented_values(load(find(pathway, directory)))


def give_invented_values(protocol: Protocol) -> Protocol:
    """Give a protocol invented dose limits and a short course. It becomes an illustrative draft."""
    values: dict[str, Any] = protocol.model_dump(mode="json")
    planned, observed = (protocol.sessions.planned + 1) // 2, protocol.sessions.observe_minutes
    values |= {
        "id": f"{protocol.id}-demonstration",
        "title": f"DEMONSTRATION with INVENTED values: {protocol.title}",
        "status": "draft",
        "illustrative": True,
    }
    values["dose"] |= INVENTED_DOSE
    shown = sorted({observed[0], observed[len(observed) // 3], observed[-1]})
    values["sessions"] |= {
        "planned": planned,
        "observe_minutes": shown,
        "vitals_minutes": [minute for minute in shown if minute in protocol.sessions.vitals_minutes],
        "also_measured": {
            sign: [minute for minute in shown if minute in minutes]
            for sign, minutes in protocol.sessions.also_measured.items()
        },
    }
    for name, field in (
        ("clinician_visits", "after_session"),
        ("instrument_schedule", "before_session"),
        ("reviews", "after_session"),
        ("sessions", "live_clinician_sessions"),
        ("sessions", "cosigned_sessions"),
    ):
        values[name][field] = [n for n in values[name][field] if n == "last" or n <= planned]
    return Protocol.model_validate_json(json.dumps(values), strict=True)
