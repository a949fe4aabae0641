"""A questionnaire is shown in the clinic's words, and with the answers is recorded which they were."""

from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from activities.record.event_codec import load_events
from application.questionnaires.folder import read_folder
from tests.cli.clinics import Clinics
from tests.console.browser import browser_of
from tests.console.conftest import console_of
from tests.questionnaires import questionnaire, write
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument

MARKUP = "Invented <b>words</b> & more"


async def test_it_is_asked_in_the_words_of_the_file_and_they_are_recorded(
    clinics: Clinics, tmp_path: Path, exits: AsyncExitStack
) -> None:
    content = questionnaire(Instrument.PHQ_9, language="es-MX", copyright="Invented, and free.")
    content["item"][0]["text"] = MARKUP
    folder = write(tmp_path / "words" / "phq.json", content).parent
    clinics.world.set(questionnaires_dir=folder)
    clinics.world.down = False
    console = console_of(clinics.world, tmp_path / "profiles", clinics.held, exits)
    [[_, _, words]] = read_folder(folder).loaded
    async with browser_of(console) as browser:
        await browser.sign_in("coordinator")
        form = await browser.go(f"/journeys/{clinics.held}/instrument/record?instrument=PHQ-9&occasion=asked")
        assert "<legend>Invented &lt;b&gt;words&lt;/b&gt; &amp; more</legend>" in form.text
        assert form.text.count('dir="auto" lang="es-MX"') == 9
        assert "Invented answer 3" in form.text
        assert "Invented, and free." in form.text
        assert "in another language (es-MX) than the one kept for the patient (en)" in form.text

        # Other words are loaded meanwhile: nothing is recorded of answers to what was never asked.
        write(folder / "phq.json", content | {"version": "3"})
        console.state.questionnaires = read_folder(folder)
        answers = {f"answers/{item}": "0" for item in range(9)}
        again = await browser.send(answers)
        assert (again.status_code, "have changed since" in again.text) == (422, True)
        assert again.text.count("checked") == 9
        assert not any(isinstance(sent.body, c.RecordInstrument) for sent in clinics.world.received)
        console.state.questionnaires = read_folder(folder)
        before = [*clinics.world.received]
        nothing = await browser.send(dict.fromkeys(answers, ""))
        assert (nothing.status_code, "No question is answered." in nothing.text) == (422, True)
        assert clinics.world.received == before, "neither recorded nor kept as it was said: that holds care, too"
        await browser.send(answers)
        asked = clinics.world.received[-1].body
        assert isinstance(asked, c.RecordInstrument)
        assert asked.wording is not None
        assert asked.wording.startswith(f"{words.url}|3 sha256:")
        assert asked.wording != words.name

        without = await browser.go(f"/journeys/{clinics.held}/instrument/record?instrument=GAD-7&occasion=asked")
        assert "The words of this questionnaire are not here." in without.text
        await browser.send({f"answers/{item}": "1" for item in range(7)})
        asked = clinics.world.received[-1].body
        assert isinstance(asked, c.RecordInstrument)
        assert asked.wording is None


OBSERVED = {
    "consciousness": "alert",
    "breathing_normal": "yes",
    "vomiting": "no",
    "vitals/systolic": "118",
    "vitals/diastolic": "76",
}
RATED = {f"cadss/{item}": "1" for item in range(6)}


@pytest.mark.parametrize(
    ("rated", "changes", "recorded"), [(True, False, "2.1"), (True, True, None), (False, False, None)]
)
async def test_an_observation_says_in_which_words_it_was_rated_and_waits_for_none(
    clinics: Clinics, tmp_path: Path, exits: AsyncExitStack, rated: bool, changes: bool, recorded: str | None
) -> None:
    content = questionnaire(Instrument.CADSS_6)
    folder = write(tmp_path / "words" / "cadss.json", content).parent
    clinics.world.set(questionnaires_dir=folder)
    clinics.world.down = False
    console = console_of(clinics.world, tmp_path / "profiles", clinics.held, exits)
    running = next(each for each in clinics.journeys.values() if any(s.running for s in each.sessions.values()))
    [session] = [each for each in running.sessions.values() if each.running]
    assert session.dosed_at is not None
    clinics.world.at = session.dosed_at + timedelta(minutes=121)
    room = f"/journeys/{running.id}/room"
    async with browser_of(console) as browser:
        await browser.sign_in("session_monitor")
        assert "Invented words no. 1" in (await browser.go(room)).text
        if changes:
            write(folder / "cadss.json", content | {"version": "3"})
            console.state.questionnaires = read_folder(folder)
        seen = {**OBSERVED, "minute": "120", **(RATED if rated else {})}
        done = await browser.send(seen, f"/journeys/{running.id}/session/observe")
        assert "Done: Record an observation in a session." in done.text
    bodies = [each.body for each in await load_events(clinics.record, running.id)]
    body = next(each for each in reversed(bodies) if isinstance(each, e.SessionObserved))
    assert (body.dissociation is not None) is rated
    assert (None if body.wording is None else body.wording.partition("|")[2].partition(" ")[0]) == recorded
