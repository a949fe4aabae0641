"""Every kind of sign-off there is. What is asked of each stands in its room."""

from collections.abc import Mapping
from itertools import chain

from workflows.journey.always.adverse_events import sign_offs as adverse_events
from workflows.journey.always.death import sign_offs as death
from workflows.journey.always.dose_limits import sign_offs as dose_limits
from workflows.journey.always.handover import sign_offs as handover
from workflows.journey.always.holds import sign_offs as holds
from workflows.journey.always.patient import sign_offs as patient
from workflows.journey.always.permissions import sign_offs as permissions
from workflows.journey.always.safety import sign_offs as safety
from workflows.journey.protocol import SignOffKind
from workflows.journey.sign_off_type import SignOffType
from workflows.journey.stages.education import sign_offs as education
from workflows.journey.stages.evaluation import sign_offs as evaluation
from workflows.journey.stages.follow_up import sign_offs as follow_up
from workflows.journey.stages.screening import sign_offs as screening
from workflows.journey.stages.sessions import sign_offs as sessions

_ROOMS = (
    evaluation,
    screening,
    education,
    sessions,
    holds,
    safety,
    adverse_events,
    permissions,
    death,
    follow_up,
    patient,
    handover,
    dose_limits,
)
_FOUND = {each.kind: each for each in chain.from_iterable(room.TYPES for room in _ROOMS)}

SIGN_OFF_TYPES: Mapping[SignOffKind, SignOffType] = {kind: _FOUND[kind] for kind in SignOffKind}
"""Every kind there is, in the order of `SignOffKind`."""
