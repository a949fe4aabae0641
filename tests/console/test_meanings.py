"""Whoever signs reads in a plain sentence what they say by it, and the word that is signed."""

import re

from application.sign_offs.consequences import SIGNED_FORMS
from application.sign_offs.meanings import MEANINGS
from console.views.sign_offs import parted
from tests.cli.clinics import Clinics
from tests.console.browser import Browser
from tests.console.enrolment import to_sign
from tests.journey.play import course
from workflows.journey.aggregate import fold
from workflows.journey.commands import Delegate
from workflows.journey.events import ObligationsUpdated
from workflows.journey.evidence import evidence
from workflows.journey.vocabulary.signed_statement import Meaning


def test_every_meaning_of_a_signature_is_a_plain_sentence() -> None:
    assert {*MEANINGS} == {*Meaning}
    assert len({*MEANINGS.values()}) == len(MEANINGS)
    for meaning, sentence in MEANINGS.items():
        assert re.fullmatch("(I|The) [a-z ,]+[a-z]", sentence), meaning


def test_what_binds_evidence_stands_apart_from_what_is_decided_on_and_nothing_is_left_out() -> None:
    events, shown = course("PTSD").events, set()
    for version, event in enumerate(events, 1):
        if isinstance(event.body, ObligationsUpdated) and any(each.sign_off for each in event.body.opened):
            journey = fold(events[:version])
            for asked in journey.waiting.values():
                if asked.sign_off is not None:
                    shown.add(asked.sign_off)
                    signed = evidence(journey, asked.sign_off, asked.subject)
                    content, around, technical = parted(signed)
                    parts = [name for part in (content, around, technical) for name in part]
                    assert sorted([*parts, "content"]) == sorted([*signed, *signed["content"]])
                    assert not re.search("[0-9a-f]{64}", f"{content} {around}")
                    hashes = [each for name, each in signed["content"].items() if name in technical]
                    assert all(re.fullmatch("[0-9a-f]{64}", str(each)) for each in hashes), hashes
    assert len(shown) > 5


async def test_it_stands_above_the_decision_beside_what_is_signed(clinics: Clinics, browser: Browser) -> None:
    journey_id, request = await to_sign(clinics)
    await browser.sign_in("clinician")
    page = (await browser.go(f"/journeys/{journey_id}/sign-offs/{request}")).text
    assert "<strong>I have written this evaluation</strong>. It is signed as “evaluation authored”" in page
    assert 'aria-describedby="follows-approve" required> approve</label>' in " ".join(page.split())
    for verdict, follows in (
        ("approve", "Screening begins"),
        ("decline", "The pathway ends"),
        ("return", "Its author"),
    ):
        assert f'id="follows-{verdict}">{follows}' in page
    exactly, _, technical = page.partition("<summary>Technical details, also part of what is signed")
    assert str(journey_id) in technical.partition("</details>")[0]
    assert re.search("<dt>nothing recorded for</dt><dd>[^<]*corrected, corrected at, taken back", exactly)
    assert "<dt>level</dt><dd>none</dd>" in exactly, "the C-SSRS was answered"
    assert "<dt>state</dt>" in exactly, "where the patient lives decides who may sign"


async def test_what_a_delegation_brings_about_stands_above_its_signature(clinics: Clinics, browser: Browser) -> None:
    journey_id, _ = await to_sign(clinics)
    await browser.sign_in("clinician")
    page = (await browser.go(f"/journeys/{journey_id}/signoff/delegate")).text
    assert SIGNED_FORMS[Delegate] in page.partition('name="passphrase"')[0]
