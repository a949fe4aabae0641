"""Whom an organisation's provider of OpenID Connect signs in looks, as the register says, and sends nothing that needs
a working session. The provider is a real one, in a process of its own."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from fastapi import FastAPI
from structlog.testing import capture_logs

from activities.record import Record
from activities.signatures.register_changes import end_entry, enter
from activities.signatures.signer_registry import StaffEntry
from application.context import Context, utc_now
from application.identity.openid.settings import OpenIdSettings
from console import limits
from console.app import create_app
from console.limits import OF_ADDRESS, OF_PERSON_THERE, Rate
from console.views.openid import FLOW_COOKIE
from console.visits import COOKIE, KEPT
from deploy.local.postgres import Database
from simulation.people import CLINIC, PEOPLE, member_of, referral
from tests.cli.clinics import Clinics
from tests.cli.helpers import World, append, invented
from tests.console.addresses import OPEN, addresses
from tests.console.browser import ADDRESS, Browser, browser_of
from tests.console.enrolment import Register, sign_in
from tests.console.provider import at_provider, begin, provider_process, settings_for, sign_in_by
from tests.journey.play import PROTOCOLS, START
from tests.record.read_models.courses import catch_up
from tests.signatures.authenticator import es256
from workflows.journey.aggregate import fold
from workflows.journey.decide import decide
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal

CLIO, COCO = PEOPLE[Role.CLINICIAN], PEOPLE[Role.COORDINATOR]
PASSKEY = es256(31, "localhost")
CLAIMS = {
    "role": "medical_director",
    "roles": ["ops"],
    "groups": ["admin"],
    "clinics": ["night-clinic"],
    "name": "Eve Elsewhere",
}
"""What a provider says that nobody asked it."""
REASON = "Invented: wait for the laboratory"


@pytest_asyncio.fixture(scope="module")
async def issuer(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with provider_process(tmp_path_factory.mktemp("provider"), {"sub": COCO.id, **CLAIMS}) as issuer:
        yield issuer


@pytest.fixture
def world(migrated: Database) -> World:
    """A clinic without patients."""
    return World(migrated)


@pytest.fixture
async def journey(world: World, record: Record) -> UUID:
    """A journey that has just begun."""
    decided = decide(None, referral(PROTOCOLS["PTSD"], uuid4()), START)
    assert not isinstance(decided, Refusal)
    journey = fold(decided)
    await append(record, journey.id, decided)
    await catch_up(record)
    return journey.id


@pytest.fixture
def register(world: World, tmp_path: Path) -> Register:
    """The register, at this time: the provider's clock is the real one."""
    path = tmp_path / "register.json"
    world.set(register_file=path)
    world.at = utc_now()
    return Register(invented().register_path, path, ADDRESS)


def console_by(world: World, openid: OpenIdSettings) -> FastAPI:
    """A console that signs people in by a provider."""

    def make_context(**who: Any) -> Context:
        return Context(now=lambda: world.at, load=world.load_settings, connect=world.connect, **who)

    return create_app(world.settings, openid=openid, make_context=make_context, now=lambda: world.at)


@pytest.fixture
def console(world: World, register: Register, issuer: str, tmp_path: Path) -> FastAPI:
    return console_by(world, settings_for(issuer, tmp_path))


@pytest.fixture
async def browser(console: FastAPI) -> AsyncIterator[Browser]:
    async with browser_of(console) as opened:
        yield opened


async def test_it_opens_pages_as_the_register_says_and_sends_nothing_without_a_working_session(
    world: World, record: Record, journey: UUID, register: Register, console: FastAPI, browser: Browser
) -> None:
    register.enrol(PASSKEY.entry(COCO))
    assert "Sign in by your organisation" in (await browser.go("/sign-in")).text
    page = await sign_in_by(browser, COCO.id, onward="/journeys", zone="Asia/Tokyo")
    assert (page.status_code, page.url.path) == (200, "/sign-in/openid/callback"), page.text
    # The browser goes on by itself, from a page of ours: a redirection would take its strict cookies away.
    assert re.findall(r'http-equiv="refresh" content="0; url=([^"]+)"', page.text) == ["/journeys"]
    assert "code=" not in page.text

    # The register's words, and none of the token's.
    shown = await browser.go(f"/journeys/{journey}")
    assert f"{COCO.name}, coordinator" in shown.text
    assert "yours: Asia/Tokyo." in shown.text
    assert "Eve Elsewhere" not in shown.text
    assert "You are signed in to look" in shown.text
    [look] = await Clinics(world, record).looks(journey)
    assert (look.reader_id, look.reader_role) == (COCO.id, "coordinator")
    assert (await browser.go(f"/journeys/{journey}/evaluation/record")).status_code == 403

    # Nothing is sent, nothing is lost, and a passkey does both.
    address = "/start"
    form = await browser.go(address)
    assert "open your working session" in form.text
    before = len(world.received)
    kept = await browser.send({"reason": REASON})
    assert kept.url.path == "/sign-in", kept.text
    assert "Nothing was sent" in kept.text
    assert f'value="{COCO.id}"' in kept.text
    assert REASON not in (await browser.go(address)).text
    assert len(world.received) == before
    looking = browser.client.cookies[COOKIE]
    await sign_in(browser, PASSKEY, COCO.id)
    assert browser.client.cookies[COOKIE] != looking
    again = await browser.go(address)
    assert REASON in again.text
    assert "You had no working session when you sent this. Nothing was sent" in again.text
    assert "You are signed in to look" not in again.text
    # The sign-in to look has ended.
    async with browser_of(console) as other:
        answer = await other.client.get("/work", headers={"cookie": f"{COOKIE}={looking}"})
        assert answer.url.path == "/sign-in"


async def test_every_form_needs_a_working_session_but_for_what_anybody_may_say(
    world: World, console: FastAPI, journey: UUID, browser: Browser
) -> None:
    await sign_in_by(browser, CLIO.id)
    form = await browser.go(f"/journeys/{journey}/evaluation/record")
    assert "When you send this, nothing is sent" in form.text
    token = re.findall(r'name="form_token" value="([^"]+)"', form.text)[0]
    forms = {address for method, address in addresses(console, journey, "evaluation.record") if method == "POST"}
    for address in (*(forms - OPEN - {"/sign-out", "/stay"}), f"/journeys/{journey}/nothing/such"):
        sent = {"form_token": token, "passphrase": "x", "signer": CLIO.id, "command_id": str(uuid4())}
        answer = await browser.client.post(address, data=sent, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in"), address
    assert world.received == []
    # The script of a page keeps what it sends itself, and is told that somebody is signed in, to look.
    evaluation = f"/journeys/{journey}/evaluation/record"
    told = await browser.client.post(evaluation, data={"form_token": token}, headers={"accept": KEPT})
    assert (told.status_code, told.json()) == (401, {"signed_in": True})
    assert (await browser.client.get(evaluation, headers={"accept": KEPT})).json()["looks_only"] is True
    # To hold care nobody needs a session, here as at a terminal: it counts, and is marked as not proven.
    form = await browser.go(f"/journeys/{journey}/pathway/hold")
    assert "marked as not proven" in form.text
    assert (await browser.send({"reason": REASON})).status_code == 200
    [held] = world.received
    assert (held.actor.id, held.proof) == (CLIO.id, None)


@pytest.mark.parametrize("behind", [timedelta(), timedelta(hours=3)])
async def test_who_is_not_in_the_register_now_is_refused_and_signed_out(
    world: World, register: Register, browser: Browser, behind: timedelta
) -> None:
    """Also where the clock of the console is behind."""
    for stranger in ("somebody", f"{COCO.id} ", COCO.id.upper()):
        refused = await sign_in_by(browser, stranger)
        assert refused.status_code == 403, stranger
        assert "the register of this service has no entry for you" in refused.text
        assert COOKIE not in browser.client.cookies
    # Whoever is signed in is signed out when their entry ends, or all their keys are revoked.
    [key] = [entry.key_id for entry in register.now.entries if entry.person == CLIO.id]
    for person in (COCO, CLIO):
        await sign_in_by(browser, person.id)
        assert (await browser.go("/work")).url.path == "/work"
        world.at += timedelta(seconds=1)
        if person == CLIO:
            register.revoke(key, world.at + behind)
        else:
            register.now = end_entry(register.now, COCO.id, COCO.role, at=world.at + behind)
            register.put()
        assert (await browser.go("/work")).url.path == "/sign-in"
        assert (await sign_in_by(browser, person.id)).status_code == 403


async def test_who_has_several_roles_says_in_which_they_look(
    world: World, register: Register, browser: Browser
) -> None:
    member = member_of(COCO).model_copy(update={"role": Role.OPS, "clinics": (CLINIC,)})
    entry = StaffEntry(member=member, printed_name="Coco Invented", entered_by=("demo-security", "demo-manager"))
    register.now = enter(register.now, register.now.issued_at, staff=[entry])
    register.put()
    asked = await sign_in_by(browser, COCO.id, zone="Asia/Tokyo")
    assert "In which role?" in asked.text
    assert COOKIE not in browser.client.cookies
    refused = await browser.client.post("/sign-in/openid/role", data={"ticket": "another", "role": "ops"})
    assert refused.status_code == 403
    work = await browser.send({"role": "ops"}, "/sign-in/openid/role")
    assert work.url.path == "/work"
    assert "Coco Invented, ops" in work.text
    assert "yours: Asia/Tokyo." in work.text
    browser.last = asked
    assert (await browser.send({"role": "coordinator"}, "/sign-in/openid/role")).status_code == 403


async def test_an_answer_counts_once_in_the_browser_that_began(
    world: World, console: FastAPI, browser: Browser
) -> None:
    address = await begin(browser)
    back = await at_provider(address, sub=COCO.id)
    async with browser_of(console) as other:
        # Begun elsewhere: neither without a sign-in of their own, nor with one.
        assert (await other.go(back)).status_code == 403
        await begin(other)
        with capture_logs() as logs:
            assert (await other.go(back)).status_code == 403
        [told] = [each for each in logs if each["event"] == "openid.refused"]
        assert told["code"] == "answer_of_another_sign_in"
        assert COOKIE not in other.client.cookies
    cookies = dict(browser.client.cookies)
    assert (await browser.go(back)).status_code == 200
    browser.client.cookies.update(cookies)
    again = await browser.go(back)
    assert again.status_code == 403
    assert "used before" in again.text
    # Nor does a code count that was used, under the state of another sign-in; nor after five minutes.
    code = re.findall(r"code=([^&]+)", back)[0]
    state = re.findall(r"state=([^&]+)", await begin(browser))[0]
    used = await browser.go(f"/sign-in/openid/callback?{urlencode({'code': code, 'state': state})}")
    assert used.status_code == 403
    back = await at_provider(await begin(browser), sub=COCO.id)
    world.at += timedelta(minutes=5, seconds=1)
    assert (await browser.go(back)).status_code == 403


async def test_the_secret_changes_at_sign_in_and_signing_out_ends_it_at_the_server(
    world: World, register: Register, browser: Browser
) -> None:
    await sign_in_by(browser, COCO.id)
    first = browser.client.cookies[COOKIE]
    begun = await browser.client.get("/sign-in/openid", follow_redirects=False)
    flow_cookie = begun.headers["set-cookie"]
    assert flow_cookie.startswith(f"{FLOW_COOKIE}=")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age=300"} <= {*flow_cookie.split("; ")}
    # A strict cookie is not sent along with what the provider leads to.
    browser.client.cookies.delete(COOKIE)
    page = await browser.go(await at_provider(begun.headers["location"], sub=COCO.id))
    cookie = next(each for each in page.headers.get_list("set-cookie") if each.startswith(f"{COOKIE}="))
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= {*cookie.split("; ")}
    second = browser.client.cookies[COOKIE]
    assert first != second
    await browser.go("/work")
    await browser.send({}, "/sign-out")
    for secret in (first, second):
        browser.client.cookies.clear()
        answer = await browser.client.get("/work", headers={"cookie": f"{COOKIE}={secret}"})
        assert answer.url.path == "/sign-in"


async def test_who_refuses_or_finds_no_provider_is_told_and_stays_where_they_were(
    world: World, register: Register, browser: Browser, tmp_path: Path
) -> None:
    await sign_in_by(browser, COCO.id)
    before = browser.client.cookies[COOKIE]
    # This provider forgets the state in its refusal, which the standard asks for.
    address = await begin(browser)
    state = re.findall(r"[?&](state=[^&]+)", address)[0]
    refused = await browser.go(f"{await at_provider(address, action='deny')}&{state}")
    assert refused.status_code == 409
    assert "you stepped back there" in refused.text
    assert browser.client.cookies[COOKIE] == before
    led = await browser.client.get("/sign-in/openid", headers={"sec-fetch-site": "cross-site"}, follow_redirects=False)
    assert led.status_code == 403
    away = console_by(world, settings_for("http://127.0.0.1:9", tmp_path))
    async with browser_of(away) as other:
        told = await other.go("/sign-in/openid")
        assert told.status_code == 503
        assert "does not answer" in told.text
        assert "nothing is lost" in told.text
    async with browser_of(create_app(world.settings)) as other:
        assert "by your organisation" not in (await other.go("/sign-in")).text
        for address in ("/sign-in/openid", "/sign-in/openid/callback?code=x&state=y"):
            assert (await other.go(address)).status_code == 404


async def test_too_many_tries_are_told_how_long_to_wait(
    world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "OF_ADDRESS", Rate(8, OF_ADDRESS.every))
    monkeypatch.setattr(limits, "OF_PERSON_THERE", Rate(5, OF_PERSON_THERE.every))

    async def too_often(address: str, tries: int, sent: dict[str, str] | None = None) -> None:
        how: dict[str, Any] = {"method": "GET"} if sent is None else {"method": "POST", "data": sent}
        answers = [await browser.client.request(url=address, **how) for _ in range(tries + 1)]
        assert [answer.status_code == 429 for answer in answers] == [*[False] * tries, True], address
        assert int(answers[-1].headers["retry-after"]) in (1, 2)
        assert "Wait" in answers[-1].text

    for address in ("/sign-in", "/sign-in/passkey", "/passkey"):
        await too_often(address, 5, {"person": "somebody"})
        world.at += timedelta(minutes=2)
    await too_often("/sign-in/passkey", 8, {"ticket": "invented"})
    assert (await browser.client.post("/sign-in", data={"person": "another"})).status_code == 429
    world.at += timedelta(minutes=2)
    await too_often("/sign-in/openid/callback", 8)
    world.at += timedelta(minutes=2)
    await sign_in_by(browser, COCO.id)
    assert (await browser.go("/work")).url.path == "/work"
