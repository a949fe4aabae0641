"""Use cases name commands in what they tell people, and in the console people press things: this says where."""

import re
from typing import Final

from console.titles import TITLES

PLACES: Final = {
    "access break-glass": "“Look in an emergency”, on the patient's page",
    "access list": "“Who looked”, below the patient's page",
    "clinician list": "“People and keys”",
    "clinician staff": "“People and keys”",
    "message list": "“Messages”",
    "pathway list": "“Patients”",
    "pathway show": "the patient's page",
    "pathway start": "“Start a patient”",
    "pathway timeline": "“Everything that happened”, below the patient's page",
    "pathway why": "the patient's page",
    "patient show": "“All of this patient's journeys”, below the patient's page",
    "protocol approve": "the protocol's page, under “Protocols”",
    "protocol diff": "the protocol's page, under “Protocols”",
    "signoff attempts": "“Refused attempts”, under “The service”",
    "signoff list": "“To sign”",
    "signoff show": "its page, under “To sign”",
    "work hold": "“Hold many at once”, under “Patients”",
    "work list": "the worklist",
}
"""Where in the console is what a command of the terminal shows."""

_COMMAND = re.compile(
    r"(?P<run>\brun )?`(?P<noun>[a-z]+(?:-[a-z]+)*) (?P<verb>[a-z]+(?:-[a-z]+)*)(?P<more>(?: [^`]*)?)`"
)


def said_here(text: str) -> str:
    """Return what a use case says with places of the console for commands. Commands that are only for a terminal, such
    as those of ops, stay."""
    return _COMMAND.sub(_place, text).replace("Run it again", "Try again").replace("run it again", "load it again")


def for_people(summary: str) -> str:
    """Return what a command is for, without what only the fields of its form explain."""
    plain = re.sub(r"\s*\([^()]*`[^()]*\)", "", said_here(summary))
    sentences = re.split(r"(?<=\.)\s+", plain)
    return " ".join(sentence for sentence in sentences if "`" not in sentence)


def _place(found: re.Match[str]) -> str:
    name = f"{found['noun']} {found['verb']}"
    title = TITLES.get(name.replace(" ", "."))
    place = PLACES.get(name) or (title and f"“{title}”")
    return found[0] if place is None else f"{'use ' if found['run'] else ''}{place}"
