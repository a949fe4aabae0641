"""What is read of a FHIR `Questionnaire` (R4 or R5): its words, and what shows whether they fit.

FHIR lets a resource hold much else. What is not read is ignored, but for what FHIR forbids to ignore: `implicitRules`
and modifier extensions may change what the rest means.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from application.errors import FieldProblem
from application.input import forms
from workflows.journey.vocabulary.base import Flag, Number, Short, Text, Whole
from workflows.journey.vocabulary.texts import show_hidden

LARGEST_FILE = 1024 * 1024
"""How large a file may be (bytes)."""
LOINC = "http://loinc.org"
SCORES = (
    "http://hl7.org/fhir/StructureDefinition/ordinalValue",
    "http://hl7.org/fhir/StructureDefinition/itemWeight",
)
"""The extensions by which an answer has a score: that of R4, and the same by its later name."""


def _seen(text: Any) -> Any:
    """Require that nothing hides in what patients are to read. What is no text is left to the next check."""
    if isinstance(text, str):
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        if show_hidden(lines) != lines:
            raise ValueError("must hold nothing that cannot be seen, or that turns the direction of writing")
    return text


def _no_rules(rules: Any) -> Any:
    if rules:
        raise ValueError("may change what the rest means, and is not understood here")
    return rules


def _address(url: str) -> str:
    if not re.fullmatch(r"(https?://|urn:)[!-~]{1,150}", url) or {*url} & {*"|#"}:
        raise ValueError("is no address such as https://clinic.example.org/Questionnaire/name, without its version")
    return url


def _language(tag: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}", tag):
        raise ValueError("is no language as BCP 47 writes it, such as en or es-MX")
    return tag


Words = Annotated[Text, BeforeValidator(_seen)]
Unread = Annotated[Any, AfterValidator(_no_rules)]
Canonical = Annotated[str, AfterValidator(_address)]
"""The address by which a questionnaire is known, without its version."""
Tag = Annotated[str, AfterValidator(_language)]
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:+-]{0,63}$")]


class _Element(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)

    modifier_extension: Unread = Field(None, alias="modifierExtension")


class Extension(BaseModel):
    """What somebody added to an element. Only scores are read."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)

    url: str
    decimal: Number | None = Field(None, alias="valueDecimal")


class Coding(_Element):
    """A code of a system."""

    system: str | None = None
    code: str | None = None
    display: Words | None = None
    extension: tuple[Extension, ...] = ()


class Option(_Element):
    """One answer that is offered."""

    coding: Coding | None = Field(None, alias="valueCoding")
    integer: Whole | None = Field(None, alias="valueInteger")
    string: Words | None = Field(None, alias="valueString")
    extension: tuple[Extension, ...] = ()

    @property
    def words(self) -> str:
        """What is read; nothing where there is nothing to read."""
        if self.coding is not None:
            return self.coding.display or ""
        return self.string or ("" if self.integer is None else str(self.integer))

    @property
    def score(self) -> float | None:
        """Its score; None where it has none."""
        within = () if self.coding is None else self.coding.extension
        found = [each.decimal for each in (*self.extension, *within) if each.url in SCORES]
        return next((score for score in found if score is not None), self.integer)


class Item(_Element):
    """A question, a group of them, or a text."""

    link_id: str = Field(alias="linkId")
    type: str
    code: tuple[Coding, ...] = ()
    prefix: Annotated[Short, BeforeValidator(_seen)] | None = None
    text: Words | None = None
    repeats: Flag = False
    options: tuple[Option, ...] = Field((), alias="answerOption")
    value_set: str | None = Field(None, alias="answerValueSet")
    enable_when: tuple[Any, ...] = Field((), alias="enableWhen")
    items: tuple["Item", ...] = Field((), alias="item")

    @property
    def asks(self) -> bool:
        """Whether it is a question."""
        return self.type not in ("group", "display")

    @property
    def chooses(self) -> bool:
        """Whether one of the answers is chosen that the file offers."""
        return self.type in ("choice", "coding", "integer", "string")

    @property
    def words(self) -> str:
        """What is read, with its number as the file prints it."""
        return " ".join(part for part in (self.prefix, self.text) if part)

    def within(self) -> Iterator["Item"]:
        """Yield it, and all in it, in the order in which they are read."""
        yield self
        for item in self.items:
            yield from item.within()


class Resource(_Element):
    """A questionnaire as its file has it."""

    kind: Literal["Questionnaire"] = Field(alias="resourceType")
    implicit_rules: Unread = Field(None, alias="implicitRules")
    url: Canonical
    version: Version
    status: str
    experimental: Flag = False
    language: Tag | None = None
    title: Annotated[Short, BeforeValidator(_seen)]
    copyright: Words | None = None
    code: tuple[Coding, ...] = ()
    items: tuple[Item, ...] = Field((), alias="item")


class Unfit(Exception):
    """A file is not used. ``problems`` are all the reasons, each with its place in the file; none where it is the whole
    of it."""

    def __init__(self, *problems: FieldProblem) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


def content_of(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        Unfit: it cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except OSError:
        raise Unfit(FieldProblem("", "cannot be read; check its owner and its rights")) from None
    if len(raw) > LARGEST_FILE:
        raise Unfit(FieldProblem("", f"is larger than {LARGEST_FILE // 1024} KiB"))
    return raw


def read_resource(raw: bytes) -> Resource:
    """Return the questionnaire in the bytes of a file.

    Raises:
        Unfit: they hold none that can be read.
    """
    try:
        return Resource.model_validate(forms.strict_json(raw))
    except forms.NotStrictJson as problem:
        raise Unfit(FieldProblem("", f"cannot be read: {problem}")) from None
    except ValidationError as invalid:
        raise Unfit(*forms.field_problems(invalid)) from None
