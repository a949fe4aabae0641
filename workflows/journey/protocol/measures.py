"""Which questionnaires are asked, and when."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from workflows.journey.instruments import Instrument, Thresholds
from workflows.journey.protocol.common import Count
from workflows.journey.protocol.contacts import Window
from workflows.journey.vocabulary.base import InputModel, SortedDict


class Instruments(InputModel):
    """Which questionnaires are asked, and how long answers about suicide risk count."""

    primary: Instrument
    """What the pathway is measured by: at the baseline, before sessions and in follow-up."""
    baseline: Annotated[tuple[Instrument, ...], Field(min_length=1)]
    """What is filled in before the evaluation can be signed. PHQ-9 and C-SSRS always: suicide risk is asked of all."""
    thresholds: SortedDict[Instrument, Thresholds]
    """What the clinic chose about an instrument. One that is asked needs all its thresholds of change, or a change
    would not be seen: ``meaningful_change``, ``reliable_change``, ``deterioration`` and ``rises_in_a_row``; for the
    PCL-5 also ``recovered_at_or_below``, for the GAD-7 and the PHQ-9 ``response_pct`` and ``remission_below``."""
    answers_entered_within_days: Count
    """Days after they were given that answers may still be entered. What they show of danger acts at once."""
    suicide_risk_heightened_days: Count
    """Days after a C-SSRS of moderate or worse in which missed contacts escalate faster."""
    suicide_risk_valid_days: Count
    """Days that a C-SSRS counts for the start of a session."""
    suicidal_intent_recent_days: Count
    """Days after a clinician found suicidal intent in which no session is released, whatever is answered since."""
    suicidal_behaviour_recent_days: Count
    """Days after a clinician found recent suicidal behaviour in which no session is released."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.primary not in self.baseline:
            raise ValueError("the primary instrument must be part of the baseline")
        for needed in (Instrument.PHQ_9, Instrument.C_SSRS):
            if needed not in self.baseline:
                raise ValueError(f"the baseline must include {needed} (suicide risk is asked of everybody)")
        return self


class InstrumentSchedule(InputModel):
    """When instruments are asked again: the primary one, and others at the same times."""

    others: tuple[Instrument, ...] = ()
    """What is asked besides the primary instrument. A clinician asks the C-SSRS, which has its own time before
    sessions."""
    before_session: tuple[Count, ...]
    """Numbers of the sessions before which the primary instrument is filled in."""
    after_last_session_days: tuple[Count, ...]
    """Days after the last dose on which it is filled in, rising."""
    then_every_days: Count
    """Days from then on from one to the next."""
    window: Window
    """When answers are those of a questionnaire that is due."""
