"""With a passkey somebody is enrolled, signs in and signs in the console, and nobody else does in their place."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from activities.record.event_codec import load_events
from activities.signatures.passkeys import challenge_of
from activities.signatures.verifying import check
from application.caches.registers import Registers
from application.context import Context
from application.identity.signers import EnrolmentRequest, entry_of, parse_request
from console.app import create_app
from console.visits import COOKIE, Opened
from simulation.people import PEOPLE
from tests.cli.clinics import Clinics
from tests.cli.helpers import LOOKER, World, invented
from tests.console.browser import ADDRESS, Browser, browser_of
from tests.console.enrolment import Register, asked, sign_in, to_sign
from tests.signatures.authenticator import PRESENT, SoftPasskey, eddsa, es256
from workflows.journey.always.sign_offs.statements import of_event
from workflows.journey.vocabulary.actors import Role

CLIO = PEOPLE[Role.CLINICIAN]
PASSKEY, HERS_TOO, ANOTHERS = es256(11, "localhost"), eddsa(112, "localhost"), es256(13, "localhost")
APPLICATION = {
    "person": CLIO.id,
    "role": CLIO.role.value,
    "printed_name": CLIO.name or "",
    "licence/number": CLIO.licence.number if CLIO.licence else "",
    "licence/states": "\r\n".join(CLIO.licence.states) if CLIO.licence else "",
    "licence/expires": str(CLIO.licence.expires) if CLIO.licence else "",
}


@pytest.fixture
def register(clinics: Clinics, tmp_path: Path) -> Register:
    path = tmp_path / "register.json"
    clinics.world.set(register_file=path)
    return Register(invented().register_path, path, ADDRESS)


@pytest.fixture
def without_buttons(clinics: Clinics, register: Register) -> FastAPI:
    """A console in which nobody is signed in by a button."""
    world, registers = clinics.world, Registers()
    world.set(profile=None)

    def make_context(**who: Any) -> Context:
        return Context(
            now=lambda: world.at, load=world.load_settings, connect=world.connect, registers=registers, **who
        )

    return create_app(world.settings, make_context=make_context, now=lambda: world.at)


@pytest.fixture
async def opened(without_buttons: FastAPI) -> AsyncIterator[Browser]:
    async with browser_of(without_buttons) as browser:
        yield browser


async def test_from_making_a_passkey_to_a_signed_decision(
    register: Register, opened: Browser, clinics: Clinics
) -> None:
    clinics.world.down = False
    journey_id, request = await to_sign(clinics)
    # Made by the person, and handed in as a request.
    await opened.go("/passkey")
    question = await asked(opened, "/passkey", APPLICATION)
    assert question["create"]["authenticatorSelection"]["userVerification"] == "required"
    made = PASSKEY.made(bytes.fromhex(question["create"]["challenge"]), ADDRESS)
    page = await opened.send({**APPLICATION, **made})
    assert PASSKEY.key_id in page.text
    saved = await opened.send({}, "/passkey/request")
    assert saved.headers["content-disposition"] == f'attachment; filename="{CLIO.id}.enrol.json"'
    # Enrolled by two others.
    entry = entry_of(clinics.world.context(), parse_request(saved.content), ["demo-security", "demo-manager"])
    assert entry == PASSKEY.entry(CLIO, enrolled_at=entry.enrolled_at, enrolled_by=entry.enrolled_by)
    register.enrol(PASSKEY.entry(CLIO))

    # Signed in: nothing was asked but the passkey.
    work = await sign_in(opened, PASSKEY, CLIO.id)
    assert (work.status_code, work.url.path) == (200, "/work"), work.text
    assert CLIO.name is not None
    assert CLIO.name in work.text

    # Signed: the passkey's challenge is the digest of the statement in the record.
    address = f"/journeys/{journey_id}/sign-offs/{request}"
    shown = await opened.go(address)
    assert "Passphrase" not in shown.text
    assert "data-passkey" in shown.text, shown.text[-3000:]
    decision = {"decision": "return", "rationale": "Invented: two answers\r\nare missing"}
    question = await asked(opened, address, decision)
    before = len(clinics.world.received)
    wrong = {"page": {"origin": "https://evil.example"}}, {"flags": PRESENT}
    challenge = bytes.fromhex(question["get"]["challenge"])
    for how in wrong:
        refused = await opened.send({**decision, **question["fields"], **PASSKEY.answer(challenge, ADDRESS, **how)})
        assert refused.status_code == 403, refused.text
    answer = {**question["fields"], **PASSKEY.answer(challenge, ADDRESS)}
    other = await opened.send({**decision, "rationale": "Something else", **answer})
    assert other.status_code == 403, other.text
    assert len(clinics.world.received) == before
    done = await opened.send({**decision, **answer})
    assert (done.status_code, done.url.path) == (200, f"/journeys/{journey_id}"), done.text
    last = [event for event in await load_events(clinics.record, journey_id) if event.body.kind == "signoff.signed"][-1]
    signature = last.body.signature  # type: ignore[union-attr]
    assert signature is not None
    stated = of_event(last, signature)
    assert challenge.hex() == sha256(stated.signed_bytes()).hexdigest()
    assert check(stated, signature, register.now, at=last.at, scope=stated.scope) is None

    # Other commands are proven by the session that the passkey opened.
    await opened.go(f"/journeys/{journey_id}/pathway/hold")
    held = await opened.send({"reason": "Invented: wait"})
    assert held.status_code == 200, held.text
    proof = clinics.world.received[-1].proof
    assert proof is not None
    assert proof.session.key_id == PASSKEY.key_id


async def test_nobody_signs_in_with_what_is_not_their_passkey(register: Register, opened: Browser) -> None:
    register.enrol(PASSKEY.entry(CLIO))
    register.enrol(ANOTHERS.entry(PEOPLE[Role.MEDICAL_DIRECTOR]))
    wrong: list[tuple[SoftPasskey, dict[str, Any]]] = [
        (ANOTHERS, {}),
        (es256(99, "localhost"), {}),
        (PASSKEY, {"page": {"origin": "https://evil.example"}}),
        (PASSKEY, {"page": {"challenge": challenge_of(b"another")}}),
        (PASSKEY, {"page": {"type": "webauthn.create"}}),
        (PASSKEY, {"flags": PRESENT}),
        (PASSKEY, {"rp_id": "evil.example"}),
    ]
    for passkey, how in wrong:
        answer = await sign_in(opened, passkey, CLIO.id, **how)
        assert answer.status_code == 403, how
        assert COOKIE not in opened.client.cookies
    # An answer counts once.
    await opened.go("/sign-in")
    question = await asked(opened, "/sign-in/passkey", {"person": CLIO.id})
    answers = {**question["fields"], **PASSKEY.answer(bytes.fromhex(question["get"]["challenge"]), ADDRESS)}
    replayed = [await opened.client.post("/sign-in/passkey", data=answers) for _ in range(2)]
    assert [answer.status_code for answer in replayed] == [200, 403]
    # What the browser is asked does not tell who is enrolled, and is the same each time.
    strangers = [await asked(opened, "/sign-in/passkey", {"person": who}) for who in ("nobody", "nobody", "somebody")]
    credentials = [each["get"]["allowCredentials"][0]["id"] for each in strangers]
    assert credentials[0] == credentials[1] != credentials[2]
    assert [{*each["get"]} for each in strangers] == [{*question["get"]}] * 3
    assert (await sign_in(opened, PASSKEY, "nobody")).status_code == 403


async def test_an_older_register_that_is_put_back_lets_nobody_in_again(
    clinics: Clinics, register: Register, without_buttons: FastAPI, opened: Browser
) -> None:
    """Who was revoked meanwhile, and did nothing, would be signed in as before."""
    register.enrol(PASSKEY.entry(CLIO))
    await sign_in(opened, PASSKEY, CLIO.id)
    older = register.now
    register.revoke(PASSKEY.key_id, clinics.world.at)
    async with browser_of(without_buttons) as another:
        assert (await sign_in(another, PASSKEY, CLIO.id)).status_code == 403
    register.now = older
    register.put()
    assert "older than one seen before" in (await opened.go("/work")).text


def test_all_requests_of_a_server_share_what_it_read() -> None:
    opened = Opened(World().settings)
    one, another = opened.context(), opened.context()
    assert one.registers is another.registers
    assert (one.histories, one.proofs, one.builds) == (another.histories, another.proofs, another.builds)


@pytest.mark.parametrize("behind", [timedelta(), timedelta(hours=3)])
async def test_who_has_several_passkeys_says_which(
    clinics: Clinics, register: Register, opened: Browser, behind: timedelta
) -> None:
    register.enrol(PASSKEY.entry(CLIO))
    register.enrol(HERS_TOO.entry(CLIO))
    await opened.go("/sign-in")
    chosen = await opened.send({"person": CLIO.id}, "/sign-in/passkey")
    assert chosen.status_code == 200
    which = {"person": CLIO.id, "key_id": HERS_TOO.key_id}
    question = await asked(opened, "/sign-in/passkey", which)
    answer = HERS_TOO.answer(bytes.fromhex(question["get"]["challenge"]), ADDRESS)
    assert (await opened.client.post("/sign-in/passkey", data={**question["fields"], **answer})).url.path == "/work"
    # A revoked passkey ends at once what it opened, also where the console's clock is behind.
    assert (await opened.go("/work")).url.path == "/work"
    clinics.world.at += timedelta(minutes=1)
    register.revoke(HERS_TOO.key_id, clinics.world.at + behind)
    assert (await opened.go("/work")).url.path == "/sign-in"
    assert "key_id" not in (await opened.send({"person": CLIO.id}, "/sign-in/passkey")).text, "nor is it offered"


@pytest.mark.parametrize("wrong", ["not verified", "elsewhere", "for somebody else", "nothing"])
async def test_no_request_is_made_of_what_is_no_new_passkey(opened: Browser, wrong: str) -> None:
    await opened.go("/passkey")
    question = await asked(opened, "/passkey", APPLICATION)
    challenge = bytes.fromhex(question["create"]["challenge"])
    made = PASSKEY.made(challenge, ADDRESS)
    match wrong:
        case "not verified":
            made = PASSKEY.made(challenge, ADDRESS, flags=PRESENT)
        case "elsewhere":
            made = PASSKEY.made(challenge, "https://evil.example")
        case "for somebody else":
            question = await asked(opened, "/passkey", {**APPLICATION, "person": "somebody-else"})
            made = PASSKEY.made(bytes.fromhex(question["create"]["challenge"]), ADDRESS)
        case _:
            made |= {"passkey.attestation": ""}
    answer = await opened.send({**APPLICATION, **made})
    assert answer.status_code == 422
    assert PASSKEY.key_id not in answer.text


@pytest.mark.parametrize("wrong", [{"licence/number": ""}, {"role": "therapist"}, {"role": "patient"}, {"person": ""}])
async def test_who_could_not_be_enrolled_is_told_before_a_passkey_is_made(
    opened: Browser, wrong: dict[str, str]
) -> None:
    await opened.go("/passkey")
    answer = await opened.send({**APPLICATION, **wrong})
    assert answer.status_code == 422
    assert "What to do" in answer.text


async def test_without_its_script_a_page_says_what_is_missing(opened: Browser, register: Register) -> None:
    register.enrol(PASSKEY.entry(CLIO))
    await opened.go("/sign-in")
    answer = await opened.send({"person": CLIO.id}, "/sign-in/passkey")
    assert answer.status_code == 422
    assert "script" in answer.text


def test_a_request_that_was_changed_is_not_enrolled(clinics: Clinics) -> None:
    entry = PASSKEY.entry(CLIO)
    fields = json.loads(entry.model_dump_json(include={*EnrolmentRequest.model_fields}))
    asked_for = EnrolmentRequest.model_validate({**fields, "key_id": "0" * 32})
    with pytest.raises(Exception, match="enrolled"):
        entry_of(clinics.world.context(), asked_for, ["demo-security", "demo-manager"])


async def test_no_button_signs_anybody_in_where_there_are_patients(clinics: Clinics) -> None:
    assert clinics.world.settings.profile is not None
    async with browser_of(create_app(clinics.world.settings.model_copy(update={"demonstration": False}))) as browser:
        assert "invented" not in (await browser.go("/sign-in")).text.lower()
        assert (await browser.client.post("/sign-in", data={"person": LOOKER.stem})).status_code == 404
