"""Placing a hold: the one thing any stage may do to any other."""

from workflows.journey import events as e
from workflows.journey.aggregate import Journey


def place(
    journey: Journey, cause: str, reason: str, *, severe: bool = False, source: str | None = None
) -> e.HoldPlaced:
    """A new hold. A severe one needs the sign-off the protocol asks for severe holds."""
    number = len(journey.holds) + 1
    return e.HoldPlaced(hold=f"hold-{number}", cause=cause, severe=severe, source=source, reason=reason)


def ask_support(journey: Journey, urgency: str, text: str) -> e.SupportRequested:
    """A new support request, raised by a rule on the patient's behalf."""
    return e.SupportRequested.model_validate(
        {"support": f"support-{len(journey.support) + 1}", "urgency": urgency, "text": text}
    )
