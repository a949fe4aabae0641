"""Whoever signs reads in a plain sentence what they say by it, and the word that is signed."""

import re

from application.sign_offs.meanings import MEANINGS
from tests.cli.clinics import Clinics
from tests.console.browser import Browser
from tests.console.enrolment import to_sign
from workflows.journey.signed_statement import Meaning


def test_every_meaning_of_a_signature_is_a_plain_sentence() -> None:
    assert {*MEANINGS} == {*Meaning}
    assert len({*MEANINGS.values()}) == len(MEANINGS)
    for meaning, sentence in MEANINGS.items():
        assert re.fullmatch("(I|The) [a-z ,]+[a-z]", sentence), meaning


async def test_it_stands_above_the_decision_beside_what_is_signed(clinics: Clinics, browser: Browser) -> None:
    journey_id, request = await to_sign(clinics)
    await browser.sign_in("clinician")
    page = (await browser.go(f"/journeys/{journey_id}/sign-offs/{request}")).text
    assert "<strong>I have written this evaluation</strong>. It is signed as <code>evaluation_authored</code>" in page
