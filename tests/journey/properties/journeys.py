"""Random journeys: any moment of a course, then any commands by anybody, sensible or not, at any pace."""

from datetime import datetime, timedelta
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from annotated_types import Ge, Gt, Le, Lt
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from simulation.moves.next_move import next_move
from simulation.people import PEOPLE, person_of
from tests.journey.play import course, sealed
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.obligations import obligations
from workflows.journey.protocol import Pathway, Protocol
from workflows.journey.vocabulary.actors import CLINICAL, CLOCK
from workflows.journey.vocabulary.command_ids import own_id
from workflows.journey.vocabulary.stage import Stage
from workflows.protocols import list_pathways

BODIES = [kind for kind in get_args(get_args(c.AnyBody)[0]) if kind is not c.StartPathway]

ZONES = ("America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe")


def words(journey: Journey) -> list[str]:
    """Codes that mean something to this journey, so that commands now and then make sense."""
    protocol = journey.protocol
    return [
        *journey.waiting,
        *(w.subject for w in obligations(journey) if w.subject),
        *journey.contacts,
        *journey.holds,
        *journey.medicines,
        *journey.unreviewed_medicine_changes,
        *protocol.medicines.classes[::4],
        *journey.questions,
        *journey.support,
        *journey.crises,
        *journey.messages,
        *journey.accesses,
        *(signed.request for signed in journey.sign_offs),
        *(exclusion.code for exclusion in protocol.exclusions[:3]),
        *protocol.consents,
        *protocol.consents.values(),
        *journey.papers,
        *journey.disposals,
        *protocol.background_reading,
        *protocol.education_topics[:2],
        *protocol.acknowledgements[:2],
        *protocol.follow_up.outcomes,
        *protocol.sessions.red_flags[:1],
        *protocol.sessions.route_allowed,
        *[choice for rule in protocol.sign_offs.values() for choice in rule.choices],
        *[rule.meaning for rule in protocol.sign_offs.values()],
        *journey.delegations,
        *(person.id for person in PEOPLE.values() if person.role in CLINICAL),
        "baseline",
        "nonsense",
    ]


def of_type(hint: Any, journey: Journey, at: datetime, limits: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """Values for one annotation of a command model."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        if "pattern='^[0-9a-f]{64}$'" in repr(arguments):
            known = [w.evidence for w in obligations(journey) if w.evidence]
            return st.sampled_from([*known, "0" * 64])
        return of_type(arguments[0], journey, at, arguments[1:])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, UnionType):
        return st.one_of([of_type(each, journey, at, limits) for each in arguments])
    if origin is tuple:
        least = next((n for meta in limits if (n := getattr(meta, "min_length", None)) is not None), 0)
        most = next((n for meta in limits if (n := getattr(meta, "max_length", None)) is not None), 3)
        inner = of_type(arguments[0], journey, at)
        return st.lists(inner, min_size=least, max_size=max(least, most)).map(tuple)
    if origin is dict:
        keys, values = (of_type(each, journey, at) for each in arguments)
        return st.dictionaries(keys, values, min_size=1, max_size=4)
    if hint is None or hint is type(None):
        return st.none()
    if hint is Any:
        return st.one_of(
            st.lists(st.integers(0, 3), min_size=7, max_size=20),
            st.lists(st.none() | st.integers(-1, 5), max_size=20),
            st.dictionaries(st.sampled_from(["q1", "q2", "q3", "q4", "q5", "q6", "q6_recent"]), st.booleans()),
        )
    if hint is str:
        constraints = repr(limits)
        if "A-Za-z0-9" in constraints:
            return st.sampled_from(words(journey))
        return st.sampled_from([*ZONES, "some words"]) if "known_zone" in constraints else st.just("some words")
    if hint is bool:
        return st.booleans()
    if hint is datetime:
        minutes = st.integers(-60 * 24 * 40, 60 * 24 * 40) | st.sampled_from([-10, -1, 0, 0, 0, 60 * 24 * 7])
        return minutes.map(lambda n: at + timedelta(minutes=n))
    if hint is UUID:
        return st.just(journey.id)
    if hint is int:
        least, most = _bounds(limits)
        return st.sampled_from([n for n in (1, 2, 15, 40, 90, 120, 300, int(least), int(most)) if least <= n <= most])
    if hint is float:
        return st.sampled_from([70.0, 100.0, 100.0, 150.0, 0.5, 400.0])
    if isinstance(hint, type) and issubclass(hint, Protocol):
        return st.just(journey.protocol)
    if isinstance(hint, type) and hasattr(hint, "model_fields"):
        return of_model(hint, journey, at)
    return st.from_type(hint)


def _bounds(limits: tuple[Any, ...]) -> tuple[float, float]:
    found = [part for meta in limits for part in (meta.metadata if isinstance(meta, FieldInfo) else [meta])]
    least = next((m.ge if isinstance(m, Ge) else m.gt for m in found if isinstance(m, Ge | Gt)), 0)
    most = next((m.le if isinstance(m, Le) else m.lt for m in found if isinstance(m, Le | Lt)), 10_000)
    return float(least), float(most)  # type: ignore[arg-type]


def of_model(model: Any, journey: Journey, at: datetime) -> st.SearchStrategy[Any]:
    """Instances of a command model, valid by its own rules and otherwise as they come."""
    required: dict[Any, st.SearchStrategy[Any]] = {}
    optional: dict[Any, st.SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        if name == "kind":
            continue
        hint = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        (required if field.is_required() else optional)[name] = of_type(hint, journey, at)
    filled = st.fixed_dictionaries(required, optional=optional)
    return filled.map(lambda values: _valid(model, values)).filter(lambda made: made is not None)


def _valid(model: Any, values: dict[str, Any]) -> Any:
    try:
        return model.model_validate(values)
    except ValueError:
        return None


def draw_command(data: st.DataObject, journey: Journey, at: datetime) -> c.Command:
    """A command: often what somebody would sensibly do now, often anything by somebody who may, sometimes by anybody.

    Drawn, not a strategy of its own: a strategy would carry the whole journey in its name.
    """
    kind = data.draw(st.sampled_from(["sensible", "sensible", "allowed", "allowed", "allowed", "anything", "clock"]))
    command_id = data.draw(st.uuids(version=4))
    if kind == "sensible":
        move = next_move(journey, at)
        if isinstance(move, c.Command):
            return sealed(move.model_copy(update={"command_id": command_id}), at)
    if kind == "clock":
        return c.Command(command_id=own_id(command_id, "drawn"), actor=CLOCK, body=c.PassDeadline())
    here = [each for each in BODIES if journey.stage in each.stages or journey.stage == Stage.CLOSED]
    what = data.draw(of_model(data.draw(st.sampled_from(here)), journey, at))
    people = {role: person_of(journey.id, role) for role in PEOPLE}
    may = [people.get(role, CLOCK) for role in what.roles]
    anybody = [*people.values(), CLOCK]
    actor = data.draw(st.sampled_from(may if kind == "allowed" else anybody))
    command_id = own_id(command_id, "drawn") if actor == CLOCK else command_id
    return sealed(c.Command(command_id=command_id, actor=actor, body=what), at)


MOMENTS = [(pathway, n) for pathway in list_pathways() for n in range(len(course(pathway).moves))]


def moments() -> st.SearchStrategy[tuple[Pathway, int]]:
    """A moment of an undisturbed course, by its number."""
    return st.sampled_from(MOMENTS)


def pauses() -> st.SearchStrategy[timedelta]:
    minutes = st.sampled_from([0, 0, 0, 1, 15, 40, 120, 60 * 4, 60 * 24, 60 * 24 * 3, 60 * 24 * 7, 60 * 24 * 30])
    return minutes.map(lambda n: timedelta(minutes=n))
