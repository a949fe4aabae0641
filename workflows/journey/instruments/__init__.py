"""Pure scoring of the instruments: answers in, a result out, never an exception and never a guess.

- `PCL-5`: post-traumatic stress, past month. 20 items of 0-4, total 0-80.
- `GAD-7`: anxiety, last 2 weeks. 7 items of 0-3, total 0-21.
- `PHQ-9`: depression, last 2 weeks. 9 items of 0-3, total 0-27; item 9 counts whatever the total.
- `C-SSRS`: suicide risk screener, past month, past 3 months and lifetime. Yes/no questions, a level instead of a
  total. It is asked once: what it finds about a lifetime stays true for ever.
- `C-SSRS-SINCE`: the same since the last contact. What may be done now is judged by it.
- `CADSS-6`: dissociation during a session, right now. 6 items of 0-4, total 0-24.

What an instrument *is* (items, ranges, clusters, bands, triage) is in `definitions`, with its source. What a
clinic chooses (cut-offs, change thresholds) comes in as `Thresholds`. No result decides anything about a
patient: results inform, flag and hold; people decide.
"""

from workflows.journey.instruments.changes import Comparison, compare
from workflows.journey.instruments.definitions import (
    C_SSRS_FORMS,
    Definition,
    Instrument,
    Level,
    RiskFinding,
    definition_of,
)
from workflows.journey.instruments.results import Score, ScoreChange, ScoreFlag
from workflows.journey.instruments.scoring import score
from workflows.journey.instruments.thresholds import Thresholds, missing_thresholds, threshold_problems

__all__ = [
    "C_SSRS_FORMS",
    "Comparison",
    "Definition",
    "Instrument",
    "Level",
    "RiskFinding",
    "Score",
    "ScoreChange",
    "ScoreFlag",
    "Thresholds",
    "compare",
    "definition_of",
    "missing_thresholds",
    "score",
    "threshold_problems",
]
