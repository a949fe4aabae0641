"""The words of a questionnaire are used as a whole, for the instrument that they are of, or not at all."""

import hashlib
import json
from collections.abc import Callable
from copy import deepcopy
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from application.errors import SettingsError
from application.questionnaires.folder import Folder, Loaded, questionnaires_of, read_folder
from application.questionnaires.resource import LARGEST_FILE, LOINC, Unfit
from application.questionnaires.wording import ITEMS, OURS, PANELS, keys_of, read_wording
from tests.cli.helpers import World
from tests.questionnaires import Content, item, option, questionnaire, raw, write
from workflows.journey.instruments import Instrument, definition_of
from workflows.journey.vocabulary.clinical import WordingId

DEMONSTRATION = Path(__file__).parents[3] / "simulation" / "questionnaires"
PHQ_9, C_SSRS, PCL_5 = Instrument.PHQ_9, Instrument.C_SSRS, Instrument.PCL_5
ASKED_TWICE = "is the same in two items"


def problems(content: Content | bytes, **given: bool) -> str:
    """Why a file is refused; nothing where it is not."""
    try:
        read_wording(content if isinstance(content, bytes) else raw(content), **given)
    except Unfit as unfit:
        return "\n".join(f"{field}: {problem}" for field, problem in unfit.problems)
    return ""


@pytest.mark.parametrize("r5", [False, True], ids=["R4", "R5"])
@pytest.mark.parametrize("instrument", Instrument)
def test_words_that_fit_are_read_as_they_are(instrument: Instrument, r5: bool) -> None:
    content = raw(questionnaire(instrument, r5=r5, language="en-US", copyright="Invented, and free."))
    words = read_wording(content)
    assert (words.instrument, words.language, words.copyright) == (instrument, "en-US", "Invented, and free.")
    assert tuple(words.items) == keys_of(instrument)
    assert [asked.words for asked in words.items.values()] == [
        f"Invented words no. {n + 1}" for n in range(len(words.items))
    ]
    definition = definition_of(instrument)
    for asked in words.items.values():
        if definition.questions:
            assert asked.answers == {"yes": "Oh yes", "no": "Oh no"}
        else:
            assert asked.answers == {str(n): f"Invented answer {n}" for n in range(definition.item_max + 1)}
    assert words.name == f"{words.url}|2.1 sha256:{hashlib.sha256(content).hexdigest()}"
    assert TypeAdapter(WordingId).validate_python(words.name) == words.name


def in_groups(content: Content) -> None:
    """As files have it: instructions, groups, prefixes, linkIds that are codes, and much that is not read."""
    first, *others = content["item"]
    codes = ITEMS[PHQ_9]
    first |= {"prefix": "1.", "required": True, "initial": [{"valueInteger": 0}], "maxLength": 3, "definition": "urn:x"}
    for place, other in enumerate(others, 1):
        other["linkId"] = f"/{codes[place]}"
        del other["code"]
    content["item"] = [
        {"linkId": "intro", "type": "display", "text": "Over the last invented days:\r\nhow often?"},
        first,
        {"linkId": "group", "type": "group", "text": "And now:", "item": others},
        {"linkId": "outro", "type": "display", "text": "Thank you."},
    ]
    content |= {"text": {"status": "generated", "div": "<div>x</div>"}, "contained": [], "date": "2026", "_title": {}}
    content["extension"] = [{"url": "https://elsewhere.example", "valueCode": "x"}]


def test_what_fhir_allows_beside_them_is_ignored_and_instructions_stand_where_they_stood() -> None:
    content = questionnaire(PHQ_9)
    in_groups(content)
    words = read_wording(raw(content))
    first, second, *others = words.items.values()
    assert (first.before, first.words) == ("Over the last invented days:\nhow often?", "1. Invented words no. 1")
    assert second.before == "And now:"
    assert not any(other.before for other in others)
    assert words.after == "Thank you."


def edit(change: Callable[[Content], object], instrument: Instrument = PHQ_9) -> Content:
    content = questionnaire(instrument)
    change(content)
    return content


def at(place: int, **changes: Any) -> Callable[[Content], object]:
    return lambda content: content["item"][place].update(changes)


def options(place: int, *scores: float) -> Callable[[Content], object]:
    return at(place, answerOption=[option(score) for score in scores])


def without(*path: str | int) -> Callable[[Content], object]:
    def change(content: Any) -> None:
        for part in path[:-1]:
            content = content[part]
        del content[path[-1]]

    return change


def swap(place: int) -> Callable[[Content], object]:
    def change(content: Content) -> None:
        items = content["item"]
        items[place], items[place + 1] = items[place + 1], items[place]

    return change


def answer_of(content: Content) -> Content:
    found: Content = content["item"][3]["answerOption"][1]
    return found


UNFIT: list[tuple[Callable[[Content], object], str]] = [
    (without("item", 8), "item: PHQ-9 asks 9 items, this file 8"),
    (lambda c: c["item"].append(item(PHQ_9, 0) | {"linkId": "item-10", "text": "x"}), "this file 10: leave out"),
    (lambda c: c["item"].append({"linkId": "total", "type": "decimal", "text": "Total"}), "leave out totals"),
    (swap(0), "item 1 (item-2): is not item 1 of PHQ-9, which has the code 44250-9"),
    (swap(7), "is not item 9 of PHQ-9"),
    (at(8, code=[{"system": LOINC, "code": "44261-6"}]), "item 9 (item-9): is not item 9"),
    (at(8, code=[], linkId="wishes"), "item 9 (wishes): does not say that it is item 9"),
    (at(8, code=[], linkId="item-19"), "does not say that it is item 9"),
    (at(1, linkId="item-1"), "linkId (item-1): stands twice"),
    (at(1, text="Invented words no. 1"), ASKED_TWICE),
    (at(2, text=None), "item 3 (item-3): has no text"),
    (at(2, text="  "), "item[3].text"),
    (at(2, repeats=True), "takes several answers"),
    (at(2, enableWhen=[{"question": "item-1", "operator": "exists"}]), "is asked on a condition"),
    (at(2, answerValueSet="#list", answerOption=[]), "write them as `answerOption`"),
    (at(2, type="open-choice"), "must be of the type `choice` (R4)"),
    (at(2, type="boolean"), "must be of the type `choice` (R4)"),
    (options(3, 0, 1, 2), "must have the answers 0 to 3"),
    (options(3, 0, 1, 2, 3, 4), "must have the answers 0 to 3"),
    (options(3, 1, 2, 3, 4), "must have the answers 0 to 3"),
    (options(3, 3, 2, 1, 0), "must have the answers 0 to 3, in this order"),
    (options(3, 0, 1, 1, 3), "must have the answers 0 to 3"),
    (options(3, 0, 1.5, 2, 3), "must have the answers 0 to 3"),
    (options(3), "must have the answers 0 to 3"),
    (without("item", 3, "answerOption", 1, "extension"), "has an answer without a score"),
    (without("item", 3, "answerOption", 1, "valueCoding"), "has an answer without words"),
    (lambda c: answer_of(c).update(valueCoding={"display": "Invented answer 0"}), "two with the same"),
    (lambda c: answer_of(c)["extension"][0].update(valueDecimal="1"), "valueDecimal"),
    (lambda c: c.update(status="draft"), "status: is not `active`"),
    (lambda c: c.update(status="retired"), "status: is not `active`"),
    (without("status"), "status: is missing"),
    (without("url"), "url: is missing"),
    (without("version"), "version: is missing"),
    (without("title"), "title: is missing"),
    (lambda c: c.update(url="https://clinic.example.org/x|2"), "url: is no address"),
    (lambda c: c.update(version="2 1"), "version: may have letters, digits"),
    (lambda c: c.update(language="English"), "language: is no language"),
    (lambda c: c.update(experimental=True), "experimental: is true"),
    (lambda c: c.update(experimental="no"), "experimental"),
    (lambda c: c.update(resourceType="Bundle"), "resourceType"),
    (lambda c: c.update(code=[]), "code: names no instrument"),
    (lambda c: c.update(code=[{"code": "44249-1"}]), "code: names no instrument"),
    (lambda c: c.update(code=[{"system": LOINC, "code": "70221-7"}]), "code: names no instrument"),
    (lambda c: c["code"].append({"system": OURS, "code": "GAD-7"}), "names GAD-7 and PHQ-9"),
    (lambda c: c.update(code=[{"system": LOINC, "code": "69737-5"}]), "GAD-7 asks 7 items, this file 9"),
    (lambda c: c.update(implicitRules="https://x.example"), "implicitRules: may change what the rest means"),
    (lambda c: c.update(modifierExtension=[{"url": "urn:x"}]), "modifierExtension: may change"),
    (at(4, modifierExtension=[{"url": "urn:x"}]), "item[5].modifierExtension: may change"),
    (at(4, text="Invented\u202e words"), "item[5].text: must hold nothing that cannot be seen"),
    (at(4, text="Invented\u200b words"), "must hold nothing that cannot be seen"),
    (lambda c: c.update(title="Inv\u2066ented"), "title: must hold nothing that cannot be seen"),
    (lambda c: c.update(copyright="\u2067Invented"), "copyright: must hold nothing that cannot be seen"),
    (lambda c: answer_of(c)["valueCoding"].update(display="No\u00adne"), "must hold nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), UNFIT, ids=[f"{n}: {said[:40]}" for n, (_, said) in enumerate(UNFIT)])
def test_what_does_not_fit_is_refused_with_its_place(change: Callable[[Content], object], said: str) -> None:
    assert said in problems(edit(change))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (at(1, type="boolean", answerOption=[]), ""),
        (at(1, enableWhen=[{"question": "item-1"}]), ""),
        (at(1, answerOption=[option(1), option(0)]), ""),
        (lambda c: (c.update(language="es"), at(1, type="boolean", answerOption=[])(c)), "its yes and no are English"),
        (at(1, answerOption=[option(0), option(1), option(2)]), "has other answers than yes and no"),
        (at(1, answerOption=[option(0)]), "has other answers than yes and no"),
        (at(1, answerOption=[{"valueCoding": {"code": "LA33-6", "display": "Yes"}}] * 2), "other answers than yes"),
        (swap(3), "is not item 4 of C-SSRS"),
        (without("item", 6), "C-SSRS asks 7 items, this file 6"),
    ],
)  # fmt: skip
def test_yes_and_no_are_the_answers_of_the_c_ssrs(change: Callable[[Content], object], said: str) -> None:
    found = problems(edit(change, C_SSRS))
    assert said in found
    assert bool(said) == bool(found)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read: empty"),
        (b"\xff", "cannot be read: not UTF-8"),
        (b"[]", "(the whole)"),
        (b'{"resourceType": "Questionnaire", "resourceType": "Questionnaire"}', "stands twice"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"item":' * 50_000, "cannot be read"),
    ],
)
def test_what_is_no_file_of_fhir_is_told(content: bytes, said: str) -> None:
    assert said in problems(content)


@given(st.data())
def test_items_in_another_order_are_never_taken(data: st.DataObject) -> None:
    instrument = data.draw(st.sampled_from(Instrument))
    content = questionnaire(instrument)
    content["item"] = data.draw(st.permutations(content["item"]))
    same = content["item"] == questionnaire(instrument)["item"]
    assert bool(problems(content)) is not same


@pytest.mark.parametrize("order", [*permutations(range(4))][1:], ids=str)
def test_answers_in_another_order_are_never_taken(order: tuple[int, ...]) -> None:
    assert "in this order" in problems(edit(options(0, *order)))


@given(st.data())
def test_no_file_makes_it_fail(data: st.DataObject) -> None:
    content = deepcopy(questionnaire(data.draw(st.sampled_from(Instrument))))
    junk = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2)
    )
    place = data.draw(st.sampled_from([content, content["item"][0], content["item"][0]["answerOption"][0]]))
    place[data.draw(st.sampled_from([*place]))] = data.draw(junk)
    problems(content)


@pytest.mark.parametrize(
    ("wanted", "offered", "chosen"),
    [
        ("es", ("en", "es"), "es"),
        ("es-MX", ("en", "es", "es-MX"), "es-MX"),
        ("es-MX", ("en", "es", "es-ES"), "es"),
        ("es", ("en", "es-MX", "es-ES"), "es-ES"),
        ("es-MX", ("en", "es-ES"), "es-ES"),
        ("fr", ("de", "en", "es"), "en"),
        ("fr", ("de", "en-GB", "es"), "en-GB"),
        ("fr", ("de", "en", None), None),
        ("fr", ("es", "de"), "de"),
        ("en", ("es",), "es"),
        ("zh-Hant", ("zh-Hans", "zh-hant", "en"), "zh-hant"),
    ],
)
def test_a_patient_is_asked_in_their_language_where_there_is_one(
    wanted: str, offered: tuple[str | None, ...], chosen: str | None
) -> None:
    def loaded(language: str | None) -> Loaded:
        content = questionnaire(PHQ_9) | ({} if language is None else {"language": language})
        return Loaded(f"{language}.json", None, read_wording(raw(content)))

    found = Folder(tuple(map(loaded, offered))).words_for(PHQ_9, "clinic", wanted)
    assert found is not None
    assert found.language == chosen


def test_a_clinic_has_its_own_words_in_place_of_those_of_all(tmp_path: Path) -> None:
    write(tmp_path / "phq.json", questionnaire(PHQ_9, version="1"))
    write(tmp_path / "pcl.json", questionnaire(PCL_5, version="1"))
    write(tmp_path / "north" / "phq.json", questionnaire(PHQ_9, version="2"))
    (tmp_path / "README.md").write_text("Not read.")
    folder = read_folder(tmp_path, ["north", "south"])
    assert [(each.file, each.clinic) for each in folder.loaded] == [
        ("north/phq.json", "north"), ("pcl.json", None), ("phq.json", None),
    ]  # fmt: skip
    assert folder.refused == ()

    def version(instrument: Instrument, clinic: str) -> str | None:
        found = folder.words_for(instrument, clinic, "en")
        return None if found is None else found.version

    assert [version(PHQ_9, clinic) for clinic in ("north", "south")] == ["2", "1"]
    assert [version(PCL_5, clinic) for clinic in ("north", "south")] == ["1", "1"]
    assert version(C_SSRS, "north") is None
    [misspelt] = read_folder(tmp_path, ["nord"]).refused
    assert (misspelt.file, "none of the clinics" in misspelt.problems[0].problem) == ("north/phq.json", True)


def test_two_files_for_the_same_are_both_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.json", questionnaire(PHQ_9, language="en"))
    write(tmp_path / "c.json", questionnaire(PHQ_9, language="es"))
    folder = read_folder(tmp_path)
    assert [each.file for each in folder.loaded] == ["c.json"]
    assert {each.file: each.problems[0].problem for each in folder.refused} == {
        "a.json": "is of the same instrument and language as b.json; keep one",
        "b.json": "is of the same instrument and language as a.json; keep one",
    }


@pytest.mark.parametrize("content", [None, b" " * (LARGEST_FILE + 1)], ids=["unreadable", "large"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "phq.json"
    if content is None:
        file.symlink_to(tmp_path / "nowhere")
    else:
        file.write_bytes(content)
    [refused] = read_folder(tmp_path).refused
    assert refused.problems[0].problem.startswith(("cannot be read", "is larger than 1024 KiB"))


def test_one_file_that_is_refused_keeps_all_from_being_used_and_is_named(tmp_path: Path) -> None:
    world = World(questionnaires_dir=tmp_path)
    with pytest.raises(SettingsError, match="the folder has no questionnaires"):
        questionnaires_of(world.context())
    write(tmp_path / "gad.json", questionnaire(Instrument.GAD_7))
    assert len(questionnaires_of(world.context()).loaded) == 1
    write(tmp_path / "phq.json", edit(swap(0)))
    with pytest.raises(SettingsError) as told:
        questionnaires_of(world.context())
    assert "CAREPATH_QUESTIONNAIRES_DIR: phq.json, item 1 (item-2): is not item 1 of PHQ-9" in str(told.value)
    assert "questionnaire check" in str(told.value)


def test_without_a_folder_there_are_no_words() -> None:
    assert questionnaires_of(World().context()) == Folder()


def test_the_demonstration_has_short_labels_for_all_that_say_what_they_are_not() -> None:
    folder = read_folder(DEMONSTRATION, demonstration=True)
    assert folder.refused == ()
    assert {each.wording.instrument for each in folder.loaded} == {*Instrument}
    for each in folder.loaded:
        words = each.wording
        first, *_ = words.items.values()
        assert words.experimental
        assert f"They are not the {words.instrument}." in first.before
        assert max(len(asked.words) for asked in words.items.values()) <= 60
    assert len(read_folder(DEMONSTRATION).refused) == len(folder.loaded), "never where there are patients"


def check_digit(code: str) -> int:
    """LOINC's check digit (modulus 10, after Luhn)."""
    digits = [int(digit) for digit in reversed(code)]
    doubled = [digit * 2 if place % 2 == 0 else digit for place, digit in enumerate(digits)]
    return -sum(sum(divmod(digit, 10)) for digit in doubled) % 10


def test_every_code_of_loinc_has_the_right_check_digit() -> None:
    for code in (*PANELS, *(code for codes in ITEMS.values() for code in codes)):
        number, _, digit = code.partition("-")
        assert check_digit(number) == int(digit), code
    for instrument, codes in ITEMS.items():
        assert len({*codes}) == len(codes) == len(keys_of(instrument))


def test_json_as_other_programs_write_it_is_read(tmp_path: Path) -> None:
    content = json.dumps(questionnaire(PHQ_9), indent="\t", ensure_ascii=False).encode("utf-8-sig")
    assert problems(content) == ""
