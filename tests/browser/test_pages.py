"""Every page, for everybody who may see it: nothing that axe finds, nothing wider than a phone, all without script."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from playwright.async_api import Page, ViewportSize, expect

from application.pathway.command_catalog import KINDS
from tests.browser.people import PHONE, WIDE, Desk, findings, overflow
from tests.console.addresses import PROTOCOL, SAVED, routes_of
from workflows.journey.vocabulary.actors import Role

pytestmark = pytest.mark.browser

STAFF = (Role.COORDINATOR, Role.CLINICIAN, Role.OPS)
"""Those among staff whose pages differ; forms are looked at for whoever may send them."""
HALF = ViewportSize(width=640, height=450)
"""What a window of 1280 × 900 shows at a zoom of 200 %."""
THERE_IS_NONE = f"/journeys/{UUID(int=4, version=4)}"
PAPER = ViewportSize(width=680, height=1000)
"""What fits on a sheet between its margins (A4, in CSS pixels)."""


def addresses(desk: Desk, role: Role) -> Iterator[str]:
    """Yield every page of the console but the forms of commands, and further views of some."""
    clinics, app = desk.clinics, desk.serving.app
    assert app is not None
    given = {"journey_id": clinics.held}
    for route in routes_of(app):
        if "GET" in (route.methods or ()) and route.param_convertors.keys() <= given.keys() and route.path != SAVED:
            yield route.path.format(**given)
    yield f"/protocols/{PROTOCOL}"
    yield f"/journeys/{clinics.held}/events/20"
    yield f"/journeys/{clinics.held}?at=20"
    if role == Role.COORDINATOR:
        points = f"/journeys/{desk.reached}/contact-points"
        yield from (points, f"{points}?observer=demo-observer", "/contact-points?person=demo-clinician")
    yield from ("/work?all=yes", "/work?mine=yes", "/journeys?closed=yes", "/no-such-page")
    yield THERE_IS_NONE
    for journey in clinics.journeys if role == Role.CLINICIAN else (clinics.ended,):
        yield f"/journeys/{journey}"
    yield desk.asked


async def wrong_with(page: Page, address: str, *, theirs: bool = False) -> list[str]:
    """What is wrong with the page at an address; and where it is ``theirs``, that they are not shown it."""
    answer = await page.goto(address)
    refused = theirs and not (answer is not None and answer.ok)
    return [*await wrong_here(page), *([f"{address}: is refused"] if refused else [])]


async def wrong_here(page: Page) -> list[str]:
    """What is wrong with the page that is shown: at its full width, at 200 % zoom, on a phone (320 px: WCAG 1.4.10),
    and with letters of twice the size; and that something moves."""
    found = await findings(page)
    if await page.evaluate("document.getAnimations().length"):
        found.append("moves")
    for window in (HALF, PHONE):
        await page.set_viewport_size(window)
        found += await overflow(page)
    await page.set_viewport_size(WIDE)
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    found += await overflow(page)
    return [f"{page.url}: {each}" for each in found]


@pytest.mark.parametrize("role", STAFF)
async def test_pages_of_staff(desk: Desk, role: Role) -> None:
    async with desk.person(role.value) as page:
        found = [each for address in addresses(desk, role) for each in await wrong_with(page, address)]
        await page.goto(f"/journeys/{desk.clinics.held}/looks")
        again = await page.locator('main a[href^="/looks/"]').first.get_attribute("href") or ""
        found += await wrong_with(page, again, theirs=True)
    assert found == []


async def test_every_form(desk: Desk) -> None:
    found: list[str] = []
    left = set(KINDS)
    for role in Role:
        mine = sorted(kind.name for kind in left if role in kind.roles)
        left -= {kind for kind in left if role in kind.roles}
        if not mine or role == Role.SYSTEM:
            continue
        person, journey = desk.who_sends(role)
        async with desk.person(person) as page:
            for name in mine:
                found += await wrong_with(page, f"/journeys/{journey}/{name.replace('.', '/')}", theirs=True)
    assert (found, left) == ([], set())


@pytest.mark.parametrize("role", [Role.PATIENT, Role.OBSERVER])
async def test_pages_of_patients_and_observers(desk: Desk, role: Role) -> None:
    person, journey = desk.who_sends(role)
    if role == Role.PATIENT:
        journey = (await desk.journey("consent")).journey.id
        person = desk.household(journey, role)
    async with desk.person(person, phone=True) as page:
        found = []
        for address in ("/work?mine=yes", f"/journeys/{journey}", f"/journeys/{journey}/support/request"):
            found += await wrong_with(page, address, theirs=True)
    assert found == []


async def test_words_longer_than_a_phone_is_wide_are_broken_and_lines_are_kept(desk: Desk) -> None:
    journey = (await desk.journey("evaluation")).journey.id
    lines = "Invented: one in the morning\n- two at night"
    async with desk.person("clinician", phone=True) as page:
        await page.goto(f"/journeys/{journey}/medicine/add")
        await page.get_by_label("What", exact=True).fill("Invented:" + "w" * 150)
        await page.get_by_label("Dosage").fill(lines)
        await page.locator("button.send").click()
        await expect(page.get_by_role("status").first).to_contain_text("Done")
        for address in ("medicine/change", "print"):
            await page.goto(f"/journeys/{journey}/{address}")
            assert await overflow(page) == []
        assert lines in await page.locator("table.facts").inner_text()


async def test_a_record_on_paper(desk: Desk) -> None:
    async with desk.person("clinician") as page:
        await page.goto(f"/journeys/{desk.clinics.held}/print")
        await page.emulate_media(media="print")
        await page.set_viewport_size(PAPER)
        for pressed in await page.locator("button, nav, footer, .screen").all():
            assert not await pressed.is_visible()
        assert await overflow(page) == []
        table, caption = page.locator("table.facts"), page.locator("table.facts caption")
        widths = [await each.evaluate("element => element.getBoundingClientRect().width") for each in (table, caption)]
        assert widths[0] == widths[1] > PAPER["width"] - 40
        rows = page.locator("table.facts tbody tr")
        assert await rows.count() == desk.clinics.journeys[desk.clinics.held].version
        assert await rows.first.evaluate("row => getComputedStyle(row).display") == "table-row"


async def test_in_the_dark_and_with_less_motion(desk: Desk) -> None:
    found = []
    async with desk.person("clinician", color_scheme="dark", reduced_motion="reduce") as page:
        for address in (
            "/work",
            f"/journeys/{desk.clinics.held}",
            f"/journeys/{desk.clinics.held}/pathway/hold",
            "/nothing",
        ):
            await page.goto(address)
            found += await findings(page)
            moving = "() => document.getAnimations().length"
            assert await page.evaluate(moving) == 0
    assert found == []
