"""What goes wrong with the record. No text holds what stands in a row, a parameter or an address."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import asyncpg

from activities.privacy.errors import KeysUnavailable, KeyUnusable

# SQLSTATE classes of errors that may pass without a change to the code. 25006: a standby, after a failover.
_OUTAGES = ("08", "25006", "28", "3D", "40", "53", "55", "57", "58")


class RecordUnavailable(Exception):
    """The record cannot be reached, or did not answer in time. Whether the request took effect is not known: repeat it
    with the same ids. `.code` is an SQLSTATE or the name of an error class.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"the record is unavailable ({self.code})"


class KeyAway(RecordUnavailable):
    """The key of something that is recorded does not open here. Other journeys can be read all the same."""

    def __init__(self) -> None:
        super().__init__(KeyUnusable.__name__)


class RecordFault(Exception):
    """The record refused a statement because of a defect or a wrong set-up. Repeating it does not help. `.code` is an
    SQLSTATE or the name of an error class.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"the record refused a statement ({self.code})"

    @property
    def lacks_right(self) -> bool:
        """Whether the login of the database may not do it."""
        return self.code == "42501"

    @property
    def for_another(self) -> bool:
        """Whether the login of one person was used for what that person may not do: it acts for them alone."""
        return self.code == "CP014"


class VersionConflict(Exception):
    """The journey is not at the expected version but at `.actual`. Nothing was written."""

    def __init__(self, actual: int) -> None:
        super().__init__(f"the journey is at version {actual}")
        self.actual = actual


class OtherHistory(Exception):
    """The journey is at the expected version, but not by the events that were read. Nothing was written. The record was
    put back, or somebody changed it: read the journey again."""

    def __init__(self) -> None:
        super().__init__("the journey has other events than were read")


class Diverged(Exception):
    """Some of these event ids are recorded already, but with other content, in another order or journey, or not all of
    them. Nothing was written. Whatever derives the ids is not deterministic, and a person has to look.
    """

    def __init__(self) -> None:
        super().__init__("these event ids are recorded with other content")


class NotAppendable(ValueError):
    """The events cannot be an append: none, an id given twice, or a beginning for another patient than was enrolled.
    Nothing was written.
    """


class OverLimit(Exception):
    """The events break a limit of the record. Nothing was written, and nothing is lost: they can be recorded as they
    are once the limit is higher. `.counted` says of what there are `.actual` where `.most` may be: `events` of one
    append, or `bytes` of the largest payload as stored.
    """

    def __init__(self, counted: str, actual: int, most: int) -> None:
        super().__init__(f"{actual} {_LIMITS.get(counted, counted)} where the record takes at most {most}")
        self.counted, self.actual, self.most = counted, actual, most


_LIMITS = {"events": "events in one append", "bytes": "bytes in one payload"}


class PatientHasOpenJourney(Exception):
    """The patient has another open journey with this medicine, at whatever clinic. Nothing was written."""

    def __init__(self) -> None:
        super().__init__("this patient has an open journey with this medicine")


class MoreIsKnown(Exception):
    """Another journey of the patient has gone on since what was known of the patient was read. Nothing was written."""

    def __init__(self) -> None:
        super().__init__("more is known of the patient by now")


class TwoPatients(Exception):
    """The reference and the clinic's number of a patient are known as two patients'. Nothing was written."""

    def __init__(self) -> None:
        super().__init__("the reference and the number are known as two patients")


class SignatureOver(Exception):
    """Something that was signed counts no more by the database's clock. Nothing was written: decide it again."""

    def __init__(self) -> None:
        super().__init__("what was signed counts no more")


class AheadOfClock(Exception):
    """The events are dated `.by` ahead of the database's clock. Nothing was written, and nothing is lost."""

    def __init__(self, by: timedelta) -> None:
        super().__init__("these events are dated ahead of the database's clock")
        self.by = by


class UnreadableEvent(ValueError):
    """An event is recorded, and this build cannot read what it says. Whoever needs that does not go on without it."""

    def __init__(self, journey_id: UUID, version: int) -> None:
        super().__init__(f"version {version} of the journey cannot be read")
        self.journey_id, self.version = journey_id, version


class NotYetRecorded(Exception):
    """The journey did not reach the version in the given time. It may reach it later."""

    def __init__(self) -> None:
        super().__init__("the journey has not reached this version yet")


_REFUSALS = {
    "CP002": Diverged,
    "CP006": PatientHasOpenJourney,
    "CP007": MoreIsKnown,
    "CP008": TwoPatients,
    "CP010": OtherHistory,
    "CP011": SignatureOver,
}
"""What the record's functions refuse with nothing more to say, by SQLSTATE."""


@contextmanager
def without_values() -> Iterator[None]:
    """Replace the driver's errors by ours: their texts quote rows, parameters and addresses."""
    try:
        yield
    except asyncpg.PostgresError as error:
        code = error.sqlstate or type(error).__name__
        if code in _REFUSALS:
            raise _REFUSALS[code]() from None
        if code == "CP001":
            raise VersionConflict(int(error.detail or 0)) from None
        if code == "CP003":
            raise NotAppendable(error.message) from None
        if code == "CP009":
            counted, actual, most = (error.detail or "").split(",")
            raise OverLimit(counted, int(actual), int(most)) from None
        if code == "CP012":
            raise AheadOfClock(timedelta(seconds=float(error.detail or 0))) from None
        if code.startswith(_OUTAGES):
            raise RecordUnavailable(code) from None
        raise RecordFault(code) from None
    except asyncpg.InterfaceError as error:
        # The driver raises ValueError about arguments, and its other interface errors about lost connections.
        kind = RecordFault if isinstance(error, ValueError) else RecordUnavailable
        raise kind(type(error).__name__) from None
    except asyncpg.InternalClientError as error:
        # What the driver raises when a connection breaks during a statement.
        raise RecordUnavailable(type(error).__name__) from None
    except (OSError, KeysUnavailable) as error:
        raise RecordUnavailable(type(error).__name__) from None
