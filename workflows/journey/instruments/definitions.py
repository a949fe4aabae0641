"""The published definition of each instrument: items, ranges, recall window, clusters, bands, triage.

Everything here belongs to the instrument itself and changes only when its authors publish a new version.
Numbers a clinic may choose are not here; they are `Thresholds`. Item texts are not here either.
"""

from dataclasses import dataclass
from enum import StrEnum


class Instrument(StrEnum):
    """The instruments the journey can score, by the name people use for them."""

    PCL_5 = "PCL-5"
    GAD_7 = "GAD-7"
    PHQ_9 = "PHQ-9"
    C_SSRS = "C-SSRS"
    C_SSRS_SINCE = "C-SSRS-SINCE"
    CADSS_6 = "CADSS-6"


class Level(StrEnum):
    """C-SSRS risk levels, from least to most severe (definition order is severity order)."""

    NONE = "none"
    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"

    @property
    def severity(self) -> int:
        """0 for none up to 3 for high, to compare levels by."""
        return tuple(Level).index(self)


C_SSRS_FORMS = (Instrument.C_SSRS, Instrument.C_SSRS_SINCE)
"""The two forms of the C-SSRS: the screener asks once about a lifetime, the other one again and again since then."""


class RiskFinding(StrEnum):
    """What a yes to a question of the C-SSRS is about."""

    THOUGHTS = "thoughts"
    """Thoughts of death or suicide without intent."""
    INTENT = "intent"
    """Intent to act, with a plan or without."""
    BEHAVIOUR = "behaviour"
    """An attempt, or preparing one, in the time the form asks about as recent."""
    LIFETIME_BEHAVIOUR = "lifetime_behaviour"
    """An attempt, or preparing one, at any time. It stays true for ever, so it says nothing about now."""


@dataclass(frozen=True, slots=True)
class Band:
    """A published severity band: this total or more, up to the next band."""

    at_least: int
    name: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """A published symptom cluster: items `first` to `last`, of which `endorsed` must be rated 2 or more."""

    name: str
    first: int
    last: int
    endorsed: int

    @property
    def numbers(self) -> range:
        """The item numbers of the cluster, from 1."""
        return range(self.first, self.last + 1)


@dataclass(frozen=True, slots=True)
class FormQuestion:
    """A yes/no question: the level a yes means, what it finds, and the question whose yes leads to it."""

    key: str
    label: str
    yes_means: Level
    finds: RiskFinding
    asked_if: str | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """One instrument as published. Either `items` of 0 to `item_max` (a total) or `questions` (a level).

    `thresholds_of_change` are those that its literature gives a meaning to: without them a change is not seen, so a
    protocol that asks the instrument sets all of them. None for what is not compared over weeks.
    """

    version: str
    recall: str
    source: str
    items: int = 0
    item_max: int = 0
    bands: tuple[Band, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    suicide_item: int | None = None
    observed_in_session: bool = False
    thresholds_of_change: tuple[str, ...] = ()
    questions: tuple[FormQuestion, ...] = ()

    @property
    def compared(self) -> bool:
        """Whether a change of it over weeks says how the patient responds."""
        return bool(self.thresholds_of_change)

    @property
    def total_max(self) -> int:
        """The highest possible total; the lowest is 0."""
        return self.items * self.item_max


_CHANGES = ("meaningful_change", "reliable_change", "deterioration", "rises_in_a_row")

ENDORSED_FROM = 2
"""A PCL-5 item counts as an endorsed symptom from "Moderately" (2) on (VA National Center for PTSD)."""

_THOUGHTS = (
    FormQuestion("q1", "question 1", Level.LOW, RiskFinding.THOUGHTS),
    FormQuestion("q2", "question 2", Level.LOW, RiskFinding.THOUGHTS),
    FormQuestion("q3", "question 3", Level.MODERATE, RiskFinding.THOUGHTS, asked_if="q2"),
    FormQuestion("q4", "question 4", Level.HIGH, RiskFinding.INTENT, asked_if="q2"),
    FormQuestion("q5", "question 5", Level.HIGH, RiskFinding.INTENT, asked_if="q2"),
)
"""Questions 1 to 5 of the C-SSRS, the same in every form."""

_DEFINITIONS: dict[Instrument, Definition] = {
    # Clusters B-E follow DSM-5. Provisional diagnosis by the symptom-cluster rule: at least one B, one C, two
    # D and two E items endorsed. There are "no empirically derived severity ranges" (VA National Center for
    # PTSD), hence no bands. "5 points reliable, 10 meaningful" belongs to the DSM-IV PCL and is not used.
    Instrument.PCL_5: Definition(
        version="PCL-5, past month (2013)",
        recall="past month",
        source="Weathers et al. 2013, PTSD Checklist for DSM-5, VA National Center for PTSD",
        items=20,
        item_max=4,
        clusters=(
            Cluster("B", 1, 5, endorsed=1),
            Cluster("C", 6, 7, endorsed=1),
            Cluster("D", 8, 14, endorsed=2),
            Cluster("E", 15, 20, endorsed=2),
        ),
        thresholds_of_change=(*_CHANGES, "recovered_at_or_below"),
    ),
    # The difficulty question that follows the seven items is not scored and not accepted here.
    Instrument.GAD_7: Definition(
        version="GAD-7, last 2 weeks (2006)",
        recall="last 2 weeks",
        source="Spitzer, Kroenke, Williams, Löwe 2006, Arch Intern Med 166:1092-1097",
        items=7,
        item_max=3,
        bands=(Band(0, "minimal"), Band(5, "mild"), Band(10, "moderate"), Band(15, "severe")),
        thresholds_of_change=(*_CHANGES, "response_pct", "remission_below"),
    ),
    # Item 9 asks about thoughts of being better off dead or of self-harm: any answer above 0 needs a
    # structured suicide assessment at the same contact, whatever the total. A 0 does not rule risk out. The
    # difficulty question (item 10) is not scored and not accepted here.
    Instrument.PHQ_9: Definition(
        version="PHQ-9, last 2 weeks (2001)",
        recall="last 2 weeks",
        source="Kroenke, Spitzer, Williams 2001, J Gen Intern Med 16:606-613",
        items=9,
        item_max=3,
        bands=(
            Band(0, "minimal"),
            Band(5, "mild"),
            Band(10, "moderate"),
            Band(15, "moderately severe"),
            Band(20, "severe"),
        ),
        suicide_item=9,
        thresholds_of_change=(*_CHANGES, "response_pct", "remission_below"),
    ),
    # Questions 1, 2 and 6 are always asked, 3-5 only after a yes to 2, "past 3 months" only after a yes to 6.
    # The worst yes wins. Columbia's triage: a yes to 4 or 5 in the past month, or any behaviour in the past 3
    # months, is high. (Some guides put question 4 in the moderate tier. Columbia does not.)
    Instrument.C_SSRS: Definition(
        version="C-SSRS Screener, recent",
        recall="questions 1-5: past month; question 6: lifetime and past 3 months",
        source="Posner et al. 2011, Am J Psychiatry 168:1266-1277; Columbia Lighthouse Project triage",
        questions=(
            *_THOUGHTS,
            FormQuestion("q6", "question 6", Level.MODERATE, RiskFinding.LIFETIME_BEHAVIOUR),
            FormQuestion("q6_recent", "question 6, past 3 months", Level.HIGH, RiskFinding.BEHAVIOUR, asked_if="q6"),
        ),
    ),
    # Every question is about the time since somebody last asked, so any behaviour is recent, and high.
    Instrument.C_SSRS_SINCE: Definition(
        version="C-SSRS Screener, since last contact",
        recall="since last contact",
        source="Posner et al. 2011, Am J Psychiatry 168:1266-1277; Columbia Lighthouse Project triage",
        questions=(*_THOUGHTS, FormQuestion("q6", "question 6", Level.HIGH, RiskFinding.BEHAVIOUR)),
    ),
    # Questions 1, 2, 6, 7, 15 and 22 of the 23-item CADSS. It has no official cut-off and its authors call it
    # unvalidated in this population, so it serves trend and release only.
    Instrument.CADSS_6: Definition(
        version="CADSS-6 (2021)",
        recall="right now, during the session",
        source="Rodrigues et al. 2021, six items of the CADSS (Bremner et al. 1998)",
        items=6,
        item_max=4,
        observed_in_session=True,
    ),
}


def definition_of(instrument: Instrument) -> Definition:
    """The published definition of `instrument`."""
    return _DEFINITIONS[instrument]
