"""Writes the generated parts of the documents: `make docs`, or `python -m docs.generate`.

A page in docs/reference and docs/requirements.md may hold parts between `<!-- generated: NAME -->` and `<!-- end -->`.
What stands outside of them is written by hand. A part is made from the code it is about, so a test can tell when a page
is out of date.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_settings import BaseSettings
from typer.core import TyperGroup

from application.identity.openid.settings import OpenIdSettings
from application.messages.settings import MessageSettings
from application.record.verification_report import MEANINGS
from application.settings import MESSAGES_PREFIX, OPENID_PREFIX, PREFIX, WATCHDOG_PREFIX, Settings
from application.watchdog.settings import WatchdogSettings
from cli.app import NOUNS, build
from cli.errors import ExitCode
from docs.markdown import table
from docs.requirements import all_requirements, not_shown
from docs.schemas import attribute_docs, code_names, doc_of, fields_of, plain, shapes_of
from workflows.journey.commands import ALWAYS, OPEN, SIGNED, AnyBody, CommandBody
from workflows.journey.events import AnyEventBody, EventBody
from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode

DOCS = Path(__file__).parent
_PART = re.compile(r"<!-- generated: ([a-z-]+) -->\n.*?<!-- end -->", re.DOTALL)


def main() -> None:
    """Write every page anew, and name those that changed."""
    for page, text in pages().items():
        if page.read_text() != text:
            page.write_text(text)
            sys.stderr.write(f"{page.name} is new\n")


def pages() -> dict[Path, str]:
    """Every page with a generated part, as it should be.

    Raises:
        KeyError: a page asks for a part that nobody makes.
    """
    found = {}
    for page in (*sorted((DOCS / "reference").glob("*.md")), DOCS / "requirements.md"):
        text = page.read_text()
        if _PART.search(text):
            found[page] = _PART.sub(_filled, text)
    return found


def _filled(part: re.Match[str]) -> str:
    name = part[1]
    return f"<!-- generated: {name} -->\n\n{PARTS[name]().strip()}\n\n<!-- end -->"


# Settings and the command line


def settings() -> str:
    """Every `CAREPATH_*` variable: its default and what it is for."""
    return _settings(Settings, PREFIX)


def watchdog_settings() -> str:
    """Every variable of the watchdog: its default and what it is for."""
    return _settings(WatchdogSettings, WATCHDOG_PREFIX)


def message_settings() -> str:
    """Every variable of the channels of messages: its default and what it is for."""
    return _settings(MessageSettings, MESSAGES_PREFIX)


def openid_settings() -> str:
    """Every variable of the provider of OpenID Connect: its default and what it is for."""
    return _settings(OpenIdSettings, OPENID_PREFIX)


def _settings(model: type[BaseSettings], prefix: str) -> str:
    meanings = attribute_docs(model)
    rows = []
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else _default(field.default)
        rows.append((f"`{prefix}{name.upper()}`", default, meanings[name]))
    return table(("Variable", "Default", "Meaning"), rows)


def exit_codes() -> str:
    """Every exit code and what it says."""
    meanings = attribute_docs(ExitCode)
    return table(("Code", "Name", "Meaning"), [(str(int(code)), code.name, meanings[code.name]) for code in ExitCode])


def refusal_codes() -> str:
    """Every code of a refusal and what it says."""
    meanings = attribute_docs(RefusalCode)
    return table(("Code", "Meaning"), [(f"`{code.value}`", meanings[code.name]) for code in RefusalCode])


def findings() -> str:
    """Every reason a finding of `record verify` can have."""
    return table(("Reason", "Meaning"), [(f"`{reason}`", meaning) for reason, meaning in MEANINGS.items()])


def command_line() -> str:
    """Every noun of the command line with its verbs, as they say what they do."""
    top = {noun: build(noun) for noun in NOUNS}
    groups = {noun: group for noun, group in top.items() if isinstance(group, TyperGroup)}
    alone = [(f"`{verb}`", _summary(command)) for verb, command in top.items() if verb not in groups]
    sections = [
        f"### {name}\n\n{_summary(noun)}\n\n"
        + table(
            ("Verb", "What it does"), [(f"`{name} {each}`", _summary(verb)) for each, verb in noun.commands.items()]
        )
        for name, noun in groups.items()
    ]
    return "\n\n".join([*sections, "### Without a noun\n\n" + table(("Command", "What it does"), alone)])


def _summary(command: Any) -> str:
    """The first paragraph of what `--help` says."""
    first = plain((command.help or "").partition("\n\n")[0])
    return first if first.endswith(".") else f"{first}."


def _default(value: object) -> str:
    return "none" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


# Commands, events and the protocol


def commands() -> str:
    """Every command: who may send it, when, and its form."""
    of_people = [body for body in _members(AnyBody) if body.roles != (Role.SYSTEM,)]
    of_the_clock = [body for body in _members(AnyBody) if body.roles == (Role.SYSTEM,)]
    return "\n\n".join(
        [
            *(_command(body) for body in of_people),
            "## Of the clock and the workflow\n\nNobody can send these.",
            *(_command(body) for body in of_the_clock),
        ]
    )


def events() -> str:
    """Every event, with its fields."""
    return "\n\n".join(_event(body) for body in _members(AnyEventBody))


def command_shapes() -> str:
    """The models that commands are made of."""
    return shapes_of(_members(AnyBody))


def event_shapes() -> str:
    """The models that events are made of."""
    return shapes_of(_members(AnyEventBody))


def protocol() -> str:
    """The fields of a protocol file."""
    return fields_of(Protocol)


def protocol_shapes() -> str:
    """The models that a protocol is made of."""
    return shapes_of((Protocol,))


def _command(body: type[CommandBody]) -> str:
    facts = [f"Sent by: {code_names(role.value for role in body.roles)}.", f"Stages: {_stages(body)}."]
    if body.progress:
        facts.append("Refused while care is on hold.")
    if body.fact or not body.licensed:
        facts.append("Needs no licence.")
    if body in SIGNED:
        facts.append("Counts only with the sender's signature.")
    return f"### `{_kind(body)}`\n\n{doc_of(body)}\n\n{' '.join(facts)}\n\n{fields_of(body)}"


def _event(body: type[EventBody]) -> str:
    return f"### `{_kind(body)}`\n\n{doc_of(body)} Schema version {body.schema_version}.\n\n{fields_of(body)}"


def _stages(body: type[CommandBody]) -> str:
    if body.stages == ALWAYS:
        return "all, also after closing"
    if body.stages == OPEN:
        return "all"
    return code_names(stage.value for stage in body.stages)


def _kind(body: type[BaseModel]) -> str:
    return str(body.model_fields["kind"].default)


def _members(union: Any) -> tuple[Any, ...]:
    return get_args(get_args(union)[0])


PARTS: Mapping[str, Callable[[], str]] = {
    "settings": settings,
    "watchdog-settings": watchdog_settings,
    "message-settings": message_settings,
    "openid-settings": openid_settings,
    "exit-codes": exit_codes,
    "refusal-codes": refusal_codes,
    "findings": findings,
    "command-line": command_line,
    "commands": commands,
    "command-shapes": command_shapes,
    "events": events,
    "event-shapes": event_shapes,
    "protocol": protocol,
    "protocol-shapes": protocol_shapes,
    "not-shown": not_shown,
    "requirements": all_requirements,
}

if __name__ == "__main__":
    main()
