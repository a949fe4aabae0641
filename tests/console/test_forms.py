"""Every command can be sent from a browser: its form offers all it needs, and what comes back is what was meant."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application import input as forms
from application.command_catalog import BY_MODEL, KINDS, RENEWALS, CommandKind, forms_for, names_asked_for
from application.command_catalog import FORMS as FORMS_OF_OBLIGATIONS
from application.errors import FieldProblem, InvalidInput
from console.forms import Field, answers_of, as_said, fields_of, read_back
from console.known_names import KNOWN, offer
from console.titles import TITLES
from console.views.commands import BY_NAME
from tests.cli.valid import FORMS
from tests.journey.play import PROTOCOLS, course, started
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.base import canonical
from workflows.journey.instruments import Instrument, definition_of
from workflows.journey.obligation_types import OBLIGATION_TYPES, RENEWAL
from workflows.journey.protocol import Pathway

ZONE = "America/Los_Angeles"
AS_JSON = {"instrument.record", "pathway.amend"}
"""The forms that hold a control for JSON: its fields depend on what is chosen first."""
OF_THEIR_OWN_ACCORD = {"pathway.propose-discharge"}
"""What somebody does in a course that nothing awaits."""


def sent_for(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield what a browser sends for a content, control by control."""
    match content:
        case dict():
            for name, inner in content.items():
                yield from sent_for(inner, (*path, name))
        case [dict(), *_]:
            for row, inner in enumerate(content):
                yield from sent_for(inner, (*path, str(row)))
        case bool():
            yield "/".join(path), "yes" if content else "no"
        case None:
            pass
        case _:
            yield "/".join(path), str(content)


def spelled(fields: tuple[Field, ...], content: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what a browser sends for a form filled in with a content."""
    controls = {field.name: field.control for field in fields}
    found: dict[str, list[str]] = {}
    for name, value in content.items():
        if controls.get(name) == "json":
            found[name] = [canonical(value).decode()]
        elif controls.get(name) == "codes":
            found[name] = list(value)
        elif controls.get(name) == "lines":
            found[name] = ["\r\n".join(map(str, value))]
        elif f"{name}/0" in controls:
            found |= {f"{name}/{place}": [str(each)] for place, each in enumerate(value)}
        else:
            for control, text in sent_for(value, (name,)):
                if controls[control] == "lines":
                    text = "\r\n".join(_at(content, control))
                found[control] = _at(content, control) if controls[control] == "codes" else [text]
    return found


def _at(content: Mapping[str, Any], control: str) -> list[str]:
    found: Any = content
    for part in control.split("/"):
        found = found[part]
    return list(map(str, found))


@cache
def journey() -> Journey:
    """A journey that waits for what names a form needs: among its medicines, one whose class nobody has said."""
    play = started()
    play.do(c.AddMedicine(what="Invented: another medicine", dosage="Invented: daily"))
    return play.journey


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_form_that_is_filled_in_comes_back_as_it_was_meant(kind: CommandKind) -> None:
    names = names_asked_for(kind, journey())
    fields, content = fields_of(kind.model, names), FORMS[kind.name]
    back = read_back(fields, spelled(fields, content), ZONE)
    given_kind = {"kind": kind.name}
    assert forms.check(kind.model, back, given_kind) == forms.check(kind.model, content, given_kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_nobody_writes_json_where_a_field_can_be_offered(kind: CommandKind) -> None:
    fields = fields_of(kind.model, names_asked_for(kind, journey()))
    as_json = [field.name for field in fields if field.control == "json"]
    assert not as_json or kind.name in AS_JSON


@pytest.mark.parametrize("pathway", PROTOCOLS)
def test_all_that_is_done_in_a_course_is_led_to_and_can_be_said(pathway: Pathway) -> None:
    for before, command, _ in course(pathway).moves:
        kind = BY_MODEL.get(type(command.body))
        if kind is None:
            continue  # a signature, or the clock
        content = command.body.model_dump(mode="json", exclude={"kind"}, exclude_none=True)
        fields = offer(fields_of(kind.model, names_asked_for(kind, before)), kind.model, before)
        if isinstance(command.body, c.RecordInstrument):
            others = tuple(field for field in fields if field.name != "answers")
            fields = (*others, *answers_of(command.body.instrument))
        given = {name: value for name, value in content.items() if value not in ({}, [])}
        assert not [field.name for field in fields if field.control == "json"], kind.name
        for field in fields:
            assert not field.labels or content[field.name] in field.choices, (kind.name, field.name)
        back = forms.check(kind.model, read_back(fields, spelled(fields, given), ZONE), {"kind": kind.name})
        assert back == command.body, kind.name

        led = [each for waiting in before.waiting.values() for each in forms_for(waiting, before)]
        filled = [given for found, given in led if found == kind]
        assert kind.name in OF_THEIR_OWN_ACCORD or any(
            all(str(content[name]) == value for name, value in given.items()) for given in filled
        ), (kind.name, filled)


def test_a_plan_says_which_therapy_goes_with_it() -> None:
    for pathway in PROTOCOLS:
        play = started(pathway)
        asked = names_asked_for(BY_MODEL[c.RecordPlan], play.journey)["plan.components"]
        assert play.journey.protocol.care_plan.therapy in asked


def test_every_kind_of_obligation_leads_to_a_form() -> None:
    assert set(OBLIGATION_TYPES.values()) - {RENEWAL} == set(FORMS_OF_OBLIGATIONS)


def test_what_a_command_may_be_about_is_chosen_by_what_it_is() -> None:
    for kind in KINDS:
        name, names = KNOWN.get(kind.model, ("", lambda _: {}))
        fields = {field.name: field for field in offer(fields_of(kind.model), kind.model, journey())}
        assert not name or name in fields
        assert not names(journey()) or fields[name].labels == names(journey())
    [stopped] = [field for field in offer(fields_of(c.StopMedicine), c.StopMedicine, journey()) if field.labels]
    assert stopped.labels == {"medicine-1": "Invented: another medicine, Invented: daily"}


@pytest.mark.parametrize("subject", ["evaluation", "plan", "weight", "education", "consents", "baseline-PCL-5"])
def test_a_renewal_leads_to_what_is_renewed(subject: str) -> None:
    waiting = next(iter(journey().waiting.values())).model_copy(update={"kind": RENEWAL.kind, "subject": subject})
    [(kind, given)] = forms_for(waiting, journey())
    assert kind.model == RENEWALS.get(subject, c.RecordInstrument)
    assert given == ({} if subject in RENEWALS else {"instrument": "PCL-5"})


def test_every_form_has_a_title_of_its_own_in_plain_words() -> None:
    assert {*TITLES} == {kind.name for kind in KINDS}
    assert len({*TITLES.values()}) == len(TITLES)
    for name, title in TITLES.items():
        assert re.fullmatch(r"[A-Z][a-z]+( [a-z]+(-[a-z]+)?,?)+", title), name
    first = [name for name in TITLES if BY_NAME[name].model.by_anybody]
    assert first == [*TITLES][: len(first)], "what anybody may say stands first"


@pytest.mark.parametrize("instrument", Instrument)
def test_an_answer_that_is_missing_is_missing_and_the_others_keep_their_places(instrument: Instrument) -> None:
    fields, definition = answers_of(instrument), definition_of(instrument)
    first, *others = fields
    assert len(fields) == definition.items + len(definition.questions)
    sent = {field.name: ["yes" if field.control == "yes_no" else "1"] for field in others}
    answers = read_back(fields, sent, ZONE)["answers"]
    if definition.items:
        assert answers == [None, *[1] * (definition.items - 1)]
    else:
        assert answers == {question.key: True for question in definition.questions[1:]}
    assert first.name not in sent


@pytest.mark.parametrize(
    ("control", "sent", "said"),
    [
        ("time", "2026-03-08T02:30", "skips"),
        ("time", "2026-11-01T01:30", "comes twice"),
        ("time", "tomorrow", "is not a time"),
        ("time", "20261125", ""),
        ("time", "9999-12-31T23:59", "is not a time"),
        ("time", "0001-01-01T00:00+12:00", "is not a time"),
        ("number", "five", "is not a number"),
        ("number", "true", "is not a number"),
        ("number", "1 2", "is not a number"),
        ("number", "NaN", "is not a number"),
        ("number", "-1e999", "is not a number"),
        ("number", "[" * 5000, "is not a number"),
        ("number", "9" * 5000, "is not a number"),
        ("yes_no", "maybe", "neither yes nor no"),
        ("json", "{", "not JSON"),
        ("json", '{"a": 1, "a": 2}', "a field stands twice"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_field(control: Any, sent: str, said: str) -> None:
    field = Field(("plan", "weighed_at"), control, required=True)
    if not said:
        assert read_back((field,), {field.name: [sent]}, ZONE) == {"plan": {"weighed_at": "2026-11-25T00:00:00-08:00"}}
        return
    with pytest.raises(InvalidInput) as refused:
        read_back((field,), {field.name: [sent]}, ZONE)
    [problem] = refused.value.fields
    assert problem.field == "plan.weighed_at"
    assert said in problem.problem


def test_times_are_on_the_clock_of_the_patient_unless_they_say_their_offset() -> None:
    field = Field(("at",), "time", required=True)
    for sent, meant in (
        ("2026-03-02T17:00", "2026-03-02T17:00:00-08:00"),
        ("2026-07-02T17:00", "2026-07-02T17:00:00-07:00"),
        ("2026-11-01T01:30-07:00", "2026-11-01T01:30:00-07:00"),
        ("2026-03-02T17:00+01:00", "2026-03-02T17:00:00+01:00"),
    ):
        assert read_back((field,), {"at": [sent]}, ZONE) == {"at": meant}


@given(st.dictionaries(st.sampled_from([field.name for field in fields_of(KINDS[0].model)]), st.lists(st.text())))
def test_whatever_a_browser_sends_is_read_or_refused(sent: dict[str, list[str]]) -> None:
    fields = fields_of(KINDS[0].model)
    told: tuple[FieldProblem, ...] = ()
    content: dict[str, Any] = {}
    try:
        content = read_back(fields, sent, ZONE)
    except InvalidInput as refused:
        told = refused.fields
    filled = any(value.strip() for values in sent.values() for value in values)
    assert bool(told or content) == filled
    assert {*content} <= {field.path[0] for field in fields}


HOSTILE = ("NaN", "-Infinity", "1e999", "9" * 5000, "[" * 5000, '{"\u00b2": 1}', "\u00b2", "\x00", "9999-12-31T23:59",
           "0001-01-01T00:00", "9999-12-31T23:59-12:00")  # fmt: skip
"""What JSON, numbers and times cannot be."""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_whatever_is_in_a_control_can_be_kept_as_it_was_said(kind: CommandKind) -> None:
    fields = fields_of(kind.model, names_asked_for(kind, journey()))
    for zone in (ZONE, "Pacific/Auckland"):
        for text in HOSTILE:
            for field in fields:
                sent = {field.name: [text]}
                assert as_said(fields, sent, zone)
                with contextlib.suppress(InvalidInput):
                    forms.check(kind.model, read_back(fields, sent, zone), {"kind": kind.name}, templated=False)


def test_what_is_awaited_leads_to_a_form_that_there_is() -> None:
    models = {kind.model for kind in KINDS}
    for kind, (model, field) in FORMS_OF_OBLIGATIONS.items():
        assert OBLIGATION_TYPES[kind.kind] is kind
        assert model in models
        assert field is None or field in model.model_fields
