"""Requests to start a journey, told apart: the same again, one id with two contents, two for one patient.

A dry run says of a referral what a run would say, row for row: both are judged here, and a dry run has the record enrol
what a run would, and take it back.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from pydantic import BaseModel

from activities.record import WantedEnrolment
from application.errors import Conflict, FieldProblem
from workflows.journey.commands import StartPathway
from workflows.journey.events import PathwayStarted

COMPARED = ("clinic", "patient", "pathway", "reason", "coordinator", "clinician")


def differences(one: StartPathway | PathwayStarted, other: StartPathway | PathwayStarted) -> tuple[str, ...]:
    """Return the names of the fields in which two referrals differ. A later version of a protocol is no difference."""
    found = tuple(_differing(one, other, COMPARED))
    return found if one.protocol.id == other.protocol.id else (*found, "protocol")


def _differing(one: BaseModel, other: BaseModel, names: Iterable[str], within: str = "") -> Iterator[str]:
    for name in names:
        first, second = getattr(one, name), getattr(other, name)
        if isinstance(first, BaseModel) and isinstance(second, BaseModel):
            yield from _differing(first, second, type(first).model_fields, f"{within}{name}.")
        elif first != second:
            yield f"{within}{name}"


def request_reused(fields: Iterable[str], where: str = "") -> Conflict:
    """Return the error for a request id that stands for another referral. It names the fields that differ, no values;
    none where the other referral is not the sender's to know."""
    return Conflict(
        f"this request id was used for a referral with other content{where}",
        "What was sent first stands. Correct it there, for example with `patient correct-birth-date`; for another "
        "referral leave request_id out, or give it its own",
        fields=(
            FieldProblem("request_id", "was used for another referral"),
            *(FieldProblem(name, "is not as it was sent before") for name in fields),
        ),
    )


def journey_closed(journey_id: UUID, request: UUID) -> Conflict:
    """Return the error for a referral whose journey has closed. Nobody is started anew by sending an old file again."""
    return Conflict(
        "this referral was sent before, and the journey that it started has closed",
        f'If the patient is referred anew, say so: add "request_id": "{uuid5(request, "again")}" to it',
        ids={"journey_id": str(journey_id), "request_id": str(request)},
    )


class JourneyOpen(Conflict):
    """The patient has an open journey with the medicine."""


def journey_open() -> JourneyOpen:
    """Return the error for a patient who has an open journey. Whose it is and where is not said: it may be another
    clinic's."""
    return JourneyOpen(
        "this patient already has an open journey with this medicine",
        "One is open at a time, whatever it is for and at whatever clinic: see `patient show`. If this referral's own "
        "has not begun, send it again unchanged",
        fields=(FieldProblem("patient.ref", "has an open journey"),),
    )


def journey_of_row(row: int) -> Conflict:
    """Return the error for a patient whose journey is that of an earlier row of the batch."""
    return Conflict(
        f"row {row} is for the same patient with the same medicine, and one journey is open at a time",
        "Leave out the row that is not meant",
        fields=(FieldProblem("patient.ref", f"is the patient of row {row}"),),
    )


def known_as_two() -> Conflict:
    """Return the error for a reference and a number that are known as two patients'."""
    return Conflict(
        "the reference and the clinic's number of this patient are known as two patients",
        "Correct the one that is wrong; if they are one person, have that signed (`patient merge`)",
        fields=(FieldProblem("patient.number", "is another patient's"),),
    )


@dataclass(slots=True)
class BatchRows:
    """What the rows of a batch have asked for so far. Rows about one request or one patient come one after the other,
    in their order; all others at once."""

    _first: dict[UUID, tuple[int, StartPathway]] = field(default_factory=dict)
    _same: dict[object, object] = field(default_factory=dict)
    """What each request and each key of a patient is one with, because a row named both: another one of them, and in
    the end the one that stands for all."""
    _last: dict[object, asyncio.Event] = field(default_factory=dict)
    _enrolled: dict[bytes, tuple[WantedEnrolment, ...]] = field(default_factory=dict)
    _opened: list[tuple[int, UUID, str]] = field(default_factory=list)
    """The rows whose journeys are open, or would be, each with its request and its medicine."""

    @asynccontextmanager
    async def turn(self, request: UUID, keys: Sequence[bytes]) -> AsyncIterator[None]:
        """Wait for the earlier rows about the same. Entered in the order of the rows, it never waits in a circle."""
        done = asyncio.Event()
        one, *others = {self._standing_for(each) for each in (request, *keys)}
        before = [self._last.pop(each) for each in (one, *others) if each in self._last]
        self._same.update(dict.fromkeys(others, one))
        self._last[one] = done
        try:
            for earlier in before:
                await earlier.wait()
            yield
        finally:
            done.set()

    def _standing_for(self, each: object) -> object:
        passed = []
        while each in self._same:
            passed.append(each)
            each = self._same[each]
        self._same.update(dict.fromkeys(passed, each))
        return each

    def same_as(self, number: int, request: UUID, body: StartPathway) -> int | None:
        """Return the row that made the same request, if one did.

        Raises:
            Conflict: it did, with other content.
        """
        first, known = self._first.setdefault(request, (number, body))
        if first == number:
            return None
        if found := differences(known, body):
            raise request_reused(found, f" in row {first}")
        return first

    def open_of(self, request: UUID, medicine: str) -> int | None:
        """Return the row whose journey with a medicine is that of the patient of this request, if there is one."""
        patient = self._standing_for(request)
        return next(
            (row for row, each, taken in self._opened if taken == medicine and self._standing_for(each) == patient),
            None,
        )

    def keep_open(self, number: int, request: UUID, medicine: str) -> None:
        """Keep that a row's journey is open, or would be."""
        self._opened.append((number, request, medicine))

    def enrolled(self, keys: Iterable[bytes]) -> Sequence[WantedEnrolment]:
        """Return those whom a dry run has had enrolled for the patient of these keys. What was refused changes nothing
        for those after it."""
        found = [each for key in keys for each in self._enrolled.get(key, ())]
        return tuple({id(each): each for each in found}.values())

    def keep(self, keys: Iterable[bytes], *enrolled: WantedEnrolment) -> None:
        """Keep that a dry run had these enrolled, all for the patient of these keys."""
        theirs = {*keys, *(key for each in enrolled for key in each.opening.patient_keys)}
        self._enrolled.update(dict.fromkeys(theirs, enrolled))
