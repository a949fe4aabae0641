"""Protocols as tests need them."""

from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary.calendars import LAST_DAY


def unspread(protocol: Protocol) -> Protocol:
    """A protocol whose reminders come exactly when they are due, so that a test can say when that is."""
    policies = {
        name: policy.model_copy(
            update={"steps": tuple(step.model_copy(update={"spread_minutes": 0}) for step in policy.steps)}
        )
        for name, policy in protocol.escalation_policies.items()
    }
    return protocol.model_copy(update={"escalation_policies": policies})


def for_patients(protocol: Protocol) -> Protocol:
    """The protocol as if a clinic had completed it, with a list of holidays that does not end."""
    working = protocol.working_time.model_copy(update={"holidays": (), "holidays_known_until": LAST_DAY})
    return protocol.model_copy(update={"illustrative": False, "status": "approved", "working_time": working})
