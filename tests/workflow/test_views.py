"""What can be seen of a journey from outside: queries, the Temporal UI's texts, search attributes, summaries."""

import json

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata

from tests.helpers import eventually
from tests.workflow.courses import Played, of_courses, stage
from tests.workflow.test_courses import assert_agreement
from tests.workflow.world import Case, World
from workflows.care_journey import CareJourney
from workflows.journey.obligations import most_urgent, obligations
from workflows.journey.protocol import Pathway
from workflows.journey.views.summary import DETAILED, describe_wait, details, health, status
from workflows.journey.vocabulary.stage import Stage
from workflows.protocols.demonstration import load_demonstration
from workflows.search_attributes import AWAITS, CLINIC, DUE, HEALTH, PATHWAY, STAGE
from workflows.temporal_plugin import in_history

PRIVATE = ("demo-patient", "Invented", "C-SSRS: ", "1986-04-02")
"""What people wrote, and who the patient is: in payloads alone, and never in what is not encrypted."""


async def assert_shown(case: Case) -> None:
    """The Temporal UI shows what the journey says of itself."""
    await case.quiet()
    journey = case.journey
    now = status(journey, journey.version)
    description = await case.handle.describe()
    shown = {pair.key.name: pair.value for pair in description.typed_search_attributes}
    wanted = {
        STAGE.name: journey.stage.value,
        PATHWAY.name: journey.protocol.pathway,
        CLINIC.name: journey.clinic,
        HEALTH.name: health(journey),
        AWAITS.name: now.awaits,
        DUE.name: now.due,
    }
    assert {name: shown.get(name) for name in wanted} == wanted
    metadata = await case.handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    assert metadata.current_details == details(journey)
    assert [update.name for update in metadata.definition.update_definitions] == ["submit"]
    # One handler for every signal, so that none is dropped.
    assert [signal.name for signal in metadata.definition.signal_definitions] == ["", "look", "show"]
    assert await description.static_summary() == f"{journey.protocol.pathway} pathway · {journey.clinic}"


@pytest.mark.parametrize("pathway", ["ANXIETY", pytest.param("PTSD", marks=pytest.mark.soak)])
async def test_every_stage_shows_where_it_stands(real_world: World, pathway: Pathway) -> None:
    case = await real_world.begin(load_demonstration(pathway))

    for reached in (Stage.EVALUATION, Stage.SCREENING, Stage.EDUCATION, Stage.SESSIONS):
        await case.play(until=stage(reached))
        await assert_shown(case)
        await assert_agreement(case)
        awaited = await case.handle.query(CareJourney.obligations)
        shown = details(case.journey)
        assert all(waiting.what in shown for waiting in most_urgent(case.journey, DETAILED))
        assert (f"and {len(awaited) - DETAILED} more." in shown) == (len(awaited) > DETAILED)
        for waiting in awaited:
            assert waiting.owner.value.replace("_", " ") in describe_wait(waiting, case.journey)

    wanted = {
        STAGE: "sessions",
        PATHWAY: pathway,
        HEALTH: "open",
        AWAITS: status(case.journey, case.journey.version).awaits,
    }
    found = " AND ".join(f'{key.name} = "{value}"' for key, value in wanted.items())

    async def listed() -> bool:
        return case.handle.id in [workflow.id async for workflow in real_world.client.list_workflows(found)]

    await eventually(listed)


@pytest.mark.parametrize("name", of_courses("ptsd", "anxiety"))
async def test_an_ended_journey_shows_that_it_ended(played: Played, name: str) -> None:
    case = await played(name)

    stages = []
    for event in await case.history_events():
        upserted = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
        if STAGE.name in upserted:
            stages.append(json.loads(upserted[STAGE.name].data))

    assert list(dict.fromkeys(stages)) == [stage.value for stage in Stage]
    shown = (await case.handle.describe()).typed_search_attributes
    assert (shown.get(STAGE), shown.get(HEALTH), shown.get(PATHWAY)) == (
        "closed",
        "ended",
        case.journey.protocol.pathway,
    )
    assert shown.get(AWAITS) is None
    assert shown.get(DUE) is None


async def test_what_is_ended_awaits_nobody(played: Played) -> None:
    case = await played("in-clinic")

    assert await case.handle.query(CareJourney.obligations) == obligations(case.journey) == ()
    metadata = await case.handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    assert metadata.current_details == details(case.journey)


@pytest.mark.parametrize("name", of_courses("ptsd", "late", "silent", "alarm"))
async def test_every_timer_says_what_it_is_for(played: Played, name: str) -> None:
    case = await played(name)
    converter = in_history(case.world.client, case.handle.id)

    summaries = []
    for event in await case.history_events():
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            [summary] = await converter.decode([event.user_metadata.summary], [str])
            assert summary
            summaries.append(summary)
    assert summaries
    assert name == "alarm" or any(each.startswith("answer the check-in") for each in summaries)


async def test_what_is_never_encrypted_says_nothing_about_the_patient(played: Played) -> None:
    history = await (await played("late")).history_events()

    for event in history:
        open_to_all = str(event.upsert_workflow_search_attributes_event_attributes)
        open_to_all += str(event.workflow_execution_started_event_attributes.search_attributes)
        open_to_all += str(event.workflow_execution_started_event_attributes.memo)
        open_to_all += event.activity_task_scheduled_event_attributes.activity_id
        open_to_all += str(event.user_metadata)
        assert not [word for word in PRIVATE if word in open_to_all]
