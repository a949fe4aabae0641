"""Every published or agreed score vector."""

import json

import pytest

from tests.journey.instruments import vectors
from tests.journey.instruments.vectors import c_ssrs
from workflows.journey.instruments import Instrument, Level, Thresholds, definition_of, score

P5 = [4, 4, 4, 4, 4, 1, 1, 2, 2, 2, 1, 0, 0, 0, 2, 1, 1, 0, 0, 0]
P7 = [3, 2, 2, 2, 1, 2, 1, 3, 2, 2, 1, 1, 0, 0, 3, 2, 2, 1, 1, 0]
P9 = [2, 0, 0, 0, 0, 2, 0, 2, 2, 0, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("answers", "total", "clusters", "dsm_rule"),
    [
        pytest.param([0] * 20, 0, (0, 0, 0, 0), False, id="P1"),
        pytest.param([1] * 20, 20, (5, 2, 7, 6), False, id="P2"),
        pytest.param([2] * 20, 40, (10, 4, 14, 12), True, id="P3"),
        pytest.param([4] * 20, 80, (20, 8, 28, 24), True, id="P4"),
        pytest.param(P5, 33, (20, 2, 7, 4), False, id="P5-high-total-without-the-rule"),
        pytest.param(P7, 31, (10, 3, 9, 9), True, id="P7"),
        pytest.param(P9, 12, (2, 2, 4, 4), True, id="P9-low-total-with-the-rule"),
    ],
)
def test_pcl_5(answers: list[int], total: int, clusters: tuple[int, ...], dsm_rule: bool) -> None:
    for cutoff in (31, 33):
        result = score(Instrument.PCL_5, answers, Thresholds(cutoff=cutoff))
        assert result.complete
        assert result.total == total
        assert result.band is None, "the PCL-5 has no published severity bands"
        assert result.subscales == dict(zip("BCDE", clusters, strict=True))
        assert ("dsm_rule" in result.flags) is dsm_rule
        assert ("cutoff" in result.flags) is (total >= cutoff)


@pytest.mark.parametrize(("cluster", "first", "needed"), [("B", 1, 1), ("C", 6, 1), ("D", 8, 2), ("E", 15, 2)])
def test_pcl_5_rule_needs_every_cluster(cluster: str, first: int, needed: int) -> None:
    answers = list(P9)
    assert answers[first - 1 : first - 1 + needed] == [2] * needed
    answers[first - 1] = 1
    assert "dsm_rule" not in score(Instrument.PCL_5, answers).flags, cluster


@pytest.mark.parametrize(
    ("answers", "total", "band"),
    [
        pytest.param([0, 0, 0, 0, 0, 0, 0], 0, "minimal", id="G1"),
        pytest.param([1, 1, 1, 1, 0, 0, 0], 4, "minimal", id="G2"),
        pytest.param([1, 1, 1, 1, 1, 0, 0], 5, "mild", id="G3"),
        pytest.param([2, 2, 1, 1, 1, 1, 1], 9, "mild", id="G4"),
        pytest.param([2, 2, 2, 1, 1, 1, 1], 10, "moderate", id="G5"),
        pytest.param([2, 2, 2, 2, 2, 2, 2], 14, "moderate", id="G6"),
        pytest.param([3, 2, 2, 2, 2, 2, 2], 15, "severe", id="G7"),
        pytest.param([3, 3, 3, 3, 3, 3, 3], 21, "severe", id="G8"),
    ],
)
def test_gad_7(answers: list[int], total: int, band: str) -> None:
    result = score(Instrument.GAD_7, answers, vectors.GAD_7)
    assert (result.complete, result.total, result.band) == (True, total, band)
    assert result.flags == (("cutoff",) if total >= 10 else ())


@pytest.mark.parametrize(
    ("answers", "total", "band", "item_9"),
    [
        pytest.param([0] * 9, 0, "minimal", False, id="H1"),
        pytest.param([0] * 8 + [1], 1, "minimal", True, id="H2-an-emergency-at-total-1"),
        pytest.param([1, 1, 1, 1, 0, 0, 0, 0, 0], 4, "minimal", False, id="H3"),
        pytest.param([1, 1, 1, 1, 1, 0, 0, 0, 0], 5, "mild", False, id="H4"),
        pytest.param([2, 2, 1, 1, 1, 1, 1, 0, 0], 9, "mild", False, id="H5"),
        pytest.param([2, 2, 2, 1, 1, 1, 1, 0, 0], 10, "moderate", False, id="H6"),
        pytest.param([2, 2, 2, 2, 2, 2, 2, 0, 0], 14, "moderate", False, id="H7"),
        pytest.param([3, 2, 2, 2, 2, 2, 2, 0, 0], 15, "moderately severe", False, id="H8"),
        pytest.param([3, 3, 3, 2, 2, 2, 2, 2, 0], 19, "moderately severe", False, id="H9"),
        pytest.param([3, 3, 3, 3, 2, 2, 2, 2, 0], 20, "severe", False, id="H10"),
        pytest.param([3] * 9, 27, "severe", True, id="H11"),
    ],
)
def test_phq_9(answers: list[int], total: int, band: str, item_9: bool) -> None:
    result = score(Instrument.PHQ_9, answers)
    assert (result.complete, result.total, result.band) == (True, total, band)
    assert result.flags == (("item_9",) if item_9 else ())
    assert result.needs_c_ssrs is item_9


@pytest.mark.parametrize(
    ("answers", "flags", "needs_c_ssrs"),
    [
        pytest.param([0] * 8, ("item_9_not_answered",), True, id="H12-eight-values"),
        pytest.param([0] * 10, ("item_9_not_answered",), True, id="ten-values-0-may-be-another-item"),
        pytest.param([0] * 8 + [2, 0], ("item_9",), True, id="ten-values"),
        pytest.param([0] * 8 + [None], ("item_9_not_answered",), True, id="null"),
        pytest.param([0] * 8 + [True], ("item_9_not_answered",), True, id="true-is-not-a-number"),
        pytest.param([0] * 8 + [4], ("item_9_not_answered",), True, id="out-of-range"),
        pytest.param([None] * 8 + [1], ("item_9",), True, id="item-9-alone"),
        pytest.param([None] + [0] * 8, (), False, id="item-9-is-0-item-1-missing"),
        pytest.param(None, ("item_9_not_answered",), True, id="nothing"),
        pytest.param({"item_9": 0}, ("item_9_not_answered",), True, id="not-a-list"),
    ],
)
def test_phq_9_item_9_of_an_incomplete_set(answers: object, flags: tuple[str, ...], needs_c_ssrs: bool) -> None:
    result = score(Instrument.PHQ_9, answers)
    assert not result.complete
    assert result.total is None
    assert result.flags == flags
    assert result.needs_c_ssrs is needs_c_ssrs


@pytest.mark.parametrize(
    ("marks", "level"),
    [
        pytest.param("nn---n-", "none", id="C1"),
        pytest.param("yn---n-", "low", id="C2"),
        pytest.param("yynnnn-", "low", id="C3"),
        pytest.param("yyynnn-", "moderate", id="C4"),
        pytest.param("yyyynn-", "high", id="C5-question-4-is-high"),
        pytest.param("yyyyyn-", "high", id="C6"),
        pytest.param("nn---yn", "moderate", id="C7-behaviour-alone"),
        pytest.param("nn---yy", "high", id="C8-recent-behaviour-alone"),
        pytest.param("nynnnn-", "low", id="question-2-without-1"),
        pytest.param("yynnyn-", "high", id="question-5-without-4"),
        pytest.param("nnnnnnn", "none", id="a-no-to-what-is-skipped"),
    ],
)
def test_c_ssrs(marks: str, level: str) -> None:
    result = score(Instrument.C_SSRS, c_ssrs(marks))
    assert (result.complete, result.reason, result.flags) == (True, None, ())
    assert result.level == level
    assert result.gate_level == level
    assert result.total is None


@pytest.mark.parametrize(
    ("marks", "level", "reason"),
    [
        pytest.param("yy---n-", "low", "question 3 is not answered", id="C11-3-to-5-skipped"),
        pytest.param("nn-----", "none", "question 6 is not answered", id="question-6-is-always-asked"),
        pytest.param("nn---y-", "moderate", "question 6, past 3 months is not answered", id="when"),
        pytest.param("-----n-", "none", "question 1 is not answered", id="1-and-2-missing"),
        pytest.param("nn-y-n-", "high", "question 4 contradicts question 2", id="4-without-2"),
        pytest.param("nny--n-", "moderate", "question 3 contradicts question 2", id="3-without-2"),
        pytest.param("nn---ny", "high", "question 6, past 3 months contradicts question 6", id="never-yet-recently"),
        pytest.param("n-ynnn-", "moderate", "question 2 is not answered", id="3-with-2-unknown"),
        pytest.param("nn----y", "high", "question 6 is not answered", id="recent-with-6-unknown"),
    ],
)
def test_c_ssrs_indeterminate(marks: str, level: str, reason: str) -> None:
    result = score(Instrument.C_SSRS, c_ssrs(marks))
    assert not result.complete
    assert result.level == level, "the worst level its answers give"
    assert result.gate_level is Level.HIGH
    assert result.flags == ("indeterminate",)
    assert result.reason is not None
    assert reason in result.reason


@pytest.mark.parametrize("answers", [None, [], {}, "no", 0, True, {"q1": 0, "q2": "no"}, [False] * 7])
def test_c_ssrs_without_a_readable_answer_has_no_level_and_gates_as_high(answers: object) -> None:
    result = score(Instrument.C_SSRS, answers)
    assert result.level is None
    assert result.gate_level is Level.HIGH
    assert "indeterminate" in result.flags


def test_c_ssrs_with_an_answer_to_no_question_is_indeterminate() -> None:
    result = score(Instrument.C_SSRS, c_ssrs("nn---n-") | {"Q4": True})
    assert (result.complete, result.gate_level) == (False, Level.HIGH)
    assert result.reason == "an answer belongs to no question"


@pytest.mark.parametrize(
    ("answers", "total", "flags"),
    [
        pytest.param([0, 0, 0, 0, 0, 0], 0, ("release_ok",), id="0"),
        pytest.param([1, 1, 0, 0, 0, 0], 2, ("release_ok",), id="2"),
        pytest.param([2, 1, 0, 0, 0, 0], 3, (), id="3"),
        pytest.param([2, 2, 2, 2, 2, 2], 12, ("note",), id="12"),
        pytest.param([4, 4, 4, 4, 2, 2], 20, ("note", "extreme_item", "escalate"), id="20"),
        pytest.param([4] * 6, 24, ("note", "extreme_item", "escalate"), id="24"),
        pytest.param([4, 0, 0, 0, 0, 0], 4, ("extreme_item",), id="an-item-4-before-the-end"),
    ],
)
def test_cadss_6(answers: list[int], total: int, flags: tuple[str, ...]) -> None:
    result = score(Instrument.CADSS_6, answers, vectors.CADSS_6)
    assert (result.complete, result.total, result.flags) == (True, total, flags)


def test_cadss_6_item_4_at_the_end_escalates() -> None:
    result = score(Instrument.CADSS_6, [4, 0, 0, 0, 0, 0], vectors.CADSS_6, at_end=True)
    assert result.flags == ("extreme_item", "escalate")


def test_cadss_6_item_4_is_never_release_ok() -> None:
    result = score(Instrument.CADSS_6, [4, 0, 0, 0, 0, 0], Thresholds(release_max=10))
    assert result.flags == ("extreme_item",)


def test_an_incomplete_cadss_6_alarms_but_never_releases() -> None:
    assert score(Instrument.CADSS_6, [0] * 5, vectors.CADSS_6).flags == ()
    result = score(Instrument.CADSS_6, [4, 4, 4, 4, 4, None], vectors.CADSS_6)
    assert result.total is None
    assert result.flags == ("note", "extreme_item", "escalate")


def test_without_thresholds_only_the_instrument_itself_speaks() -> None:
    assert score(Instrument.PCL_5, [4] * 20).flags == ("dsm_rule",)
    assert score(Instrument.GAD_7, [3] * 7).flags == ()
    assert score(Instrument.CADSS_6, [0] * 6).flags == ()


@pytest.mark.parametrize("instrument", list(Instrument))
def test_every_instrument_says_what_it_is_and_where_it_comes_from(instrument: Instrument) -> None:
    definition = definition_of(instrument)
    assert definition.version
    assert definition.recall
    assert definition.source
    assert bool(definition.questions) != bool(definition.items)
    covered = [item for cluster in definition.clusters for item in cluster.numbers]
    assert covered in ([], list(range(1, definition.items + 1)))
    assert [band.at_least for band in definition.bands][:1] in ([], [0])


@pytest.mark.parametrize(
    ("instrument", "answers", "line"),
    [
        (
            Instrument.PCL_5,
            P5,
            '{"instrument": "PCL-5", "total": 33, "band": null, "complete": true, "reason": null,'
            ' "subscales": {"B": 20, "C": 2, "D": 7, "E": 4}, "flags": ["cutoff"],'
            ' "change": ["deterioration"]}',
        ),
        (
            Instrument.PCL_5,
            P5[:19],
            '{"instrument": "PCL-5", "band": null, "complete": false,'
            ' "reason": "20 answers are needed, 19 given", "subscales": {}, "flags": [], "change": null}',
        ),
        (
            Instrument.C_SSRS,
            {"q1": True, "q2": False, "q3": None, "q6": False},
            '{"instrument": "C-SSRS", "level": "low", "band": null, "complete": true, "reason": null,'
            ' "subscales": {}, "flags": [], "change": null}',
        ),
    ],
)
def test_as_line(instrument: Instrument, answers: object, line: str) -> None:
    assert json.dumps(score(instrument, answers, vectors.PCL_5, earlier=(20,)).as_line()) == line


def test_a_score_survives_json() -> None:
    for instrument, answers in ((Instrument.PCL_5, [2] * 20), (Instrument.C_SSRS, c_ssrs("yy---n-"))):
        result = score(instrument, answers, vectors.PCL_5, earlier=(20,))
        again = type(result).model_validate_json(result.model_dump_json(exclude_none=True))
        assert again == result
        assert again.gate_level == result.gate_level
        assert again.as_line() == result.as_line()
