"""A clinician makes a passkey, signs in with it and signs a decision, in a real browser with an authenticator."""

from pathlib import Path

from playwright.async_api import expect

from activities.record.event_codec import load_events
from activities.signatures.verifying import check
from application.identity.signers import entry_of, parse_request
from simulation.people import PEOPLE
from tests.browser.people import (
    Desk,
    ask_for_passkey,
    findings,
    has_authenticator,
    save_request,
    sign_in_with_passkey,
)
from tests.cli.helpers import invented
from tests.console.enrolment import Register, to_sign
from workflows.journey.always.sign_offs.statements import of_event
from workflows.journey.vocabulary.actors import Role

CLIO = PEOPLE[Role.CLINICIAN]


async def test_a_clinician_is_enrolled_signs_in_and_signs_with_a_passkey(desk: Desk, tmp_path: Path) -> None:
    world = desk.clinics.world
    before, then = world.settings, world.at
    journey_id, request = await to_sign(desk.clinics)
    register = Register(invented().register_path, tmp_path / "register.json", desk.address)
    world.set(register_file=register.path)
    try:
        async with desk.browser(timezone_id="Asia/Tokyo") as page:
            await has_authenticator(page)
            # Made, handed in, and enrolled by two others.
            await ask_for_passkey(page, CLIO)
            assert await findings(page) == []
            request_file = await save_request(page)
            entry = entry_of(world.context(), parse_request(request_file), ["demo-security", "demo-manager"])
            register.enrol(entry)

            await sign_in_with_passkey(page, CLIO.id)
            await expect(page.get_by_text("Times without a place are yours: Asia/Tokyo.")).to_be_visible()

            await page.goto(f"/journeys/{journey_id}/sign-offs/{request}")
            assert await findings(page) == []
            await page.get_by_role("radio", name="return").check()
            await page.get_by_label("Rationale").fill("Invented: two answers\nare missing")
            await page.get_by_role("button", name="Sign", exact=True).click()
            await page.wait_for_url(f"**/journeys/{journey_id}")
            await expect(page.get_by_text("Signed and recorded: return.")).to_be_visible()
        events = await load_events(desk.clinics.record, journey_id)
        [signed] = [event for event in events if event.body.kind == "signoff.signed"]
        signature = signed.body.signature  # type: ignore[union-attr]
        assert signature is not None
        assert signature.assertion is not None
        stated = of_event(signed, signature)
        assert check(stated, signature, register.now, at=signed.at, scope=stated.scope) is None

        # Another browser has no passkey of hers: nothing is sent, and it says so.
        async with desk.browser() as page:
            await has_authenticator(page)
            await page.goto("/sign-in")
            await page.get_by_label("Your id").fill(CLIO.id)
            await page.get_by_role("button", name="Sign in with your passkey").click()
            await expect(page.get_by_role("alert")).to_contain_text("no passkey of yours was used")
    finally:
        world.settings, world.at = before, then
