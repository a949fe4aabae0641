"""Writes the generated parts of the documents: `make docs`, or `python -m docs.generate`.

A page in docs/reference and docs/requirements.md may hold parts between `<!-- generated: NAME -->` and `<!-- end -->`.
What stands outside of them is written by hand. A part is made from the code it is about, so a test can tell when a page
is out of date.
"""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_settings import BaseSettings
from typer.core import TyperGroup

from application.messages.settings import MessageSettings
from application.openid.settings import OpenIdSettings
from application.record.verification_report import MEANINGS
from application.settings import MESSAGES_PREFIX, OPENID_PREFIX, PREFIX, WATCHDOG_PREFIX, Settings
from application.watchdog.settings import WatchdogSettings
from cli.app import NOUNS, build
from cli.errors import ExitCode
from docs.markdown import table
from docs.requirements import all_requirements, not_shown
from workflows.journey.actors import Role
from workflows.journey.commands import ALWAYS, OPEN, SIGNED, AnyBody, CommandBody
from workflows.journey.events import AnyEventBody, EventBody
from workflows.journey.protocol import Protocol
from workflows.journey.refusals import RefusalCode

DOCS = Path(__file__).parent
_PART = re.compile(r"<!-- generated: ([a-z-]+) -->\n.*?<!-- end -->", re.DOTALL)
_PATTERNS = {
    r"^[A-Za-z0-9][A-Za-z0-9_.:+-]{0,63}$": "[identifier](#words)",
    r"^[0-9a-f]{64}$": "64 hex digits",
    r"^[A-Z]{2}$": "[state](#words)",
}
_FORMATS = {"date-time": "[instant](#words)", "date": "day, `YYYY-MM-DD`", "uuid": "UUID", "path": "path"}
_ELSEWHERE = {Protocol.__name__: "[a protocol](protocol.md)"}
"""Models with a page of their own."""

Schema = Mapping[str, Any]


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
    first = _plain((command.help or "").partition("\n\n")[0])
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
    return _shapes(_members(AnyBody))


def event_shapes() -> str:
    """The models that events are made of."""
    return _shapes(_members(AnyEventBody))


def protocol() -> str:
    """The fields of a protocol file."""
    return _fields(Protocol)


def protocol_shapes() -> str:
    """The models that a protocol is made of."""
    return _shapes((Protocol,))


def _command(body: type[CommandBody]) -> str:
    facts = [f"Sent by: {_names(role.value for role in body.roles)}.", f"Stages: {_stages(body)}."]
    if body.progress:
        facts.append("Refused while care is on hold.")
    if not body.licensed:
        facts.append("Needs no licence.")
    if body in SIGNED:
        facts.append("Counts only with the sender's signature.")
    return f"### `{_kind(body)}`\n\n{_doc(body)}\n\n{' '.join(facts)}\n\n{_fields(body)}"


def _event(body: type[EventBody]) -> str:
    return f"### `{_kind(body)}`\n\n{_doc(body)} Schema version {body.schema_version}.\n\n{_fields(body)}"


def _stages(body: type[CommandBody]) -> str:
    if body.stages == ALWAYS:
        return "all, also after closing"
    if body.stages == OPEN:
        return "all"
    return _names(stage.value for stage in body.stages)


def _kind(body: type[BaseModel]) -> str:
    return str(body.model_fields["kind"].default)


def _members(union: Any) -> tuple[Any, ...]:
    return get_args(get_args(union)[0])


# Models in words


def _fields(model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    rows = _rows(schema, schema.get("$defs", {}), attribute_docs(model))
    return table(("Field", "Content", "Default"), rows) if rows else "No fields."


def _rows(schema: Schema, shapes: Schema, meanings: Mapping[str, str]) -> list[tuple[str, str, str]]:
    rows = []
    for name, field in schema.get("properties", {}).items():
        if name == "kind" and "const" in field:
            continue
        content, meaning = _words(field, shapes), meanings.get(name)
        default = "required" if name in schema.get("required", ()) else _json(field.get("default"))
        rows.append((f"`{name}`", f"{content}. {meaning}" if meaning else content, default))
    return rows


def _json(value: object) -> str:
    return "none" if value in (None, [], {}) else f"`{value}`".lower()


def _words(schema: Schema, shapes: Schema) -> str:
    """What may stand in a field, in words."""
    match schema:
        case {"$ref": str(ref)}:
            return _reference(ref.rpartition("/")[2], shapes)
        case {"anyOf": choices} | {"oneOf": choices}:
            return " or ".join(_words(choice, shapes) for choice in choices if choice.get("type") != "null")
        case {"const": value}:
            return f"`{value}`"
        case {"enum": values}:
            return _names(map(str, values))
        case {"type": "array"}:
            return f"list of {_words(schema.get('items', {}), shapes)}{_count(schema)}"
        case {"type": "object", "additionalProperties": value} if isinstance(value, Mapping):
            return f"by identifier: {_words(value, shapes)}"
        case {"type": "object", "patternProperties": values}:
            return f"by identifier: {_words(next(iter(values.values())), shapes)}"
        case {"type": "string", "pattern": str(pattern)}:
            return _PATTERNS.get(pattern, f"text like `{pattern}`")
        case {"type": "string", "format": str(name)}:
            return _FORMATS.get(name, name)
        case {"type": "string", "maxLength": most}:
            return f"text, at most {most:,} characters"
        case {"type": "string"}:
            return "text"
        case {"type": "boolean"}:
            return "true or false"
        case {"type": "integer" | "number" as kind}:
            return ("whole number" if kind == "integer" else "number") + _range(schema)
    return "any JSON"


def _reference(name: str, shapes: Schema) -> str:
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    values = shapes[name].get("enum")
    return f"[{name}](#{name.lower()})" if values is None or len(values) > 6 else _names(map(str, values))


def _count(schema: Schema) -> str:
    least, most = schema.get("minItems"), schema.get("maxItems")
    if least is not None and least == most:
        return f", exactly {least}"
    return ("" if least is None else f", at least {least}") + ("" if most is None else f", at most {most}")


def _range(schema: Schema) -> str:
    if "exclusiveMinimum" in schema:
        above = f" above {schema['exclusiveMinimum']:g}"
        return above + (f", at most {schema['maximum']:g}" if "maximum" in schema else "")
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f", {least:g} to {most:g}"
    return ("" if least is None else f", at least {least:g}") + ("" if most is None else f", at most {most:g}")


def _shapes(models: Iterable[type[BaseModel]]) -> str:
    """A section for every model and long list of values that the given models name."""
    found: dict[str, Schema] = {}
    shapes: dict[str, Any] = {}
    for model in models:
        schema = model.model_json_schema()
        shapes |= schema.get("$defs", {})
        _collect(schema.get("properties", {}), schema.get("$defs", {}), found)
    classes = classes_of(models)
    sections = []
    for name, shape in sorted(found.items()):
        doc = f"{_plain(shape.get('description', ''))}\n\n" if shape.get("description") else ""
        if "enum" in shape:
            body = f"One of {_names(map(str, shape['enum']))}."
        else:
            meanings = attribute_docs(classes[name]) if name in classes else {}
            body = table(("Field", "Content", "Default"), _rows(shape, shapes, meanings))
        sections.append(f"### {name}\n\n{doc}{body}")
    return "\n\n".join(sections)


def _collect(schema: object, shapes: Schema, found: dict[str, Schema]) -> None:
    if isinstance(schema, list):
        for item in schema:
            _collect(item, shapes, found)
    if not isinstance(schema, dict):
        return
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name and name not in found and name not in _ELSEWHERE and "#" in _reference(name, shapes):
        found[name] = shapes[name]
        _collect(shapes[name].get("properties", {}), shapes, found)
    for value in schema.values():
        _collect(value, shapes, found)


def classes_of(models: Iterable[type[BaseModel]]) -> dict[str, type[BaseModel]]:
    """The models that the given ones are made of, by name."""
    found: dict[str, type[BaseModel]] = {}
    waiting: list[Any] = list(models)
    while waiting:
        part = waiting.pop()
        if isinstance(part, type) and issubclass(part, BaseModel) and part.__name__ not in found:
            found[part.__name__] = part
            waiting += [field.annotation for field in part.model_fields.values()]
        waiting += get_args(part)
    return found


# Docstrings


def attribute_docs(cls: type) -> dict[str, str]:
    """The docstrings that stand under the attributes of a class and of its bases, as one paragraph each."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.partition(".")[0] in ("builtins", "enum", "pydantic", "pydantic_settings", "typing"):
            continue
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(definition, ast.ClassDef)
        found |= _docs_in(definition)
    return found


def _docs_in(definition: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement, after in zip(definition.body, definition.body[1:], strict=False):
        match statement, after:
            case (
                ast.AnnAssign(target=ast.Name(name)) | ast.Assign(targets=[ast.Name(name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, _plain(inspect.cleandoc(text))


def _doc(cls: type) -> str:
    return _plain(inspect.getdoc(cls) or "")


def _plain(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


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
