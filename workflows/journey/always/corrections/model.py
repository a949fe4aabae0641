"""Corrections of recorded facts: commands and events."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workflows.journey.actors import CLINICAL, Role
from workflows.journey.base import Text
from workflows.journey.envelopes import ALWAYS, CommandBody, EventBody
from workflows.journey.stage import Stage
from workflows.journey.stages.evaluation.model import (
    EvaluationRecorded,
    InstrumentRecorded,
    RecordEvaluation,
    RecordInstrument,
)
from workflows.journey.stages.follow_up.model import RecordVisit, VisitRecorded
from workflows.journey.stages.screening.model import RecordScreening, ScreeningRecorded
from workflows.journey.stages.sessions.model import (
    CheckSession,
    DoseRecorded,
    Observe,
    RecordDose,
    SessionChecked,
    SessionObserved,
)

Correction = RecordEvaluation | RecordInstrument | RecordScreening | CheckSession | RecordDose | Observe | RecordVisit


class Amend(CommandBody):
    """Correct a recorded fact: a new event with a reason. The earlier one stays, and signatures that relied on it are
    stale."""

    kind: Literal["pathway.amend"] = "pathway.amend"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    version: Annotated[int, Field(ge=1)]
    reason: Text
    correction: Annotated[Correction, Field(discriminator="kind")]


Amendable = (
    EvaluationRecorded | InstrumentRecorded | ScreeningRecorded | SessionChecked | DoseRecorded | SessionObserved
    | VisitRecorded
)  # fmt: skip


class FactAmended(EventBody):
    """A recorded fact was corrected. The event at ``version`` stays as it was; this one holds from now on."""

    kind: Literal["fact.amended"] = "fact.amended"
    version: int
    reason: Text
    correction: Annotated[Amendable, Field(discriminator="kind")]
