"""What is awaited, as a stage says it (`Requirement`) and with its clock (`Obligation`)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, Literal, TypeVar

from workflows.journey.obligation_types import ObligationType
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, Short, Text, Whole
from workflows.journey.vocabulary.calendars import Instant

CloseReason = Literal["done", "superseded", "held", "no_longer_needed"]
"""Why an obligation is awaited no more. ``held``: its clock stands still while care is held."""


class Requirement(ImmutableModel):
    """Something a stage waits for. ``care`` needs pause under a hold; safety never does. ``code`` is that of the hash
    of the ``evidence``, as people see it. ``worsened`` rises whenever what it is about became worse: it then rings
    anew, whoever has taken the alarm about what was known before."""

    kind: Identifier
    subject: Identifier | None = None
    owner: Role
    person: Identifier | None = None
    escalation_policy: Identifier
    what: Short
    due: Instant | None = None
    sign_off: SignOffKind | None = None
    evidence: str | None = None
    code: str | None = None
    care: bool = True
    worsened: Whole | None = None

    def is_worse_than(self, other: "Requirement") -> bool:
        """Whether what this is about became worse since the other one."""
        return (self.worsened or 0) > (other.worsened or 0)

    @cached_property
    def key(self) -> str:
        """What it is about, whatever the evidence: one is awaited per key at a time."""
        return self.kind if self.subject is None else f"{self.kind}:{self.subject}"

    @cached_property
    def id(self) -> str:
        """The key, and for a sign-off the code of the evidence it is asked for."""
        return self.key if self.code is None else f"{self.key}:{self.code}"


class Acknowledgement(ImmutableModel):
    """Somebody took an alarm: who, when (UTC), what they do about it, and how many steps had been taken by then."""

    by: Identifier
    at: Instant
    doing: Text
    taken: int


class Obligation(Requirement):
    """A need with its clock: UTC instants, ``steps`` one per step of its escalation policy, ``taken`` so far.

    Once acknowledged, ``steps`` are those after the acknowledgement. The last one is taken again every
    ``repeat_minutes``, ``repeated`` times so far; where repetitions were missed, only the latest is taken.
    ``hastened``: the patient's risk is or was heightened, so that its steps come sooner after it is due.
    """

    since: Instant
    steps: tuple[Instant, ...]
    taken: int = 0
    repeat_minutes: int | None = None
    repeated: int = 0
    acknowledged: Acknowledgement | None = None
    hastened: bool = False

    @property
    def next_step(self) -> datetime | None:
        """When the next step of its escalation policy is taken, if any is left."""
        return self.steps[self.taken] if self.taken < len(self.steps) else self.repetition(self.repeated + 1)

    def repetition(self, number: int) -> datetime | None:
        """When the last step is taken for the n-th time after its first; None where it does not repeat."""
        if self.repeat_minutes is None:
            return None
        return self.steps[-1] + number * timedelta(minutes=self.repeat_minutes)

    def repetitions(self, at: datetime) -> int:
        """How many repetitions of the last step have become due by a moment (UTC)."""
        if self.repeat_minutes is None or at < self.steps[-1]:
            return 0
        return (at - self.steps[-1]) // timedelta(minutes=self.repeat_minutes)

    @property
    def deadline(self) -> datetime:
        """The due time. Every obligation has one from the moment it is opened."""
        assert self.due is not None
        return self.due


class Closed(ImmutableModel):
    """An obligation that no longer waits, and why. ``reason`` names the holds that paused its clock."""

    id: Identifier
    because: CloseReason
    reason: Text | None = None


class Paused(ImmutableModel):
    """An obligation whose clock stands still since ``at`` (UTC), because care is held."""

    obligation: Obligation
    at: Instant


Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True, eq=False)
class Needs:
    """Some of what a journey needs, by its id. It is told from others as an object, and not by what is in it."""

    by_id: Mapping[str, Requirement]
    care: bool
    """Whether any of them pauses under a hold."""


def as_needs(found: Iterable[Requirement]) -> Needs:
    """Put what is needed together."""
    by_id = {need.id: need for need in found}
    return Needs(by_id, care=any(need.care for need in by_id.values()))


@dataclass(frozen=True, slots=True)
class EachNeeds:
    """What each entry of a field of the state needs, whatever the others are: a function of the entry and of the
    fields that it ``reads``. So what is needed is asked again only of the entries near a changed one."""

    field: str
    reads: tuple[str, ...]
    of_page: Callable[..., Needs]


def each_needs(field: str, need: Callable[..., Iterable[Requirement]], *reads: str) -> EachNeeds:
    """Return what each entry of a field needs."""

    def of_page(entries: Mapping[Any, Entry], *given: Any) -> Needs:
        return as_needs(needed for entry in entries.values() for needed in need(entry, *given))

    return EachNeeds(field, reads, of_page)


@lru_cache(maxsize=8192)
def require(
    about: ObligationType,
    *,
    owner: Role,
    what: str,
    subject: str | None = None,
    person: str | None = None,
    policy: str | None = None,
    due: datetime | None = None,
    care: bool = True,
    worsened: int | None = None,
) -> Requirement:
    """What is awaited of this kind, by the kind's only escalation policy or by the one named. ``due`` is in UTC.

    Remembered: each decision asks anew for everything that is awaited, and nearly all of it is what was asked before.
    """
    return Requirement(
        kind=about.kind,
        subject=subject,
        owner=owner,
        person=person,
        escalation_policy=policy or about.policies[0][0],
        what=what,
        due=due,
        care=care,
        worsened=worsened,
    )
