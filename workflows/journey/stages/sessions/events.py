"""What happened in sessions. Doses are in mg, minutes count from the dose, times are UTC."""

from collections.abc import Iterable
from typing import ClassVar, Literal

from workflows.journey.envelopes import EventBody
from workflows.journey.instruments import Score
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, Short, SortedDict, Text
from workflows.journey.vocabulary.calendars import Instant, Zone
from workflows.journey.vocabulary.clinical import AT_HOME, Observer, Setting, Vitals, WordingId


class SessionScheduled(EventBody):
    """``local`` is what the patient's wall clock will show, by the zone rules of the day it was planned. After
    ``closes`` (UTC) it is not released any more: it is moved."""

    kind: Literal["session.scheduled"] = "session.scheduled"
    session: int
    starts_at: Instant
    closes: Instant
    zone: Zone
    local: Short
    setting: Setting = AT_HOME
    supervising_clinician: Identifier
    session_monitor: Identifier
    live_clinician: Identifier | None = None
    interpreter: Identifier | None = None


class SessionCancelled(EventBody):
    """A session whose dose was not taken will not take place. The patient is told, unless they died. ``to_count``: it
    was released, with its dose at the patient's home, so that the doses there are to be counted."""

    kind: Literal["session.cancelled"] = "session.cancelled"
    session: int
    reason: Text
    told: bool = True
    to_count: bool = False


class SessionStopped(EventBody):
    """Something was found after the release that would have prevented it: the dose is not to be taken. Who is with the
    patient is told at once."""

    kind: Literal["session.stopped"] = "session.stopped"
    safety: ClassVar[bool] = True
    session: int
    because: Text


class SessionInstructed(EventBody):
    """The patient got the clinical instructions, in this version."""

    kind: Literal["session.instructed"] = "session.instructed"
    session: int
    content_version: Identifier


class Recheck(ImmutableModel):
    """Vital signs that are to be measured again: when the last ones that count were recorded (UTC), how often they were
    measured again after rest, and which ``signs`` of those that may be left out are measured again at all events."""

    since: Instant
    count: int = 0
    signs: tuple[Identifier, ...] = ()


def join_rechecks(rechecks: Iterable[Recheck]) -> Recheck | None:
    """Return all of these as one, which asks for no less than any of them; None where there are none."""
    found = sorted(rechecks, key=lambda each: (each.since, each.count, each.signs))
    if not found:
        return None
    signs = dict.fromkeys(sign for each in found for sign in each.signs)
    return Recheck(since=found[-1].since, count=max(each.count for each in found), signs=tuple(signs))


class InstructionsAcknowledged(EventBody):
    """The patient acknowledged the instructions for a session, in this version."""

    kind: Literal["session.instructions-acknowledged"] = "session.instructions-acknowledged"
    session: int
    content_version: Identifier


class SessionChecked(EventBody):
    """``verdict`` is what the protocol's limits make of the vitals, beside those before (``recheck``).

    ``no_go`` is what in it does not allow a dose: items, ``vital_signs``, ``observer``, ``clinician_reach``,
    ``location``. ``no_go_until`` is the moment (UTC) before which no dose is released, whoever decides.
    """

    kind: Literal["session.checked"] = "session.checked"
    session: int
    items: SortedDict[Identifier, bool]
    vitals: Vitals
    observer: Observer | None = None
    reachable_clinician: Identifier
    reachable_within_minutes: int
    location_state: Short
    location_confirmed: bool
    verdict: Literal["go", "recheck", "no_go"]
    recheck: Recheck | None = None
    no_go: tuple[Identifier, ...]
    no_go_until: Instant | None = None
    not_understood: tuple[Text, ...] = ()
    """What of it nobody can act on: a state or an item that there is not."""


class SessionReleased(EventBody):
    """From here on the patient may take the dose: ``dose_mg``, as the plan signs it (mg). ``clearance`` is the request
    that was approved for it."""

    kind: Literal["session.released"] = "session.released"
    session: int
    clearance: Identifier
    dose_mg: float


class DoseRecorded(EventBody):
    """A dose was taken. ``session`` is the one it belongs to, if any; ``released``: it is the dose that was released.

    ``deviations`` say how it differs from the one released, ``deviation`` what whoever told it says about that.
    ``by_report``: somebody else entered what was told in the role ``told_by``.
    ``observe_at`` are the due times of the structured observations, counted from the dose.
    """

    kind: Literal["session.dosed"] = "session.dosed"
    dose: Identifier
    session: int | None = None
    dose_mg: float | None = None
    route: Identifier
    taken_at: Instant
    doses_left: int | None = None
    told_by: Role
    by_report: bool = False
    released: bool
    deviations: tuple[Text, ...] = ()
    deviation: Text | None = None
    doses_from: Literal["home", "clinic"] = "home"
    observe_at: tuple[Instant, ...]


class SessionObserved(EventBody):
    """One observation, ``minute`` minutes after the dose, and what the protocol's limits make of it.

    Vital signs are in mmHg, beats a minute and percent; ``dissociation`` is the CADSS-6, ``wording`` the words in which
    it was shown. ``scheduled`` is the minute of the protocol's schedule that is made by it, if one is.
    """

    kind: Literal["session.observed"] = "session.observed"
    safety: ClassVar[bool] = True
    session: int
    minute: int
    consciousness: Identifier
    breathing_normal: bool
    vomiting: bool
    vitals: Vitals | None = None
    dissociation: Score | None = None
    wording: WordingId | None = None
    red_flags: tuple[Identifier, ...]
    alert: Literal["none", "notify", "emergency"]
    scheduled: int | None = None
    not_understood: tuple[Text, ...] = ()
    """What of it is not in the protocol. It is kept, and counts as the worst it may mean."""


class ObservationMissed(EventBody):
    """A scheduled observation was not made, or not whole, and why."""

    kind: Literal["session.observation-missed"] = "session.observation-missed"
    safety: ClassVar[bool] = True
    session: int
    minute: int
    reason: Text


class SessionEndProposed(EventBody):
    """A clinician decided to end a session although what was observed does not agree: ``against`` says what. It runs on
    until that is signed, or something else is observed."""

    kind: Literal["session.end-proposed"] = "session.end-proposed"
    session: int
    criteria: SortedDict[Identifier, bool]
    clinician_decision: Text
    against: tuple[str, ...]


class SessionEnded(EventBody):
    """The session is over, with the criteria that were met, or a clinician's signed decision where they were not."""

    kind: Literal["session.ended"] = "session.ended"
    safety: ClassVar[bool] = True
    session: int
    criteria: SortedDict[Identifier, bool]
    clinician_decision: Text | None = None
