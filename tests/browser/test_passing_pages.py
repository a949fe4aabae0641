"""The pages that are there for a moment alone: what was just sent, a link that counts no more, the steps of signing
in. As `test_pages`: nothing that axe finds, nothing wider than a phone."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.async_api import Route, expect

import application.identity.passkeys
import application.work.hold_together
import console.views.links
import console.views.openid
import console.views.together
from application.identity.openid.provider import Flow
from application.identity.passkeys import Offered
from application.messages.links import LinkStanding
from application.profiles import Profile
from application.work.hold_together import find_concerned
from simulation.people import PEOPLE
from tests.browser.people import Desk
from tests.browser.test_pages import wrong_here, wrong_with
from tests.console.addresses import TOKEN
from tests.console.test_start import row
from tests.console.test_together import LOT, REASON
from tests.record.read_models.courses import catch_up
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import short_code

pytestmark = pytest.mark.browser

CLIO, COCO = PEOPLE[Role.CLINICIAN], PEOPLE[Role.COORDINATOR]


async def test_many_are_held_and_released(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    one = (await desk.journey("evaluation")).journey
    async with desk.person("coordinator") as page:
        await page.goto("/work/hold")
        await page.get_by_label("With doses of this lot").fill(LOT)
        await page.get_by_label("Why care is held").fill(REASON)
        await page.get_by_role("button", name="Try it out").click()
        await expect(page.get_by_role("cell", name="Would be held").first).to_be_visible()
        found = await wrong_here(page)

        async def of_one(context: Any, query: Any) -> Any:
            """Other journeys are those of other tests."""
            rows = (await find_concerned(context, query)).answer.rows
            return SimpleNamespace(answer=SimpleNamespace(rows=[each for each in rows if each.journey_id == one.id]))

        for module in (console.views.together, application.work.hold_together):
            monkeypatch.setattr(module, "find_concerned", of_one)
        await page.goto("/work/hold")
        await page.get_by_label("On a protocol as it was once").fill(short_code(one.protocol_digest))
        await page.get_by_label("Why care is held").fill(REASON)
        await page.get_by_role("button", name="Hold them all").click()
        await expect(page.get_by_role("status")).to_contain_text("1 of 1 are held")
        found += await wrong_here(page)
        await catch_up(desk.clinics.record)
        await page.get_by_role("link", name="Their releases").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Releases to sign, each on its own")
        await expect(page.get_by_role("row")).to_have_count(2)
        found += await wrong_here(page)
    assert found == []


async def test_rows_of_a_file_are_tried(desk: Desk) -> None:
    async with desk.person("coordinator") as page:
        await page.goto("/start/file")
        await page.get_by_label("Or its rows").fill("\n".join((row("one"), row("two", clinic="no-such-clinic"), "{no")))
        await page.get_by_role("button", name="Try it out").click()
        await expect(page.get_by_role("row")).to_have_count(4)
        assert await wrong_here(page) == []


@pytest.mark.parametrize("alarm", [False, True])
async def test_a_link_as_it_may_stand(desk: Desk, monkeypatch: pytest.MonkeyPatch, *, alarm: bool) -> None:
    states = ("open", "used", "over") if alarm else ("open", "over", "locked", "shut", "unknown", "later", "too often")
    found, titles = list[str](), set[str]()
    async with desk.browser() as page:
        for state in states:
            standing = LinkStanding(state, alarm=alarm, journey_id=desk.clinics.held)

            async def stand(*_: object, standing: LinkStanding = standing) -> LinkStanding:
                return standing

            monkeypatch.setattr(console.views.links, "look_at_link", stand)
            found += [f"{state}: {each}" for each in await wrong_with(page, f"/go/{TOKEN}")]
            titles.add(await page.locator("h1").inner_text())
    assert (found, len(titles)) == ([], len(states)), titles


async def test_which_of_several_passkeys_is_asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def offer(*_: object) -> tuple[Offered, ...]:
        return tuple(Offered({}, key_id=each * 64, label=f"{each * 8}, enrolled 2026-03-02") for each in "ab")

    monkeypatch.setattr(application.identity.passkeys, "offer", offer)
    async with desk.browser() as page:
        await page.goto("/sign-in")
        await page.get_by_label("Your id").fill(CLIO.id)
        await page.get_by_role("button", name="Sign in with your passkey").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Which passkey?")
        assert await wrong_here(page) == []


class Provider:
    """A provider that leads back at once, and says that it was Coco."""

    async def begin(self) -> Flow:
        return Flow("/sign-in/openid/callback?state=s", "s", "", "", "", "", "")

    async def finish(self, *_: object) -> str:
        return COCO.id


@pytest.mark.parametrize("roles", [(Role.COORDINATOR,), (Role.COORDINATOR, Role.OPS)])
async def test_whoever_comes_back_from_a_provider(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, roles: tuple[Role, ...]
) -> None:
    people = tuple(Profile(id=COCO.id, name=COCO.name, role=role, clinics=COCO.clinics) for role in roles)
    monkeypatch.setattr(console.views.openid, "_provider", lambda _: Provider())
    monkeypatch.setattr(console.views.openid, "who_may_look", lambda *_: people)
    async with desk.browser() as page:
        await page.route(re.compile(r"/sign-in/openid\?"), _stays)
        await page.goto("/sign-in/openid?next=/work")
        title = "You are signed in" if len(roles) == 1 else "In which role?"
        await expect(page.get_by_role("heading", level=1)).to_have_text(title)
        assert await wrong_here(page) == []


async def _stays(route: Route) -> None:
    """Have a page stay that goes on by itself."""
    answer = await route.fetch()
    shown = (await answer.text()).replace('http-equiv="refresh"', 'name="refresh"')
    await route.fulfill(response=answer, body=shown)
