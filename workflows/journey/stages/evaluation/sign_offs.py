"""What is signed of the evaluation."""

from workflows.journey.aggregate import Journey
from workflows.journey.instruments import Instrument, definition_of
from workflows.journey.protocol import SignOffKind
from workflows.journey.recall import recalled
from workflows.journey.sign_off_type import Content, SignOffType
from workflows.journey.stages.evaluation.model import Measurement
from workflows.journey.vocabulary.signed_statement import Meaning


def dump_measurements(measurements: tuple[Measurement, ...]) -> list[Content]:
    """Return what a signature covers of measurements."""
    return [m.model_dump(mode="json", exclude={"version"}) for m in measurements]


def dump_response(journey: Journey) -> Content:
    """Every score, and for each instrument the newest beside the baseline, the best and the last before it. The change
    is judged anew, not as when each was recorded: an earlier total may have been corrected since."""
    compared = [instrument for instrument in Instrument if definition_of(instrument).compared]
    changes = {instrument: journey.comparison(instrument) for instrument in compared}
    scored = [m for m in journey.measurements if m.instrument in compared]
    return {
        "scores": [m.model_dump(mode="json", exclude={"version": True, "score": {"change": True}}) for m in scored],
        "changes": {name.value: change.model_dump(mode="json") for name, change in changes.items() if change},
    }


def _evaluation(journey: Journey, subject: str | None) -> Content:
    return {
        "evaluation": journey.evaluation.model_dump(mode="json", exclude={"told_before"}),
        "born": journey.patient.born.isoformat(),
        "baseline": dump_measurements(_baseline(journey)),
    }


@recalled
def _baseline(journey: Journey) -> tuple[Measurement, ...]:
    return tuple(m for m in journey.measurements if m.occasion == "baseline")


def _evaluators(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return journey.evaluation.authors


TYPES = (
    SignOffType(
        kind=SignOffKind.EVALUATION,
        request="sign the evaluation",
        meaning=Meaning.EVALUATION_AUTHORED,
        content=_evaluation,
        authors=_evaluators,
        written_by="several",
        returns_to_author=True,
        declining="ends",
    ),
)
