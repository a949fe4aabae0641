"""The console on real servers: as a process of its own, and in the hands of the people of a clinic."""

import asyncio
import os
import re
import sys
from pathlib import Path
from uuid import UUID

import httpx2
import pytest

from activities.record.verification.verify_export import main as verify_export
from application.context import Context
from application.record.export import export_journey
from application.record.verify import verify
from application.settings import load_settings
from console.__main__ import main
from console.app import create_app
from deploy.local.stack import ANCHOR_KEY, run_worker
from deploy.local.web import CALL, run_console, run_mailbox
from simulation.contact_points import giving_contact_points
from simulation.keys import PASSPHRASE
from simulation.people import PEOPLE
from simulation.stack import staffed_stack, write_environment
from tests.console.browser import ADDRESS, browser_of
from tests.console.enrolment import Register, asked, sign_in
from tests.helpers import eventually
from tests.signatures.authenticator import es256
from workflows.journey.vocabulary.actors import Role

REFERRAL = {
    "clinic": "demo-clinic",
    "patient/ref": "demo-patient",
    "patient/born": "1986-04-02",
    "patient/zone": "America/Los_Angeles",
    "patient/state": "CA",
    "patient/emergency_contact_ref": "demo-contact-1",
    "patient/dispatch_address_ref": "demo-address-1",
    "pathway": "PTSD",
    "reason": "Invented: referred by a clinic of the demonstration.",
    "coordinator": "demo-coordinator",
    "clinician": "demo-clinician",
    "protocol": "demonstration",
}


@pytest.mark.server
@pytest.mark.timeout(300)
async def test_people_start_hold_and_sign_in_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staffed_stack(tmp_path, keep_data=False, time_skipping=True, headless=True) as stack:
        environment = write_environment(stack, tmp_path)
        for name, value in {**environment.variables, **stack.console_env}.items():
            monkeypatch.setenv(name, value)
        app = create_app(load_settings())
        async with (
            await run_mailbox(stack.logs / "mailbox.log") as mailbox,
            giving_contact_points(stack),
            await run_console(
                {**environment.variables, **stack.console_env, **mailbox.settings}, stack.logs / "console.log"
            ) as console,
            await run_worker(mailbox.sending(stack.worker_env, console.url), stack.logs / "worker.log"),
            app.router.lifespan_context(app),
            browser_of(app) as coordinator,
            browser_of(app) as clinician,
        ):
            async with httpx2.AsyncClient() as anybody:
                served = await anybody.get(f"{console.url}/sign-in")
                assert (served.status_code, "Cory Invented" in served.text) == (200, True)

            await coordinator.sign_in("coordinator")
            await coordinator.go("/start")
            tried = await coordinator.send({**REFERRAL, "try": "yes"})
            assert "It would be started. Nothing was sent." in tried.text
            started = await coordinator.send(REFERRAL)
            assert "The journey is started." in started.text
            journey = started.url.path
            await coordinator.go("/start")
            assert (await coordinator.send(REFERRAL)).url.path == journey

            # The patient is sent a link, which leads to the console that runs here.
            async def reached() -> bool:
                return "@invented.example" in (await coordinator.go(f"{journey}/contact-points")).text

            await eventually(reached)
            assert "A link is on its way" in (await coordinator.send({"do": "send-link"})).text
            async with httpx2.AsyncClient() as patient:

                async def mail() -> str | None:
                    listed = (await patient.get(mailbox.url)).text
                    found = re.search(r'href="(/messages/[0-9]+)"', listed)
                    return None if found is None else (await patient.get(f"{mailbox.url}{found[1]}")).text

                told = await eventually(mail)
                assert f"patient-{journey.rpartition('/')[2][:8]}@invented.example" in told
                [link] = re.findall(rf'href="({console.url}/go/[A-Za-z0-9_-]+)"', told)
                opened = (await patient.get(link)).text
                assert "Send me a code by a message to your other contact" in opened
                assert CALL in opened

            await coordinator.go(f"{journey}/pathway/hold")
            held = await coordinator.send({"reason": "Invented: wait for the laboratory."})
            assert "Done: Hold care." in held.text
            assert "Care is held" in held.text

            await clinician.sign_in("clinician")

            # Lists follow the record a moment later.
            async def to_sign() -> list[str]:
                listed = (await clinician.go("/sign-offs?mine=yes")).text
                return re.findall(r'href="(/journeys/[^"]+/sign-offs/[^"]+)"', listed)

            [request] = await eventually(to_sign)
            await clinician.go(request)
            decision = {"decision": "approve", "rationale": "Invented: all is well.", "signer": "demo-clinician"}
            refused = await clinician.send({**decision, "passphrase": "not the passphrase"})
            assert refused.status_code == 403
            assert "Invented: all is well." in refused.text
            signed = await clinician.send({**decision, "passphrase": PASSPHRASE})
            assert "Signed and recorded: approve." in signed.text
            assert "Care is held" not in signed.text

            # A double click, or the button to go back: the same command happens once.
            clinician.last = refused
            assert "Signed and recorded" in (await clinician.send({**decision, "passphrase": PASSPHRASE})).text
            timeline = (await clinician.go(f"{journey}/timeline?kind=hold.released")).text
            assert timeline.count(">Hold released</td>") == 1

            # With a passkey: signed in, held and released, and all of it holds where the record is verified.
            register = Register(stack.signers.register_path, stack.signers.register_path, ADDRESS)
            passkey = es256(11, "localhost")
            register.enrol(passkey.entry(PEOPLE[Role.CLINICIAN]))
            assert (await sign_in(clinician, passkey, "demo-clinician")).url.path == "/work"
            await clinician.go(f"{journey}/pathway/hold")
            assert "Care is held" in (await clinician.send({"reason": "Invented: wait again."})).text
            [request] = await eventually(to_sign)
            await clinician.go(request)
            decision = {"decision": "approve", "rationale": "Invented: all is well."}
            question = await asked(clinician, request, decision)
            answer = passkey.answer(bytes.fromhex(question["get"]["challenge"]), ADDRESS)
            signed = await clinician.send({**decision, **question["fields"], **answer})
            assert "Signed and recorded: approve." in signed.text
            journey_id, exported = UUID(journey.rpartition("/")[2]), tmp_path / "journey.zip"
            async with Context(profile="coordinator") as context:
                found = await verify(context, journey_id, None, frozenset(), None, lambda _: None)
                await export_journey(context, journey_id, exported, tmp_path / ANCHOR_KEY)
            assert (found.findings, found.examined.sign_offs) == ((), 2)
            assert verify_export([str(exported), stack.signers.organisation_key.hex(), stack.anchor_key.hex()]) == 0


UNSET: tuple[dict[str, str], str] = ({}, "CAREPATH_DATABASE_URL")
REGISTERED = {
    "CAREPATH_DATABASE_URL": "postgresql://nobody@127.0.0.1/nowhere",
    "CAREPATH_ORGANISATION_KEY": "0" * 64,
}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        UNSET,
        ({"CAREPATH_DATABASE_URL": "postgresql://nobody@127.0.0.1/nowhere"}, "CAREPATH_REGISTER_FILE"),
        (
            {"CAREPATH_DATABASE_URL": "postgresql://nobody@127.0.0.1/nowhere", "CAREPATH_DEMONSTRATION": "true"},
            "CAREPATH_PROFILE",
        ),
        (REGISTERED | {"CAREPATH_REGISTER_FILE": "/nowhere/register.json"}, "there is no register where it should be"),
        (REGISTERED | {"CAREPATH_REGISTER_FILE": __file__}, "the register is not readable"),
    ],
)
def test_the_console_says_why_it_does_not_start(
    variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in os.environ.keys() - outside().keys():
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main() == 2
    assert said in capsys.readouterr().err


@pytest.mark.program
async def test_the_program_ends_as_it_says() -> None:
    variables, said = UNSET
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "console", env={**outside(), **variables}, stderr=asyncio.subprocess.PIPE
    )
    _, told = await process.communicate()
    assert process.returncode == 2
    assert said in told.decode()


def outside() -> dict[str, str]:
    """The variables of this process that are not the service's."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("CAREPATH_", "TEMPORAL_"))}
