"""What an invented protocol says of sessions in the clinic."""

from workflows.journey.protocol import Protocol, SettingRules
from workflows.journey.vocabulary.clinical import Setting

IN_CLINIC_RULES = SettingRules(
    not_asked=("X32_adult_observer_present", "X32_home_safe", "devices_work", "observer_stays"),
    also_checked=("monitor_in_the_room", "resuscitation_equipment_checked"),
    also_at_end=("taken_home_by_an_adult",),
    observer="session_monitor",
    doses_from="clinic",
)


def with_clinic(protocol: Protocol) -> Protocol:
    """The same protocol, with sessions in the clinic too."""
    settings: dict[Setting, SettingRules] = {**protocol.sessions.settings, "in_clinic": IN_CLINIC_RULES}
    return protocol.model_copy(update={"sessions": protocol.sessions.model_copy(update={"settings": settings})})
