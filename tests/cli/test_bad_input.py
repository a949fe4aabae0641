"""Whatever is wrong with a form ends in exit 2 with the fields by name, before anything is sent."""

import copy
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from activities.record import Record
from activities.record.event_codec import to_new
from activities.record.patients import opening_of
from application.pathway import commands
from application.pathway.as_said import NOT_KEPT
from application.pathway.command_catalog import KINDS, CommandKind
from deploy.local.postgres import Database, Postgres
from tests.cli.conftest import JOURNEY, Profiles, opening
from tests.cli.helpers import Answer, World, call
from tests.cli.valid import FORMS
from tests.record.read_models.courses import renamed
from workflows.journey.aggregate import fold
from workflows.journey.always.pathway.model import PathwayStarted
from workflows.journey.always.reports.rules import HARM
from workflows.journey.vocabulary.actors import ANYONE, Role
from workflows.journey.vocabulary.limits import COMMAND_LIMIT

SECRET = "Robin has nightmares"
"""Stands for what is about a patient. No error may repeat it."""

each_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def begun_once(postgres: Postgres, begun: Database) -> AsyncIterator[Database]:
    """A record of one journey for all kinds of commands."""
    database = await postgres.fresh_database(template=begun)
    yield database
    await postgres.drop_database(database)


@pytest.fixture
def asleep(world: World, begun_once: Database, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A journey that has begun. What it takes is not recorded, so no form meets what another has done."""
    monkeypatch.setattr(commands, "RECORDED_WITHIN", timedelta())
    world.use(begun_once)
    world.asleep = True
    return JOURNEY


@pytest.fixture
def nowhere() -> UUID:
    """A journey of a world without a database: whatever asks for one fails with another exit code."""
    return JOURNEY


@pytest.fixture
def untouched(world: World) -> Iterator[None]:
    yield
    assert world.received == []


def put_other_patient(world: World) -> None:
    """Record a journey of the other patient whom the form of a merge names."""
    other = uuid4()
    opened, *later = renamed(opening(), other)
    assert isinstance(opened.body, PathwayStarted)
    ref = FORMS["patient.merge"]["other"]
    patient = opened.body.patient.model_copy(update={"ref": ref})
    events = [opened.model_copy(update={"body": opened.body.model_copy(update={"patient": patient})}), *later]

    async def put(record: Record) -> None:
        opened = opening_of(record.patients, fold(events))
        await record.append(other, 0, [to_new(event) for event in events], opening=opened)

    world.on_record(put)


def send(world: World, kind: CommandKind, journey: UUID, profiles: Profiles, *more: str, **given: Any) -> Answer:
    words = (kind.noun, kind.verb, str(journey), "--profile", profiles[kind.roles[0]], "--json", *more)
    return call(world, *words, **given)


def test_every_kind_has_a_valid_form() -> None:
    assert sorted(FORMS) == sorted(kind.name for kind in KINDS)


@each_kind
@pytest.mark.usefixtures("keys")
def test_a_valid_form_is_understood(world: World, asleep: UUID, profiles: Profiles, kind: CommandKind) -> None:
    if kind.name == "patient.merge":
        put_other_patient(world)
    answer = send(world, kind, asleep, profiles, given=FORMS[kind.name])
    # Accepted and not recorded is 6. Understood is also what nobody may who has no part in the journey, as an observer
    # before the first session.
    assert answer.code in (4, 5, 6), answer.err
    [command] = world.received
    assert command.body.kind == kind.name
    assert command.actor.role == kind.roles[0]


UNREADABLE = (
    (b'{"a": ', "not JSON"),
    (b"", "is empty"),
    (b"[1, 2]", "not a JSON object"),
    (b'"text"', "not a JSON object"),
    (b"\xff\xfe\x00", "not UTF-8"),
    (b'{"reason": "a", "reason": "b"}', "stands twice"),
    (b'{"reason": NaN}', "not usable"),
    (b'{"reason": ' + b"9" * 5000 + b"}", "not usable"),
    (b'{"reason": "\\ud800"}', "half a character"),
    (b"[" * 30_000, "nested too deep"),
    (b'{"reason": "' + b"x" * COMMAND_LIMIT + b'"}', "64 KiB"),
)


@each_kind
@pytest.mark.usefixtures("untouched")
def test_unreadable_input(world: World, nowhere: UUID, profiles: Profiles, kind: CommandKind) -> None:
    """All of it for each report of harm. The other kinds, which are many, have one thing each, in turn."""
    fitting = [each for each in UNREADABLE if each[0] or kind.needs_content]
    for raw, said in fitting if kind.name in HARM else [fitting[KINDS.index(kind) % len(fitting)]]:
        answer = send(world, kind, nowhere, profiles, raw=raw)
        assert answer.code == 2
        assert answer.out == ""
        assert said in answer.error["reason"]
        # Here is nothing that could keep a report of harm.
        assert answer.error["state"] in ("Nothing was sent or recorded.", NOT_KEPT)
        assert kind.name in HARM or answer.error["state"] != NOT_KEPT


@each_kind
@pytest.mark.usefixtures("untouched")
def test_each_missing_field_is_named(world: World, nowhere: UUID, profiles: Profiles, kind: CommandKind) -> None:
    required = [name for name, field in kind.model.model_fields.items() if field.is_required()]
    for name in required:
        given = {key: value for key, value in FORMS[kind.name].items() if key != name}
        answer = send(world, kind, nowhere, profiles, given=given)
        assert answer.code == 2
        assert answer.fields == {name: "is missing"}


@each_kind
@pytest.mark.usefixtures("untouched")
def test_an_unknown_field_is_named(world: World, nowhere: UUID, profiles: Profiles, kind: CommandKind) -> None:
    answer = send(world, kind, nowhere, profiles, given=FORMS[kind.name] | {"actor": "somebody", SECRET: SECRET})
    assert answer.code == 2
    assert answer.fields == {"actor": "is not a field here", "(a name)": "is not a field here"}
    assert "Robin" not in answer.err


@each_kind
@pytest.mark.usefixtures("untouched")
def test_each_field_of_the_wrong_type_is_named(
    world: World, nowhere: UUID, profiles: Profiles, kind: CommandKind
) -> None:
    for name, value in FORMS[kind.name].items():
        if name == "answers":
            continue
        wrong = 7 if isinstance(value, str | dict | list | None) else SECRET
        answer = send(world, kind, nowhere, profiles, given=FORMS[kind.name] | {name: wrong})
        assert answer.code == 2
        assert all(field.split(".")[0].split("[")[0] == name for field in answer.fields)
        assert answer.fields
        assert "Robin" not in answer.err + answer.out


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("session.dose", "dose_mg", 0),
        ("session.dose", "dose_mg", "100"),
        ("session.dose", "dose_mg", True),
        ("session.dose", "session", 0),
        ("session.dose", "session", 1.5),
        ("session.dose", "doses_left", -1),
        ("session.dose", "taken_at", "2026-03-02T09:00:00"),
        ("session.dose", "taken_at", 1772460000),
        ("session.observe", "cadss", [1, 2, 3]),
        ("session.observe", "cadss", [5, 0, 0, 0, 0, 0]),
        ("session.observe", "breathing_normal", 1),
        ("session.observe", "breathing_normal", "yes"),
        ("session.observe", "consciousness", "asleep"),
        ("session.check", "vitals.systolic", 900),
        ("session.check", "observer.adult", "true"),
        ("adverse-event.report", "grade", 6),
        ("adverse-event.report", "grade", "2"),
        ("pathway.move", "zone", "UTC"),
        ("pathway.move", "zone", "Mars/Olympus"),
        ("pathway.hold", "reason", "   "),
        ("pathway.hold", "reason", "x" * 4001),
        ("plan.record", "plan.weight", 1101),
        ("plan.record", "plan.goals", []),
        ("consent.give", "consents", {}),
        ("pathway.amend", "correction.kind", "pathway.hold"),
        ("pathway.amend", "correction.occasion", "no word"),
    ],
)
def test_what_is_out_of_range_is_named(
    world: World, nowhere: UUID, profiles: Profiles, name: str, field: str, value: Any
) -> None:
    kind = next(kind for kind in KINDS if kind.name == name)
    given = copy.deepcopy(FORMS[name])
    *outer, last = field.split(".")
    inside = given
    for part in outer:
        inside = inside[part]
    inside[last] = value
    answer = send(world, kind, nowhere, profiles, given=given)
    assert answer.code == 2
    named = next(iter(answer.fields))
    assert all(part in named or part == "kind" for part in (*outer, last))


@pytest.mark.usefixtures("untouched")
def test_names_people_typed_are_not_repeated(world: World, nowhere: UUID, profiles: Profiles) -> None:
    kind = next(kind for kind in KINDS if kind.name == "evaluation.record")
    answer = send(world, kind, nowhere, profiles, given={"sections": {SECRET: "text"}})
    assert answer.code == 2
    assert "Robin" not in answer.err
    assert "sections.(a name) (name)" in answer.fields


@pytest.mark.usefixtures("untouched")
def test_an_unknown_tag_is_not_repeated(world: World, nowhere: UUID, profiles: Profiles) -> None:
    kind = next(kind for kind in KINDS if kind.name == "pathway.amend")
    given = FORMS["pathway.amend"] | {"correction": {"kind": SECRET}}
    answer = send(world, kind, nowhere, profiles, given=given)
    assert answer.code == 2
    assert "Robin" not in answer.err
    assert "evaluation.record" in answer.fields["correction"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.roles != ANYONE], ids=lambda kind: kind.name)
@pytest.mark.usefixtures("untouched")
def test_the_wrong_role_is_told_the_right_ones(
    world: World, nowhere: UUID, profiles: Profiles, kind: CommandKind
) -> None:
    wrong = next(role for role in profiles if role not in kind.roles)
    words = (kind.noun, kind.verb, str(nowhere), "--profile", profiles[wrong], "--json")
    answer = call(world, *words, given=FORMS[kind.name])
    assert answer.code == 4
    assert all(role.value in answer.error["remedy"] for role in kind.roles)


@each_kind
@pytest.mark.usefixtures("untouched")
def test_the_template_has_the_fields_of_the_form_and_is_never_valid(
    world: World, nowhere: UUID, profiles: Profiles, kind: CommandKind
) -> None:
    printed = call(world, kind.noun, kind.verb, "--template").json
    schema = call(world, kind.noun, kind.verb, "--schema").json
    assert list(printed) == list(schema["properties"])
    assert set(schema.get("required", [])) <= set(printed)
    if kind.name == "pathway.withdraw":
        assert printed == {"reason": None}
        return
    answer = send(world, kind, nowhere, profiles, given=printed)
    assert answer.code == 2
    assert set(answer.fields.values()) == {"still holds the template's placeholder"}


@pytest.mark.usefixtures("untouched")
def test_the_template_of_a_journey_has_the_words_of_its_protocol(world: World, journey: UUID) -> None:
    protocol = world.state(journey).protocol
    plan = call(world, "plan", "record", str(journey), "--template").json["plan"]
    assert tuple(plan["components"]) == protocol.care_plan.require_components
    screening = call(world, "screening", "record", str(journey), "--template").json
    assert list(screening["exclusions"]) == [exclusion.code for exclusion in protocol.exclusions]
    topics = call(world, "education", "explain", str(journey), "--template").json["topics"]
    assert tuple(topics) == protocol.education_topics
    for noun, verb in (("evaluation", "record"), ("check-in", "complete"), ("visit", "record")):
        rated = call(world, noun, verb, str(journey), "--template").json["symptoms"]
        assert tuple(rated) == protocol.symptoms.names
        assert {each.strip("<>").split(" | ")[-1] for each in rated.values()} == {str(protocol.symptoms.highest)}


@pytest.mark.usefixtures("untouched")
def test_the_kind_is_given_by_the_command(world: World, nowhere: UUID, profiles: Profiles) -> None:
    kind = next(kind for kind in KINDS if kind.name == "pathway.hold")
    answer = send(world, kind, nowhere, profiles, given={"reason": "Invented", "kind": "pathway.withdraw"})
    assert answer.code == 2
    assert "kind" in answer.fields


def test_a_form_from_a_file(world: World, journey: UUID, profiles: Profiles, tmp_path: Any) -> None:
    file = tmp_path / "hold.json"
    words = ("pathway", "hold", str(journey), "--profile", profiles[Role.COORDINATOR], "--json", "--file", str(file))
    assert call(world, *words).code == 2
    file.write_text(json.dumps({"reason": "Invented"}))
    assert call(world, *words).code == 0
    assert world.state(journey).held


@pytest.mark.parametrize(("words", "named"), [(("message", "handle"), "MESSAGE"), (("access", "show"), "READING")])
def test_what_is_no_id_is_told_by_the_name_of_its_argument(world: World, words: tuple[str, ...], named: str) -> None:
    answer = call(world, *words, "xyz")
    assert (answer.code, f"'{named}'" in answer.err, "JOURNEY" in answer.err) == (2, True, False), answer.err
