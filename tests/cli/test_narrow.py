"""On a narrow terminal nothing that matters is cut: ids, times, and what to do next."""

import re
from uuid import UUID

import pytest

from tests.cli.clinics import Clinics
from tests.cli.helpers import Answer
from workflows.journey.obligations import obligations

WIDTHS = (20, 40, 80)
LINE = re.compile(r"[│┃|]")


def said(answer: Answer) -> str:
    """What was written, without the lines of tables and boxes."""
    assert "defect" not in answer.err
    return re.sub(r":(?=\s)", " ", LINE.sub(" ", answer.out + answer.err))


async def test_lists_have_whole_ids_and_times(clinics: Clinics) -> None:
    for width in WIDTHS:
        words = {*said(await clinics.call("work", "list", "--all", "--limit", "1000", width=width)).split()}
        for journey_id, obligation in clinics.awaited():
            due = next(w for w in obligations(clinics.journeys[journey_id]) if w.id == obligation).deadline
            assert {str(journey_id), obligation, f"{due:%Y-%m-%d}"} <= words, width
    page = said(await clinics.call("pathway", "list", "--limit", "1", width=40))
    assert (
        await clinics.call("pathway", "list", "--limit", "1", "--after", page.split("--after")[1].strip())
    ).code == 0


WORDS = [("pathway", "show"), ("pathway", "timeline"), ("pathway", "why"), ("signoff", "list"), ("pathway", "diff")]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
async def test_a_journey_is_shown_whole(clinics: Clinics, words: tuple[str, ...]) -> None:
    journeys = [clinics.held, clinics.ended, clinics.awaited()[0][0]]
    whole = set()
    for journey_id in journeys:
        given = (*words, str(journey_id), *(("2", "20") if words[1] == "diff" else ()))
        wide = {word for word in said(await clinics.call(*given, width=1000)).split() if re.search(r"[0-9]|`", word)}
        for width in WIDTHS:
            narrow = {*said(await clinics.call(*given, width=width)).split()}
            assert not {word for word in wide - narrow if "─" not in word}, width
        whole |= wide
    assert whole


async def test_an_error_says_whole_ids_and_remedies(clinics: Clinics) -> None:
    for width in WIDTHS:
        answer = await clinics.call("pathway", "show", str(UUID(int=7)), width=width)
        assert {str(UUID(int=7)), "`pathway", "list`"} <= {*re.split(r"[\s;,]+", said(answer))}, width
