"""Errors of use cases. They are typed; each way in shows them in its own form.

No error holds what was given, because it may be about a patient. Texts of other libraries' errors are never passed on.
"""

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from activities.privacy.errors import KeysUnavailable, KeyUnusable
from activities.record import KeyAway, RecordFault, RecordUnavailable, UnreadableEvent
from workflows.journey.vocabulary.refusals import Refusal

NOTHING_HAPPENED = "Nothing was sent or recorded."
NOTHING_WRITTEN = "Nothing was written or changed."
KEPT_AS_SAID = "What you said is kept as it was: care is held, and a clinician asks what was meant."
"""How a report of harm ends whose form cannot be taken."""
HELD = "Accepted is not recorded: Temporal holds it, and it is recorded once the record takes it."
"""How things are left where Temporal holds what was sent."""
TOOK_NOTHING = "Temporal took nothing of it. Nothing that was accepted is lost."
"""How things are left where Temporal refused what was sent, or asked."""
UNKNOWN_STATE = "Whether a command that was being sent arrived is not known. Nothing that was accepted is lost."
"""How things are left where something was sent, and no answer came."""
NOTHING_LOST = "Nothing that was recorded is lost. If something was being sent, whether it arrived is not known."
"""How an outage leaves things, unless more is known."""
LATER = "Wait a minute and run it again; that is safe. If it fails again, tell ops what this says"
"""What to do in an outage. What is sent again counts once, by its id."""


class SettingsError(Exception):
    """The settings in the environment are not usable. Nothing has been started or changed.

    `variables` are the names of the wrong or missing variables, never their values.
    """

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        self.variables = tuple(name for name, _ in problems)
        listed = "\n".join(f"  {name}: {problem}" for name, problem in problems)
        super().__init__(
            f"The settings are not usable, so nothing was started and nothing has changed:\n{listed}\n"
            "Correct the variables named above and run the same command again. docs/reference/settings.md has them all."
        )


class FieldProblem(NamedTuple):
    """What is wrong with one field. It never repeats what was given."""

    field: str
    problem: str


class UseCaseError(Exception):
    """A use case failed: what is wrong, whether anything is recorded or lost (``state``), and what to do (``remedy``).

    ``ids`` are opaque ids of what it is about.
    """

    def __init__(
        self,
        reason: str,
        remedy: str,
        *,
        state: str = NOTHING_HAPPENED,
        fields: tuple[FieldProblem, ...] = (),
        ids: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.state = state
        self.fields = fields
        self.ids = dict(ids or {})


class InvalidInput(UseCaseError):
    """An input, a file or a setting cannot be used."""


class NotFound(UseCaseError):
    """There is nothing with this id or name."""


class NotAllowed(UseCaseError):
    """The person may not do this, or could not prove who they are."""


class FromOutside(NotAllowed):
    """The journey is of another clinic. In an emergency staff may look at it by breaking the glass."""


class Conflict(UseCaseError):
    """The request does not fit the present state."""


class Unavailable(UseCaseError):
    """The record or Temporal did not answer. Repeating the request is safe."""


class TemporalRefused(Unavailable):
    """Temporal answers, and refuses us. It helps nobody to wait: ops have to see to it."""


class JourneyLocked(Unavailable):
    """The key of something that is recorded of one journey does not open here. That is no outage: it says nothing of
    other journeys."""


class NotRecordedYet(Unavailable):
    """Temporal holds what was sent, so it will happen, and it is not recorded yet."""

    def __init__(self, reason: str, remedy: str, *, ids: Mapping[str, str]) -> None:
        super().__init__(reason, remedy, state=HELD, ids=ids)


def is_outage(problem: object) -> bool:
    """Whether an error says that nothing more can be done at this moment, of whatever journey."""
    return isinstance(problem, Unavailable) and not isinstance(problem, JourneyLocked)


def outage(reason: str, *, state: str = NOTHING_LOST) -> Unavailable:
    """Return the error of an outage: what does not answer."""
    return Unavailable(reason, LATER, state=state)


class RecordNotOpened(RecordUnavailable):
    """The record could not be opened, and so far nothing had been sent."""


def record_outage(away: RecordUnavailable, *, state: str = NOTHING_LOST) -> Unavailable:
    """Return the error of a record that cannot be reached, or whose keys cannot. ``state`` is how things are left
    where something may have been sent."""
    state = NOTHING_HAPPENED if isinstance(away, RecordNotOpened) else state
    if away.code == KeysUnavailable.__name__:
        return outage("the key store does not answer: without it the record cannot be read", state=state)
    if away.code == KeyUnusable.__name__:
        lacks = "the keyring lacks a key, or it was altered: without it"
        if isinstance(away, KeyAway):
            return JourneyLocked(f"{lacks} this journey cannot be read", LATER, state=state)
        return outage(f"{lacks} the record cannot be read", state=state)
    why = next((f"{said}, {away.code}" for code, said in _AWAY.items() if away.code.startswith(code)), away.code)
    return outage(f"the record cannot be reached ({why})", state=state)


_AWAY = {
    "ConnectionRefusedError": "nothing answers at its address",
    "gaierror": "its host is not known here",
    "TimeoutError": "it did not answer in time",
    "25006": "it is a standby, which takes nothing in",
    "28": "it does not let this login in",
    "3D": "there is no such database",
    "53100": "its disk is full",
    "53300": "it has no connection left",
    "57P": "it is being started or stopped",
}
"""Why the record is not reached, by how the code of that begins."""


class NotVerified(UseCaseError):
    """A signature, a hash or a register is not valid. Nothing may rely on it."""


class SteppedBack(UseCaseError):
    """The person did not confirm."""


class Fault(UseCaseError):
    """Something is not set up as this version of the program needs it: a task for ops."""


class Refused(UseCaseError):
    """The journey refused, or would refuse, a command. The core's own refusal says why."""

    def __init__(
        self, refusal: Refusal, *, state: str = NOTHING_HAPPENED, ids: Mapping[str, str] | None = None
    ) -> None:
        fields = () if refusal.field is None else (FieldProblem(refusal.field, refusal.reason),)
        super().__init__(refusal.reason, refusal.remedy, state=state, fields=fields, ids=ids)
        self.refusal = refusal


def kept_as_said(refusal: Refusal, command_id: UUID) -> Refused:
    """Return the error of a report of harm that is refused, and kept as it was said."""
    remedy = f"{refusal.remedy}, and send it again with --command-id {command_id}: it takes the place of this"
    told = refusal.model_copy(update={"remedy": remedy})
    return Refused(told, state=KEPT_AS_SAID, ids={"command_id": str(command_id)})


def unreadable_event(event: UnreadableEvent) -> Fault:
    """Return the error for what would need the content of an event that cannot be read."""
    if event.version == 1:
        return Fault(
            "the beginning of this journey cannot be read, so it is not known whose it is, or where it stands",
            f"Tell ops: `record verify {event.journey_id}`. Until then nothing of it is shown: see to the patient by "
            "what you know from elsewhere",
            ids={"journey_id": str(event.journey_id)},
        )
    return Fault(
        f"version {event.version} of this journey cannot be read, so where it stands now is not known",
        f"Tell ops: `record verify {event.journey_id}`. `pathway timeline` shows all that can be read, "
        f"`pathway show --at {event.version - 1}` how the journey stood before it",
        ids={"journey_id": str(event.journey_id)},
    )


def translate(error: Exception) -> UseCaseError:
    """Translate any other error. The texts of unknown errors may hold values, so they are never shown."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    match error:
        case UseCaseError():
            return error
        case RecordUnavailable():
            return record_outage(error)
        case KeysUnavailable():
            return outage(str(error))
        case RecordFault(lacks_right=True):
            remedy = "Repairs take a worker's login, all else that of people. Where it is that, tell ops what this says"
            return Fault("this login of the database has no right to do that", remedy)
        case RecordFault(for_another=True):
            remedy = "Use the profile of whose login it is; what programs do takes the service's login"
            return NotAllowed("this login of the database acts for one person only", remedy)
        case RecordFault():
            return Fault(str(error), "Tell ops: the database is not set up as this version needs")
        case UnreadableEvent():
            return unreadable_event(error)
        case SettingsError():
            return InvalidInput(str(error), "See docs/reference/settings.md")
    last = traceback.extract_tb(error.__traceback__)[-1]
    return Fault(
        f"a defect in this program: {type(error).__name__} at {Path(last.filename).name}:{last.lineno}",
        "Tell ops these words. Look with `pathway show` before sending a command again",
        state=UNKNOWN_STATE,
    )
