"""Escalation policies: how long somebody has, and what happens when nothing comes."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from workflows.journey.protocol.common import Count, Minutes
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import Flag, InputModel, Whole


class Action(StrEnum):
    """What a step of an escalation policy does. None of them decides anything about care."""

    ASK = "ask"
    REMIND = "remind"
    CALL_PATIENT = "call_patient"
    CALL_OBSERVER = "call_observer"
    PAGE = "page"
    REASSIGN = "reassign"
    ESCALATE = "escalate"
    EMERGENCY_CONTACT = "emergency_contact"
    EMERGENCY_SERVICES = "emergency_services"
    WELFARE_CHECK = "welfare_check"
    LETTER = "letter"
    DEATH = "death"
    LOST_TO_FOLLOW_UP = "lost_to_follow_up"


class EscalationStep(InputModel):
    """One step of an escalation policy, at ``minutes`` after the due time or at ``percent`` of the way to it.

    ``hold`` places a hold on the journey when the step is reached; ``alarm`` makes its notice leave at once.
    """

    minutes: Minutes | None = None
    """Minutes after the due time, in the time the policy counts."""
    percent: Annotated[Whole, Field(gt=0, le=1000)] | None = None
    """Percent of the time from the beginning of the wait to its due time. Above 100 it lies beyond the due time."""
    days_before: Count | None = None
    """Days before the due time, where that is known long before."""
    action: Action
    """What is to be done."""
    to: Role
    """The role that is told to do it."""
    hold: Flag = False
    """Whether care is held when the step is reached."""
    alarm: Flag = False
    """Whether its notice leaves at once, before it is recorded."""
    repeat_minutes: Count | None = None
    """Minutes after which the last step is taken again, and again, until somebody acknowledges or what is awaited is
    done. None: it is taken once."""
    spread_minutes: Annotated[Whole, Field(ge=0, le=1440)] = 0
    """Up to how many minutes later a reminder comes, evenly over journeys: at the end of quiet hours, or when a clinic
    opens, those of thousands would come in one second, and alarms behind them. What is due when stays as it is."""

    @model_validator(mode="after")
    def _spreads(self) -> Self:
        if self.spread_minutes and (self.alarm or self.hold or self.minutes is not None):
            raise ValueError("spread_minutes is for reminders: no alarm, no hold and no step in minutes waits for it")
        return self

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if sum(given is not None for given in (self.minutes, self.percent, self.days_before)) != 1:
            raise ValueError(
                "a step has either `minutes` (after due) or `percent` (of the time until due) or `days_before`"
            )
        return self


class EscalationPolicy(InputModel):
    """How long somebody has, and what happens, step by step, when nothing comes.

    ``due_minutes`` counts from when the wait began; check-ins bring their own due time instead. With the clock
    ``working`` these minutes, and those and the percents of the steps, are minutes of the clinic's working time.
    Where ``quiet_hours`` is true, times that fall into the patient's quiet hours wait until these are over.

    Where a life may depend on it, the last step repeats until somebody acknowledges, and ``acknowledged`` goes on from
    there, slower: whoever took an alarm and then does nothing does not silence it.
    """

    due_minutes: Minutes
    """Minutes from the beginning of a wait to its due time, where the wait brings no due time itself."""
    steps: Annotated[tuple[EscalationStep, ...], Field(min_length=1)]
    """What happens, in the order of time. The last step hands over to somebody of the clinic."""
    clock: Literal["elapsed", "working"] = "elapsed"
    """Whether minutes and percents count all time that passes, or only the clinic's working time."""
    quiet_hours: Flag = False
    """Whether times that fall into the patient's quiet hours wait until these are over."""
    acknowledged: tuple[EscalationStep, ...] = ()
    """What happens once somebody has acknowledged and what is awaited is still not done: in minutes after the
    acknowledgement, the last step repeating. None: there is nothing to acknowledge, only to do."""

    @model_validator(mode="after")
    def _one_calendar(self) -> Self:
        if self.clock == "working" and self.quiet_hours:
            raise ValueError("quiet_hours are the patient's: a policy in the clinic's working time has none")
        return self

    def minutes_of(self, step: EscalationStep) -> float:
        """Return when a step comes, in minutes from the beginning of the wait as far as the policy itself says."""
        if step.percent is not None:
            return self.due_minutes * step.percent / 100
        return self.due_minutes + (step.minutes or 0) - 1440 * (step.days_before or 0)

    @model_validator(mode="after")
    def _repeats(self) -> Self:
        for steps in (self.steps, self.acknowledged):
            if any(step.repeat_minutes is not None for step in steps[:-1]):
                raise ValueError("only the last step repeats (repeat_minutes)")
        repeats = self.steps[-1].repeat_minutes is not None
        if repeats != bool(self.acknowledged):
            raise ValueError("a policy whose last step repeats has `acknowledged`: how it goes on; no other has it")
        if self.acknowledged and self.acknowledged[-1].repeat_minutes is None:
            raise ValueError("the last step of `acknowledged` must repeat: it silences nothing for ever")
        if any(step.minutes is None for step in self.acknowledged):
            raise ValueError("steps of `acknowledged` are in minutes after the acknowledgement")
        return self

    @property
    def alarms(self) -> bool:
        """Whether a step of it alarms somebody."""
        return any(step.alarm for step in self.steps)

    def steps_when(self, *, acknowledged: bool) -> tuple[EscalationStep, ...]:
        """Return the steps that are taken: those of the wait, or those after it was acknowledged."""
        return self.acknowledged if acknowledged else self.steps

    @property
    def longest(self) -> timedelta:
        """From when the wait began to its last step, in the time the escalation policy counts."""
        return max(
            timedelta(minutes=self.due_minutes) * step.percent / 100
            if step.percent is not None
            else timedelta(minutes=self.due_minutes + (step.minutes or 0))
            for step in self.steps
        )
