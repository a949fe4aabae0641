"""What is signed of the screening."""

from workflows.journey.aggregate import Journey
from workflows.journey.protocol import SignOffKind
from workflows.journey.sign_off_type import Content, SignOffType
from workflows.journey.vocabulary.signed_statement import Meaning
from workflows.journey.vocabulary.stage import Outcome


def _exclusion_review(journey: Journey, subject: str | None) -> Content:
    reviewed = tuple(x.code for x in journey.protocol.exclusions if x.rule == "review")
    answers = journey.screening.exclusions
    rests_on, turned = journey.screening.rests_on, journey.screening.turned
    told_yes = journey.screening.told_yes
    return {
        code: answers[code].model_dump(mode="json")
        | {"rests_on": rests_on.get(code)}
        | ({"turned": turned[code]} if code in turned else {})
        | ({"told_before": "yes"} if code in told_yes else {})
        for code in reviewed
        if code in answers
    }


def _answerers(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return journey.screening.answered_by


def _eligibility(journey: Journey, subject: str | None) -> Content:
    return {
        "screening": journey.screening.model_dump(mode="json", exclude={"recorded_at", "turned", "told_yes"}),
        "state": journey.patient.state,
    }


def _screeners(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return journey.screening.authors


TYPES = (
    SignOffType(
        kind=SignOffKind.EXCLUSION_REVIEW,
        request="decide on the review exclusions",
        meaning=Meaning.ELIGIBILITY_APPROVED,
        content=_exclusion_review,
        authors=_answerers,
        written_by="several",
        returns_to_author=True,
        reasoned=True,
    ),
    SignOffType(
        kind=SignOffKind.ELIGIBILITY,
        request="decide eligibility and setting",
        meaning=Meaning.SETTING_DECIDED,
        content=_eligibility,
        rests_on=(SignOffKind.EVALUATION, SignOffKind.EXCLUSION_REVIEW),
        authors=_screeners,
        written_by="several",
        returns_to_author=True,
        choices={"at_home": None, "in_clinic": Outcome.IN_CLINIC, "neither": Outcome.INELIGIBLE},
        declining="ends",
        reasoned=True,
        opens_care=True,
    ),
)
