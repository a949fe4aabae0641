"""Says in tables what may stand in the fields of a model, for the reference."""

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from docs.markdown import table
from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary.base import IDENTIFIER_PATTERN

_PATTERNS = {
    IDENTIFIER_PATTERN: "[identifier](#words)",
    r"^[0-9a-f]{64}$": "64 hex digits",
    r"^[0-9a-f]{32}$": "32 hex digits",
    r"^([0-9a-f]{2})+$": "hex digits, two for each byte",
    r"^[!-~]{1,220} sha256:[0-9a-f]{64}$": "`ADDRESS sha256:HEX` of the file of the words shown",
    r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$": "language as in BCP 47, such as `es-MX`",
    r"^[a-z0-9][a-z0-9_-]{0,63}$": "1 to 64 small letters, digits, `_` and `-`",
    r"^[A-Z]{2}$": "[state](#words)",
}
_FORMATS = {"date-time": "[instant](#words)", "date": "day, `YYYY-MM-DD`", "uuid": "UUID", "path": "path"}
_ELSEWHERE = {Protocol.__name__: "[a protocol](protocol.md)"}
"""Models with a page of their own."""

Schema = Mapping[str, Any]


def fields_of(model: type[BaseModel]) -> str:
    """Return a table of the fields of a model."""
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
            return code_names(map(str, values))
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
    return f"[{name}](#{name.lower()})" if values is None or len(values) > 6 else code_names(map(str, values))


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


def shapes_of(models: Iterable[type[BaseModel]]) -> str:
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
        doc = f"{plain(shape.get('description', ''))}\n\n" if shape.get("description") else ""
        if "enum" in shape:
            body = f"One of {code_names(map(str, shape['enum']))}."
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


@cache
def attribute_docs(cls: type) -> Mapping[str, str]:
    """The docstrings that stand under the attributes of a class and of its bases, as one paragraph each."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.partition(".")[0] in ("builtins", "enum", "pydantic", "pydantic_settings", "typing"):
            continue
        found |= _docs_in(_classes_in(base.__module__)[base.__name__])
    return found


@cache
def _classes_in(module: str) -> Mapping[str, ast.ClassDef]:
    source = inspect.getsource(sys.modules[module])
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}


def _docs_in(definition: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement, after in zip(definition.body, definition.body[1:], strict=False):
        match statement, after:
            case (
                ast.AnnAssign(target=ast.Name(name)) | ast.Assign(targets=[ast.Name(name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, plain(inspect.cleandoc(text))


def doc_of(cls: type) -> str:
    """Return the docstring of a class as one paragraph."""
    return plain(inspect.getdoc(cls) or "")


def plain(text: str) -> str:
    """Return a docstring as one paragraph of Markdown."""
    return " ".join(text.replace("``", "`").split())


def code_names(names: Iterable[str]) -> str:
    """Return names as code, in one line."""
    return ", ".join(f"`{name}`" for name in names)
