"""What tests of passkeys in the console share: a register, what a browser answers, a decision to sign."""

import shutil
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from uuid import UUID, uuid4

import httpx2
from fastapi import FastAPI

from activities.signatures.keys import unlock
from activities.signatures.register_changes import enrol, enter, revoke
from activities.signatures.register_file import publish, read
from activities.signatures.signer_registry import SignerEntry
from simulation.keys import PASSPHRASE
from simulation.people import PEOPLE, referral
from tests.cli.clinics import Clinics
from tests.cli.helpers import append, invented
from tests.console.browser import ADDRESS, Browser, Form
from tests.console.conftest import console_of
from tests.journey.play import PROTOCOLS, START, Play
from tests.record.read_models.courses import catch_up
from tests.signatures.authenticator import SoftPasskey
from workflows.journey.aggregate import fold
from workflows.journey.decide import decide
from workflows.journey.obligations import obligations
from workflows.journey.receipts import receipts_of
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal

BY_KEY = {"signer": PEOPLE[Role.CLINICIAN].id, "passphrase": PASSPHRASE}
"""What the form of a signature takes from Clio, who signs with her key."""


class Register:
    """The register of invented people in a file, in which passkeys are enrolled."""

    def __init__(self, given: Path, path: Path, origin: str) -> None:
        """``given`` has the organisation's key beside it, and stays as it is unless it is also ``path``."""
        self.path = path
        self.organisation = unlock(given.parent / "organisation.key", PASSPHRASE)
        known = read(given, self.organisation.public_key)
        self.now = enter(known, known.issued_at, origins=[origin])
        self.put()

    def put(self) -> None:
        self.path.write_bytes(publish(self.now, self.organisation))

    def enrol(self, entry: SignerEntry) -> None:
        self.now = enrol(self.now, entry.model_copy(update={"enrolled_at": self.now.issued_at}))
        self.put()

    def revoke(self, key_id: str, at: datetime) -> None:
        self.now = revoke(self.now, key_id, at=at, because="phone lost", by="demo-security")
        self.put()


async def asked(browser: Browser, address: str, sent: dict[str, Any]) -> Any:
    """What the script of a page is told to ask the browser, when it sends the form of the page."""
    answer = await browser.client.post(
        urljoin(ADDRESS, address), data=_filled(browser, address, sent), headers={"accept": "application/json"}
    )
    assert answer.headers["content-type"] == "application/json", answer.text
    return answer.json()


def _filled(browser: Browser, address: str, sent: dict[str, Any]) -> dict[str, Any]:
    form = Form("" if browser.page.url.path == address else address)
    form.feed(browser.page.text)
    return {**form.values, **sent}


async def sign_in(browser: Browser, passkey: SoftPasskey, person: str, **how: Any) -> httpx2.Response:
    await browser.go("/sign-in")
    question = await asked(browser, "/sign-in/passkey", {"person": person})
    challenge = bytes.fromhex(question["get"]["challenge"])
    answer = {**question["fields"], **passkey.answer(challenge, ADDRESS, **how), "person": person}
    return await browser.send(answer, "/sign-in/passkey")


def begun_play() -> Play:
    """A journey of its own that has just begun."""
    decided = decide(None, referral(PROTOCOLS["PTSD"], uuid4()), START)
    assert not isinstance(decided, Refusal)
    return Play(fold(decided), START, list(decided), receipts=receipts_of(decided))


async def to_sign(clinics: Clinics) -> tuple[UUID, str]:
    """A journey that waits for Clio's evaluation to be signed, and the request; it is a minute later."""
    play = begun_play()
    play.go_on(lambda journey: any(each.sign_off == "evaluation" for each in obligations(journey)))
    await append(clinics.record, play.journey.id, play.events)
    await catch_up(clinics.record)
    clinics.world.at = play.at + timedelta(minutes=1)
    return play.journey.id, next(each.id for each in obligations(play.journey) if each.sign_off == "evaluation")


async def signing_console(clinics: Clinics, profiles: Path, exits: AsyncExitStack) -> tuple[FastAPI, str]:
    """A console in which Clio signs with her key (`BY_KEY`), and the address of the evaluation that waits for her."""
    journey_id, request = await to_sign(clinics)
    clinics.world.down = False
    console = console_of(clinics.world, profiles, journey_id, exits)
    shutil.copy(invented().register_path.parent / "clinician.key", profiles)
    return console, f"/journeys/{journey_id}/sign-offs/{request}"
