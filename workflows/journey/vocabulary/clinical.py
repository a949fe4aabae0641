"""What commands, events and the state speak of alike: the patient, a plan, vital signs and who stays with the patient.

Nothing here knows a command or an event.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from workflows.journey.vocabulary.base import (
    Flag,
    Identifier,
    ImmutableModel,
    InputModel,
    Number,
    Short,
    SortedDict,
    Text,
    Whole,
)
from workflows.journey.vocabulary.calendars import Day, Instant, Zone, day_begins, local

Setting: TypeAlias = Literal["at_home", "in_clinic"]
"""Where sessions take place."""
AT_HOME: Final = "at_home"
IN_CLINIC: Final = "in_clinic"

_ZONES = {
    # The 50 states and the District of Columbia, from where a day ends first to where it ends last.
    "America/New_York": "CT DC DE FL GA IN KY MA MD ME MI NC NH NJ NY OH PA RI SC TN VA VT WV",
    "America/Chicago": "AL AR FL IA IL IN KS KY LA MI MN MO MS ND NE OK SD TN TX WI",
    "America/Denver": "AZ CO ID KS MT ND NE NM NV OR SD TX UT WY",
    "America/Phoenix": "AZ",
    "America/Los_Angeles": "CA ID NV OR WA",
    "America/Anchorage": "AK",
    "America/Adak": "AK",
    "Pacific/Honolulu": "HI",
    # The territories that people live in.
    "America/Puerto_Rico": "PR VI",
    "Pacific/Guam": "GU MP",
    "Pacific/Pago_Pago": "AS",
}
STATE_ZONES = {
    state: tuple(zone for zone, states in _ZONES.items() if state in states.split())
    for states in _ZONES.values()
    for state in states.split()
}
"""The zones of each state; the last one is that in which a day ends last. Source: 49 CFR 71."""
US_STATES = tuple(sorted(STATE_ZONES))
US_ZONES = tuple(sorted(_ZONES))


def _known_state(code: str) -> str:
    if code not in US_STATES:
        raise ValueError("must be the code of a US state, of DC or of a territory: two capital letters, as CA")
    return code


UsState = Annotated[str, AfterValidator(_known_state), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}$"})]
"""Where somebody lives, is, or may practise: the two-letter code of a US state, of the District of Columbia or of a
territory that people live in. Source: the codes that ISO 3166-2:US and the postal service (USPS) have in common."""


def state_day_ends(day: date, state: str) -> datetime:
    """Return the moment (UTC) at which a day is over everywhere in a state."""
    return day_begins(day + timedelta(days=1), STATE_ZONES[state][-1])


def is_zone_of(state: str, zone: str, at: datetime) -> bool:
    """Whether a clock in a zone shows the time of a zone of the state, in the winter and in the summer round a moment:
    a zone may have several names."""
    days = (datetime(at.year, month, 1, tzinfo=UTC) for month in (1, 7))
    shown = [(local(day, zone).utcoffset(), day) for day in days]
    return any(all(local(day, each).utcoffset() == offset for offset, day in shown) for each in STATE_ZONES[state])


Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$")]
"""A language, as in BCP 47: en, es, zh-Hant."""


def state_problem(code: str, field: str) -> tuple[str, ...]:
    """Return what is to be said of a code that is no state's, territory's or DC's; nothing of one that is.

    What was measured or told is not refused with it.
    """
    return () if code in US_STATES else (f"{field} {code}: not the code of a US state, of DC or of a territory",)


class SaidLocation(InputModel):
    """Where the patient says they are: kept as it was said, also where it is not the code of a state."""

    state: Short
    confirmed: Flag


class Location(InputModel):
    """Where the patient was at an encounter, and whether they confirmed it. It is where a licence counts."""

    state: UsState
    confirmed: Flag


class Patient(InputModel):
    """Who is cared for: their one opaque reference in the organisation, never a name or a number of theirs.

    ``number`` is the clinic's own number for them, by which they are known there too. ``dispatch_address_ref`` refers
    to the address that emergency services are sent to.
    """

    ref: Identifier
    number: Identifier | None = None
    born: Day
    zone: Zone
    state: UsState
    emergency_contact_ref: Identifier
    dispatch_address_ref: Identifier | None = None
    language: Language = "en"
    interpreter: Flag = False


class PriorTreatment(InputModel):
    """One earlier treatment and what came of it."""

    type: Identifier
    what: Short
    duration: Short | None = None
    response: Literal["none", "partial", "adequate", "worse", "unknown"]
    stopped_because: Short | None = None


class ScreeningAnswer(InputModel):
    """Yes, no or unknown to one exclusion. Unknown never passes."""

    answer: Literal["yes", "no", "unknown"]
    note: Short | None = None


class Finding(InputModel):
    """Whether something was found to be so, and because of what."""

    holds: Flag
    because: Text


KG_PER_LB = 0.45359237
"""The international avoirdupois pound (1959)."""


class Plan(InputModel):
    """A personalised plan. Milligrams, hours. ``doses_dispensed`` are for the patient's home.

    Whoever enters a body weight says in which unit it was read off the scale: none is taken for granted, since 150 is a
    weight in pounds and in kilograms.
    """

    goals: Annotated[tuple[Text, ...], Field(min_length=1)]
    indication: Text
    components: SortedDict[Identifier, Text]
    therapy_absent_because: Text | None = None
    sections: SortedDict[Identifier, Text]
    dose_mg: Annotated[Number, Field(gt=0)]
    route: Identifier
    weight: Annotated[Number, Field(gt=0, le=1100)]
    weight_unit: Literal["kg", "lb"]
    weighed_at: Instant
    planned_sessions: Annotated[Whole, Field(ge=1, le=52)]
    spacing_hours: Annotated[Whole, Field(ge=1)]
    doses_dispensed: Annotated[Whole, Field(ge=0)]
    setting: Setting = AT_HOME

    @property
    def weight_kg(self) -> float:
        """The body weight in kg, to the gram."""
        return self.weight if self.weight_unit == "kg" else round(self.weight * KG_PER_LB, 3)

    @property
    def weight_lb(self) -> float:
        """The body weight in pounds, to a tenth."""
        return self.weight if self.weight_unit == "lb" else round(self.weight / KG_PER_LB, 1)


Ratings = SortedDict[Identifier, Annotated[Whole, Field(ge=0, le=100)]]
"""How bad each symptom was since the last contact, as the patient says: 0 is not at all, the protocol says how high it
goes."""
WordingId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,220} sha256:[0-9a-f]{64}$")]
"""The words in which a questionnaire was shown: their FHIR file by its address and version, and the digest of it."""


class Vitals(InputModel):
    """One set of measurements: mmHg, beats per minute, percent."""

    systolic: Annotated[Whole, Field(ge=30, le=300)]
    diastolic: Annotated[Whole, Field(ge=10, le=250)]
    heart_rate: Annotated[Whole, Field(ge=10, le=300)] | None = None
    oxygen: Annotated[Whole, Field(ge=30, le=100)] | None = None
    measured_at: Instant

    @property
    def plausible(self) -> bool:
        """Whether the lower pressure is below the upper one. Otherwise it is nobody's."""
        return self.diastolic < self.systolic


class KnownDose(ImmutableModel):
    """A dose that a patient took: how much (mg, None: unknown), by which route and when (UTC). ``source`` is the id of
    the event that recorded it; it tells nobody the journey or the clinic."""

    source: UUID
    taken_at: Instant
    dose_mg: float | None = None
    route: Identifier


class Observer(InputModel):
    """The adult who stays with the patient, by opaque reference."""

    ref: Identifier
    adult: Flag
    physically_present: Flag
    briefed: Flag
