"""Answers and the results they must give; the clinical facts the scoring is held to."""

from workflows.journey.instruments import Instrument, Thresholds

PCL_5 = Thresholds(
    cutoff=33,
    meaningful_change=10,
    reliable_change=15,
    recovered_at_or_below=28,
    deterioration=10,
    rises_in_a_row=3,
)
GAD_7 = Thresholds(
    cutoff=10,
    meaningful_change=4,
    reliable_change=6,
    response_pct=50,
    remission_below=5,
    deterioration=4,
    rises_in_a_row=3,
)
PHQ_9 = GAD_7.model_copy(update={"meaningful_change": 5, "deterioration": 5})
CADSS_6 = Thresholds(peak_note_at=12, release_max=2, escalate_at=20)

THRESHOLDS = (
    (Instrument.PCL_5, PCL_5),
    (Instrument.GAD_7, GAD_7),
    (Instrument.PHQ_9, PHQ_9),
    (Instrument.CADSS_6, CADSS_6),
)
"""Illustrative numbers, for tests only: a clinic's medical director sets its own."""


def of_total(items: int, item_max: int, total: int) -> list[int]:
    """Some answers with this total: the first items as high as they go."""
    answers: list[int] = []
    for _ in range(items):
        answers.append(min(item_max, total - sum(answers)))
    return answers


def c_ssrs(marks: str) -> dict[str, bool | None]:
    """C-SSRS answers from seven marks (q1 to q6, q6_recent): y, n, or - for not asked."""
    return _answers(("q1", "q2", "q3", "q4", "q5", "q6", "q6_recent"), marks)


def c_ssrs_since(marks: str) -> dict[str, bool | None]:
    """Answers to the C-SSRS since the last contact from six marks (q1 to q6): y, n, or - for not asked."""
    return _answers(("q1", "q2", "q3", "q4", "q5", "q6"), marks)


def _answers(keys: tuple[str, ...], marks: str) -> dict[str, bool | None]:
    return {key: {"y": True, "n": False, "-": None}[mark] for key, mark in zip(keys, marks, strict=True)}
