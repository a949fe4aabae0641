"""Look at one patient across their journeys: every dose that is known of them, and every risk."""

from contextlib import suppress
from typing import Annotated, ClassVar, NamedTuple
from uuid import UUID

from pydantic import Field

from activities.record import KeyAway, patient_index
from activities.record.patients import of_patient
from application.context import Context
from application.errors import Fault, NotAllowed, NotFound
from application.reading.access_log import Query, may_see, require_staff
from application.reading.history import load_journey, read_journey, read_journeys
from workflows.journey.aggregate import Journey
from workflows.journey.always.patient.elsewhere import risks, see_elsewhere
from workflows.journey.always.patient.model import Elsewhere, KnownRisk
from workflows.journey.vocabulary.base import Identifier, InputModel
from workflows.journey.vocabulary.clinical import KnownDose


class PatientNamed(InputModel):
    """A patient by their reference in the organisation; with ``clinic``, by that clinic's number for them."""

    ref: Identifier
    clinic: Identifier | None = None


class ShowPatient(Query):
    """What is known of a patient, by the key (hex) of their reference or number: the access log names nobody."""

    name: ClassVar[str] = "patient show"

    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class PatientSeen(NamedTuple):
    """The journeys of a patient that the person may look at, and what all others say, without saying which and where.

    ``not_readable``: there is one more that cannot be read."""

    journeys: tuple[Journey, ...]
    elsewhere: Elsewhere
    not_readable: bool

    @property
    def doses(self) -> list[tuple[KnownDose, UUID | None]]:
        """Every dose, the latest first, and the journey it was in if the person may look at that."""
        found: list[tuple[KnownDose, UUID | None]]
        found = [(dose, journey.id) for journey in self.journeys for dose in journey.own_doses]
        found += [(dose, None) for dose in self.elsewhere.doses]
        return sorted(found, key=lambda each: each[0].taken_at, reverse=True)

    @property
    def risks(self) -> list[tuple[KnownRisk, UUID | None]]:
        """Every risk, those that are not settled first, then the latest, and its journey as with `doses`."""
        found: list[tuple[KnownRisk, UUID | None]]
        found = [(risk, journey.id) for journey in self.journeys for risk in risks(journey)]
        found += [(risk, None) for risk in self.elsewhere.risks]
        return sorted(found, key=lambda each: (each[0].open, each[0].since), reverse=True)


async def question_for(context: Context, named: PatientNamed) -> ShowPatient:
    """Return the question for a patient who is named.

    Raises:
        RecordUnavailable, RecordFault: the record cannot be reached.
    """
    patients = (await context.record()).patients
    key = patients.of_ref(named.ref) if named.clinic is None else patients.of_number(named.clinic, named.ref)
    return ShowPatient(key=key.hex())


async def show_patient(context: Context, query: ShowPatient) -> PatientSeen:
    """What is known of a patient across their journeys. Whoever may look at one of them sees the doses and risks of
    all, because they rest on them; which other journeys there are, and where, they are not told.

    Raises:
        NotAllowed: there is no such patient, or the person may look at none of their journeys. It is not said which.
    """
    record, key = await context.record(), bytes.fromhex(query.key)
    read: list[Journey] = []
    not_readable = False
    for journey_id in await patient_index.journeys_of(record, key, ever=True):
        try:
            with suppress(NotFound):
                read.append(await load_journey(context, journey_id))
        except (Fault, KeyAway):
            not_readable = True
    # Of these, the journeys that are the patient's at the time of the look.
    known = of_patient(record.patients, read, key)
    theirs = await read_journeys(context, query, [journey.id for journey in known])
    if not theirs:
        raise NotAllowed(
            "there is no journey of this patient that you may look at",
            "Ask the patient's clinic; in an emergency: `access break-glass` with the id of a journey",
            state="That you tried is kept. Nothing else happened.",
        )
    seen = [journey.id for journey in theirs]
    return PatientSeen(theirs, see_elsewhere((each for each in known if each.id not in seen), ""), not_readable)


async def show_patient_of(context: Context, journey_id: UUID) -> PatientSeen:
    """What is known of the patient of a journey across their journeys. For staff who may look at this one.

    Raises:
        NotFound, NotAllowed: there is no such journey, or it is not theirs to look at. The attempt is kept.
    """
    require_staff(context, "what is known of a patient across journeys")
    journey = await load_journey(context, journey_id)
    query = await question_for(context, PatientNamed(ref=journey.patient.ref))
    if not may_see(context, journey):
        await read_journey(context, query, journey_id)
    return await show_patient(context, query)
