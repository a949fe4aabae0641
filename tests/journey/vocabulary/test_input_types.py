"""What a field takes: no field of a command, a protocol, the register or a form is looser than what it is for."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from activities.signatures.signer_registry import Register
from application.identity.staff import RegisterEntries
from application.pathway.start import Referral
from application.profiles import Profile
from workflows.journey.commands import Command, ConfirmUnderstanding
from workflows.journey.events import Event
from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary import base, calendars, clinical
from workflows.journey.vocabulary.base import Flag, InputModel, Number, Whole
from workflows.journey.vocabulary.calendars import Clock, Day, Instant, Zone, day_begins
from workflows.journey.vocabulary.clinical import Language, UsState

ROOTS: tuple[type[BaseModel], ...] = (Command, Protocol, Register, Referral, Profile, RegisterEntries)


def inputs() -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    """Yield every plain value of what people hand in: where it stands, its type, and what restricts it."""
    seen: set[type[BaseModel]] = set()

    def inside(hint: Any, where: str, limits: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
        if get_origin(hint) is Annotated:
            yield from inside(get_args(hint)[0], where, (*get_args(hint)[1:], *limits))
        elif isinstance(hint, type) and issubclass(hint, BaseModel):
            if hint not in seen and issubclass(hint, InputModel):
                seen.add(hint)
                for name, inner in get_type_hints(hint, include_extras=True).items():
                    if name in hint.model_fields:
                        yield from inside(inner, f"{hint.__name__}.{name}")
        elif hint in (str, int, float, bool, date, datetime, time):
            yield where, hint, limits
        else:
            for inner in get_args(hint):
                yield from inside(inner, where)

    for root in ROOTS:
        yield from inside(root, root.__name__)


def marks(hint: Any) -> tuple[Any, ...]:
    """What a type of ours adds to the plain one. Without anything, every type would have all of it."""
    assert get_args(hint)[1:]
    return get_args(hint)[1:]


OURS: dict[type, tuple[Any, ...]] = {
    bool: (Flag,),
    int: (Whole, base.Position),
    float: (Number,),
    date: (Day,),
    datetime: (Instant,),
    time: (Clock,),
    str: (base.Text, base.Short, base.Raw, base.Identifier, Zone, Language, UsState),
}


def test_no_field_of_what_people_hand_in_is_a_bare_type() -> None:
    found = list(inputs())
    assert len(found) > 500
    loose = []
    for where, kind, limits in found:
        # A text of its own pattern says itself what it may hold.
        spelled = any(getattr(limit, "pattern", None) for limit in limits)
        if not spelled and not any(all(mark in limits for mark in marks(ours)) for ours in OURS[kind]):
            loose.append(where)
    assert loose == []


def mappings(hint: Any, where: str, seen: set[type[BaseModel]], marked: tuple[Any, ...] = ()) -> Iterator[str]:
    """Yield every mapping that does not sort its keys."""
    if get_origin(hint) is Annotated:
        yield from mappings(get_args(hint)[0], where, seen, (*marked, *get_args(hint)[1:]))
    elif isinstance(hint, type) and issubclass(hint, BaseModel):
        if hint not in seen:
            seen.add(hint)
            for name, inner in get_type_hints(hint, include_extras=True).items():
                if name in hint.model_fields:
                    yield from mappings(inner, f"{hint.__name__}.{name}", seen)
    else:
        if get_origin(hint) is dict and not all(mark in marked for mark in marks(base.SortedDict)):
            yield where
        for inner in get_args(hint):
            yield from mappings(inner, where, seen)


def test_every_mapping_that_is_recorded_is_in_the_order_of_its_keys() -> None:
    """The record sorts keys. What was decided on another order would not be decided again."""
    seen: set[type[BaseModel]] = set()
    assert [where for root in (Command, Event, Protocol) for where in mappings(root, root.__name__, seen)] == []
    assert len(seen) > 200


@given(st.permutations(["sleep", "appetite", "concentration", "x"]))
def test_however_a_mapping_was_written_it_is_the_same(names: list[str]) -> None:
    written = json.dumps(
        {
            "kind": "education.confirm",
            "in_their_words": "x",
            "location": {"state": "CA", "confirmed": True},
            "topics": dict.fromkeys(names, "understood"),
        }
    )
    assert list(ConfirmUnderstanding.model_validate_json(written).topics) == sorted(names)


NO_TIMES = (
    "20261125", "20270131120000", "512784000", "1795564800", "0", "-1", "1e9", "1795564800.5", 1795564800, 0, 1.5,
    True, None, "", "now", "2026-11-25 10:00", "25.11.2026", "11/25/2026", "2026-W48-3", "2026-329", "2026-13-01",
    "2026-02-30", "26-11-25", "2026-11-25T10:00:00", "２０２６-11-25", "0085-03-01", "1899-12-31", "2200-01-01",
    "9999-12-31",
)  # fmt: skip


@pytest.mark.parametrize("kind", [Instant, Day, Clock], ids=["instant", "day", "clock"])
@pytest.mark.parametrize("strict", [None, True])
def test_digits_are_no_time(kind: Any, strict: bool | None) -> None:
    adapter: TypeAdapter[object] = TypeAdapter(kind)
    taken = []
    for value in NO_TIMES:
        with suppress(ValidationError):
            taken.append(adapter.validate_json(json.dumps(value), strict=strict))
        if isinstance(value, str | int | float):
            with suppress(ValidationError):
                taken.append(adapter.validate_python(value))
    assert taken == []


@pytest.mark.parametrize(
    "given",
    ["0085-03-01T00:00:00Z", "1899-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
     "2026-11-25T10:00:00+25:00", "2026-11-25T10:00:00+0100", "2026-11-25T10:00:00 +01:00", "2026-11-25t10:00:00z",
     "2026-11-25T24:30:00Z", "2026-11-25T10:00:60Z", "2612-05-05T00:00:00Z", "2026-11-25T10Z"],
)  # fmt: skip
def test_a_moment_is_written_in_one_way(given: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Instant).validate_json(json.dumps(given), strict=True)


@given(st.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 30), timezones=st.timezones()))  # noqa: DTZ001
def test_a_moment_is_kept_in_utc_and_read_again(moment: datetime) -> None:
    kind = TypeAdapter[datetime](Instant)
    kept = kind.validate_python(moment)
    assert kept == moment.astimezone(UTC)
    assert kind.validate_json(kind.dump_json(kept), strict=True) == kept


@given(st.dates(calendars.FIRST_DAY, calendars.LAST_DAY))
def test_a_day_is_read_again(day: date) -> None:
    kind = TypeAdapter[date](Day)
    assert kind.validate_json(json.dumps(day.isoformat()), strict=True) == day
    assert kind.validate_python(day) == day


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        *((Flag, typed) for typed in ("yes", "true", "on", "1", 1, 0, 1.0, None)),
        *((Whole, typed) for typed in ("12", 12.0, 12.5, True, 10**10, -(10**10), 10**400, None, [1])),
        *((Number, typed) for typed in ("12", "1e3", True, 1e10, -1e300, None, [1.5])),
    ],
    ids=repr,
)
def test_nothing_is_read_as_what_it_is_not(kind: Any, given: object) -> None:
    for strict in (None, True):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_json(json.dumps(given), strict=strict)
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(given, strict=strict)


@pytest.mark.parametrize("raw", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
@pytest.mark.parametrize("kind", [Whole, Number], ids=["whole", "number"])
def test_a_number_is_finite(kind: Any, raw: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_json(raw)


@pytest.mark.parametrize("tag", ["EN", "e", "english", "en_US", "en ", "", "en-", "12", "zh--Hant", "en-waytoolongtag"])
def test_what_is_no_language_tag_is_refused(tag: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Language).validate_python(tag)


def test_every_state_has_its_zones_and_its_day_ends_last_in_the_last_of_them() -> None:
    assert len(clinical.US_STATES) == 56
    for state in clinical.US_STATES:
        zones = [TypeAdapter(Zone).validate_python(zone) for zone in clinical.STATE_ZONES[state]]
        for day in (date(2026, 1, 1), date(2026, 7, 1)):
            ends = [day_begins(day, zone) for zone in zones]
            assert ends == sorted(ends)
