"""The base of every command and every event, and how an event changes a part of the state.

Each stage, and each thing that goes on in every stage, has its own commands, events and part of the state. They build
on this module; the catalogues `commands` and `events` put them together.
"""

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, ClassVar, TypeAlias
from uuid import UUID

from workflows.journey.entries import Entries
from workflows.journey.vocabulary.actors import STAFF, Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, InputModel
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.proof import Proof
from workflows.journey.vocabulary.stage import Stage

OPEN = (Stage.EVALUATION, Stage.SCREENING, Stage.EDUCATION, Stage.SESSIONS, Stage.FOLLOW_UP)
SHORTENED = 200
"""How many characters the state keeps of a text that is dealt with."""
FROM_SCREENING = OPEN[1:]
FROM_EDUCATION = OPEN[2:]
FROM_SESSIONS = OPEN[3:]
ALWAYS = (*OPEN, Stage.CLOSED)


class CommandBody(InputModel):
    """The part of a command that differs, and on its class all that is asked of it before a stage decides.

    - ``roles`` may send it; in ``stages`` it can be accepted.
    - ``progress``: it moves care forward, and is refused while the journey is held or ending.
    - ``fact``: it says what happened, and is never refused for a stage, a hold, an ending or a licence. It wakes a
      closed journey.
    - ``licensed``: a clinician needs a licence that is valid where the patient is, unless it is a fact. To stop, report
      or call for help nobody needs one.
    - ``by_anybody``: also somebody who has no part in the journey may send it. To stop, to report harm and to ask for
      help nobody needs to be known; what is sent by somebody unknown is marked so.
    - ``by_hand``: it is taken also where nothing shows that it came through the service: it stops care, reports harm or
      calls for help. Of everything else only a signed decision is.
    - ``attempts_kept``: a refusal is kept in the record, because somebody tried to approve or release.
    """

    roles: ClassVar[tuple[Role, ...]] = STAFF
    stages: ClassVar[tuple[Stage, ...]] = OPEN
    progress: ClassVar[bool] = False
    licensed: ClassVar[bool] = True
    by_anybody: ClassVar[bool] = False
    by_hand: ClassVar[bool] = False
    attempts_kept: ClassVar[bool] = False
    fact: ClassVar[bool] = False


class EventBody(ImmutableModel):
    """The part of an event that differs.

    - ``opens``: it opens something that has a name from then on. Which of its fields is the name, and which field of
      the state holds all of these.
    - ``safety``: it says how the patient is or what was done about it, so that no clearance from before it counts.
    """

    schema_version: ClassVar[int] = 1
    safety: ClassVar[bool] = False
    opens: ClassVar[tuple[str, str] | None] = None


class EventHeader(ImmutableModel):
    """An event but for its body. ``version`` counts from 1 in its journey; ``at`` is when it was decided, in UTC.

    ``command_digest`` lets a repeated command be told from another one under the same id. ``proof`` is that of the
    command, ``sent_at`` when it was sent: both stand in the first event that came of it.
    """

    event_id: UUID
    journey_id: UUID
    version: int
    at: Instant
    actor_id: Identifier
    actor_role: Role
    command_id: UUID
    command_digest: str
    causation_id: UUID | None = None
    illustrative: bool
    proof: Proof | None = None
    sent_at: Instant | None = None


Changes: TypeAlias = dict[str, Any]
"""The fields of the state that an event changes, with their new values."""
Evolution: TypeAlias = Callable[[Any, Any, EventHeader], Changes]
"""A function that says what an event changes, from a part of the state, the event's body and its header. It never
refuses and reads no clock."""
Evolutions: TypeAlias = Mapping[type[EventBody], Evolution]


def change_entry(state: ImmutableModel, field: str, key: Any, **changes: Any) -> Changes:
    """Return the dictionary ``field`` of the state with one entry changed; nothing where there is no such entry."""
    entries: Mapping[Any, Any] = getattr(state, field)
    if key not in entries:
        return {}
    changed = {key: entries[key].model_copy(update=changes)}
    return {field: entries.put(changed) if isinstance(entries, Entries) else {**entries, **changed}}


def give_free_name(state: Any, body: EventBody) -> EventBody:
    """Return an event under a name that nothing has yet. A rule names what it opens by how many there are when it is
    asked; what came about since may bear that name already."""
    if body.opens is None:
        return body
    field, entries = body.opens
    name, known = getattr(body, field), getattr(state, entries)
    if name not in known:
        return body
    kind = name.rpartition("-")[0]
    free = next(each for n in count(len(known) + 1) if (each := f"{kind}-{n}") not in known)
    return body.model_copy(update={field: free})


def keep_short(text: str) -> str:
    """Return a text that is dealt with as the state keeps it: the record has all of it."""
    return text if len(text) <= SHORTENED else f"{text[: SHORTENED - 1]}…"


def put_latest(people: tuple[str, ...], person: str | None) -> tuple[str, ...]:
    """Return these people and this one, the latest last."""
    return people if person is None else (*(each for each in people if each != person), person)
