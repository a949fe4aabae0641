"""Whoever guesses codes of links: tries are counted and bounded, and keep nobody from help."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from activities.notices import links
from activities.notices.contacts import Owner
from activities.notices.links import is_code, slow_hash
from activities.record.event_codec import load_events
from console import limits as console_limits
from console.limits import OF_ADDRESS, Rate
from console.visits import COOKIE
from simulation.people import CLINIC, PEOPLE
from tests.console.links.home import CALL, MAIL, Home, address_in
from tests.record.helpers import Connection
from workflows.journey import commands as c
from workflows.journey.aggregate import fold
from workflows.journey.vocabulary.actors import Role


@pytest.mark.server
async def test_wrong_codes_are_counted_and_bounded_and_help_needs_no_code(home: Home, owner: Connection) -> None:
    await home.reached_by(MAIL, code="blue7kite")
    address, browser = await home.link(), home.browser
    answers = [(await browser.client.post(address, data={"code": "red7kite"})).status_code for _ in range(5)]
    assert answers == [422] * 5
    assert (await browser.client.post(address, data={"code": "blue7kite"})).status_code == 403
    locked = await browser.go(address)
    assert (locked.status_code, "locked" in locked.text) == (410, True)
    assert COOKIE not in browser.client.cookies

    for _ in range(2):
        assert "somebody is told now" in (await browser.client.post(address, data={"do": "help"})).text
    asked = home.world.received[-1]
    assert isinstance(asked.body, c.RequestSupport)
    assert (asked.proof, asked.body.urgency) == (None, "emergency")
    state = fold(await load_events(home.record, home.journey_id))
    assert len(state.support) == 1, "pressed twice it is one call"

    # At the links of one day a person has fifteen tries.
    await owner.execute("UPDATE record.link SET tries = 14")
    last = await home.link(again=True)
    assert (await browser.client.post(last, data={"code": "red7kite"})).status_code == 422
    assert (await browser.client.post(last, data={"code": "blue7kite"})).status_code == 403
    await owner.execute("UPDATE record.link SET made_at = made_at - interval '1 day' WHERE tries > 1")
    assert (await browser.client.post(last, data={"code": "blue7kite"})).status_code == 200


@pytest.mark.server
async def test_who_was_answered_and_needs_help_again_within_the_hour_calls_anew(home: Home) -> None:
    address, browser = await home.link(), home.browser
    for calls in (1, 2):
        for _ in range(2):
            assert "somebody is told now" in (await browser.client.post(address, data={"do": "help"})).text
        assert len(fold(await load_events(home.record, home.journey_id)).support) == calls
        answer = c.AnswerSupport(support=f"support-{calls}", text="Invented: called, and calm.")
        command = c.Command(command_id=uuid4(), actor=PEOPLE[Role.CLINICIAN], body=answer)
        async with home.world.connect(home.world.settings) as journeys:
            await journeys.submit(home.journey_id, command)


@pytest.mark.server
async def test_too_many_from_one_address_wait_and_call_for_help_all_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, browser = await home.link(), home.browser
    monkeypatch.setattr(console_limits, "OF_ADDRESS", Rate(3, OF_ADDRESS.every))
    assert [(await browser.go(f"/go/{'x' * 32}")).status_code for _ in range(3)] == [404] * 3
    sent: list[dict[str, str]] = [{"code": "1"}, *({"do": do} for do in ("code", "new", "acknowledge", "nothing")), {}]
    for answer in [await browser.go(address), *[await browser.client.post(address, data=each) for each in sent]]:
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert "Wait a second, and try again" in answer.text
        assert CALL in answer.text
        assert "I need help" in answer.text
    assert await home.receive() == []
    for _ in range(2):
        assert "somebody is told now" in (await browser.client.post(address, data={"do": "help"})).text
    assert isinstance(home.world.received[-1].body, c.RequestSupport)
    home.world.at += timedelta(seconds=1)
    assert (await browser.go(address)).status_code == 200


def test_of_a_code_a_slow_hash_is_kept() -> None:
    kept = slow_hash("blue 7 kite")
    assert is_code("blue7kite", kept)
    assert not is_code("blue7kit", kept)
    assert slow_hash("blue 7 kite") != kept
    assert b"blue" not in kept


@pytest.mark.server
async def test_a_stranger_who_guesses_keeps_the_patient_out_no_longer_than_until_staff_send_a_link(
    home: Home, owner: Connection
) -> None:
    """Whoever has old links may lock all of a day; the clinic opens the way again, and the old ones stay shut."""
    await home.reached_by(MAIL, code="blue7kite")
    guessed = [await home.link(again=True) for _ in range(4)]
    browser = home.browser
    answers = [
        (await browser.client.post(link, data={"code": f"{n}"})).status_code for link in guessed for n in range(5)
    ]
    assert (answers.count(422), answers.count(403)) == (15, 5), "fifteen tries at all links of a day"
    page = await browser.go(guessed[-1])
    assert (page.status_code, "I need help" in page.text) == (410, True)
    assert "Call us: we send you a link" in page.text
    assert "Send me a new link" not in page.text, "it would be locked, too"
    assert (await browser.client.post(guessed[0], data={"do": "new"})).status_code == 403
    assert "somebody is told now" in (await browser.client.post(guessed[0], data={"do": "help"})).text
    await links.send(home.record, Owner(Role.PATIENT, "patient", CLINIC, home.journey_id), by="cory")
    [message] = await home.receive()
    for link in guessed:
        assert (await browser.client.post(link, data={"code": "blue7kite"})).status_code == 403
    assert (await browser.client.post(address_in(message), data={"code": "blue7kite"})).status_code == 200


@pytest.mark.server
async def test_tries_at_many_links_at_once_are_counted_together(home: Home) -> None:
    await home.reached_by(MAIL, code="blue7kite")
    addresses = [await home.link(again=True) for _ in range(12)]
    tokens = [each.rpartition("/")[2] for each in addresses for _ in range(5)]
    tried = await asyncio.gather(*(links.count_try(home.record, token) for token in tokens))
    assert tried.count(True) == 15
