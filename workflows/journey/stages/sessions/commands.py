"""What is asked of a session. Doses are in mg, minutes count from the dose, times are UTC."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workflows.journey.envelopes import ALWAYS, CommandBody
from workflows.journey.vocabulary.actors import ANYONE, CLINICAL, STAFF, Role
from workflows.journey.vocabulary.base import Flag, Identifier, Number, Short, SortedDict, Text, Whole
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.clinical import Observer, Vitals, WordingId
from workflows.journey.vocabulary.stage import Stage


class ScheduleSession(CommandBody):
    """Plan the next session, or move one that has not been released."""

    kind: Literal["session.schedule"] = "session.schedule"
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    progress: ClassVar[bool] = True
    session: Annotated[Whole, Field(ge=1)]
    starts_at: Instant
    supervising_clinician: Identifier
    session_monitor: Identifier
    live_clinician: Identifier | None = None
    interpreter: Identifier | None = None


class CancelSession(CommandBody):
    """Cancel a session whose dose has not been taken."""

    kind: Literal["session.cancel"] = "session.cancel"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, *STAFF)
    session: Annotated[Whole, Field(ge=1)]
    reason: Text


class Instruct(CommandBody):
    """Deliver the clinical instructions for a session to the patient."""

    kind: Literal["session.instruct"] = "session.instruct"
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    session: Annotated[Whole, Field(ge=1)]
    content_version: Identifier


class AcknowledgeInstructions(CommandBody):
    """The patient acknowledges the instructions for a session, in the version they got."""

    kind: Literal["session.acknowledge-instructions"] = "session.acknowledge-instructions"
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT,)
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    session: Annotated[Whole, Field(ge=1)]
    content_version: Identifier


class CheckSession(CommandBody):
    """Record the pre-session checklist: every item answered, vitals, observer, reachable clinician, location.

    Where the setting says that the session monitor stays with the patient, ``observer`` is left out.
    What is not understood in it, such as a state there is not, is kept as it was said and allows no dose.
    """

    kind: Literal["session.check"] = "session.check"
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    session: Annotated[Whole, Field(ge=1)]
    items: SortedDict[Identifier, Flag]
    vitals: Vitals
    observer: Observer | None = None
    reachable_clinician: Identifier
    reachable_within_minutes: Annotated[Whole, Field(ge=0)]
    location_state: Short
    location_confirmed: Flag


class ReleaseSession(CommandBody):
    """Release the session: from here the patient may take the dose. Passes the dose gate or is refused."""

    kind: Literal["session.release"] = "session.release"
    attempts_kept: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = (Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    progress: ClassVar[bool] = True
    session: Annotated[Whole, Field(ge=1)]


class RecordDose(CommandBody):
    """Record a dose that was taken, whenever, wherever, however much and whoever tells it.

    Without ``session`` it belongs to the session that was released for it, or to none. ``dose_mg`` is left out where
    nobody knows it, ``told_by`` where the sender tells it. What differs from the dose that was released holds care.
    """

    kind: Literal["session.dose"] = "session.dose"
    by_anybody: ClassVar[bool] = True
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = ANYONE
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    session: Annotated[Whole, Field(ge=1)] | None = None
    dose_mg: Annotated[Number, Field(gt=0)] | None = None
    route: Identifier
    taken_at: Instant
    doses_left: Annotated[Whole, Field(ge=0)] | None = None
    told_by: Role | None = None
    deviation: Text | None = None


class Observe(CommandBody):
    """Record one structured observation of a running session. It is added, also where its minute has one already."""

    kind: Literal["session.observe"] = "session.observe"
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = (Role.OBSERVER, Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    session: Annotated[Whole, Field(ge=1)]
    minute: Annotated[Whole, Field(ge=0)]
    consciousness: Literal["alert", "voice", "pain", "unresponsive"]
    breathing_normal: Flag
    vomiting: Flag
    vitals: Vitals | None = None
    cadss: Annotated[tuple[Annotated[Whole, Field(ge=0, le=4)], ...], Field(min_length=6, max_length=6)] | None = None
    wording: WordingId | None = None
    red_flags: tuple[Identifier, ...] = ()


class MissObservation(CommandBody):
    """Say why a scheduled observation was not made, or not whole, once its time is over."""

    kind: Literal["session.miss-observation"] = "session.miss-observation"
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = (Role.OBSERVER, Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    session: Annotated[Whole, Field(ge=1)]
    minute: Annotated[Whole, Field(ge=1)]
    reason: Text


class EndSession(CommandBody):
    """End a session once every release criterion is met; contacts afterwards are owed from here on. After the
    protocol's longest observation a clinician may decide so although one is not met (``clinician_decision``), and signs
    that.

    A criterion that observations tell of may be left out: it is computed.
    """

    kind: Literal["session.end"] = "session.end"
    roles: ClassVar[tuple[Role, ...]] = (Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    session: Annotated[Whole, Field(ge=1)]
    criteria: SortedDict[Identifier, Flag]
    clinician_decision: Text | None = None
