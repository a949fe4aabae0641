"""What stands between a hold and its release. Each cause of a hold says what must be settled first."""

from workflows.journey.aggregate import Journey
from workflows.journey.always.adverse_events.rules import is_reviewed
from workflows.journey.always.death.rules import find_undecided
from workflows.journey.always.holds.model import Hold
from workflows.journey.always.medicines.rules import medicine_obstacles
from workflows.journey.stages.screening.rules import list_exclusions


def release_obstacles(journey: Journey, hold: Hold) -> tuple[str, ...]:
    """Return what must still happen before this hold can be released, whoever signs."""
    if hold.source in journey.adverse_events and not is_reviewed(journey, hold.source or ""):
        return ("the adverse event is reviewed and signed",)
    match hold.cause:
        case "exclusion" if list_exclusions(journey, "hard"):
            return ("the hard exclusion no longer holds (correct the screening)",)
        case "pregnancy" if journey.pregnancy_found or journey.pregnancy_found_elsewhere:
            return ("a later pregnancy test is negative",)
        case "medicine" if medicine_obstacles(journey):
            return ("a clinician reviews the medicines",)
        case "death" if find_undecided(journey) is not None:
            return ("a second, clinical person decides on the reported death",)
        case "unreadable_message":
            message = journey.messages.get(hold.source or "")
            return () if message is None or message.handled else ("ops have read the message",)
        case "kept_report":
            report = journey.reports.get(hold.source or "")
            return () if report is None or report.settled else ("a clinician has settled the report",)
    return ()
