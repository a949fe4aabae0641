"""What scoring answers."""

from enum import StrEnum

from pydantic import Field

from workflows.journey.instruments.definitions import C_SSRS_FORMS, Instrument, Level, RiskFinding
from workflows.journey.vocabulary.base import ImmutableModel, SortedDict


class ScoreFlag(StrEnum):
    """What a result draws attention to."""

    ITEM_9 = "item_9"
    """PHQ-9 item 9 above 0. Acted on whatever the total, also when the rest is incomplete."""
    ITEM_9_NOT_ANSWERED = "item_9_not_answered"
    """PHQ-9 item 9 could not be read. Never taken as 0."""
    DSM_RULE = "dsm_rule"
    """PCL-5 meets the DSM-5 symptom-cluster rule, whatever the total."""
    CUTOFF = "cutoff"
    """The total is at or above the clinic's cut-off."""
    INDETERMINATE = "indeterminate"
    """C-SSRS incomplete or contradictory: gates treat it as high until a clinician completes it."""
    NOTE = "note"
    """In-session observation at or above the clinic's note level."""
    EXTREME_ITEM = "extreme_item"
    """In-session observation with an item at its maximum."""
    ESCALATE = "escalate"
    """In-session observation to escalate now."""
    RELEASE_OK = "release_ok"
    """In-session observation that does not stand in the way of release: one criterion of many."""
    PREVIOUS_INVALID = "previous_invalid"
    """An earlier total is not a possible total of this instrument, so no change was judged."""
    THRESHOLDS_MISSING = "thresholds_missing"
    """There are earlier totals, and thresholds of change that this instrument needs are not set: a change may be
    there and not be seen."""


class ScoreChange(StrEnum):
    """How a total moved since earlier ones. Every word that holds is listed, in this order."""

    NONE = "none"
    MEANINGFUL = "meaningful"
    RELIABLE = "reliable"
    RECOVERED = "recovered"
    RESPONSE = "response"
    REMISSION = "remission"
    DETERIORATION = "deterioration"
    RISING = "rising"


class Score(ImmutableModel):
    """One scored set of answers. An incomplete or invalid set has a reason and neither total nor band.

    `level` is for the C-SSRS only; when `complete` is false it is the worst level the readable answers give
    (absent if there are none) and may understate: ask `gate_level`. `recent_level` leaves out what the screener asks
    about a lifetime; `findings` are what its yes answers are about. `reason` names items, never answers.
    """

    instrument: Instrument
    version: str
    complete: bool
    reason: str | None = None
    total: int | None = None
    level: Level | None = None
    recent_level: Level | None = None
    findings: tuple[RiskFinding, ...] = ()
    band: str | None = None
    subscales: SortedDict[str, int] = Field(default_factory=dict)
    flags: tuple[str, ...] = ()
    change: tuple[str, ...] | None = None

    @property
    def gate_level(self) -> Level | None:
        """The level a gate must use: high unless the C-SSRS is complete. None for the other instruments."""
        return self._unless_incomplete(self.level)

    @property
    def current_level(self) -> Level | None:
        """The level of what is recent, whatever happened earlier in life: high unless the C-SSRS is complete. None for
        the other instruments."""
        return self._unless_incomplete(self.recent_level)

    def _unless_incomplete(self, level: Level | None) -> Level | None:
        if self.instrument not in C_SSRS_FORMS:
            return None
        if level is None or not self.complete or ScoreFlag.INDETERMINATE in self.flags:
            return Level.HIGH
        return level

    @property
    def needs_c_ssrs(self) -> bool:
        """Whether PHQ-9 item 9 asks for a C-SSRS now: it is above 0, or nobody knows what it is."""
        return ScoreFlag.ITEM_9 in self.flags or ScoreFlag.ITEM_9_NOT_ANSWERED in self.flags

    def as_line(self) -> dict[str, object]:
        """The result as the command line prints it: `total` only if there is one, `level` for the C-SSRS instead."""
        line: dict[str, object] = {"instrument": self.instrument.value}
        if self.instrument in C_SSRS_FORMS:
            line["level"] = None if self.level is None else self.level.value
        elif self.total is not None:
            line["total"] = self.total
        return line | {
            "band": self.band,
            "complete": self.complete,
            "reason": self.reason,
            "subscales": dict(self.subscales),
            "flags": [str(flag) for flag in self.flags],
            "change": None if self.change is None else [str(word) for word in self.change],
        }
