"""Whom to call, and "I need help", are on every page that a patient or an observer sees."""

import pytest
from fastapi import FastAPI
from httpx2 import Response

from application.errors import Unavailable
from application.pathway.command_catalog import KINDS
from tests.cli.clinics import Clinics
from tests.console.addresses import SAVED, addresses
from tests.console.browser import Browser
from workflows.journey.vocabulary.actors import Role

HOUSEHOLD = (Role.PATIENT, Role.OBSERVER)


def lacks(answer: Response, journey: object = None) -> list[str]:
    """What the page of an answer lacks; ``journey`` is the one in its address."""
    if not answer.headers.get("content-type", "").startswith("text/html"):
        return []
    asked = ["<strong>911</strong>", "<strong>988</strong>", "I need help"]
    if journey is not None:
        asked += [f'href="/journeys/{journey}/{form}"' for form in ("support/request", "crisis/report")]
    return [f"{answer.url.path} {answer.status_code}: {each}" for each in asked if each not in answer.text]


@pytest.mark.parametrize("role", HOUSEHOLD)
async def test_help_is_on_every_page_that_they_see(
    console: FastAPI, clinics: Clinics, browser: Browser, role: Role
) -> None:
    await browser.sign_in(role.value)
    found, seen = [], set()
    for journey in (next(iter(clinics.journeys)), clinics.held, clinics.ended):
        for method, address in addresses(console, journey):
            if address in ("/sign-out", SAVED):
                continue
            answer = await browser.client.request(method, address)
            seen.add(answer.status_code)
            found += lacks(answer, journey if str(journey) in answer.url.path else None)
    assert {200, 403, 404, 405, 422} - seen <= {405}
    assert found == []


@pytest.mark.parametrize("role", HOUSEHOLD)
async def test_help_is_on_every_form_and_on_the_page_that_says_what_is_wrong(
    clinics: Clinics, browser: Browser, role: Role
) -> None:
    await browser.sign_in(role.value)
    journey, found = next(iter(clinics.journeys)), []
    for kind in KINDS:
        address = f"/journeys/{journey}/{kind.noun}/{kind.verb}"
        shown = await browser.go(address)
        found += lacks(shown, journey)
        if shown.status_code == 200 and role in kind.roles:
            found += lacks(await browser.send({}, ""), journey)
    assert found == []


async def test_help_is_there_where_nobody_is_signed_in_and_where_the_service_fails(
    console: FastAPI, clinics: Clinics, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for address in ("/", "/sign-in", "/work", "/nothing", f"/go/{'x' * 32}", "/passkey"):
        found += lacks(await browser.go(address))
    await browser.sign_in("patient")
    journey = next(iter(clinics.journeys))
    for raised in (Unavailable("the record does not answer", "Try again"), RuntimeError("nobody foresaw this")):

        async def fails(*_: object, error: Exception = raised) -> None:
            raise error

        monkeypatch.setattr("console.views.journeys.show_patient_page", fails)
        answer = await browser.go(f"/journeys/{journey}")
        assert answer.status_code >= 500
        found += lacks(answer, journey)
    assert found == []
