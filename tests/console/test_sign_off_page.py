"""The page of a request to sign, and what it says once it is decided."""

from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

from tests.cli.clinics import Clinics
from tests.cli.helpers import append
from tests.console.browser import Browser, browser_of
from tests.console.enrolment import BY_KEY, begun_play, signing_console
from workflows.journey.commands import ReportAdverseEvent
from workflows.journey.obligations import obligations
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal


async def test_what_is_wrong_leads_to_its_field_and_what_was_returned_is_not_called_as_if_it_was_approved(
    clinics: Clinics, tmp_path: Path, exits: AsyncExitStack
) -> None:
    console, address = await signing_console(clinics, tmp_path / "profiles", exits)
    async with browser_of(console) as browser:
        await browser.sign_in("clinician")
        await browser.go(address)
        refused = await browser.send({"decision": "return", **BY_KEY})
        assert refused.status_code == 409
        assert '<a href="#f-rationale">Rationale</a>: this decision needs a rationale' in refused.text
        assert '<textarea id="f-rationale"' in refused.text
        await browser.send({"decision": "return", "rationale": "Invented: two answers are missing", **BY_KEY})
        decided = (await browser.go(address)).text
    assert "<h1>Evaluation</h1>" in decided
    assert "Decided: return" in decided


async def test_what_comes_before_a_release_is_said_before_anybody_signs(clinics: Clinics, browser: Browser) -> None:
    play = begun_play()
    harm = ReportAdverseEvent(what="invented: a rash", grade=4, serious=False, onset=play.at)
    assert not isinstance(play.take(play.command(harm, Role.SESSION_MONITOR)), Refusal)
    journey = play.journey
    await append(clinics.record, journey.id, play.events)
    clinics.world.at = play.at + timedelta(minutes=1)
    [request] = [each.id for each in obligations(journey) if each.sign_off == "severe_hold_release"]
    await browser.sign_in("medical_director")
    page = (await browser.go(f"/journeys/{journey.id}/sign-offs/{request}")).text
    assert "It cannot be approved yet. Before it is: the adverse event is reviewed and signed." in page
    [review] = [each.id for each in obligations(journey) if str(each.sign_off).endswith("adverse_event")]
    assert "cannot be approved yet" not in (await browser.go(f"/journeys/{journey.id}/sign-offs/{review}")).text
