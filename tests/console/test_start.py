"""Patients are started in the console: one from a form, many from a file, each row with its own answer."""

import asyncio
import json
import re
from datetime import timedelta
from typing import Any

import pytest

from activities.record import Record, RecordUnavailable
from application.errors import UNKNOWN_STATE
from application.pathway import start as start_use_case
from console.views.start import INVENTED
from tests.cli.clinics import Clinics
from tests.cli.helpers import EXAMPLES, referral
from tests.console.browser import Browser


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_use_case, "RECORDED_WITHIN", timedelta(milliseconds=50))


def row(ref: str, **changed: Any) -> str:
    given = referral(**changed)
    given["patient"] |= {"ref": ref}
    return json.dumps(given)


async def enrolled(clinics: Clinics) -> int:
    return await asyncio.to_thread(clinics.world.journeys)


def outcomes(page: str) -> dict[int, str]:
    found = re.findall(r'<th scope="row"[^>]*>(\d+)</th>\s*<td[^>]*>(?:<a [^>]*>)?([^<]+)', page)
    return {int(number): said.strip() for number, said in found}


async def test_a_form_offers_who_and_what_there_is_here(clinics: Clinics, browser: Browser) -> None:
    await browser.sign_in("coordinator")
    page = (await browser.go("/start")).text
    for choice in ("demo-clinic", "PTSD", "ANXIETY", "CA", "America/Los_Angeles", "demo-coordinator", "demo-clinician"):
        assert f'value="{choice}"' in page
    assert "Clio Invented, MD (demo-clinician)" in page
    assert {*re.findall(r'<input id="f-[^"]+" name="([^"]+)" value', page)} == {
        f"patient/{typed}" for typed in ("ref", "number", "emergency_contact_ref", "dispatch_address_ref", "language")
    }, "what the clinic keeps elsewhere is typed, and nothing else"
    assert 'value="demo-therapist"' not in page
    before = await enrolled(clinics)
    await browser.go("/start?example=PTSD")
    tried = await browser.send({"try": "yes", "reason": "Invented."})
    assert "It would be started. Nothing was sent." in tried.text
    assert await enrolled(clinics) == before


@pytest.mark.parametrize("pathway", INVENTED)
def test_an_invented_referral_is_that_of_the_examples(pathway: str) -> None:
    example = json.loads((EXAMPLES / f"referral-{pathway.lower()}.json").read_text())
    assert INVENTED[pathway] == {
        **{f"patient/{name}": value for name, value in example.pop("patient").items()}, **example,
    }  # fmt: skip


async def test_only_a_demonstration_offers_an_invented_referral(clinics: Clinics, browser: Browser) -> None:
    await browser.sign_in("coordinator")
    assert "/start?example=" in (await browser.go("/start")).text
    clinics.world.set(demonstration=False)
    for address in ("/start", "/start?example=PTSD"):
        page = (await browser.go(address)).text
        assert "demo-patient" not in page
        assert "/start?example=" not in page


@pytest.mark.parametrize("as_file", [False, True], ids=["entered", "as a file"])
async def test_each_row_of_a_file_has_its_answer_and_a_trial_says_the_same(
    clinics: Clinics, browser: Browser, *, as_file: bool
) -> None:
    rows = [row("one"), "", row("two", clinic="no-such-clinic"), row("one"), "{not\u2028json", row("three")]

    async def send(**more: str) -> str:
        page = (await browser.go("/start/file")).text
        [token] = re.findall(r'name="form_token" value="([^"]+)" *>\s*<input type="hidden" name="entered_by"', page)
        text = "\n".join(rows)
        if not as_file:
            return (await browser.send({"rows": text, **more})).text
        sent = {"form_token": token, "rows": "", **more}
        return (await browser.client.post("/start/file", data=sent, files={"file": ("f.jsonl", text.encode())})).text

    await browser.sign_in("coordinator")
    before = await enrolled(clinics)
    tried = await send(**{"try": "yes"})
    assert outcomes(tried) == {
        1: "would be started", 3: "would be refused", 4: "same as row 1", 5: "would be refused", 6: "would be started",
    }  # fmt: skip
    assert await enrolled(clinics) == before
    clinics.world.down = False
    done = outcomes(await send())
    assert {done[1], done[6]} <= {"started", "accepted, not yet recorded"}
    assert (done[3], done[4], done[5]) == ("not started", "same as row 1", "not started")
    assert await enrolled(clinics) == before + 2


async def test_a_table_from_a_spreadsheet_is_tried_corrected_and_started(clinics: Clinics, browser: Browser) -> None:
    await browser.sign_in("coordinator")
    await browser.go("/start/file")
    [token] = re.findall(
        r'name="form_token" value="([^"]+)" *>\s*<input type="hidden" name="entered_by"', browser.page.text
    )
    template = await browser.client.get("/start/file/template.csv")
    assert template.headers["content-type"] == "text/csv; charset=utf-8"
    names = template.content.decode("utf-8-sig").splitlines()[0].split(",")

    def table(**changed: str) -> bytes:
        cells = []
        for ref in ("one", "two"):
            given = referral()
            given["patient"] |= {"ref": ref}
            flat = given | {f"patient.{name}": value for name, value in given["patient"].items()} | changed
            cells.append(";".join(f'"{flat.get(name) or ""}"' for name in names))
        return "\r\n".join([";".join(names), *cells]).encode("utf-8-sig")

    async def send(raw: bytes, **more: str) -> str:
        sent = {"form_token": token, **more}
        return (await browser.client.post("/start/file", data=sent, files={"file": ("f.csv", raw)})).text

    before = await enrolled(clinics)
    wrong = await send(table(**{"patient.born": "4/2/1986"}), **{"try": "yes"})
    assert outcomes(wrong) == {2: "would be refused", 3: "would be refused"}
    assert "<strong>patient.born</strong>: must be a date" in wrong
    tried = await send(table(), **{"try": "yes"})
    assert outcomes(tried) == {2: "would be started", 3: "would be started"}
    assert await enrolled(clinics) == before
    refused = await send(b"\xef\xbb\xbfname;born\r\nJane Doe;1986-04-02")
    assert "column A" in refused
    assert "<strong>patient.ref</strong>: is missing" in refused
    clinics.world.down = False
    # What stands below the file is the one of the trial: the corrected file counts.
    done = outcomes(await send(table(), rows=row("old")))
    assert {*done.values()} <= {"started", "accepted, not yet recorded"}
    assert await enrolled(clinics) == before + 2


@pytest.mark.parametrize("lost", [False, True], ids=["not yet recorded", "the record went away"])
async def test_a_start_that_temporal_holds_is_told_as_such_and_may_be_sent_again(
    clinics: Clinics, browser: Browser, monkeypatch: pytest.MonkeyPatch, *, lost: bool
) -> None:
    async def away(*_: object) -> None:
        raise RecordUnavailable("08006")

    clinics.world.down, clinics.world.asleep = False, not lost
    await browser.sign_in("coordinator")
    await browser.go("/start?example=PTSD")
    with monkeypatch.context() as patched:
        if lost:
            patched.setattr(Record, "load_opening", away)
        told = await browser.send({"reason": "Invented.", "protocol": ""})
    assert told.status_code == 503
    said = UNKNOWN_STATE if lost else "Temporal holds it"
    assert said in told.text
    assert "Nothing was sent" not in told.text
    assert "it starts nothing twice" in told.text
    assert len(clinics.world.received) == 1
    # What was entered is still there.
    assert "Invented." in told.text
    clinics.world.asleep = False
    done = await browser.send({"reason": "Invented."})
    assert done.url.path.startswith("/journeys/"), done.text


async def test_rows_that_are_only_accepted_are_counted_apart(clinics: Clinics, browser: Browser) -> None:
    clinics.world.down, clinics.world.asleep = False, True
    await browser.sign_in("coordinator")
    await browser.go("/start/file")
    told = (await browser.send({"rows": row("one")})).text
    assert outcomes(told) == {1: "accepted, not yet recorded"}
    assert "0 of 1 rows are started. 1 is accepted, not yet recorded" in told


async def test_a_file_of_nothing_or_of_too_much_is_refused(browser: Browser) -> None:
    await browser.sign_in("coordinator")
    for rows in ("", "\n\n", ",,,\n,,,\n", "{}\n" * 501):
        await browser.go("/start/file")
        answer = await browser.send({"rows": rows})
        assert answer.status_code == 422
        assert "from 1 to 500 rows" in answer.text


async def test_only_a_coordinator_starts_patients(clinics: Clinics, browser: Browser) -> None:
    clinics.world.down = False
    before = await enrolled(clinics)
    await browser.sign_in("clinician")
    [token, *_] = re.findall(r'name="form_token" value="([^"]+)"', browser.page.text)
    given = {"form_token": token, "reason": "Invented.", "rows": row("one")}
    for address in ("/start", "/start/file"):
        assert (await browser.go(address)).status_code == 403
        assert (await browser.client.post(address, data=given)).status_code in (403, 422)
    for rows in ("name", "", "{}\n" * 501):
        answer = await browser.client.post("/start/file", data=given | {"rows": rows})
        assert answer.status_code == 403, "what they may not start is not even read"
    assert await enrolled(clinics) == before
