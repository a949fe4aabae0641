"""Use cases name commands in what they tell people, and in the console people press things: this says where."""

import re
from functools import cache
from typing import Final

from application.words.codes import say_within
from application.words.titles import TITLES

PLACES: Final = {
    "access break-glass": "“Look in an emergency”, on the patient's page",
    "access list": "“Who looked”, on the patient's page",
    "clinician list": "“People and keys”",
    "clinician staff": "“People and keys”",
    "message list": "“Messages”",
    "pathway list": "“Patients”",
    "pathway show": "the patient's page",
    "pathway start": "“Start a patient”",
    "pathway timeline": "“Everything that happened”, on the patient's page",
    "pathway why": "the patient's page",
    "patient show": "“All of this patient's journeys”, on the patient's page",
    "protocol approve": "the protocol's page, under “Protocols”",
    "protocol diff": "the protocol's page, under “Protocols”",
    "signoff attempts": "“Refused attempts”, under “The service”",
    "signoff list": "“To sign”",
    "signoff show": "its page, under “To sign”",
    "work hold": "“Hold many at once”, under “Patients”",
    "work list": "the worklist",
}
"""Where in the console is what a command of the terminal shows."""

_INSTEAD: Final = tuple(
    (re.compile(said), here)
    for said, here in (
        (r"Run it again with --command-id [0-9a-f-]+", "Send the form again"),
        (r"run it again with --command-id [0-9a-f-]+", "send the form again"),
        (r"send it again with --command-id [0-9a-f-]+", "send the form again"),
        (r"Leave --command-id out; the earlier command stands", "The earlier one stands"),
        (r"Run the same (?:command|request) again", "Try again"),
        (r"run it again; that is safe", "try again; that is safe"),
        (r"Run it again", "Try again"),
        (r"run it again", "load it again"),
        (r"Leave --after out", "Begin at the first page of the list"),
        (r"[.] Choose another profile with --profile", ""),
        (
            r"Write it from `--template`, or see `--schema`",
            "“The table to fill in” has the columns, and what belongs into each",
        ),
        (r"start over with --anew", "set the earlier signatures aside and start over"),
        (r"Give --review-by the last day", "Give the last day"),
        (r"Leave --clinic out to sign for those", "Sign for those"),
        (r"Give --clinic with the id of a clinic, as in the register, once for each", "Choose the clinics"),
        (r"Put the licence into your profile", "Have your licence entered in the register"),
        (r"Complete your profile|Correct your profile to what is enrolled", "Have the register corrected"),
        (r"Correct your profile, or have the register corrected", "Have the register corrected"),
        (r"Act with a coordinator's profile", "Have a coordinator do it"),
        (r"Use your own profile and key", "Sign with your own key"),
        (r"Use your own profile", "Sign in as yourself"),
        (r"this is not a clinic your profile names", "this is not a clinic you work for"),
        (r"your profile names no clinic", "the register names no clinic for which you work"),
        (r"`clinics` in your profile are those you work for; `work list --mine`", "“Mine”, on the worklist,"),
        (r"^Temporal cannot be reached", "what takes your commands (Temporal) cannot be reached"),
    )
)
"""What only makes sense at a terminal, and what is said here in its place."""

_SENT = re.compile(r"may not send ([a-z-]+) ([a-z-]+)")
_WORD = "[a-z]+(?:-[a-z]+)*"
_COMMAND = re.compile(rf"(?P<run>\brun )?`(?P<noun>{_WORD}) (?P<verb>{_WORD})(?: [^`]*)?`")


def said_here(text: str) -> str:
    """Return what a use case says with places of the console for commands. Commands that are only for a terminal, such
    as those of ops, stay."""
    for said, here in _INSTEAD:
        text = said.sub(here, text)
    return say_within(_COMMAND.sub(_place, _SENT.sub(_not_sent, text)))


def _not_sent(found: re.Match[str]) -> str:
    title = TITLES.get(".".join(found.groups()))
    return found[0] if title is None else f"may not send “{title}”"


@cache
def for_people(summary: str) -> str:
    """Return what a command is for, without what only the fields of its form explain."""
    plain = re.sub(r"\s*\([^()]*`[^()]*\)", "", said_here(summary))
    sentences = re.split(r"(?<=\.)\s+", plain)
    return " ".join(sentence for sentence in sentences if "`" not in sentence)


def _place(found: re.Match[str]) -> str:
    if "--batch" in found[0]:
        return found[0]
    name = f"{found['noun']} {found['verb']}"
    title = TITLES.get(name.replace(" ", "."))
    place = PLACES.get(name) or (title and f"“{title}”")
    return found[0] if place is None else f"{'use ' if found['run'] else ''}{place}"
