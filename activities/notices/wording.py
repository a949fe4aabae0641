"""The words of a message: that there is a task, until when, whom to call, and a link. Nothing else, to anybody.

Whoever reads over a shoulder, keeps a mailbox or carries a text message learns nothing about anybody's health from it:
not from the words, and not from a difference between two messages.
"""

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from workflows.journey.vocabulary.calendars import local
from workflows.journey.vocabulary.texts import show_hidden


class Service(NamedTuple):
    """What every message of this service says: ``sender`` who sends it, ``call`` whom to call, and ``console`` the
    address of the console that links lead to."""

    sender: str = "Care pathway"
    call: str | None = None
    console: str | None = None

    def page(self, journey_id: UUID) -> str | None:
        """Return where staff go on: at the journey, or at what reached nobody where a message is of none. None where
        there is no console."""
        page = f"journeys/{journey_id}" if journey_id.int else "messages?undelivered=yes"
        return None if self.console is None else f"{self.console}/{page}"

    def link(self, token: str) -> str:
        """Return the address of a link."""
        return f"{self.console}/go/{token}"


NAMELESS = Service()
"""Nobody to call, and no console."""


class MessageText(NamedTuple):
    """The subject and the text of a message."""

    subject: str
    text: str


def _said(subject: str, text: str) -> MessageText:
    """Return words in which nothing hides, whatever is in the settings or was recorded once."""
    return MessageText(show_hidden(subject), show_hidden(text))


def words(
    service: Service,
    *,
    alarm: bool,
    until: datetime | None,
    zone: str | None,
    link: str | None,
    calendar: bool = False,
    once: bool = False,
) -> MessageText:
    """Return what a message says. ``until`` is shown on the wall clock of ``zone``, and in UTC where there is none.
    ``calendar``: an entry for a calendar comes with it. ``once``: the link counts once."""
    subject = f"{service.sender}: please answer now" if alarm else f"{service.sender}: there is a task for you"
    lines = ["Please answer now: somebody waits for you." if alarm else "There is a task for you."]
    if until is not None:
        lines.append(f"Until: {_spelled(until, zone)}")
    if calendar:
        lines[0] = "An entry for your calendar comes with this message."
    if service.call is not None:
        lines.append(f"To call: {service.call}")
    if link is not None:
        lines.append(f"Go on here: {link}")
    if link is not None and once:
        lines.append("The link works once, within a day. The page asks you for a code.")
    lines += ["", "This message was sent by a machine. Do not answer it."]
    return _said(subject, "\n".join(lines) + "\n")


def code_words(service: Service, code: str) -> MessageText:
    """Return what a message says that brings a code."""
    text = f"Your code is {code}. Tell it to whoever asked you for this address. If nobody did, do nothing.\n"
    return _said(f"{service.sender}: a code for you", text)


def link_code_words(service: Service, code: str) -> MessageText:
    """Return what a message says that brings the code for a link."""
    text = (
        f"Your code is {code}. Enter it on the page that you opened, within half an hour. Tell it to nobody: nobody of "
        "us asks for it. If you opened no page, do nothing.\n"
    )
    return _said(f"{service.sender}: a code for you", text)


def _spelled(moment: datetime, zone: str | None) -> str:
    there = local(moment, zone) if zone is not None else moment.astimezone(UTC)
    return f"{there:%Y-%m-%d %H:%M} ({zone or 'UTC'})"
