"""What people write is shown as text, wherever it is shown."""

import ast
import re
from html import unescape
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from jinja2 import nodes

from activities.record.stored import Opening
from application.pathway.command_catalog import KINDS
from application.sign_offs.requests import requests
from console.pages import HERE, PAGES
from tests.cli.clinics import Clinics
from tests.cli.helpers import append
from tests.console.addresses import addresses
from tests.console.browser import Browser
from tests.console.hostile import ATTACK, Markup, hostile_play
from tests.record.read_models.courses import catch_up
from workflows.journey.views.notices import notices

LEAST_KINDS, LEAST_TEXTS = 50, 45
"""How many commands and free texts the course has at least."""
OURS = ("form_token", "command_id", "entered_by", "do", "point", "viewport")
"""Controls that a page fills in."""
WRITTEN = re.compile(r"([\w.-]+(?:/\w+)+) (?:=cmd|<xss)")


@pytest.mark.parametrize(
    "attack", ["<script>alert(1)</script>", "<a href=' javascript:alert(1)'>", "<p onclick=x>", ATTACK]
)
def test_markup_that_is_not_ours_is_found(attack: str) -> None:
    assert Markup.strange_in(f"<p>{attack}</p>")
    assert (
        Markup.strange_in('<p class="x" data-y="1"><a href="tel:988">call</a><script src="/static/a.js"></script>')
        == []
    )


@pytest.mark.parametrize("name", PAGES.list_templates())
def test_no_template_writes_what_is_not_escaped(name: str) -> None:
    parsed = PAGES.parse((HERE / "templates" / name).read_text())
    filters = [each.name for each in parsed.find_all(nodes.Filter)]
    assert not {"safe", "xmlattr", "forceescape", "tojson"} & {*filters}
    assert [*parsed.find_all((nodes.ScopedEvalContextModifier, nodes.MarkSafe))] == []


def test_only_what_is_written_in_the_code_is_markup() -> None:
    unsafe = []
    for path in HERE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name("Markup"), args=[ast.Constant()]):
                    continue
                case ast.Call(func=ast.Name("Markup")) | ast.Attribute(attr="unescape" | "Markup"):
                    unsafe.append((path.name, node.lineno))
    assert unsafe == []


async def test_hostile_texts_run_on_no_page_and_break_none(
    clinics: Clinics, browser: Browser, console: FastAPI
) -> None:
    play = hostile_play()
    journey, written = play.journey, {*WRITTEN.findall("".join(event.model_dump_json() for event in play.events))}
    assert len(play.took) >= LEAST_KINDS
    assert len(written) >= LEAST_TEXTS
    told = "".join(str(notice) for event in play.events for notice in notices(event))
    assert "xss" not in told, "no message says what somebody wrote"
    keys = (clinics.record.patients.of_ref(journey.patient.ref),)
    await append(clinics.record, journey.id, play.events, opening=Opening(patient_keys=keys, medicine="invented-1"))
    await catch_up(clinics.record)
    clinics.world.at = max(clinics.world.at, play.at)  # Nothing is in the future.
    latest = {event.body.kind: event.version for event in play.events}
    here = f"/journeys/{journey.id}"
    pages = [
        *(address for method, address in addresses(console, journey.id) if method == "GET"),
        *(f"{here}/events/{version}" for version in latest.values()),
        *(f"{here}/sign-offs/{request.id}" for request in requests(journey)),
        *(f"{here}/{kind.noun}/{kind.verb}" for kind in KINDS[::3]),
        f"{here}/pathway/amend?version={latest['support.requested']}", f"{here}/changes?earlier=1",
        f"{here}/timeline?before={journey.version // 2}", f"/work?{urlencode({'clinic': ATTACK})}",
    ]  # fmt: skip
    shown: set[str] = set()
    for role in ("medical_director", "coordinator", "patient", "observer"):
        await browser.sign_in(role)
        mine = pages if role == "medical_director" else [here, f"{here}/patient-view", f"{here}/timeline"]
        for address in mine:
            answer = await browser.client.get(address)
            assert answer.status_code < 500, (address, answer.text)
            assert Markup.strange_in(answer.text) == [], address
            shown |= {*WRITTEN.findall(unescape(answer.text))}
    await browser.sign_in("coordinator")
    for address in ("/contact-points", f"{here}/contact-points", "/start", "/work/hold"):
        await browser.go(address)
        names = {name: ATTACK for name in re.findall(r'name="(\w+)"', browser.page.text) if name not in OURS}
        answer = await browser.send(names | {"do": "add"})
        assert (answer.status_code, Markup.strange_in(answer.text)) == (422, []), address
        assert "<xss" in unescape(answer.text), address
    assert written <= shown, "what somebody writes is shown to somebody"
