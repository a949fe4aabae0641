"""The record to print: everything that happened, in its order, with who and when; and that it was looked at."""

import asyncio
import threading
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from fastapi import FastAPI, Response

from application.access.show_again import show_again
from application.pathway.show import ShowRecord, WholeRecord
from application.words.viewer import shown_at
from console.views.record import LEFT_OUT, facts_of, record_page
from tests.cli.clinics import Clinics
from tests.console.browser import Browser, browser_of
from tests.record.read_models.courses import course_of
from workflows.journey.vocabulary.actors import STAFF_ROLES, Role

ZONE = "America/Los_Angeles"


def _leaves(value: Any) -> list[str]:
    match value:
        case dict():
            return [leaf for each in value.values() for leaf in _leaves(each)]
        case list():
            return [leaf for each in value for leaf in _leaves(each)]
    return [value]


def _given(value: Any) -> list[Any]:
    match value:
        case dict():
            return [leaf for name, each in value.items() if name not in LEFT_OUT for leaf in _given(each)]
        case list() | tuple():
            return [leaf for each in value for leaf in _given(each)]
    return [value]


def test_every_value_of_every_event_is_printed() -> None:
    for event in course_of():
        if event.body.kind in ("obligations.updated", "pathway.started"):
            continue
        printed = _leaves(facts_of(event, ZONE))
        counted = ("step", "repetition") if event.body.kind == "obligation.escalated" else ()
        for value in _given({name: each for name, each in event.body.model_dump().items() if name not in counted}):
            match value:
                case None | "":
                    continue
                case bool():
                    assert ("yes" if value else "no") in printed
                case datetime():
                    assert shown_at(value, ZONE) in printed
                case str() | int() | float():
                    assert str(getattr(value, "value", value)).replace("_", " ") in [
                        p.replace("_", " ") for p in printed
                    ]


@pytest.mark.parametrize(
    ("step", "repetition", "words"), [(0, 0, "step 1"), (2, 0, "step 3"), (6, 1, "step 7, repeat 1")]
)
def test_steps_of_an_escalation_are_printed_as_people_count(step: int, repetition: int, words: str) -> None:
    """It said "step 0, repetition 0"."""
    event = next(each for each in course_of() if each.body.kind == "obligation.escalated")
    body = event.body.model_copy(update={"step": step, "repetition": repetition})
    said = facts_of(event.model_copy(update={"body": body}), ZONE)
    assert said["step"] == words
    assert "repetition" not in said


def test_an_answer_that_is_missing_is_told() -> None:
    [event, *_] = [each for each in course_of() if each.body.kind == "instrument.recorded" and each.body.answers]
    body = event.body.model_copy(update={"answers": (3, None, 0)})
    assert facts_of(event.model_copy(update={"body": body}), ZONE)["answers"] == ["3", "no answer", "0"]


async def test_the_record_is_printed_whole_and_the_look_is_kept_and_shown_again(
    clinics: Clinics, browser: Browser
) -> None:
    await browser.sign_in("clinician")
    printed = unescape((await browser.go(f"/journeys/{clinics.held}/print")).text)
    journey = clinics.journeys[clinics.held]
    assert [f'id="v{n}"' in printed for n in range(1, journey.version + 1)] == [True] * journey.version
    assert journey.patient.ref in printed
    assert f"up to version {journey.version}." in printed
    [_, look] = await clinics.looks(clinics.held)
    assert (look.command[0], look.reader_id, look.shown) == (ShowRecord.name, "demo-clinician", True)
    async with clinics.world.context() as context:
        again = (await show_again(context, look.entry_id)).answer
    assert isinstance(again, WholeRecord)
    assert (len(again.events), again.at) == (journey.version, clinics.world.at.astimezone(UTC))
    shown = await clinics.call("access", "show", str(look.entry_id))
    assert shown.code == 0, shown.err


async def test_it_is_printed_for_staff_alone(console: FastAPI, clinics: Clinics) -> None:
    address = f"/journeys/{next(iter(clinics.journeys))}/print"
    for role in Role:
        if role == Role.SYSTEM:
            continue
        async with browser_of(console) as browser:
            await browser.sign_in(role.value)
            assert (await browser.go(address)).status_code == (200 if role in STAFF_ROLES else 403), role


async def test_nobody_waits_while_a_long_record_is_put_on_its_page(
    clinics: Clinics, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, answered, waited = threading.Event(), threading.Event(), []

    def slowly(*given: Any, **named: Any) -> Response:
        begun.set()
        waited.append(answered.wait(timeout=20))
        return record_page(*given, **named)

    monkeypatch.setattr("console.views.record.record_page", slowly)
    await browser.sign_in("clinician")
    printing = asyncio.create_task(browser.client.get(f"/journeys/{clinics.held}/print"))
    assert await asyncio.to_thread(begun.wait, 20)
    assert (await browser.client.get("/sign-in")).status_code == 200
    answered.set()
    assert (await printing).status_code == 200
    assert waited == [True]
