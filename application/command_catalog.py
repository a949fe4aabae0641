"""The commands that people send, each with what a way in needs to offer it."""

import inspect
from dataclasses import dataclass
from typing import get_args

from application.errors import NotAllowed
from workflows.journey import commands as c
from workflows.journey.actors import Actor, Role
from workflows.journey.aggregate import Journey
from workflows.journey.setting import setting_of
from workflows.journey.vocabulary import AT_HOME

SPECIAL = (c.StartPathway, c.Sign, c.BreakGlass)
"""They have commands of their own: `pathway start`, `signoff approve`, `decline` and `return`, `access break-glass`."""


@dataclass(frozen=True, slots=True)
class CommandKind:
    """One kind of command: what people type, who may send it, and when."""

    noun: str
    verb: str
    model: type[c.CommandBody]

    @property
    def name(self) -> str:
        return f"{self.noun}.{self.verb}"

    @property
    def roles(self) -> tuple[Role, ...]:
        return self.model.roles

    @property
    def needs_content(self) -> bool:
        """Whether the command needs a form."""
        return any(field.is_required() for field in self.model.model_fields.values())

    @property
    def summary(self) -> str:
        return inspect.getdoc(self.model) or ""

    @property
    def help(self) -> str:
        """Return the help text: what the command does, who may send it and when, and what its form holds."""
        fields = [
            name + ("" if field.is_required() else " (optional)")
            for name, field in self.model.model_fields.items()
            if name != "kind"
        ]
        stages = ", ".join(stage.value for stage in self.model.stages)
        when = "any, until the pathway is closed" if self.model.stages == c.OPEN else stages
        return (
            f"{self.summary}\n\nFor: {', '.join(self.roles)}.\n\nStages: {when}."
            f"\n\nThe form is JSON with: {', '.join(fields)}."
        )


def _kinds() -> tuple[CommandKind, ...]:
    found = []
    for model in get_args(get_args(c.AnyBody)[0]):
        noun, _, verb = model.model_fields["kind"].default.partition(".")
        if noun != "clock" and model not in SPECIAL:
            found.append(CommandKind(noun, verb, model))
    return tuple(found)


KINDS = _kinds()


def names_asked_for(kind: CommandKind, journey: Journey) -> dict[str, tuple[str, ...]]:
    """Return the coded words that the journey's protocol asks for in this form, by field, for its template."""
    p = journey.protocol
    asked: dict[type[c.CommandBody], dict[str, tuple[str, ...]]] = {
        c.RecordEvaluation: {
            "sections": p.eligibility.evaluation_sections,
            "function": p.eligibility.function,
            "symptoms": p.symptoms.names,
        },
        c.RecordScreening: {
            "exclusions": tuple(exclusion.code for exclusion in p.exclusions),
            "criteria": p.eligibility.attest,
            "factors": p.eligibility.factors,
        },
        c.RecordPlan: {"plan.components": p.care_plan.require_components, "plan.sections": p.care_plan.sections},
        c.ExplainTopics: {"topics": p.education_topics},
        c.ConfirmUnderstanding: {"topics": p.education_topics},
        c.Acknowledge: {"statements": p.acknowledgements},
        c.CheckSession: {"items": p.sessions.checklist_in(setting_of(journey) or AT_HOME)},
        c.EndSession: {"criteria": p.sessions.criteria_in(setting_of(journey) or AT_HOME)},
        c.AddMedicine: {"classes": p.medicines.classes},
        c.CompleteCheckIn: {"symptoms": p.symptoms.names},
        c.RecordVisit: {
            "assessments": p.follow_up.assessments,
            "answers": p.follow_up.questions,
            "symptoms": p.symptoms.names,
            "function": p.eligibility.function,
        },
    }
    return asked.get(kind.model, {})


def require_role(actor: Actor, kind: CommandKind) -> None:
    """Require that the actor's role may send this command.

    Raises:
        NotAllowed: it may not. The error says which roles may.
    """
    if actor.role not in kind.roles:
        raise NotAllowed(
            f"a {actor.role.value} may not send {kind.noun} {kind.verb}",
            f"It is for: {', '.join(kind.roles)}. Choose another profile with --profile",
        )
