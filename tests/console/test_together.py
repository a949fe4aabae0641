"""Many journeys are held at once in the console, each by itself, and once however often it is sent."""

import asyncio
import re
from urllib.parse import urljoin
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from activities.record.event_codec import load_journey
from application.work.hold_together import HeldTogether
from console.holdings import Holding, Holdings
from simulation.people import CLINIC, PEOPLE
from tests.cli.clinics import Clinics
from tests.console.browser import Browser, Form
from tests.console.test_messages import said
from tests.record.read_models.courses import catch_up
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import short_code

REASON = "Invented recall"
LOT = "demo-lot-1"


async def held_by(clinics: Clinics, request: str) -> dict[UUID, int]:
    """How many holds of a request each journey has that has any."""
    states = {each: await load_journey(clinics.record, each) for each in clinics.journeys}
    found = {
        each: sum(str(hold.together) == request for hold in state.holds.values())
        for each, state in states.items()
        if state is not None
    }
    return {each: count for each, count in found.items() if count}


def request_of(browser: Browser) -> str:
    """The request under which the journeys of the page are held."""
    [request] = re.findall(r'href="/work/releases/([^"]+)"', browser.page.text)
    return str(request)


async def test_a_lot_is_recalled_and_each_hold_is_released_by_itself(clinics: Clinics, browser: Browser) -> None:
    clinics.world.down = False
    concerned = {each for each, journey in clinics.journeys.items() if LOT in journey.supply_lots}
    assert concerned
    await browser.sign_in("coordinator")
    assert 'href="/work/hold"' in (await browser.go("/journeys")).text
    form = str((await browser.go("/work/hold")).url)
    before = len(clinics.world.received)
    await browser.send({"lot": LOT, "reason": REASON, "try": "yes"})
    assert f"{len(concerned)} journeys are concerned. Nothing was sent." in said(browser)
    assert len(clinics.world.received) == before
    requests, held = set[str](), dict[UUID, int]()
    for _ in range(2):
        await browser.go(form)  # the page anew, as after going back
        await browser.send({"lot": LOT, "reason": REASON})
        assert f"{len(concerned)} of {len(concerned)} are held or have ended." in said(browser)
        requests.add(request_of(browser))
        held = await held_by(clinics, request_of(browser))
        assert held == dict.fromkeys({each for each in concerned if not clinics.journeys[each].closed}, 1)
    [request] = requests
    await catch_up(clinics.record)
    await browser.sign_in("clinician")
    await browser.go(f"/work/releases/{request}")
    assert {UUID(each) for each in re.findall(r'href="/journeys/([^"/]+)/sign-offs/', browser.page.text)} <= {*held}
    assert REASON in said(browser)


async def test_what_is_held_for_another_reason_is_held_once_more(clinics: Clinics, browser: Browser) -> None:
    """A release for the first reason must not let go on what is held for the second."""
    clinics.world.down = False
    await browser.sign_in("coordinator")
    form = str((await browser.go("/work/hold")).url)
    held = []
    for reason in (REASON, "Invented: another fault of this lot"):
        await browser.go(form)
        await browser.send({"lot": LOT, "reason": reason})
        held.append(await held_by(clinics, request_of(browser)))
        assert "held before" not in said(browser)
    assert held[0] == held[1] != {}


async def test_whoever_works_here_no_more_can_be_meant(clinics: Clinics, browser: Browser) -> None:
    clinics.world.down = False
    await browser.sign_in("coordinator")
    await browser.go("/work/hold")
    await browser.send({"clinician": "left-before", "reason": REASON})
    assert "No journey is concerned. Nothing was sent." in said(browser)
    assert 'name="clinician" value="left-before"' in browser.page.text


async def test_which_journeys_are_meant_is_said_once(clinics: Clinics, browser: Browser) -> None:
    clinics.world.down = False
    before = len(clinics.world.received)
    await browser.sign_in("medical_director")
    for given, why in (
        ({}, "not said"),
        ({"lot": LOT, "clinician": "demo-clinician"}, "not said"),
        ({"code": "0" * 20, "protocol": "1" * 64}, "not said"),
        ({"code": "../outside.yaml"}, "no short code"),
        ({"code": "-"}, "no short code"),
        ({"lot": LOT, "reason": ""}, ""),
    ):
        await browser.go("/work/hold")
        answer = await browser.send({"reason": REASON, **given})
        assert (answer.status_code, why in said(browser)) == (422, True), given
    assert len(clinics.world.received) == before
    digest = next(iter(clinics.journeys.values())).protocol_digest
    await browser.go("/work/hold")
    await browser.send({"code": short_code(digest), "reason": REASON, "try": "yes", "clinic": CLINIC})
    assert "concerned. Nothing was sent." in said(browser)


@pytest.mark.parametrize("role", ["coordinator", "patient"])
async def test_what_ends_is_listed_for_staff(clinics: Clinics, browser: Browser, role: str) -> None:
    await browser.sign_in(role)
    answer = await browser.go("/work/permissions")
    assert answer.status_code == (200 if role == "coordinator" else 403)
    assert (await browser.go("/work/releases/00000000-0000-4000-8000-000000000000")).status_code in (403, 404)


async def test_a_double_submit_holds_once_and_an_outage_is_gone_on_from(clinics: Clinics, browser: Browser) -> None:
    await browser.sign_in("coordinator")
    address = str((await browser.go("/work/hold")).url)
    form = Form("")
    form.feed(browser.page.text)
    sent = {**form.values, "lot": [LOT], "reason": [REASON]}
    clinics.world.down = True
    await browser.send({"lot": LOT, "reason": REASON})
    assert "Send it again to go on: nothing is held twice." in said(browser)
    clinics.world.down = False
    answers = await asyncio.gather(*(browser.client.post(address, data=sent) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({str(answer.url) for answer in answers}) == 1
    progress = urljoin(address, str(answers[0].url))
    await browser.go(progress)
    assert re.search(r"(\d+) of \1 are held or have ended.", said(browser)), "its address shows it at any time"
    assert {*(await held_by(clinics, request_of(browser))).values()} == {1}
    await browser.sign_in("clinician")
    await browser.go(progress)
    assert "/work/releases/" in str(browser.page.url), "who did not send it sees what is recorded"


async def test_what_becomes_of_each_is_told_as_soon_as_it_is_known() -> None:
    step, holdings, request = asyncio.Queue[bool](), Holdings(), uuid4()

    async def hold(holding: Holding) -> None:
        while await step.get():
            holding.add(HeldTogether(uuid4(), CLINIC, "held"))

    concerned = {uuid4(), uuid4()}
    holdings.begin(request, Holding("invented-1", concerned, {}), hold)
    holdings.begin(request, Holding("invented-1", concerned, {"sent": "twice"}), hold)
    found = holdings.find(request, "invented-1")
    assert found is not None
    assert (found.given, found.of, holdings.find(request, "invented-2")) == ({}, 2, None)
    results = found.results()
    for _ in range(2):
        step.put_nowait(True)
        assert (await anext(results)).outcome == "held"
    step.put_nowait(False)
    assert [each async for each in results] == []
    assert not found.to_repeat
    assert len([each async for each in found.results()]) == 2, "whoever comes later is told all"


async def test_more_journeys_are_held_by_the_same_form_sent_for_more(clinics: Clinics, browser: Browser) -> None:
    """As after going back: first for one clinic alone, then for all."""
    clinics.world.down = False
    await browser.sign_in("coordinator")
    form = str((await browser.go("/work/hold")).url)
    held = []
    for clinic in (CLINIC, ""):
        await browser.go(form)
        await browser.send({"clinician": PEOPLE[Role.CLINICIAN].id, "reason": REASON, "clinic": clinic})
        assert re.search(r"(\d+) of \1 are held or have ended.", said(browser))
        held.append(await held_by(clinics, request_of(browser)))
    assert {clinics.journeys[each].clinic for each in held[0]} == {CLINIC}
    assert {*held[1]} == {each for each, journey in clinics.journeys.items() if not journey.closed} > {*held[0]}
    assert {*held[1].values()} == {1}


async def test_whoever_looks_is_told_when_it_ends_early() -> None:
    holdings, request, begun = Holdings(), uuid4(), asyncio.Event()

    async def fail(_: Holding) -> None:
        raise ZeroDivisionError

    async def wait(_: Holding) -> None:
        begun.set()
        await asyncio.Event().wait()

    for hold, why in ((fail, "a defect in this program"), (wait, "the server was stopped")):
        holding = Holding("invented-1", {uuid4()}, {})
        with capture_logs() as logged:
            holdings.begin(request, holding, hold)
            if hold is wait:
                await begun.wait()
                await holdings.stop()
            assert [each async for each in holding.results()] == []
        assert holding.problem is not None
        assert why in holding.problem.reason
        assert holding.to_repeat
        assert [each["event"] for each in logged] == (["holding.failed"] if hold is fail else [])
