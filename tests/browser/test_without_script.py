"""Without script every page says and offers the same, and the keyboard alone reaches all of it."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page

from application.pathway.command_catalog import KINDS
from application.words.viewer import SETTING
from tests.browser.people import Desk
from tests.browser.test_pages import STAFF, THERE_IS_NONE, addresses
from workflows.journey.vocabulary.actors import Role

pytestmark = pytest.mark.browser

HERE = "America/New_York"
"""Where the browser is, and the console too: without script nobody says where a browser is."""
OFFERED = """() => [...document.querySelectorAll(
    'main :is(h1, h2, p, li, th, dd, a[href], button, summary, select, textarea, input:not([type=hidden]))')]
  .filter(each => each.checkVisibility() && !each.closest('[data-next], .as-of, noscript'))
  .map(each => `${each.localName} ${each.getAttribute('name') ?? ''} ${each.innerText ?? ''}`.trim())
  .map(said => said.replace(/the reference [0-9a-f]{8}/, ''))"""
"""What a page says and offers, but for the clock of a session, the reference of a refusal, and that scripts are off."""
FIND = """() => {
  const stops = 'a[href], button, select, textarea, summary, [tabindex="0"], input:not([type=hidden])';
  const groups = new Set();
  window.reached = new Set();
  window.wanted = [...document.querySelectorAll(stops)].filter(each => each.checkVisibility() && !each.disabled)
    .filter(each => {
      if (each.type !== 'radio') return true;
      const form = [...document.forms].indexOf(each.form);
      if (groups.has(`${form}/${each.name}`)) return false;
      return groups.add(`${form}/${each.name}`);
    });
  return wanted.length + 4 * wanted.filter(each => each.type === 'date').length;
}"""
"""Find where the keyboard has to come, and how often Tab is pressed for it: the radio buttons of one question are one
stop, and a date has several, which the browser marks in its own way."""
REACH = """() => {
  const here = document.activeElement;
  if (here === document.body) return '';
  const stop = here.type === 'radio'
    ? wanted.find(each => each.type === 'radio' && each.name === here.name && each.form === here.form) : here;
  reached.add(stop);
  const {top, bottom} = here.getBoundingClientRect();
  const seen = (here.matches(':focus-visible') || here.type === 'date') && bottom > 0 && top < innerHeight;
  return seen ? '' : `not to be seen: ${here.outerHTML.slice(0, 120)}`;
}"""
MISSED = "() => wanted.filter(each => !reached.has(each)).map(each => `not reached: ${each.outerHTML.slice(0, 120)}`)"


async def _unreached(page: Page, address: str) -> list[str]:
    """What the Tab key does not reach on a page, and what has the focus then and cannot be seen."""
    await page.goto(address)
    found: list[str] = []
    for _ in range(await page.evaluate(FIND) + 3):
        await page.keyboard.press("Tab")
        if said := await page.evaluate(REACH):
            found.append(said)
    return [f"{address}: {each}" for each in (*found, *await page.evaluate(MISSED))]


async def _everybodys(desk: Desk) -> AsyncIterator[tuple[str, list[str]]]:
    """Yield people who sign in, each with the addresses of pages to look at; each page and each form comes once."""
    left = set(KINDS)
    for role in (each for each in Role if each != Role.SYSTEM):
        pages = [*addresses(desk, role)] if role in STAFF else []
        mine = sorted(kind.name for kind in left if role in kind.roles)
        left -= {kind for kind in left if role in kind.roles}
        person, journey = desk.who_sends(role)
        pages += [f"/journeys/{journey}", *(f"/journeys/{journey}/{name.replace('.', '/')}" for name in mine)]
        yield person, pages


@pytest.mark.timeout(600)
async def test_without_script_pages_say_and_offer_the_same(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, HERE)
    wrong: list[str] = []
    shown, refused = set[str](), set[str]()
    async for person, pages in _everybodys(desk):
        async with desk.person(person, timezone_id=HERE) as page, desk.person(person, script=False) as bare:
            for address in pages:
                answer = await page.goto(address)
                assert answer is not None
                (shown if answer.ok else refused).add(address)
                await bare.goto(address)
                # As sets: the page of looks has one look more the second time.
                with_script, without = [{*await each.evaluate(OFFERED)} for each in (page, bare)]
                if with_script != without:
                    wrong.append(f"{person} {address}: {with_script ^ without}")
    assert wrong == []
    none = {"/no-such-page", THERE_IS_NONE, "/find", "/sign-in/openid", "/sign-in/openid/callback"}
    assert refused - shown == none, "every other page was shown to somebody, not only refused"


@pytest.mark.timeout(600)
async def test_the_keyboard_reaches_everything(desk: Desk) -> None:
    wrong: list[str] = []
    async for person, pages in _everybodys(desk):
        async with desk.person(person) as page:
            for address in pages:
                wrong += await _unreached(page, address)
    assert wrong == []
