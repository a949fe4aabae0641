"""Remember what was worked out about a journey, for as long as nothing changes of what it was worked out from.

Each command asks the whole journey anew what it waits for and what a signature would cover. It changes little of the
state, so nearly all answers are the ones given before.

An answer notes which fields were read for it, and on which other answers it rests. It holds in every later state in
which none of these fields has changed since the state for which it was last found to hold: each state knows what has
changed since the few before it (`Journey.changed`, a bit for each field). Where it came from that state longer ago, or
not at all, such as after two decisions on one state, all that the answer rests on is compared. Both find the same.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar, TypeVarTuple

from workflows.journey.aggregate import FIELD_BITS, Journey
from workflows.journey.requirements import Needs

Arguments = TypeVarTuple("Arguments")
Value = TypeVar("Value")
Computation = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function of a journey, and its further arguments."""

ROOM = 64
"""How many answers are kept before the outdated ones are dropped: they keep old states alive."""


@dataclass(slots=True)
class Remembered:
    """An answer with all it was worked out from: fields of the journey, and answers to other questions."""

    answer: Any = None
    fields: dict[str, Any] = field(default_factory=dict)
    asked: dict[Computation, Any] = field(default_factory=dict)
    rests_on: int = 0
    """The bits of all fields that it or such an answer was worked out from."""
    true_of: object = None
    """The mark of the state for which this was last found to hold."""


class _View(Journey, defer_build=True):
    """A journey that takes each field from the ``whole`` one when it is first read. So it knows which were read."""

    def __getattr__(self, name: str) -> Any:
        if name not in FIELD_BITS:
            raise AttributeError(name)
        read = self.__dict__
        read[name] = value = read["whole"].__dict__[name]
        return value

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Any:
        """Copy the whole journey. What is read of the copy cannot be told, so all of it counts as read."""
        whole: Journey = self.__dict__["whole"]
        self.__dict__.update((name, whole.__dict__[name]) for name in FIELD_BITS)
        return whole.model_copy(update=update, deep=deep)


def recalled(answer: Callable[[Journey, *Arguments], Value]) -> Callable[[Journey, *Arguments], Value]:
    """Have a pure function of a journey, and of hashable arguments, answer from memory: it is called again only once a
    field has changed, or the answer to another such question, that its last answer was worked out from."""

    @wraps(answer)
    def recall(journey: Journey, *asked: *Arguments) -> Value:
        found: Value = _recall(journey, (answer, asked)).answer
        return found

    return recall


@recalled
def find_entry(journey: Journey, name: str, key: object) -> Any:
    """Return one entry of a dictionary of the state, or None. What asks for it does not depend on the other ones."""
    return getattr(journey, name).get(key)


def _recall(journey: Journey, question: Computation) -> Remembered:
    within: Remembered | None = journey.__dict__["known"] if type(journey) is _View else None
    whole: Journey = journey if within is None else journey.__dict__["whole"]
    known = whole.memory.get(question)
    if known is None:
        known = whole.memory[question] = _work_out(whole, question, None)
        _make_room(whole)
    elif known.true_of is not whole.mark:
        changed = whole.changed.get(known.true_of)
        if (changed is None or changed & known.rests_on) and not _holds(known, whole):
            known = whole.memory[question] = _work_out(whole, question, known)
        known.true_of = whole.mark
    if within is not None:
        within.asked[question] = known.answer
        within.rests_on |= known.rests_on
    return known


def _work_out(whole: Journey, question: Computation, before: Remembered | None) -> Remembered:
    known, view = Remembered(true_of=whole.mark), _View.__new__(_View)
    read = view.__dict__
    read["whole"], read["known"] = whole, known
    answer, asked = question
    found = answer(view, *asked)
    del read["whole"], read["known"]
    known.fields = read
    known.rests_on |= _bits_of(read)
    # What rests on the same answer as before need not be worked out again.
    known.answer = before.answer if before is not None and _same(before.answer, found) else found
    return known


def _bits_of(fields: Iterable[str]) -> int:
    bits = 0
    for name in fields:
        bits |= FIELD_BITS[name]
    return bits


def _holds(known: Remembered, journey: Journey) -> bool:
    """Whether all that an answer was worked out from is as it was, in the order in which it was asked: what was asked
    later may make no sense any more if what was asked first has changed."""
    now = journey.__dict__
    for name, value in known.fields.items():
        if now[name] is not value:
            return False
    rests_on = _bits_of(known.fields)
    for question, answer in known.asked.items():
        asked = _recall(journey, question)
        if asked.answer is not answer:
            return False
        rests_on |= asked.rests_on
    known.rests_on = rests_on
    return True


def _same(one: Any, other: Any) -> bool:
    """Whether two answers are made of the same objects, or the same text. Values that are equal may still be spelled
    in another way (1 and 1.0), and so have another hash."""
    if isinstance(one, Needs) and isinstance(other, Needs):
        one, other = tuple(one.by_id.values()), tuple(other.by_id.values())
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(a is b or _same(a, b) for a, b in zip(one, other, strict=True))
    return one is other or (isinstance(one, str) and isinstance(other, str) and one == other)


def _make_room(journey: Journey) -> None:
    memory, now = journey.memory, journey.__dict__
    if len(memory) >= ROOM and len(memory) & (len(memory) - 1) == 0:
        for old, kept in memory.copy().items():
            if any(now[name] is not value for name, value in kept.fields.items()):
                memory.pop(old, None)
