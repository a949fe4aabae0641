"""`message`: messages to people, and what became of them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from activities.notices.listing import ListedMessage
from application.messages.bounces import take_notification
from application.messages.messages import (
    ListMessages,
    claim_message,
    handle_message,
    release_message,
    send_again,
    show_messages,
)
from application.messages.wording import say_deadline, say_owner, say_what
from application.words.codes import say
from cli.input import journey_id, read_beginning
from cli.output import add_row, short_time, table, your_time
from cli.references import Known, name_journey, references_of
from cli.runtime import Call, command

MessageArgument = Annotated[
    UUID, typer.Argument(metavar="MESSAGE", help="Its id; see `message list`.", show_default=False)
]

BounceFile = Annotated[
    str | None,
    typer.Option("--file", metavar="FILE|-", help="The notification. Otherwise standard input.", show_default=False),
]


def add_commands(group: typer.Typer) -> None:
    """Give the group its commands."""
    group.command("list")(command(list_, to_look=True))
    group.command("claim")(command(claim, to_act=True))
    group.command("release")(command(release, to_act=True))
    group.command("handle")(command(handle, to_act=True))
    group.command("send-again")(command(resend, to_act=True))
    group.command("bounced")(command(bounced))


async def list_(
    call: Call,
    journey: Annotated[
        str | None, typer.Option("--journey", metavar="JOURNEY", help="Only of this journey.", show_default=False)
    ] = None,
    undelivered: Annotated[
        bool, typer.Option("--undelivered", help="Only those that have reached nobody: first what to see to.")
    ] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="At most so many, the latest.")] = 50,
) -> None:
    """List messages and what became of each: queued, sent, accepted, deferred, bounced, failed, muted,
    to be sent again, acknowledged, handled.

    Without --journey, of your clinics.
    """
    wanted = None if journey is None else journey_id(journey)
    query = ListMessages(journey_id=wanted, undelivered=undelivered, limit=limit)
    found = await show_messages(call.context, query)
    if call.output.json_only:
        call.output.data([_as_json(message) for message in found.rows])
        return
    known = await references_of(call, [message for message in found.rows if message.journey_id.int])
    shown = table("message", "journey", "to", your_time("since"), "became", "people", "who sees to it", "until")
    for message in found.rows:
        to = say_what(message) + (", ALARM" if message.alarm else "")
        state = say(message.state)
        became = state if message.code is None else f"{state} ({say(message.code)})"
        became += f" by {call.named(message.by)}" if message.by else ""
        people = ", ".join(map(call.named, message.people))
        add_row(shown, message.notice_id, _journey(message, known), to, short_time(message.queued_at), became, people,
                *_see_to(call, message, found.at))  # fmt: skip
    call.output.show(shown)
    if len(found.rows) == limit:
        call.output.note(f"There may be more than {limit}; raise --limit.")


async def claim(call: Call, message: MessageArgument) -> None:
    """Say that you will see to a message that reached nobody. Until it is seen to, it stays on the list."""
    claimed = await claim_message(call.context, message)
    until = "" if claimed.see_to_by is None else f" See to it by {short_time(claimed.see_to_by)}."
    _tell(call, claimed, f"is yours.{until}")


async def release(call: Call, message: MessageArgument) -> None:
    """Say that you will not see to a message after all; coordinators and medical directors also say so for others."""
    _tell(call, await release_message(call.context, message), "is free. Anybody may see to it.")


async def handle(call: Call, message: MessageArgument) -> None:
    """Say that you saw to a message that reached nobody: you told whom it was for, or know that they need it not."""
    _tell(call, await handle_message(call.context, message), "is handled. The watchdog pages it no more.")


async def resend(call: Call, message: MessageArgument) -> None:
    """Have a message that reached nobody sent again now, also to addresses that refused it."""
    _tell(call, await send_again(call.context, message), "is sent again. See in a while what became of it.")


async def bounced(call: Call, file: BounceFile = None) -> None:
    """Take the notification of a mail server that a message came back (RFC 3464), from a file or standard input: the
    next way is tried, or a person sees to it. It is for programs, with the login of the service.

    What is no such notification, or about no message of this service, changes nothing and is no error.
    """
    found = await take_notification(call.context, read_beginning(file))
    said = "It says that a message of this service did not arrive."
    if not found:
        said = "It says of no message of this service that it did not arrive."
    if call.output.json_only:
        call.output.data({"bounced": found})
    else:
        call.output.text(said)


def _tell(call: Call, message: ListedMessage, said: str) -> None:
    if call.output.json_only:
        call.output.data(_as_json(message))
    else:
        call.output.text(f"{message.notice_id} {said}")


def _as_json(message: ListedMessage) -> dict[str, Any]:
    return {**message._asdict(), "people": [*message.people]}


def _see_to(call: Call, message: ListedMessage, at: datetime) -> tuple[str, str]:
    return (say_owner(message, call.named), say_deadline(message, at)) if message.waits else ("", "")


def _journey(message: ListedMessage, known: Known) -> str:
    return name_journey(message.journey_id, known) if message.journey_id.int else ""
