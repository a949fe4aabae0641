"""What gives leave to prescribe, until when: commands, events and state."""

from datetime import date
from typing import ClassVar, Literal

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.always.sign_offs.model import SignedOff
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.base import Flag, Identifier, ImmutableModel, Text
from workflows.journey.vocabulary.calendars import Day, Instant
from workflows.journey.vocabulary.clinical import UsState
from workflows.journey.vocabulary.stage import Stage


class ProposePermission(CommandBody):
    """Propose another last day of the permission to prescribe without a visit in person, with the rule that says so. It
    counts once somebody else has signed it."""

    kind: Literal["permission.propose"] = "permission.propose"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    until: Day
    source: Text


class RecordMonitoringCheck(CommandBody):
    """Record what the prescription monitoring program of a state says of the patient, also once the pathway is closed:
    a concern is one of their next journey, too."""

    kind: Literal["permission.check-monitoring"] = "permission.check-monitoring"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    state: UsState
    checked_at: Instant
    concern: Flag
    found: Text


class PermissionProposed(EventBody):
    """Another last day of the permission was proposed. It counts once it is signed."""

    kind: Literal["permission.proposed"] = "permission.proposed"
    until: date
    source: Text


class PermissionChanged(EventBody):
    """From here on this is the last day of the permission for this journey, by a signed decision."""

    kind: Literal["permission.changed"] = "permission.changed"
    until: date


class MonitoringChecked(EventBody):
    """What the prescription monitoring program of a state said of the patient, at a time (UTC)."""

    kind: Literal["permission.monitoring-checked"] = "permission.monitoring-checked"
    state: UsState
    checked_at: Instant
    concern: bool
    found: Text


class ProposedPermission(ImmutableModel):
    """Another last day that waits for its signature, and who proposed it."""

    until: date
    source: Text
    by: Identifier


class MonitoringCheck(ImmutableModel):
    """The latest check of the monitoring program."""

    state: UsState
    checked_at: Instant
    concern: bool
    version: int


class PermissionsState(PathwayState):
    """The last day that was signed in place of the protocol's, the one that is proposed, and the latest check."""

    permission_until: date | None = None
    proposed_permission: ProposedPermission | None = None
    monitoring_check: MonitoringCheck | None = None


def _proposed(state: PermissionsState, body: PermissionProposed, event: EventHeader) -> Changes:
    return {"proposed_permission": ProposedPermission(until=body.until, source=body.source, by=event.actor_id)}


def _decided(state: PermissionsState, body: SignedOff, event: EventHeader) -> Changes:
    declined = body.sign_off == SignOffKind.PERMISSION and body.decision == "decline"
    return {"proposed_permission": None} if declined else {}


def _changed(state: PermissionsState, body: PermissionChanged, event: EventHeader) -> Changes:
    return {"permission_until": body.until, "proposed_permission": None}


def _checked(state: PermissionsState, body: MonitoringChecked, event: EventHeader) -> Changes:
    """What is told late is on record with its own time, and takes the place of nothing later."""
    known = state.monitoring_check
    if known is not None and body.checked_at < known.checked_at:
        return {}
    made = MonitoringCheck(state=body.state, checked_at=body.checked_at, concern=body.concern, version=event.version)
    return {"monitoring_check": made}


EVOLUTIONS: Evolutions = {
    PermissionProposed: _proposed,
    SignedOff: _decided,
    PermissionChanged: _changed,
    MonitoringChecked: _checked,
}
