"""Remember what was worked out about a journey, for as long as nothing changes of what it was worked out from.

Each command asks the whole journey anew what it waits for and what a signature would cover. It changes little of the
state, so nearly all answers are the ones given before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar, TypeVarTuple

from workflows.journey.aggregate import Journey

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
    true_of: object = None
    """The mark of the state for which this was last found to hold."""


class _View(Journey, defer_build=True):
    """A journey that takes each field from the ``whole`` one when it is first read. So it knows which were read."""

    def __getattr__(self, name: str) -> Any:
        if name not in _FIELDS:
            raise AttributeError(name)
        read = self.__dict__
        read[name] = value = read["whole"].__dict__[name]
        return value

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Any:
        """Copy the whole journey. What is read of the copy cannot be told, so all of it counts as read."""
        whole: Journey = self.__dict__["whole"]
        self.__dict__.update((name, whole.__dict__[name]) for name in _FIELDS)
        return whole.model_copy(update=update, deep=deep)


_FIELDS = dict(Journey.model_fields)


def recalled(answer: Callable[[Journey, *Arguments], Value]) -> Callable[[Journey, *Arguments], Value]:
    """Have a pure function of a journey, and of hashable arguments, answer from memory: it is called again only once a
    field has changed, or the answer to another such question, that its last answer was worked out from."""

    @wraps(answer)
    def recall(journey: Journey, *asked: *Arguments) -> Value:
        found: Value = _recall(journey, (answer, asked))
        return found

    return recall


@recalled
def find_entry(journey: Journey, name: str, key: object) -> Any:
    """Return one entry of a dictionary of the state, or None. What asks for it does not depend on the other ones."""
    return getattr(journey, name).get(key)


def _recall(journey: Journey, question: Computation) -> Any:
    within: Remembered | None = journey.__dict__["known"] if type(journey) is _View else None
    whole: Journey = journey if within is None else journey.__dict__["whole"]
    known = whole.memory.get(question)
    if known is None or known.true_of is not whole.mark:
        if known is None or not _holds(known, whole):
            known = _work_out(whole, question, known)
            _keep(whole, question, known)
        known.true_of = whole.mark
    if within is not None:
        within.asked[question] = known.answer
    return known.answer


def _work_out(whole: Journey, question: Computation, before: Remembered | None) -> Remembered:
    known, view = Remembered(), _View.__new__(_View)
    read = view.__dict__
    read["whole"], read["known"] = whole, known
    answer, asked = question
    found = answer(view, *asked)
    del read["whole"], read["known"]
    known.fields = read
    # What rests on the same answer as before need not be worked out again.
    known.answer = before.answer if before is not None and _same(before.answer, found) else found
    return known


def _holds(known: Remembered, journey: Journey) -> bool:
    """Whether all that an answer was worked out from is as it was, in the order in which it was asked: what was asked
    later may make no sense any more if what was asked first has changed."""
    now = journey.__dict__
    for name, value in known.fields.items():
        if now[name] is not value:
            return False
    for question, answer in known.asked.items():  # noqa: SIM110 - this runs for everything at every command
        if _recall(journey, question) is not answer:
            return False
    return True


def _same(one: Any, other: Any) -> bool:
    """Whether two answers are made of the same objects, or the same text. Values that are equal may still be spelled
    in another way (1 and 1.0), and so have another hash."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
    return one is other or (isinstance(one, str) and isinstance(other, str) and one == other)


def _keep(journey: Journey, question: Computation, known: Remembered) -> None:
    memory, now = journey.memory, journey.__dict__
    memory[question] = known
    if len(memory) >= ROOM and len(memory) & (len(memory) - 1) == 0:
        for old, kept in memory.copy().items():
            if any(now[name] is not value for name, value in kept.fields.items()):
                memory.pop(old, None)
