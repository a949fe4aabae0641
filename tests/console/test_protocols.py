"""A protocol is read, compared in words and approved in the console: by two people, each with their own key."""

import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from application.context import Context
from application.protocols.approvals import load_approval, status_of
from application.settings import Settings
from console.app import create_app
from simulation.keys import PASSPHRASE
from simulation.people import CLINIC, PEOPLE, SECOND_CLINIC
from tests.cli.clinics import Clinics
from tests.cli.helpers import START, World, invented
from tests.console.browser import ADDRESS, Browser, browser_of
from tests.console.conftest import console_of
from tests.console.enrolment import Register, asked, sign_in
from tests.console.test_messages import said
from tests.signatures.authenticator import SoftPasskey, es256
from workflows.journey.vocabulary.actors import Role
from workflows.protocols import list_shipped, load, resolve
from workflows.protocols.demonstration import INVENTED_DOSE

DIRECTOR, CLINICIAN = Role.MEDICAL_DIRECTOR, Role.CLINICIAN
PAGE = "/protocols/ours"


def write(path: Path, **changed: Any) -> None:
    """A protocol that could be approved: a shipped one with invented limits, marked fit."""
    shipped = resolve(list_shipped()[-1]).value["protocol"]
    fit = {"status": "approved", "illustrative": False, "dose": {**shipped["dose"], **INVENTED_DOSE}}
    path.write_text(json.dumps({"protocol": {**shipped, **fit, **changed}}))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Two versions of a protocol."""
    found = tmp_path / "protocols"
    found.mkdir()
    write(found / "before.yaml")
    exclusions = resolve(list_shipped()[-1]).value["protocol"]["exclusions"]
    write(found / "ours.yaml", version=2, exclusions=exclusions[:-1], background_reading=["psychiatric_evaluation"])
    return found


@pytest.fixture
async def browser(directory: Path, tmp_path: Path, exits: AsyncExitStack) -> AsyncIterator[Browser]:
    """A browser in front of a console without a record: protocols need none. Beside each profile lies its key."""
    world = World(protocols_dir=directory)
    app = console_of(world, tmp_path / "profiles", uuid4(), exits)
    for role in (DIRECTOR, CLINICIAN):
        shutil.copy(invented().register_path.parent / f"{role.value}.key", tmp_path / "profiles" / f"{role.value}.key")
    async with browser_of(app) as opened:
        yield opened


def settings(directory: Path) -> Settings:
    return World(protocols_dir=directory).settings


async def open_page(browser: Browser, role: Role, page: str = PAGE) -> None:
    """Sign in, and go to the page at once: there is no worklist without a record."""
    browser.last = await browser.client.post("/sign-in", data={"person": role.value, "next": page})


async def sign(browser: Browser, role: Role, **given: Any) -> str:
    await open_page(browser, role)
    who = {"signer": PEOPLE[role].id, "passphrase": PASSPHRASE}
    await browser.send({**who, "clinics": [CLINIC, SECOND_CLINIC], **given})
    return said(browser)


async def test_what_changed_is_said_in_words(browser: Browser) -> None:
    await open_page(browser, DIRECTOR, "/protocols")
    assert 'href="/protocols/ours"' in browser.page.text
    await browser.go(PAGE)
    assert "What changed since ptsd-at-home, version 1 (before)" in said(browser)
    assert re.search(r"Exclusion \w+ removed: ", said(browser))
    assert "Version: now 2; it was 1" in said(browser)
    changes = said(browser).split("What changed")[1].split("Compare it with")[0]
    assert not re.search(r"[`_]", changes)
    await browser.go("/protocols/before?since=ours")
    assert re.search(r"Exclusion \w+ added: ", said(browser))
    for none in ("/protocols/nothing", "/protocols/..%2Fours.yaml", f"{PAGE}?since=nothing"):
        assert (await browser.go(none)).status_code == 404


@pytest.mark.long
async def test_two_people_approve_with_their_keys(browser: Browser, directory: Path) -> None:
    file = directory / "ours.yaml"
    await open_page(browser, DIRECTOR)
    for words in (
        "in exactly this text, is fit for the patients of",
        "Two people sign",
        "Yours is the first signature",
    ):
        assert words in said(browser)
    for wrong, why in (
        ({"passphrase": "another one"}, "does not open"),
        ({"signer": PEOPLE[CLINICIAN].id}, "not the id of your profile"),
        ({"clinics": []}, "no clinic was chosen"),
        ({"review_by": "2020-01-01"}, "review date is in the past"),
        ({"review_by": "soon"}, "no day"),
    ):
        told = (await sign(browser, DIRECTOR, **wrong)).lower()
        assert (why in told, browser.page.status_code >= 400, load_approval(file)) == (True, True, None), why
        assert "nothing was written or changed" in told or "nothing was sent" in told
    told = await sign(browser, DIRECTOR, review_by="2026-12-31")
    assert "One more signature is missing: of another licensed person." in told
    assert "you have signed this protocol" in (await sign_again(browser, DIRECTOR)).lower()
    told = await sign(browser, CLINICIAN)
    assert "The protocol is approved: journeys may be started on it." in told
    status = status_of(Context(load=lambda: settings(directory), now=lambda: START), load(file), file)
    assert (status.state, "review by 2026-12-31" in status.text) == ("approved", True)
    # Whoever signs again sets both aside.
    await open_page(browser, DIRECTOR)
    assert "Nothing is missing." in said(browser)
    await browser.go(f"{PAGE}?anew=yes")
    assert "Earlier signatures are set aside" in said(browser)
    await browser.send({"signer": PEOPLE[DIRECTOR].id, "passphrase": PASSPHRASE, "clinics": [CLINIC]})
    assert "One more signature is missing" in said(browser)
    assert status_of(Context(load=lambda: settings(directory), now=lambda: START), load(file), file).state == "begun"


async def sign_again(browser: Browser, role: Role) -> str:
    await open_page(browser, role)
    return said(browser)


async def test_what_is_signed_is_what_was_read(browser: Browser, directory: Path) -> None:
    file = directory / "ours.yaml"
    await open_page(browser, DIRECTOR)
    write(file, version=3)
    given = {"signer": PEOPLE[DIRECTOR].id, "passphrase": PASSPHRASE, "clinics": [CLINIC]}
    answer = await browser.send(given)
    assert (answer.status_code, "changed since this page was shown" in answer.text) == (409, True)
    assert load_approval(file) is None
    again = await browser.send(given)
    assert "One more signature is missing" in said(browser), again.text


async def test_starting_over_sets_aside_only_what_was_shown(browser: Browser, directory: Path) -> None:
    file = directory / "ours.yaml"
    await sign(browser, DIRECTOR)
    await sign(browser, CLINICIAN)
    await open_page(browser, DIRECTOR, f"{PAGE}?anew=yes")
    shown = browser.page
    given = {"signer": PEOPLE[DIRECTOR].id, "passphrase": PASSPHRASE, "clinics": [CLINIC]}
    assert "One more signature is missing" in (await browser.send(given)).text
    signed = load_approval(file)
    browser.last = shown  # as after going back
    answer = await browser.send(given)
    assert (answer.status_code, "changed since this page was shown" in answer.text) == (409, True)
    assert load_approval(file) == signed


async def test_nobody_else_approves_and_no_other_file(browser: Browser, directory: Path) -> None:
    for role in (Role.COORDINATOR, Role.THERAPIST, Role.OPS):
        await open_page(browser, role)
        assert "Your approval" not in said(browser)
        [token, *_] = re.findall(r'name="form_token" value="([^"]+)"', browser.page.text)
        given = {"form_token": token, "digest": load(directory / "ours.yaml").digest, "clinics": [CLINIC]}
        assert (await browser.client.post(PAGE, data=given)).status_code == 403
    outside = directory.parent / "outside.yaml"
    write(outside)
    await open_page(browser, DIRECTOR)
    [token, *_] = re.findall(r'name="form_token" value="([^"]+)"', browser.page.text)
    for name in ("%2E%2E%2Foutside.yaml", "outside"):
        given = {"form_token": token, "digest": load(outside).digest, "clinics": [CLINIC]}
        assert (await browser.client.post(f"/protocols/{name}", data=given)).status_code == 404
    assert load_approval(outside) is None


async def test_two_people_approve_with_their_passkeys(clinics: Clinics, directory: Path, tmp_path: Path) -> None:
    world, file = clinics.world, directory / "ours.yaml"
    path = tmp_path / "register.json"
    world.set(protocols_dir=directory, register_file=path, profile=None)
    register = Register(invented().register_path, path, ADDRESS)
    passkeys = {DIRECTOR: es256(21, "localhost"), CLINICIAN: es256(22, "localhost")}
    for role, passkey in passkeys.items():
        register.enrol(passkey.entry(PEOPLE[role]))

    def make_context(**who: Any) -> Any:
        return world.context(**who)

    async with browser_of(create_app(world.settings, make_context=make_context, now=lambda: world.at)) as browser:
        for role, passkey in passkeys.items():
            await sign_in(browser, passkey, PEOPLE[role].id)
            shown = await browser.go(PAGE)
            assert "data-passkey" in shown.text, shown.text[:2000]
            await approve_with(browser, passkey, f"{world.at + timedelta(days=90):%Y-%m-%d}")
    approval = load_approval(file)
    assert approval is not None
    assert [signed.signature.key_id for signed in approval.approvals] == [each.key_id for each in passkeys.values()]
    assert approval.approvals[0].signature.expires_at == approval.approvals[1].signature.expires_at
    assert status_of(world.context(), load(file), file).state == "approved"


async def approve_with(browser: Browser, passkey: SoftPasskey, review_by: str) -> None:
    given = {"clinics": [CLINIC], "review_by": review_by}
    question = await asked(browser, PAGE, given)
    answer = passkey.answer(bytes.fromhex(question["get"]["challenge"]), ADDRESS)
    seal = json.loads(question["fields"]["passkey.seal"])
    later = {**question["fields"], "passkey.seal": json.dumps({**seal, "expires_at": "2099-01-01T00:00:00Z"})}
    refused = await browser.send({**given, **later, **answer})
    assert refused.status_code == 403, refused.text
    done = await browser.send({**given, **question["fields"], **answer})
    assert "Signed." in said(browser), done.text
