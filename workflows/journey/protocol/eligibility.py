"""Whom a pathway is for: what is found out about a patient, and how long it counts."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from workflows.journey.protocol.common import Count
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.base import Identifier, InputModel, Short, SortedDict, Whole
from workflows.journey.vocabulary.calendars import Day


class PriorTreatments(InputModel):
    """Which standard treatments must have been tried without adequate relief; ``record`` are only recorded.

    An ``exception`` is part of the evaluation; where ``exception_cosigned_by`` names roles, a second person in one
    of them signs an evaluation that makes one.
    """

    require_all_of: tuple[Identifier, ...] = ()
    """Treatments that must all have been tried."""
    require_any_of: tuple[Identifier, ...] = ()
    """Treatments of which at least one must have been tried."""
    record: tuple[Identifier, ...] = ()
    """Treatments that are only asked about."""
    exception: Literal["clinician_signed"] = "clinician_signed"
    """Who may let a patient in without them: the clinician who signs the evaluation."""
    exception_cosigned_by: tuple[Role, ...] = ()
    """Roles of which a second person signs such an evaluation too. None: one signature is enough."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.require_all_of and not self.require_any_of:
            raise ValueError("require_all_of or require_any_of must name at least one treatment")
        if any(role not in CLINICAL for role in self.exception_cosigned_by):
            raise ValueError(f"only {', '.join(CLINICAL)} may sign")
        return self


class Eligibility(InputModel):
    """Whom the pathway may be for: what must be found out, and how long it counts."""

    min_age_years: Count
    """Full years on the local day of the patient."""
    evaluation_sections: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """Parts of the evaluation that must be filled in."""
    function: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """Areas of daily life in which the evaluation describes the effect of the symptoms."""
    prior_treatments: PriorTreatments
    """Standard treatments that come before."""
    attest: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """Criteria that a clinician attests with yes or no. A no stands in the way."""
    attest_lasting_days: SortedDict[Identifier, Count] = {}
    """Those of them that hold only for symptoms that have lasted so many days, by the evaluation. A yes to the contrary
    is refused."""
    factors: Annotated[tuple[Identifier, ...], Field(min_length=3)]
    """What is weighed for the decision about the setting, each in words."""
    screening_valid_days: Count
    """Days after which the whole screening is repeated, and no session is released before it is."""
    evaluation_valid_days: Count
    """Days after the evaluation was signed in which the first plan can be signed."""


class KnownFrom(InputModel):
    """What tells the answer to an exclusion. An answer to the contrary is refused; ``unknown`` never is."""

    age_under: Count | None = None
    """Yes for somebody of fewer full years on their local day, else no."""
    age_over: Count | None = None
    """Yes for somebody of more full years on their local day, else no."""
    suicide_risk: Annotated[tuple[Literal["low", "moderate", "high"], ...], Field(min_length=1)] | None = None
    """Never no while one of these is known: the latest C-SSRS that a clinician asked is (an incomplete one counts as
    high); intent or behaviour that a clinician found is recent (high); there was an attempt at any time (moderate)."""
    medicines: Annotated[tuple[Identifier, ...], Field(min_length=1)] | None = None
    """Never no while a medicine of one of these classes is on the list and taken. A change of them opens it again."""
    checklist: Identifier | None = None
    """Never no while the latest checklist of a session says no to this item."""
    red_flags: Annotated[tuple[Identifier, ...], Field(min_length=1)] | None = None
    """Never no once one of these of ``sessions.red_flags`` was observed."""
    recorded: Literal["monitoring_concern", "no_standard_treatment", "not_licensed"] | None = None
    """Never no while this is recorded: a concern of the monitoring program that nobody has reviewed; no standard
    treatment tried without relief and no exception; a clinician of the journey without a licence where the patient
    lives."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for _, source in self) != 1:
            raise ValueError(f"must name one of: {', '.join(type(self).model_fields)}")
        return self


class Exclusion(InputModel):
    """A screening question. ``hard`` blocks while the answer is yes; ``review`` needs a signed decision."""

    code: Identifier
    """Its name in answers, records and reports. An exclusion keeps its code for ever."""
    text: Short
    """The question's subject, as the clinician reads it."""
    rule: Literal["hard", "review"]
    """Whether a yes blocks, or needs a decision signed by a clinician."""
    known_from: KnownFrom | None = None
    """What its answer is checked against. None: only a clinician can tell."""
    rests_on: tuple[Literal["state", "weight"], ...] = ()
    """What a clinician answers it by. It is open again once that changes: the state where the patient lives."""


class Medicines(InputModel):
    """The list of medicines that a patient takes."""

    classes: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """The classes a medicine can be of. Exclusions name those they ask about in ``known_from.medicines``."""


class Permissions(InputModel):
    """What gives leave to prescribe, until when."""

    remote_prescribing_last_day: Day
    """The last day, in the zone of ``working_time``, of the permission to prescribe without a visit in person."""
    remote_prescribing_in_demonstrations_days: Count
    """Days after its start that the permission lasts in a demonstration, whatever the day."""
    monitoring_check_valid_days: Count
    """Days that a check of a prescription monitoring program counts."""


class Pregnancy(InputModel):
    """Pregnancy tests."""

    tests_valid_days: Count | None
    """Days that a negative test counts, for whoever can become pregnant. None: no tests are asked for."""
    judged_valid_days: Count
    """Days that a clinician's judgement counts that no test is needed."""


class Validity(InputModel):
    """How long what a dose rests on carries it. It is judged at the dose, not only when it was signed or said.

    The screening, the C-SSRS and the body weight have theirs where they stand.
    """

    evaluation_days: Count
    """Days after it was signed. Then the evaluation is amended and signed again."""
    plan_days: Count
    """Days after it was signed. Then the plan is written and signed again."""
    baseline_days: Count
    """Days that each instrument of the baseline counts for the first dose of a course."""
    before_session_days: Count
    """Days that the questionnaire before a session counts for it."""
    consent_days: Count
    """Days after the patient gave it that a consent counts."""
    education_days: Count
    """Days after they were explained or acknowledged that topics and statements count."""


class Symptoms(InputModel):
    """The symptoms that treatment is to reduce, each rated on its own by the patient: at the evaluation, at check-ins
    and at follow-up visits."""

    names: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """What is rated: for PTSD intrusive thoughts, emotional distress and mood instability."""
    highest: Annotated[Whole, Field(ge=1, le=100)]
    """The worst rating. 0 is not at all."""
    alert_at: Annotated[Whole, Field(ge=1)]
    """A rating from which one contact is enough: it is told to a clinician, and brings about a review."""
    worse_by: Count
    """Points above the best rating so far from which a symptom is worse."""
    times_in_a_row: Annotated[Whole, Field(ge=2)]
    """So many contacts with the same symptom worse bring about a review: in a row, or with better ratings in between,
    since it was last told."""
