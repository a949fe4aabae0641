"""What whoever may list workflows sees of a journey: where it stands, never whose it is. It is never encrypted."""

from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

from workflows.journey.protocol import Pathway
from workflows.journey.stage import Stage
from workflows.journey.summary import Status

STAGE = SearchAttributeKey.for_keyword("JourneyStage")
PATHWAY = SearchAttributeKey.for_keyword("JourneyPathway")
AWAITS = SearchAttributeKey.for_keyword("JourneyAwaits")
HEALTH = SearchAttributeKey.for_keyword("JourneyHealth")
CLINIC = SearchAttributeKey.for_keyword("JourneyClinic")
DUE = SearchAttributeKey.for_datetime("JourneyDue")
SEARCH_ATTRIBUTES: tuple[SearchAttributeKey[Any], ...] = (STAGE, PATHWAY, AWAITS, HEALTH, CLINIC, DUE)


def initial_search_attributes(stage: Stage, pathway: Pathway, clinic: str) -> TypedSearchAttributes:
    """The search attributes a journey starts with; given at the start they cost nothing."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(STAGE, stage.value),
            SearchAttributePair(PATHWAY, pathway),
            SearchAttributePair(CLINIC, clinic),
        ]
    )


def current_search_attributes(status: Status) -> tuple[SearchAttributeUpdate[Any], ...]:
    """What changes of them in the course of a journey, as it is now."""
    return (
        STAGE.value_set(status.stage.value),
        HEALTH.value_set(status.health),
        AWAITS.value_unset() if status.awaits is None else AWAITS.value_set(status.awaits),
        DUE.value_unset() if status.due is None else DUE.value_set(status.due),
    )
