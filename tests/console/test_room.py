"""The session room, and every other page, say on which release nobody may rely."""

from datetime import UTC, datetime, timedelta

import pytest

from application.pathway import session_room, show
from application.pathway.command_catalog import names_asked_for
from application.pathway.session_room import room_of
from application.sign_offs import requests
from console.forms import fields_of, read_back
from console.pages import PAGES
from console.views.commands import BY_NAME
from console.views.room import values_known
from tests.cli.clinics import Clinics
from tests.cli.helpers import append
from tests.console.browser import Browser
from tests.console.test_messages import said
from tests.journey.play import before
from tests.record.read_models.courses import course_of
from workflows.journey.aggregate import fold
from workflows.journey.events import SessionReleased
from workflows.journey.protocol import SignOffKind


@pytest.mark.parametrize("proven", [True, False])
async def test_a_release_that_is_not_proven_is_shown_as_that(
    clinics: Clinics, browser: Browser, monkeypatch: pytest.MonkeyPatch, *, proven: bool
) -> None:
    async def find_unproven(*_: object) -> frozenset[int]:
        return frozenset() if proven else frozenset({1})

    for module in (session_room, show, requests):
        monkeypatch.setattr(module, "find_unproven", find_unproven)
    release = next(n for n, event in enumerate(course_of(), 1) if isinstance(event.body, SessionReleased))
    events = course_of()[:release]
    journey = events[0].journey_id
    await append(clinics.record, journey, events)
    await browser.sign_in("session_monitor")
    await browser.go(f"/journeys/{journey}/room")
    assert ("Session 1: released" in said(browser)) == proven
    for words in (
        "Session 1: not proven",
        "The release is not proven",
        "The dose is not to be taken",
        "not to be taken",
    ):
        assert (words in said(browser)) != proven
    assert "Record the dose" in said(browser), "what was taken is recorded all the same"
    await browser.sign_in("coordinator")
    [cleared] = [each.request for each in fold(events).sign_offs if each.kind is SignOffKind.CLEARANCE]
    for place in ("", "/timeline", "/print", f"/events/{release}", f"/sign-offs/{cleared}"):
        await browser.go(f"/journeys/{journey}{place}")
        assert ("not proven" in said(browser)) != proven, place
    assert ("no dose is to be taken" in said(browser)) != proven


@pytest.mark.parametrize("hour", ["2026-11-01T08:30+00:00", "2026-11-01T09:30+00:00", "2026-11-01T10:30+00:00"])
@pytest.mark.parametrize(("kind", "name"), [("session.dose", "taken_at"), ("session.check", "vitals/measured_at")])
def test_what_the_room_begins_with_can_be_sent_in_an_hour_that_comes_twice(hour: str, kind: str, name: str) -> None:
    """At the end of summer time nobody on a phone has to know how to write an offset."""
    journey, now = before(kind).journey, datetime.fromisoformat(hour)
    assert journey.patient.zone == "America/Los_Angeles"
    form = BY_NAME[kind]
    given = values_known(form, room_of(journey, None, now))
    [field] = [each for each in fields_of(form.model, names_asked_for(form, journey)) if each.name == name]
    read = read_back([field], given, journey.patient.zone)
    taken = read["vitals"]["measured_at"] if "/" in name else read[name]
    assert datetime.fromisoformat(taken) == now


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (15, "in 15 minutes"), (0, "now"), (-1, "now"), (-2, "2 minutes ago"), (-120, "120 minutes ago"),
        (-180, "3 hours ago"), (180, "in 3 hours"), (-69_105, "47 days ago"), (2 * 1440, "in 2 days"),
    ],
)  # fmt: skip
def test_a_moment_that_is_far_is_said_in_hours_and_days(minutes: int, said: str) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    assert PAGES.filters["ahead"](at + timedelta(minutes=minutes), at) == said
