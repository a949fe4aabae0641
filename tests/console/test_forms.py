"""Every command can be sent from a browser: its form offers all it needs, and what comes back is what was meant."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.errors import FieldProblem, InvalidInput
from application.identity.staff import Colleague
from application.input import forms
from application.pathway.command_catalog import BY_MODEL, KINDS, RENEWALS, CommandKind, forms_for, names_asked_for
from application.pathway.command_catalog import FORMS as FORMS_OF_OBLIGATIONS
from application.words.codes import say
from application.words.titles import CALLED, CHOICES, TITLES
from console import names as n
from console.forms import OBSERVED, Field, answers_of, as_said, fields_of, read_back
from console.known_names import ANYWHERE, KNOWN, SUGGESTED, offer
from console.names import FormContext
from console.pages import PAGES
from console.views.commands import BY_NAME, those_asked_of
from simulation.people import PEOPLE, STAFF, member_of
from tests.cli.valid import FORMS
from tests.journey.play import PROTOCOLS, after, course, started
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.decide import decide
from workflows.journey.instruments import Instrument, definition_of
from workflows.journey.obligation_types import IDENTITY_ELSEWHERE, OBLIGATION_TYPES, RENEWAL
from workflows.journey.protocol import Pathway
from workflows.journey.protocol.care_plan import DoseLimit
from workflows.journey.stages.evaluation.model import scheduled_instruments
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import canonical
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

ZONE = "America/Los_Angeles"
COLLEAGUES = [Colleague(person.id, person.name or "", member_of(person)) for person in STAFF]
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


@pytest.mark.parametrize("kind", [c.RecordEvaluation, c.CompleteCheckIn, c.RecordVisit])
def test_a_symptom_is_rated_on_the_scale_of_the_protocol(kind: type[c.CommandBody]) -> None:
    fields = fields_of(kind, names_asked_for(BY_MODEL[kind], journey()))
    rated = {field.path[1]: field.hint for field in fields if field.path[0] == "symptoms"}
    rules = journey().protocol.symptoms
    assert rated == dict.fromkeys(rules.names, f" from 0 (not at all) to {rules.highest} (worst)")


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
        known = FormContext(before, staff=COLLEAGUES)
        fields = offer(fields_of(kind.model, names_asked_for(kind, before)), kind.model, known)
        if isinstance(command.body, c.RecordInstrument):
            others = tuple(field for field in fields if field.name != "answers")
            fields = (*others, *answers_of(command.body.instrument))
        given = {name: value for name, value in content.items() if value not in ({}, [])}
        assert not [field.name for field in fields if field.control == "json"], kind.name
        for field in fields:
            said = _said(content, field.path) if field.labels else ()
            assert {*map(str, said)} <= {*field.choices}, (kind.name, field.name)
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
    decided_elsewhere = {IDENTITY_ELSEWHERE}
    assert set(OBLIGATION_TYPES.values()) - {RENEWAL} - decided_elsewhere == set(FORMS_OF_OBLIGATIONS)


def _said(content: Any, path: tuple[str, ...]) -> Sequence[Any]:
    """All that a content says at the path of a control."""
    for part in path:
        if isinstance(content, list):
            content = content[int(part)] if int(part) < len(content) else None
        else:
            content = content.get(part) if isinstance(content, dict) else None
    return content if isinstance(content, list) else () if content is None else (content,)


def named(field: Field) -> str:
    """The name of a control; in a list of objects, without the number of the row."""
    return "/".join(part for part in field.path if not part.isdigit())


TYPED = {
    "education.explain/content_version": "it stands on the material of the clinic that was used",
    "education.send/content_version": "it stands on the material of the clinic that is sent",
    "session.instruct/content_version": "it stands on the instructions of the clinic",
    "consent.enter-paper/document_ref": "the archive of the clinic gives it to the paper",
    "consent.propose-version/version": "it stands on the new document, which nobody here has yet",
    "session.schedule/interpreter": "interpreters are in no register",
    "education.confirm/interpreter": "interpreters are in no register",
    "instrument.record/interpreter": "interpreters are in no register",
    "session.check/observer/ref": "this form is where an observer becomes known; those named before are suggested",
    "patient.update/emergency_contact_ref": "the clinic keeps contacts elsewhere, under references of its own",
    "patient.update/dispatch_address_ref": "the clinic keeps addresses elsewhere, under references of its own",
    "patient.update/language": "any language of the world may be meant",
    "patient.merge/other": "to offer it would list other patients",
    "therapy.record/approach": "a therapist's own word; what was said before is suggested",
    "supply.move/lot": "it stands on the package; those known are suggested",
    "supply.move/document_ref": "it stands on the prescription or the receipt",
    "instrument.record/answers": "its fields come once the questionnaire is chosen",
    "pathway.amend/version": "it is chosen in words, and its fields come then",
    "pathway.amend/correction": "its fields come once the fact is chosen",
}
"""The ids, codes and versions that are typed all the same, each with the reason."""
AMOUNTS = {
    "plan/dose_mg", "plan/weight", "plan/planned_sessions", "plan/spacing_hours", "plan/doses_dispensed", "dose_mg",
    "doses_left", "doses", "grade", "minute", "reachable_within_minutes", "vitals/systolic", "vitals/diastolic",
    "vitals/heart_rate", "vitals/oxygen", *(f"limits/{limit.value}" for limit in DoseLimit),
}  # fmt: skip
"""The numbers that somebody counts, measures or judges, beside ratings; any other would be the name of something."""


def test_nobody_types_an_id_that_is_known_here() -> None:
    """A command that is new brings no id, code, version or number of something back that somebody would have to know
    by heart: it is offered, or stands above with its reason."""
    asked = journey()
    amounts = AMOUNTS | {f"symptoms/{name}" for name in asked.protocol.symptoms.names}
    typed = set()
    for kind in KINDS:
        fields = fields_of(kind.model, names_asked_for(kind, asked))
        for field in offer(fields, kind.model, FormContext(asked, staff=COLLEAGUES)):
            by_name = field.coded and field.control in ("line", "lines")
            counted = field.control == "number" and named(field) in amounts
            if by_name or field.control == "json" or (field.control == "number" and not counted):
                typed.add(f"{kind.name}/{named(field)}")
    assert typed == {*TYPED}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_template_with_the_words_of_a_journey_says_nothing_that_need_not_be_said(kind: CommandKind) -> None:
    needed = forms.schema(kind.model).get("required", ())
    written = forms.template(kind.model, names_asked_for(kind, journey()))
    for name, value in written.items():
        assert name in needed or not isinstance(value, list) or "<" in str(value), (kind.name, name, value)


def test_what_is_offered_is_a_control_of_its_form() -> None:
    models = {kind.model for kind in KINDS}
    for table in (KNOWN, SUGGESTED):
        for model, offers in table.items():
            assert model in models
            assert {*offers} <= {named(field) for field in fields_of(model)}, model


def test_what_a_command_may_be_about_is_chosen_by_what_it_is() -> None:
    for kind in KINDS:
        for field in offer(fields_of(kind.model), kind.model, FormContext(journey(), staff=COLLEAGUES)):
            if named(field) in KNOWN.get(kind.model, {}):
                assert field.control in ("choice", "codes")
                assert all(words.strip() for words in field.labels.values())
    [stopped] = [
        each for each in offer(fields_of(c.StopMedicine), c.StopMedicine, FormContext(journey())) if each.labels
    ]
    assert stopped.labels == {"medicine-1": "Invented: another medicine, Invented: daily"}
    assert stopped.default == "medicine-1", "there is one alone"


@pytest.mark.parametrize("model", [c.CompleteCheckIn, c.MoveVisit, c.RecordNoShow, c.SettleContact])
def test_what_is_owed_to_a_patient_is_offered_as_it_falls_due(model: type[c.CommandBody]) -> None:
    known = after("session.dose").journey
    [field] = [
        each
        for each in offer(fields_of(model), model, FormContext(known))
        if each.choices and {*each.choices} <= {*known.contacts}
    ]
    due = [known.contacts[each].due for each in field.choices]
    assert len(due) > 1
    assert due == sorted(due)


@pytest.mark.parametrize(
    ("model", "field", "role"),
    [(c.RecordNoShow, "visit", Role.COORDINATOR), (c.SettleContact, "contact", Role.CLINICIAN)],
)
def test_of_what_is_owed_only_what_it_may_be_about_now_is_offered(
    model: type[c.CommandBody], field: str, role: Role
) -> None:
    play = after("session.dose")
    rest = {"tried": "Invented."} if model is c.RecordNoShow else {"reason": "Invented."}
    found = set()
    for days in (0, 1, 3, 10, 40):
        at = play.at + timedelta(days=days)
        known = FormContext(play.journey, now=at)
        [offered] = [set(each.choices) for each in offer(fields_of(model), model, known) if each.name == field]
        for contact in play.journey.contacts:
            command = play.command(cast("c.AnyBody", model(**{field: contact}, **rest)), role)
            decided = decide(play.journey, command, at)
            untimely = isinstance(decided, Refusal) and decided.code == RefusalCode.WRONG_TIME
            assert not (untimely and contact in offered), (days, contact)
            assert isinstance(decided, Refusal) or contact in offered, (days, contact)
            found.add(contact in offered)
    assert found == {True, False}


def test_what_is_asked_for_says_what_it_means() -> None:
    known = FormContext(journey())
    for instrument in scheduled_instruments(known.journey):
        own, others = n.occasions(known._replace(instrument=instrument)), n.occasions(known)
        planned = {name for name, said in others.items() if said.endswith(f", {say(instrument)}")}
        assert set() < planned < {*own} < {*others}
    rated = fields_of(c.CompleteCheckIn, names_asked_for(BY_MODEL[c.CompleteCheckIn], known.journey))
    asked = ("symptoms", "told_by", "told_over")
    unless = [each for each in offer(rated, c.CompleteCheckIn, known) if each.path[0] in asked]
    assert {each.path[0] for each in unless} == {*asked}
    assert {each.optional for each in unless} == {"optional only for whoever feels unwell"}
    for model, begins in ((c.GiveConsent, "I agree"), (c.EnterPaperConsent, "signed")):
        fields = fields_of(model, names_asked_for(BY_MODEL[model], known.journey))
        versions = [field for field in offer(fields, model, known) if field.path[0] == "consents"]
        assert versions
        for field in versions:
            assert [*field.labels] == [*field.choices]
            assert all(words.startswith(begins) for words in field.labels.values())


def test_every_statement_of_the_shipped_protocols_is_a_sentence() -> None:
    for protocol in PROTOCOLS.values():
        assert {*protocol.acknowledgements} <= {*CHOICES["statements"]}


def test_what_is_about_nothing_is_not_filled_in() -> None:
    nothing_about, known = PAGES.filters["about_nothing"], FormContext(journey())
    witnessed = offer(fields_of(c.WitnessConsent), c.WitnessConsent, known)
    assert nothing_about(witnessed, {}).name == "paper"
    assert nothing_about(witnessed, {"paper": ["paper-1"]}) is None, "it was there when it was chosen"
    assert nothing_about(offer(fields_of(c.StopMedicine), c.StopMedicine, known), {"medicine": [""]}) is None


def test_who_does_something_stands_there_for_nobody() -> None:
    alone = FormContext(journey(), staff=[each for each in COLLEAGUES if each.id == PEOPLE[Role.CLINICIAN].id])
    fields = {field.name: field for field in offer(fields_of(c.CheckSession), c.CheckSession, alone)}
    reachable = fields["reachable_clinician"]
    assert (reachable.choices, reachable.default) == ((PEOPLE[Role.CLINICIAN].id,), "")
    without = {field.name: field for field in offer(fields_of(c.CheckSession), c.CheckSession, FormContext(journey()))}
    assert without["reachable_clinician"].control == "line", "where no register says who works there"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.model.by_anybody], ids=lambda kind: kind.name)
def test_who_may_not_look_is_offered_nothing_of_the_journey(kind: CommandKind) -> None:
    play = course(next(iter(PROTOCOLS)))
    whole = FormContext(play.journey, play.events, COLLEAGUES)
    anywhere = {name for offers in (*(offers(None) for offers in ANYWHERE), *CHOICES.values()) for name in offers}
    sessions = {*n.ANY_SESSION(whole)}  # type: ignore[misc]
    for known, of_journey in ((None, set()), (whole._replace(whole=False), sessions)):
        for field in offer(fields_of(kind.model), kind.model, known):
            assert {*field.labels} <= anywhere | of_journey, (kind.name, field.name)


def test_the_adult_who_stays_rates_no_scale_and_chooses_between_words() -> None:
    observed = fields_of(c.Observe)
    asked = those_asked_of(Role.OBSERVER, observed)
    assert {field.path[0] for field in observed if field not in asked} == {OBSERVED}
    assert those_asked_of(Role.CLINICIAN, observed) == observed
    [urgency] = [field for field in fields_of(c.RequestSupport) if field.name == "urgency"]
    assert urgency.labels.keys() == {*urgency.choices}


def test_a_patient_is_not_asked_who_told_them() -> None:
    fields = fields_of(c.CompleteCheckIn)
    asked = those_asked_of(Role.PATIENT, fields)
    assert {field.name for field in fields if field not in asked} == {"told_by", "told_over"}
    assert those_asked_of(Role.COORDINATOR, fields) == fields


@pytest.mark.parametrize("given", [["1", "2"], ["7"], ["07"], ["x"], ["1", "9" * 5000], ["\u00b2"]])
def test_numbers_that_are_chosen_are_numbers(given: list[str]) -> None:
    field = Field(("scores",), "codes", required=False, choices=("1", "2"), whole=True)
    back = read_back((field,), {"scores": given}, ZONE)["scores"]
    assert back == [int(each) if each in ("1", "2", "7") else each for each in given]
    one = field._replace(control="choice")
    assert read_back((one,), {"scores": given[:1]}, ZONE)["scores"] == back[0], "also where it is offered no more"


@pytest.mark.parametrize("control", ["choice", "codes"])
def test_what_was_chosen_and_is_offered_no_more_stays_on_the_page(control: Any) -> None:
    field = Field(("scores",), control, required=False, choices=("1", "2"))
    shown = str(PAGES.get_template("fields.html").module.__dict__["control"](field, ["7"]))
    assert re.findall(r'value="([0-9])" checked', shown) == ["7"]


@pytest.mark.parametrize("control", ["yes_no", "choice", "line", "text", "number", "date", "time"])
@pytest.mark.parametrize("required", [True, False])
def test_a_browser_asks_for_what_may_not_be_left_out_before_it_sends_anything(control: Any, *, required: bool) -> None:
    macros: Any = PAGES.get_template("fields.html").module
    shown = macros.controls((Field(("name",), control, required=required, choices=("one", "two")),), {})
    assert (" required>" in shown) is required


def test_an_id_of_digits_that_is_chosen_is_an_id() -> None:
    numbered = [each._replace(id=str(number)) for number, each in enumerate(COLLEAGUES, 1001)]
    fields = offer(fields_of(c.Reassign), c.Reassign, FormContext(journey(), staff=numbered))
    [to] = [field for field in fields if field.name == "to"]
    assert to.choices
    assert read_back(fields, {"to": [to.choices[0]]}, ZONE)["to"] == to.choices[0]


@pytest.mark.parametrize("subject", ["evaluation", "plan", "weight", "education", "consents", "baseline-PCL-5"])
def test_a_renewal_leads_to_what_is_renewed(subject: str) -> None:
    waiting = next(iter(journey().waiting.values())).model_copy(update={"kind": RENEWAL.kind, "subject": subject})
    [(kind, given)] = forms_for(waiting, journey())
    assert kind.model == RENEWALS.get(subject, c.RecordInstrument)
    assert given == ({} if subject in RENEWALS else {"instrument": "PCL-5"})


def test_fields_are_called_by_what_they_ask_for() -> None:
    for (command, name), words in CALLED.items():
        [kind] = [each for each in KINDS if each.name == command]
        asked = offer(fields_of(kind.model), kind.model, None)
        assert [field.label for field in asked if field.name == name] == [words], (command, name)
    item = Field(("items", "X28_no_alcohol_today"), "yes_no", required=True)
    assert item.label == "no alcohol today (X28)"
    assert PAGES.filters["words"]("X35_fasted, devices_work") == "fasted (X35), devices work"


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
        *(("number", sent, "comma") for sent in ("1,000", "1,5", "0,1", "1.000,5", "1,000.5", ",5")),
        *(
            ("number", sent, "is not a number")
            for sent in ("1e3", "1E-3", "-", "+1", "01", ".5", "5.", "0x1F", "1_000", "٣")
        ),
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


@pytest.mark.parametrize(
    ("sent", "meant"), [("0", 0), ("100", 100), ("1000", 1000), ("0.5", 0.5), ("1.50", 1.5), ("-3", -3), (" 7 ", 7)]
)
def test_an_amount_is_read_as_it_is_written(sent: str, meant: float) -> None:
    field = Field(("plan", "dose_mg"), "number", required=True)
    assert read_back((field,), {field.name: [sent]}, ZONE) == {"plan": {"dose_mg": meant}}


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
