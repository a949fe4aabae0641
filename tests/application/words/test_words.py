"""Whatever a person is shown has words: every kind of event and command, every code, every name of a field."""

import re
from collections.abc import Iterator
from typing import Any, get_args
from uuid import UUID

import pytest
from pydantic import BaseModel

from application.pathway.command_catalog import KINDS
from application.words.codes import WORDS, say, say_all, say_path, say_within, with_code
from application.words.events import EVENTS, title_of_event
from application.words.lines import IDS, describe_event, describe_score
from application.words.rules import RULES
from application.words.sentences import first_sentence
from application.words.terms import NO_TERMS, codes_of, codes_of_models, terms_of, terms_of_journey
from application.words.titles import GROUPS, TITLES, WITHOUT_FORM, title_of_command
from console.views.record import facts_of
from tests.journey.play import PROTOCOLS, course, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.dispatch import ADVANCES, REACTIONS
from workflows.journey.evidence import evidence
from workflows.journey.instruments import Instrument
from workflows.journey.instruments.results import ScoreFlag
from workflows.journey.protocol import SignOffKind
from workflows.journey.views.provenance import rule_name
from workflows.journey.vocabulary.actors import Role
from workflows.protocols import list_pathways

BODIES = get_args(get_args(e.AnyEventBody)[0])
SENT = get_args(get_args(c.AnyBody)[0])
SHORTHAND = {"ae", "pct", "mg", "kg", "ref", "dsm", "fda", "mao", "go"}
"""Parts of a code that are no plain words: with one of them, or with digits in a word, it needs an entry of its own."""
PLAIN = re.compile(r"[A-Za-z0-9][\w ,.'’()%/:-]*")
INSTRUMENTS = {each.value for each in Instrument}


def fields_in(kind: Any, seen: set[type]) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in seen:
        seen.add(kind)
        for name, field in kind.model_fields.items():
            yield name
            yield from fields_in(field.annotation, seen)
    for part in get_args(kind):
        yield from fields_in(part, seen)


def wrong(code: str) -> list[str]:
    said = say(code)
    plain = PLAIN.fullmatch(said) and "_" not in said
    parts = [] if code in WORDS or code in INSTRUMENTS else re.split("[_-]", re.sub(r"^X\d+[a-z]?_", "", code))
    short = [part for part in parts if part in SHORTHAND or (re.search(r"\d", part) and not part.isdecimal())]
    return [] if plain and not short else [f"{code}: {said}"]


def test_every_kind_of_event_and_command_has_a_title() -> None:
    assert {body.model_fields["kind"].default for body in BODIES} == {*EVENTS}
    assert len({*EVENTS.values()}) == len(EVENTS)
    sent = {body.model_fields["kind"].default for body in SENT}
    assert sent <= {*TITLES, *WITHOUT_FORM}
    assert {kind.noun for kind in KINDS} == {*GROUPS}
    assert (title_of_event("later.kind"), title_of_command("later.kind")) == ("later.kind", "later.kind")


def test_every_code_and_every_name_of_a_field_has_words() -> None:
    names = {name for body in (*BODIES, *SENT) for name in fields_in(body, set())}
    codes = {code for pathway in list_pathways() for code in codes_of(PROTOCOLS[pathway])}
    assert {"sections", "dose_mg"} <= names
    assert {"off_label_and_fda_warning", "X35_fasted"} <= codes
    found = [one for code in sorted(names | codes | codes_of_models() | {*ScoreFlag}) for one in wrong(code)]
    assert not found


def test_a_vital_sign_has_its_unit() -> None:
    signs = {*c.Vitals.model_fields} - {"measured_at"}
    assert [sign for sign in signs if not say(sign).endswith(("(mmHg)", "(beats per minute)", "(%)"))] == []


@pytest.mark.parametrize("code", ["ae_seen", "later_pct", "q7", "cyp2d6_inhibitor"])
def test_shorthand_without_words_is_found(code: str) -> None:
    assert wrong(code)


@pytest.mark.long
@pytest.mark.parametrize("late", [(), ("check-in-1-24h",)], ids=["in time", "missed"])
@pytest.mark.parametrize("pathway", list_pathways())
def test_no_line_of_a_timeline_shows_a_code_or_an_id(pathway: Any, late: tuple[str, ...]) -> None:
    play = started(pathway).go_on(lambda journey: journey.closed, late=late) if late else course(pathway)
    terms = terms_of(play.events, play.journey.patient.zone)
    ids = {value for event in play.events for name, value in event.body if name in {*IDS, "obligation"} and value}
    for event in play.events:
        line = describe_event(event.body, terms)
        assert not re.search(r"[a-z]_[a-z]|\+00:00|\bTrue\b|\bFalse\b|\bNone\b", line), line
        shown = [each for each in ids if re.search(rf"(?<![\w:-]){re.escape(str(each))}(?![\w:-])", line)]
        assert [each for each in shown if not str(each).isalpha()] == [], line
        assert not re.search(UUID_IN, line), line


@pytest.mark.long
@pytest.mark.parametrize("pathway", list_pathways())
def test_what_is_printed_or_signed_shows_no_id_of_what_is_awaited_and_no_code_of_an_occasion(pathway: Any) -> None:
    play = started(pathway).go_on(lambda journey: journey.closed, late=("check-in-1-24h",))
    zone = play.journey.patient.zone
    terms = terms_of(play.events, zone, play.journey.protocol, with_ids=True)
    printed = [leaf for event in play.events for leaf in texts(terms.spell(facts_of(event, zone)))]
    known = play.journey.model_dump(mode="json", include={"measurements", "sign_offs"})
    signed = texts(terms_of_journey(play.journey).spell(known))
    for said in (*printed, *signed):
        assert not re.search(r"[a-z]:[a-z0-9]|\b(?:session|asked|hold)-\d|C-SSRS-SINCE", said), said


def test_a_part_of_the_evidence_is_not_called_as_what_is_awaited() -> None:
    play = started("PTSD")
    play.do(c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="extra", answers=[0] * 8 + [1]), Role.PATIENT)
    signed = evidence(play.journey, SignOffKind.HOLD_RELEASE, "hold-1")
    for terms in (terms_of_journey(play.journey), terms_of(play.events, play.journey.patient.zone)):
        assert set(terms.spell(signed["content"])) >= {"suicide risk", "hold"}


def texts(value: Any) -> list[str]:
    match value:
        case dict():
            return [leaf for each in value.values() for leaf in texts(each)]
        case list():
            return [leaf for each in value for leaf in texts(each)]
    return [value] if isinstance(value, str) else []


UUID_IN = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}"


def test_what_people_wrote_stays_as_it_is() -> None:
    terms = terms_of_journey(course("PTSD").journey)
    assert terms.spell({"section": "scan_2026_1, at_home", "setting": "at_home"}) == {
        "section": "scan_2026_1, at_home",
        "setting": "at home",
    }
    assert terms.spell({"what": "pain"}) == {"what": "pain"}, "it is no level of consciousness"
    assert terms.spell({"response": "none", "duration": None}) == {"response": "none", "duration": None}
    assert terms.say("scan_2026_1") == "scan_2026_1"
    assert terms.say(UUID(int=1)) == str(UUID(int=1))
    assert terms.say("X12") == "Recent suicidal intent or attempt, or C-SSRS high (X12)"


def test_names_of_staff_stand_before_their_ids_where_ids_are_shown() -> None:
    named = NO_TERMS._replace(called=lambda one: {"demo-clinician": "Clio"}.get(one, one))
    assert named.say("demo-clinician") == "Clio"
    assert named._replace(with_ids=True).say("demo-clinician") == "Clio (demo-clinician)"
    assert named._replace(with_ids=True).say("nobody-known") == "nobody-known"


def test_a_line_about_a_hold_says_which_hold_it_is() -> None:
    play = started("PTSD")
    for _ in range(2):
        play.do(c.PlaceHold(reason="Invented: wait"), Role.PATIENT)
    placed = [event.body for event in play.events if isinstance(event.body, e.HoldPlaced)]
    released = [e.HoldReleased(hold=each.hold, sign_off="request-1") for each in placed]
    for terms in (terms_of(play.events, play.journey.patient.zone), terms_of_journey(play.journey)):
        assert [describe_event(each, terms).split(",")[0] for each in placed] == ["hold 1", "hold 2"]
        assert [describe_event(each, terms) for each in released] == [
            "hold 1: Invented: wait",
            "hold 2: Invented: wait",
        ]
    assert describe_event(released[1], NO_TERMS) == "hold 2", "where the beginning cannot be read"


def test_where_a_pathway_started_is_said_by_the_name_of_the_clinic() -> None:
    begun = started("PTSD").events[0].body
    named = NO_TERMS._replace(called=lambda one: {"demo-clinic": "Riverside"}.get(one, one))
    assert describe_event(begun, named).startswith("PTSD at Riverside, protocol ")


def test_every_rule_of_the_core_has_words() -> None:
    rules = {rule_name(rule) for found in REACTIONS.values() for rule in found} | {*map(rule_name, ADVANCES)}
    beside = {"what was asked for", "obligations.reconcile", "pathway.advance", "screening.reopen"}
    assert {*RULES} == rules | beside
    assert not [said for said in RULES.values() if not PLAIN.fullmatch(said) or "_" in said]


def test_a_sentence_says_its_codes_and_leaves_what_is_to_be_typed() -> None:
    said = say_within("a on_call_clinician lacks X35_fasted; name it in `check_in`, see a_b/c_d.json, scan_2026_1")
    assert said == "a on-call clinician lacks fasted (X35); name it in `check_in`, see a_b/c_d.json, scan_2026_1"
    assert say_all(["check_in", "at_home"]) == "check-in, at home"
    assert say_path("plan.sections.0") == "plan: sections: no. 1"
    assert (with_code("at_home"), with_code("go")) == ("at home (at_home)", "go")


def test_the_first_sentence() -> None:
    assert first_sentence("Take it.  Then\ngo on.\n\nMore.") == "Take it."
    assert first_sentence("One without an end") == "One without an end."


def test_a_level_of_risk_says_of_what() -> None:
    scores = [each.score for each in course("PTSD").journey.measurements if each.score.level is not None]
    assert {describe_score(score) for score in scores} == {"risk: none"}
