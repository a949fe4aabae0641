"""`working-session`: open and close the session in which you act, and show it."""

from datetime import timedelta
from typing import Annotated

import typer

from activities.signatures.sessions import refusal_of
from application.errors import NotAllowed
from application.identity import sessions
from application.operations.payloads import make_token
from application.words.codes import say
from cli.output import facts_box, local_time
from cli.runtime import Call, command
from workflows.journey.vocabulary.proof import LONGEST_SESSION, SessionCertificate

MOST_HOURS = LONGEST_SESSION // timedelta(hours=1)


def add_commands(group: typer.Typer) -> None:
    """Give the group its commands."""
    group.command("open")(command(open_, to_look=True))
    group.command("close")(command(close, to_act=True))
    group.command("show")(command(show, to_act=True))
    group.command("token")(command(token, to_act=True))


async def open_(
    call: Call,
    hours: Annotated[
        int, typer.Option("--hours", metavar="N", min=1, max=MOST_HOURS, help="How long it lasts at most.")
    ] = MOST_HOURS,
) -> None:
    """Open your working session with your own key. For: all staff.

    You are asked for the passphrase of your key. Until the session ends, everything you send is signed in it unnoticed.
    """
    _show(call, await sessions.open_working_session(call.context, timedelta(hours=hours)), "working session: open")


async def close(call: Call) -> None:
    """End your working session here, for example before you leave a computer."""
    closed = sessions.close_working_session(call.context)
    if call.output.json_only:
        call.output.data({"closed": closed})
        return
    call.output.text("Your working session is closed." if closed else "No working session was open.")


async def show(call: Call) -> None:
    """Show your working session: for which clinics, and until when. Exit code 4 when there is none that counts."""
    current = await sessions.current_session(call.context)
    if current is None:
        raise NotAllowed("you have no working session", "Open one: `working-session open`", state="Nothing was sent.")
    if current.problem is not None:
        refusal = refusal_of(current.problem)
        raise NotAllowed(refusal.reason, refusal.remedy, state="Nothing was sent.")
    _show(call, current.certificate, "working session")


async def token(call: Call) -> None:
    """Make a token to see payloads in clear in Temporal's interface, for an hour. For: ops, medical director.

    Whoever has it is taken for you. Each payload that is shown is in the access log.
    """
    made = await make_token(call.context)
    if call.output.json_only:
        call.output.data({"token": made})
        return
    call.output.text(made)


def _show(call: Call, session: SessionCertificate, title: str) -> None:
    if call.output.json_only:
        call.output.data(session.model_dump(mode="json", exclude={"session_key", "value"}))
        return
    said = {
        "person": session.person,
        "role": say(session.role),
        "clinics": ", ".join(session.clinics),
        "organisation": session.organisation,
        "purpose": session.purpose,
        "until": local_time(session.ends),
    }
    call.output.show(facts_box(said, title))
