"""Forms that people hand in: limited in size, parsed, and checked against their model. Also templates to fill in.

Errors name fields. They never repeat what was given, because it may be about a patient.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from application.errors import FieldProblem, InvalidInput
from workflows.journey.vocabulary.base import IDENTIFIER_PATTERN, LARGEST, LONGEST_IDENTIFIER, canonical
from workflows.journey.vocabulary.limits import COMMAND_LIMIT

AnyForm = TypeVar("AnyForm", bound=BaseModel)
Content = dict[str, Any]

_SAFE_NAME = re.compile(IDENTIFIER_PATTERN)
_PLACEHOLDER = re.compile(r"<.*>", re.DOTALL)
_PRESENCE = ("is missing", "is not a field here")
MADE_HERE = ("kind", "signature", "wording")
"""Fields that a way in adds to a form, and nobody fills in."""
FILLABLE = "Write it from `--template`, or see `--schema`"


class NotStrictJson(ValueError):
    """Not JSON, or JSON that two readers could understand differently. The text never quotes the input."""


def require_small(raw: bytes) -> bytes:
    """Return the input, if it is not larger than a command may be.

    Raises:
        InvalidInput: it is.
    """
    if len(raw) > COMMAND_LIMIT:
        raise too_large()
    return raw


def too_large() -> InvalidInput:
    """Return the error for an input that is larger than a command may be."""
    return InvalidInput(
        f"what was given is larger than {COMMAND_LIMIT // 1024} KiB",
        "Documents belong elsewhere; refer to them",
    )


def strict_json(raw: bytes) -> Any:
    """Parse bytes as strict JSON.

    Raises:
        NotStrictJson: not UTF-8, not JSON, a key twice, a number with an exponent, NaN or Infinity, half a character,
            or nested too deep.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotStrictJson("not UTF-8") from None
    try:
        value = json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_no_constant, parse_float=_plain_float)
        canonical(value)
    except NotStrictJson:
        raise
    except json.JSONDecodeError as error:
        if not text.strip():
            raise NotStrictJson("empty") from None
        raise NotStrictJson(f"not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except UnicodeEncodeError:
        raise NotStrictJson("a text holds half a character") from None
    except RecursionError:
        raise NotStrictJson("nested too deep") from None
    except ValueError:
        raise NotStrictJson("a number is too long or not finite") from None
    return value


def _no_key_twice(pairs: list[tuple[str, Any]]) -> Content:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrictJson("a field stands twice in one object")
    return found


def _plain_float(spelled: str) -> float:
    if "e" in spelled.lower():
        raise NotStrictJson("a number has an exponent; write it out, as 1000 or 0.001")
    return float(spelled)


def _no_constant(name: str) -> None:
    raise NotStrictJson(f"{name} is not JSON")


def read_object(raw: bytes, *, optional: bool = False) -> Content:
    """Parse bytes as a JSON object.

    Raises:
        InvalidInput: it is not one.
    """
    if optional and not raw.strip():
        return {}
    try:
        value = strict_json(raw)
    except NotStrictJson as error:
        raise InvalidInput(f"what was given is {_as_clause(error)}", f"Correct it. {FILLABLE}") from None
    if not isinstance(value, dict):
        raise InvalidInput("what was given is not a JSON object", f"Correct it. {FILLABLE}")
    return value


def read(
    model: type[AnyForm], raw: bytes, given: Mapping[str, Any] | None = None, *, optional: bool = False
) -> AnyForm:
    """Read the form in these bytes, with what was ``given`` by arguments.

    Raises:
        InvalidInput: they are too large, no JSON object, or do not fit; it names every field that does not.
    """
    return check(model, read_object(require_small(raw), optional=optional), given)


def says_nothing(raw: bytes) -> bool:
    """Whether there is nothing in these bytes but what a template had in it before anybody filled it in."""
    try:
        content = strict_json(raw)
    except NotStrictJson:
        return not raw.strip()
    return not isinstance(content, dict) or all(_placeholders(value) for value in content.values())


def _as_clause(error: NotStrictJson) -> str:
    text = str(error)
    return text if text.startswith(("not ", "nested", "empty")) else f"not usable: {text}"


def check(
    model: type[AnyForm], content: Content, given: Mapping[str, Any] | None = None, *, templated: bool = True
) -> AnyForm:
    """Check the form in ``content`` together with what was ``given`` by arguments. "5" is no number, 1 is not true.
    ``templated``: it may come from a template, and hold a placeholder of it.

    Raises:
        InvalidInput: it names every field that is missing, unknown, of the wrong type or out of range.
    """
    problems = [
        FieldProblem(field=name, problem="is given by the command itself; leave it out")
        for name, value in (given or {}).items()
        if name in content and content[name] != value
    ]
    whole = {**content, **(given or {})}
    unfilled = _placeholders(whole) if templated else []
    problems += [
        FieldProblem(field=_shown(path), problem="still holds the template's placeholder") for path in unfilled
    ]
    checked: AnyForm | None = None
    try:
        checked = model.model_validate_json(canonical(whole), strict=True)
    except ValidationError as invalid:
        held = [problem.field for problem in problems]
        # Other problems with a placeholder would only hide that it is one.
        told = [problem for problem in field_problems(invalid) if not unfilled or problem.problem in _PRESENCE]
        problems += [problem for problem in told if problem.field not in held]
    if checked is None or problems:
        # Raised outside the handler, so that no traceback carries the values.
        remedy = f"Correct these fields. {FILLABLE}" if templated else "Correct these fields"
        raise InvalidInput("what was given does not fit", remedy, fields=tuple(problems))
    return checked


def check_options(model: type[AnyForm], given: Content) -> AnyForm:
    """Check options of a command as a form is checked. None counts as not given.

    Raises:
        InvalidInput: it names every option that does not fit.
    """
    try:
        return check(model, {name: value for name, value in given.items() if value is not None})
    except InvalidInput as problem:
        fields = [FieldProblem(field=f"--{f.field.partition('[')[0]}", problem=f.problem) for f in problem.fields]
    raise InvalidInput("an option does not fit", "See --help", fields=tuple(fields))


def field_problems(invalid: ValidationError) -> tuple[FieldProblem, ...]:
    """Return what pydantic found, without the values."""
    return tuple(
        FieldProblem(field=_shown(error["loc"]), problem=_problem(error))
        for error in invalid.errors(include_input=False, include_url=False)
    )


def _problem(error: ErrorDetails) -> str:
    match error["type"]:
        case "missing":
            return _PRESENCE[0]
        case "extra_forbidden":
            return _PRESENCE[1]
        case "union_tag_invalid" | "union_tag_not_found":
            return f"must name one of: {error.get('ctx', {}).get('expected_tags', 'the kinds in --schema')}"
        case "string_pattern_mismatch":
            return (
                f"may have letters, digits and _ . : + - only, no spaces, and at most {LONGEST_IDENTIFIER} characters; "
                "it begins with a letter or a digit"
            )
        case "value_error":
            return error["msg"].removeprefix("Value error, ")
    message = error["msg"].removeprefix("Input ")
    return message[0].lower() + message[1:]


def _shown(path: tuple[str | int, ...]) -> str:
    """Name the place of a field. A name that is no coded word was typed by a person, may say anything, and is
    hidden."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part + 1}]"
        elif part == "[key]":
            shown += " (name)"
        else:
            shown += ("." if shown else "") + (part if _SAFE_NAME.fullmatch(part) else "(a name)")
    return shown or "(the whole)"


def _placeholders(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, str):
        return [path] if _PLACEHOLDER.fullmatch(value) else []
    if isinstance(value, dict):
        named = [(*path, "[key]") for key in value if _PLACEHOLDER.fullmatch(key)]
        return named + [found for key, inner in value.items() for found in _placeholders(inner, (*path, key))]
    if isinstance(value, list):
        return [found for n, inner in enumerate(value) for found in _placeholders(inner, (*path, n))]
    return []


def schema(model: type[BaseModel]) -> Content:
    """Return the JSON schema of a form, without the fields that a way in adds."""
    whole = model.model_json_schema()
    whole["properties"] = {name: part for name, part in whole.get("properties", {}).items() if name not in MADE_HERE}
    return whole


def template(model: type[BaseModel], names: Mapping[str, tuple[str, ...]] | None = None) -> Content:
    """Return a template to fill in. Its placeholders are never valid, so that none is sent by mistake.

    ``names`` are the coded words a journey asks for, by field.
    """
    whole = schema(model)
    needed = whole.get("required", ())
    skeleton = {name: _sample(part, whole.get("$defs", {})) for name, part in whole["properties"].items()}
    for name, codes in (names or {}).items():
        field, _, inner = name.partition(".")
        within, key = (skeleton[field], inner) if inner else (skeleton, field)
        within = within[0] if isinstance(within, list) else within
        example = within[key]
        if isinstance(example, dict):
            (one,) = example.values()
            within[key] = dict.fromkeys(codes, one)
        elif isinstance(example, str):
            within[key] = f"<{' | '.join(codes)}>"
        elif example is not None:
            # What need not be said is not written down as if somebody had said it.
            within[key] = list(codes) if field in needed else [f"<{' | '.join(codes)}>"]
    return skeleton


def _sample(part: Content, definitions: Content) -> Any:
    if "$ref" in part:
        part = definitions[part["$ref"].rpartition("/")[2]]
    if "default" in part and part["default"] not in ({}, [], ()):
        return part["default"]
    match part:
        case {"const": constant}:
            return constant
        case {"enum": words}:
            return f"<{' | '.join(words)}>"
        case {"oneOf": variants} | {"anyOf": variants}:
            kinds = part.get("discriminator", {}).get("mapping", {})
            return {"kind": f"<{' | '.join(kinds)}>"} if kinds else _sample(variants[0], definitions)
        case {"type": "object", "properties": properties}:
            return {name: _sample(inner, definitions) for name, inner in properties.items()}
        case {"type": "object"}:
            named = list(part.get("patternProperties", {}).values()) or [part.get("additionalProperties")]
            return {"<code>": _sample(named[0], definitions)}
        case {"type": "array"}:
            return [_sample(part.get("items", {}), definitions)] * part.get("minItems", 1)
        case {"type": "boolean"}:
            return "<true | false>"
        case {"type": "integer" | "number"}:
            return f"<number{bounds_of(part)}>"
        case {"type": "string"}:
            return _SAMPLES.get(part.get("format", ""), _text_sample(part))
    return "<answers>"


def bounds_of(part: Content) -> str:
    """Say between which numbers a number of a schema may be, such as `` from 1 to 4``; nothing where it is not said."""
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to"}
    return "".join(f" {word} {part[key]:g}" for key, word in words.items() if abs(part.get(key, LARGEST)) < LARGEST)


_SAMPLES = {"date": "<YYYY-MM-DD>", "date-time": "<YYYY-MM-DDTHH:MM:SS+HH:MM>", "uuid": "<uuid>"}


def _text_sample(part: Content) -> str:
    if "pattern" in part:
        return "<code>"
    # Only zones are texts of up to 64 characters.
    return "<Area/City>" if part.get("maxLength") == 64 else "<text>"
