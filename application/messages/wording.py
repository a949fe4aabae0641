"""Messages that reached nobody, in words: the same for every way in."""

from collections.abc import Callable
from datetime import datetime

from activities.notices.listing import ListedMessage, UnseenMessages
from activities.notices.standing import WAITED_FOR
from application.words.codes import say
from application.words.quantities import format_time_left
from application.words.viewer import spell

IF_NOBODY_DOES = "the medical director is told, too"
"""What follows where nobody sees to a message in time."""


def say_what(message: ListedMessage) -> str:
    """Say for whom a message is, and what it brings, where that is not that there is a task."""
    whom = say(message.to)
    return f"{whom}: {say(message.kind)}" if message.kind in WAITED_FOR else whom


def say_unseen(unseen: UnseenMessages) -> str:
    """Say how many messages wait for somebody to see to them."""
    said = [f"Messages that reached nobody: {unseen.waiting}"]
    said += [f"past their time: {unseen.overdue}"] * (unseen.overdue > 0)
    said += [f"that nobody sees to yet: {unseen.unclaimed}"] * (unseen.unclaimed > 0)
    return f"{'; '.join(said)}."


def say_owner(message: ListedMessage, called: Callable[[str], str] = str) -> str:
    """Say whose task a message is that reached nobody. ``called`` gives what somebody is called for their id."""
    if message.claimed_by is not None:
        return f"{called(message.claimed_by)} will"
    whose = say("coordinator") if message.coordinator is None else f"{say('coordinator')} {called(message.coordinator)}"
    return whose if message.escalated_at is None else f"{whose}; {say('medical_director')}, too"


def say_deadline(message: ListedMessage, at: datetime) -> str:
    """Say until when somebody has to see to a message, seen from a moment (UTC), and what follows otherwise."""
    if message.see_to_by is None:
        return ""
    until = f"{format_time_left(message.see_to_by, at)}, {spell(message.see_to_by)}"
    if message.escalated_at is not None:
        return f"{until}; the medical director was told {spell(message.escalated_at)}"
    return f"{until}; otherwise {IF_NOBODY_DOES}"
