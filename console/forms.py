"""Forms for commands, made from the models of the core, and what a browser sent read back into JSON.

The names of controls are the paths of fields, with ``/`` between their parts. What a form cannot offer field by field
is one control for JSON.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from application.errors import FieldProblem, InvalidInput
from application.input import forms
from application.input.wall_clock import read_wall_clock
from application.questionnaires.wording import Wording
from application.words.codes import say, say_path
from application.words.titles import CHOICES
from workflows.journey.instruments import Instrument, definition_of
from workflows.journey.vocabulary.base import canonical
from workflows.journey.vocabulary.calendars import zone_info
from workflows.journey.vocabulary.numbers import read_number, read_whole

Control: TypeAlias = Literal["line", "text", "lines", "number", "yes_no", "choice", "codes", "date", "time", "json"]
Content: TypeAlias = dict[str, Any]
LONG = 200
"""From this length on (characters) a text gets more than a line."""
ANSWERS, OBSERVED = "answers", "cadss"
"""The fields that hold the answers to a questionnaire, and to the one that is asked in a session."""
ROWS = 3
"""How many entries of a list of objects a form offers."""
ENDS: Mapping[str, tuple[str, str]] = {"symptoms": ("not at all", "worst")}
"""What the lowest and the highest rating of something mean, by the field that holds them."""
NO_TIME = "is not a time such as 2026-03-02T17:00"


class Field(NamedTuple):
    """One control of a form. ``choices`` are the coded words to choose from, ``labels`` what some of them are called; a
    number's bounds are in ``hint``. ``called`` is what people call it, where its path does not say it. ``words`` are
    those of a questionnaire, shown just as they are, in a ``language``, with what is to be read ``before`` them.
    ``suggested`` is what may be meant where anything may be entered. ``whole``: what is chosen are whole numbers.
    ``coded``: it is an id, a code or a version. ``optional`` says that it may be left empty, where it is not
    ``required``."""

    path: tuple[str, ...]
    control: Control
    required: bool
    choices: tuple[str, ...] = ()
    hint: str = ""
    default: str = ""
    labels: Mapping[str, str] = MappingProxyType({})
    called: str = ""
    words: str = ""
    before: str = ""
    language: str = ""
    suggested: tuple[str, ...] = ()
    whole: bool = False
    coded: bool = False
    optional: str = "optional"

    @property
    def name(self) -> str:
        return "/".join(self.path)

    @property
    def group(self) -> str:
        """Return what this field is a part of; nothing where it stands alone."""
        return say(self.path[0]) if len(self.path) > 1 else ""

    @property
    def label(self) -> str:
        """Return what it is called within its group."""
        return self.called or say_path(self.path[1:] or self.path)


def fields_of(model: type[BaseModel], names: Mapping[str, tuple[str, ...]] | None = None) -> tuple[Field, ...]:
    """Return the controls of a form. ``names`` are the coded words a journey asks for, by field."""
    whole = forms.schema(model)
    needed = set(whole.get("required", ()))
    found: list[Field] = []
    for name, part in whole["properties"].items():
        found += _fields((name,), part, whole.get("$defs", {}), names or {}, required=name in needed)
    return tuple(found)


def answers_of(instrument: Instrument, wording: Wording | None = None) -> tuple[Field, ...]:
    """Return the controls for the answers to a questionnaire, in its ``wording``. Without one they are its numbers, or
    its questions with yes or no: its words are the clinic's, which has the licence for them."""
    definition = definition_of(instrument)
    ratings = tuple(map(str, range(definition.item_max + 1)))
    fields = tuple(
        Field((ANSWERS, question.key), "yes_no", required=False, hint=question.label)
        for question in definition.questions
    ) + tuple(
        Field((ANSWERS, str(item)), "choice", required=False, choices=ratings, whole=True)
        for item in range(definition.items)
    )
    return in_words(fields, wording)


def in_words(fields: Sequence[Field], wording: Wording | None, within: str = ANSWERS) -> tuple[Field, ...]:
    """Return the controls, those of the items of a questionnaire in its words. ``within`` is the field they are in."""

    def said(field: Field) -> Field:
        if wording is None or field.path[-2:-1] != (within,):
            return field
        item, language = wording.items[field.path[-1]], wording.language or ""
        return field._replace(words=item.words, labels=item.answers, before=item.before, language=language, hint="")

    return tuple(map(said, fields))


def _fields(
    path: tuple[str, ...], part: Content, defined: Content, names: Mapping[str, tuple[str, ...]], *, required: bool
) -> Iterator[Field]:
    part = _resolved(part, defined)
    default = part.get("default")
    spelled = str(default) if isinstance(default, str | int | float) and not isinstance(default, bool) else ""
    codes = names.get(".".join(each for each in path if not each.isdigit()))
    match part:
        case {"enum": words}:
            labels = CHOICES.get(path[-1], {})
            yield Field(path, "choice", required, choices=tuple(map(str, words)), default=spelled, labels=labels)
        case {"type": "boolean"}:
            yield Field(path, "yes_no", required)
        case {"type": "integer" | "number"}:
            hint = forms.bounds_of(part) if codes is None else _scale(codes, ENDS.get(path[0]))
            yield Field(path, "number", required, hint=hint, default=spelled)
        case {"type": "string", "format": "date"}:
            yield Field(path, "date", required)
        case {"type": "string", "format": "date-time"}:
            yield Field(path, "time", required)
        case {"type": "string"} if codes is not None:
            yield Field(path, "choice", required, choices=codes)
        case {"type": "string"}:
            short = "pattern" in part or part.get("maxLength", LONG + 1) <= LONG
            coded = "pattern" in part or part.get("format") == "uuid"
            yield Field(path, "line" if short else "text", required, default=spelled, coded=coded)
        case {"type": "object", "properties": properties}:
            needed = set(part.get("required", ())) if required else set()
            for name, inner in properties.items():
                yield from _fields((*path, name), inner, defined, names, required=name in needed)
        case {"type": "object"} if (keys := _keys(part, codes)) is not None:
            inner = (list(part.get("patternProperties", {}).values()) or [part.get("additionalProperties")])[0]
            for key in keys:
                yield from _fields((*path, key), inner, defined, names, required=required)
        case {"type": "array", "items": items}:
            if _is_rating(part, items):
                ratings = tuple(map(str, range(items["minimum"], items["maximum"] + 1)))
                for place in range(part["minItems"]):
                    yield Field((*path, str(place)), "choice", required, choices=ratings, whole=True)
            else:
                yield from _list(path, _resolved(items, defined), defined, names, required=required)
        case _:
            yield Field(path, "json", required)


def _scale(codes: Sequence[str], ends: tuple[str, str] | None) -> str:
    """Say between which ratings to choose, and what the ends mean."""
    low, high = ("", "") if ends is None else (f" ({end})" for end in ends)
    return f" from {codes[0]}{low} to {codes[-1]}{high}"


def _keys(part: Content, codes: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the words under which a mapping is filled in; None where nobody says them."""
    enum = part.get("propertyNames", {}).get("enum")
    return codes if codes is not None or enum is None else tuple(enum)


def _is_rating(part: Content, items: Content) -> bool:
    """Whether a list is a fixed number of ratings, such as those of a short questionnaire."""
    return part.get("minItems") == part.get("maxItems") is not None and {"minimum", "maximum"} <= items.keys()


def _list(
    path: tuple[str, ...], items: Content, defined: Content, names: Mapping[str, tuple[str, ...]], *, required: bool
) -> Iterator[Field]:
    codes = names.get(".".join(each for each in path if not each.isdigit()))
    if codes is not None or "enum" in items:
        choices = tuple(map(str, items["enum"])) if codes is None else codes
        if choices:
            yield Field(path, "codes", required, choices=choices, labels=CHOICES.get(path[-1], {}))
    elif items.get("type") == "object" and "properties" in items:
        for row in range(ROWS):
            for name, inner in items["properties"].items():
                yield from _fields((*path, str(row), name), inner, defined, names, required=False)
    elif items.get("type") in ("string", "integer", "number"):
        coded = "pattern" in items or items["type"] == "integer"
        yield Field(path, "lines", required, hint="number" if items["type"] != "string" else "", coded=coded)
    else:
        yield Field(path, "json", required)


def _resolved(part: Content, defined: Content) -> Content:
    """Return a part of a schema without references, and without the choice of leaving it empty."""
    if "$ref" in part:
        part = {**defined[part["$ref"].rpartition("/")[2]], **{k: v for k, v in part.items() if k != "$ref"}}
    for key in ("anyOf", "oneOf"):
        given = [each for each in part.get(key, ()) if each.get("type") != "null"]
        if len(given) == 1:
            return _resolved({**{k: v for k, v in part.items() if k != key}, **given[0]}, defined)
    return part


def read_back(fields: Sequence[Field], sent: Mapping[str, Sequence[str]], zone: str) -> Content:
    """Return what a browser sent as the content of a form. What was left empty is not in it. Times are on the wall
    clock of ``zone``.

    Raises:
        InvalidInput: it names every control whose value cannot be read.
    """
    content, problems = _read(fields, sent, zone)
    if problems:
        raise InvalidInput("what was entered cannot be read", "Correct these fields", fields=problems)
    return content


def filled_in(fields: Sequence[Field], content: Content, zone: str) -> dict[str, list[str]]:
    """Return what a browser would send for a content of JSON; what the form has no control for is not in it."""
    found = {}
    for field in fields:
        value = _at(content, field.path)
        if value not in (None, [], {}):
            found[field.name] = _spelled(field, value, zone_info(zone))
    return found


def _at(content: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if isinstance(content, list) and part.isdigit() and int(part) < len(content):
            content = content[int(part)]
        else:
            content = content.get(part) if isinstance(content, dict) else None
    return content


def _spelled(field: Field, value: Any, zone: ZoneInfo) -> list[str]:
    match field.control:
        case "codes":
            return list(map(str, value))
        case "lines":
            return ["\n".join(map(str, value))]
        case "yes_no":
            return ["yes" if value else "no"]
        case "json":
            return [canonical(value).decode()]
        case "time":
            return [datetime.fromisoformat(value).astimezone(zone).isoformat(" ")]
    return [str(value)]


def as_said(fields: Sequence[Field], sent: Mapping[str, Sequence[str]], zone: str, others: Iterable[str] = ()) -> bytes:
    """Return what a browser sent as JSON, as far as it can be read; what cannot is in it as it was entered, and so are
    ``others``, which are no controls of the form."""
    return canonical({**{name: [*sent[name]] for name in others}, **_read(fields, sent, zone)[0]})


def _read(
    fields: Sequence[Field], sent: Mapping[str, Sequence[str]], zone: str
) -> tuple[Content, tuple[FieldProblem, ...]]:
    content: Content = {}
    problems: list[FieldProblem] = []
    for field in fields:
        values = [value.replace("\r\n", "\n") for value in sent.get(field.name, ()) if value.strip()]
        if not values:
            if field.path[-2:-1] == (ANSWERS,) and field.path[-1].isdigit():
                _put(content, field.path, None)  # Missing is no answer, and the others keep their places.
            continue
        try:
            _put(content, field.path, _value(field, values, zone_info(zone)))
        except ValueError as problem:
            _put(content, field.path, values[0])
            problems.append(FieldProblem(".".join(field.path), str(problem)))
    listed: Content = _lists(content)
    return listed, tuple(problems)


def _value(field: Field, values: Sequence[str], zone: ZoneInfo) -> Any:
    if field.control != "codes" and len({*values}) > 1:
        raise ValueError("was sent twice, and not the same")
    value = values[0].strip() if field.control not in ("text", "lines") else values[0]
    match field.control:
        case "codes":
            return [_whole(each) if field.whole else each for each in values]
        case "lines":
            lines = [line.strip() for line in value.split("\n") if line.strip()]
            return [read_number(line) for line in lines] if field.hint == "number" else lines
        case "number":
            return read_number(value)
        case "yes_no":
            return _yes(value)
        case "choice":
            return _whole(value) if field.whole else value
        case "time":
            return _moment(value, zone)
        case "json":
            try:
                return forms.strict_json(value.encode())
            except forms.NotStrictJson as error:
                raise ValueError(str(error)) from None
    return value


def _yes(value: str) -> bool:
    if value not in ("yes", "no"):
        raise ValueError("is neither yes nor no")
    return value == "yes"


def _whole(value: str) -> int | str:
    try:
        return read_whole(value)
    except ValueError:
        return value


def _moment(value: str, zone: ZoneInfo) -> str:
    """Return a time on a wall clock with its offset."""
    try:
        shown = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(NO_TIME) from None
    try:
        return read_wall_clock(shown, zone).isoformat()
    except OverflowError:
        raise ValueError(NO_TIME) from None


def _put(content: Content, path: tuple[str, ...], value: Any) -> None:
    *within, last = path
    for part in within:
        content = content.setdefault(part, {})
    content[last] = value


def _lists(value: Any) -> Any:
    """Return the content with numbered entries as lists, in the order of the fields."""
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(each) for key, each in value.items()}
    if inner and all(key.isdigit() for key in inner):
        return list(inner.values())
    return inner
