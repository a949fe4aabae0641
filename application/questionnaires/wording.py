"""Whether the words of a file are those of an instrument that is scored here: all of it, or nothing of it is used.

The codes are LOINC's. Those of the GAD-7 and of the first items of the PHQ-9 are as its own pages list them (loinc.org,
read in 2026); the others were compared with copies of its table and with public FHIR files, those of the C-SSRS with
one such file. For the items of the PCL-5, and for the other two instruments, no code could be checked: there is none
here, and the end of an item's `linkId` says which it is.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from application.errors import FieldProblem
from application.questionnaires.resource import LOINC, Item, Option, Resource, Unfit, read_resource
from workflows.journey.instruments import Definition, Instrument, definition_of

OURS = "urn:care-pathway:instrument"
"""The system of our own codes: the names of the instruments."""
PANELS = {
    "101697-1": Instrument.PCL_5,
    "69737-5": Instrument.GAD_7,
    "44249-1": Instrument.PHQ_9,
    "93373-9": Instrument.C_SSRS,
}
"""The panels of LOINC. It has none that is certain for the C-SSRS since the last contact, and none for the CADSS-6."""
ITEMS: Mapping[Instrument, tuple[str, ...]] = {
    Instrument.GAD_7: ("69725-0", "68509-9", "69733-4", "69734-2", "69735-9", "69689-8", "69736-7"),
    Instrument.PHQ_9: (
        "44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3", "44260-8",
    ),
    Instrument.C_SSRS: ("93246-7", "93247-5", "93248-3", "93249-1", "93250-9", "93267-3", "93269-9"),
}  # fmt: skip
"""The codes of the items, in the order in which they are asked."""
ENGLISH = "en"
YES_NO = {"LA33-6": "yes", "LA32-8": "no"}
_LOINC_CODE = re.compile(r"/?(\d{1,7}-\d)")
_SAFE = re.compile(r"[A-Za-z0-9/_.:+-]{1,64}")


class WordedItem(NamedTuple):
    """One item as it is read: its words, the words of its answers by what they are entered as, and what stands before
    it."""

    words: str
    answers: Mapping[str, str]
    before: str = ""


class Wording(NamedTuple):
    """The words of an instrument in one language; ``language`` is None where the file names none. ``items`` are by what
    their answers are entered as. ``experimental``: they are no more than an example. ``sha256`` is that of the file."""

    instrument: Instrument
    language: str | None
    url: str
    version: str
    sha256: str
    title: str
    items: Mapping[str, WordedItem]
    after: str = ""
    copyright: str = ""
    experimental: bool = False

    @property
    def name(self) -> str:
        """Name it as FHIR does, and exactly this content of it."""
        return f"{self.url}|{self.version} sha256:{self.sha256}"


def read_wording(raw: bytes, *, demonstration: bool = False) -> Wording:
    """Return the words in the bytes of a file. Examples are taken in a ``demonstration`` only.

    Raises:
        Unfit: they are not used, with every reason.
    """
    resource = read_resource(raw)
    problems = [*_unfit(resource, demonstration=demonstration)]
    named = _named(resource)
    if len(named) != 1:
        known = ", ".join(f"{code} ({each})" for code, each in PANELS.items())
        said = "names no instrument" if not named else f"names {' and '.join(sorted(named))}"
        hint = f"use one of LOINC's {known}, or the instrument's name in the system {OURS}"
        raise Unfit(*problems, FieldProblem("code", f"{said}; {hint}"))
    [instrument] = named
    definition, keys = definition_of(instrument), keys_of(instrument)
    items = [*(each for item in resource.items for each in item.within())]
    asked = [item for item in items if item.asks]
    problems += _twice([item.link_id for item in items], "linkId", "stands twice")
    problems += _twice([item.words for item in asked], "text", "is the same in two items")
    if len(asked) != len(keys):
        hint = "leave out totals, and what is not scored" if len(asked) > len(keys) else "add what is missing"
        problems.append(FieldProblem("item", f"{instrument} asks {len(keys)} items, this file {len(asked)}: {hint}"))
    for place, item in enumerate(asked):
        problems += _wrong(item, place, instrument, definition)
    if any(item.type == "boolean" for item in asked) and (resource.language or ENGLISH).partition("-")[0] != ENGLISH:
        problems.append(FieldProblem("item", "is `boolean`: its yes and no are English; give them as `answerOption`"))
    if problems:
        raise Unfit(*problems)
    before, after = _between(items)
    return Wording(
        instrument=instrument,
        language=resource.language,
        url=resource.url,
        version=resource.version,
        sha256=hashlib.sha256(raw).hexdigest(),
        title=resource.title,
        items=MappingProxyType(
            {
                key: WordedItem(item.words, MappingProxyType(_answers(item, definition)), said)
                for key, item, said in zip(keys, asked, before, strict=True)
            }
        ),
        after=after,
        copyright=resource.copyright or "",
        experimental=resource.experimental,
    )


def keys_of(instrument: Instrument) -> tuple[str, ...]:
    """Return as what the answers to an instrument are entered, in the order of its items."""
    definition = definition_of(instrument)
    return tuple(question.key for question in definition.questions) or tuple(map(str, range(definition.items)))


def _unfit(resource: Resource, *, demonstration: bool) -> Iterator[FieldProblem]:
    if resource.status != "active":
        yield FieldProblem("status", "is not `active`: only what is released is shown to patients")
    if resource.experimental and not demonstration:
        yield FieldProblem("experimental", "is true: such words are for demonstrations and never for patients")


def _named(resource: Resource) -> set[Instrument]:
    """Return the instruments that the codes of a file name."""
    found = {PANELS[code.code] for code in resource.code if code.system == LOINC and code.code in PANELS}
    return found | {
        Instrument(code.code) for code in resource.code if code.system == OURS and code.code in tuple(Instrument)
    }


def _twice(said: Sequence[str], field: str, problem: str) -> Iterator[FieldProblem]:
    for text, times in Counter(said).items():
        if times > 1 and text:
            shown = f" ({text})" if field == "linkId" and _SAFE.fullmatch(text) else ""
            yield FieldProblem(f"{field}{shown}", problem)


def _wrong(item: Item, place: int, instrument: Instrument, definition: Definition) -> Iterator[FieldProblem]:
    """Yield what is wrong with the item that stands at a place, from 0."""
    shown = f" ({item.link_id})" if _SAFE.fullmatch(item.link_id) else ""
    field = f"item {place + 1}{shown}"
    if (problem := _misplaced(item, place, instrument)) is not None:
        yield FieldProblem(field, problem)
    if not item.text:
        yield FieldProblem(field, "has no text")
    if item.repeats:
        yield FieldProblem(field, "takes several answers; it has one")
    if item.enable_when and not definition.questions:
        yield FieldProblem(field, "is asked on a condition; it is always asked")
    if item.value_set is not None:
        yield FieldProblem(field, "refers to a set of answers; write them as `answerOption`")
    elif (problem := _wrong_answers(item, definition)) is not None:
        yield FieldProblem(field, problem)


def _misplaced(item: Item, place: int, instrument: Instrument) -> str | None:
    """Say why an item is not the one of its place, by its code, or else by the end of its linkId."""
    known = ITEMS.get(instrument, ())
    codes = {code.code for code in item.code if code.system == LOINC} if known else set()
    if known and not codes and (match := _LOINC_CODE.fullmatch(item.link_id)):
        codes = {match[1]}
    if place < len(known) and codes:
        right = f"is not item {place + 1} of {instrument}, which has the code {known[place]}"
        return None if codes == {known[place]} else right
    number = re.search(r"(\d+)$", item.link_id)
    if codes or number is None or int(number[1][-6:]) != place + 1:
        with_code = f"the code {known[place]} of LOINC, or " if place < len(known) else ""
        return f"does not say that it is item {place + 1}: give it {with_code}a linkId that ends in {place + 1}"
    return None


def _wrong_answers(item: Item, definition: Definition) -> str | None:
    """Say why the answers of an item are not those of its instrument."""
    if definition.questions and item.type == "boolean" and not item.options:
        return None
    if not item.chooses:
        return "must be of the type `choice` (R4) or `coding` (R5)"
    if definition.questions:
        if sorted(_yes_or_no(option) or "" for option in item.options) != ["no", "yes"]:
            return "has other answers than yes and no: use the type `boolean`, or LOINC's LA33-6 and LA32-8"
    else:
        scores = [option.score for option in item.options]
        if None in scores:
            return "has an answer without a score: add the extension `ordinalValue` (R4) or `itemWeight`"
        if scores != [*range(definition.item_max + 1)]:
            return f"must have the answers 0 to {definition.item_max}, in this order, and has other scores"
    words = [option.words for option in item.options]
    if not all(words) or len({*words}) < len(words):
        return "has an answer without words, or two with the same"
    return None


def _yes_or_no(option: Option) -> str | None:
    coding = option.coding
    if coding is not None and coding.system in (LOINC, None) and coding.code in YES_NO:
        return YES_NO[coding.code]
    scored: dict[float, str] = {1: "yes", 0: "no"}
    return None if option.score is None else scored.get(option.score)


def _answers(item: Item, definition: Definition) -> dict[str, str]:
    """Return the words of the answers, by what they are entered as."""
    if definition.questions:
        return {_yes_or_no(option) or "": option.words for option in item.options}
    return {str(place): option.words for place, option in enumerate(item.options)}


def _between(items: Sequence[Item]) -> tuple[list[str], str]:
    """Return what is to be read before each question, and after the last one."""
    before, said = [], list[str]()
    for item in items:
        if item.asks:
            before.append("\n".join(said))
            said = []
        elif item.words:
            said.append(item.words)
    return before, "\n".join(said)
