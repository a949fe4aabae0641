"""Search attributes: where a journey stands, never whose it is. They are not encrypted, and shown in every list."""

from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

from workflows.journey.protocol import Pathway
from workflows.journey.views.summary import Status
from workflows.journey.vocabulary.stage import Stage

STAGE = SearchAttributeKey.for_keyword("JourneyStage")
PATHWAY = SearchAttributeKey.for_keyword("JourneyPathway")
AWAITS = SearchAttributeKey.for_keyword("JourneyAwaits")
HEALTH = SearchAttributeKey.for_keyword("JourneyHealth")
CLINIC = SearchAttributeKey.for_keyword("JourneyClinic")
RECORDED = SearchAttributeKey.for_keyword("JourneyRecorded")
"""How far the run is recorded, as `record_mark` writes it. Reconciliation compares it with the record."""
DUE = SearchAttributeKey.for_datetime("JourneyDue")
SEARCH_ATTRIBUTES: tuple[SearchAttributeKey[Any], ...] = (STAGE, PATHWAY, AWAITS, HEALTH, CLINIC, RECORDED, DUE)


def initial_search_attributes(stage: Stage, pathway: Pathway, clinic: str) -> TypedSearchAttributes:
    """Return the search attributes at the start, where they cost nothing."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(STAGE, stage.value),
            SearchAttributePair(PATHWAY, pathway),
            SearchAttributePair(CLINIC, clinic),
        ]
    )


def fixed_search_attributes(pathway: str, clinic: str) -> tuple[SearchAttributeUpdate[Any], ...]:
    """Return the search attributes that never change, for a namespace that has lost them."""
    return PATHWAY.value_set(pathway), CLINIC.value_set(clinic)


def current_search_attributes(status: Status) -> tuple[SearchAttributeUpdate[Any], ...]:
    """Return the search attributes that change in the course of a journey, as they are now."""
    return (
        STAGE.value_set(status.stage.value),
        HEALTH.value_set(status.health),
        AWAITS.value_unset() if status.awaits is None else AWAITS.value_set(status.awaits),
        DUE.value_unset() if status.due is None else DUE.value_set(status.due),
    )
