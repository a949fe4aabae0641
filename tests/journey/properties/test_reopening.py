"""For any change of what is known: an answer that it contradicts is open, and nothing signed over it stands."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.journey.instruments.vectors import c_ssrs_since
from tests.journey.play import Play, after
from workflows.journey import commands as c
from workflows.journey.evidence import is_approved
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.screening.rules import contradiction, list_exclusions
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.clinical import STATE_ZONES

SEEN = after("session.end")
CLASSES = SEEN.journey.protocol.medicines.classes
changes = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(["CA", "NY", "TX"])),
    st.tuples(st.just("ask"), st.sampled_from(["nn---n", "yn---n", "yyynnn", "yyyynn", "nn---y", "yy---n"])),
    st.tuples(st.just("medicine"), st.sampled_from(CLASSES)),
    st.tuples(st.just("answer"), st.sampled_from(["X12", "X13", "X28", "X29", "X30", "X34", "X36"])),
)


@given(st.lists(changes, min_size=1, max_size=12))
@examples(1)
def test_no_answer_stands_beside_what_contradicts_it(chosen: list[tuple[str, Any]]) -> None:
    play = Play(SEEN.journey, SEEN.at, receipts=dict(SEEN.receipts))
    for what, how in chosen:
        before = play.journey
        _change(play, what, how)
        answers, protocol = play.journey.screening.exclusions, play.journey.protocol
        for exclusion in protocol.exclusions:
            given_ = answers.get(exclusion.code)
            assert given_ is None or contradiction(play.journey, exclusion, given_.answer, play.at) is None
        lost = [code for code in before.screening.exclusions if code not in answers]
        moved = before.patient.state != play.journey.patient.state
        assert not moved or "X34" not in answers or "X34" in list_exclusions(play.journey, "hard")
        if lost or moved:
            assert not is_approved(play.journey, SignOffKind.ELIGIBILITY)
            assert not is_approved(play.journey, SignOffKind.PLAN)
            assert all(code in play.journey.screening.reopened for code in lost)


def _change(play: Play, what: str, how: str) -> None:
    body: c.CommandBody
    match what:
        case "move":
            body = c.Move(zone=STATE_ZONES[how][0], state=how)
        case "ask":
            occasion = f"x-{play.journey.version}"
            answers: Any = c_ssrs_since(how)
            body = c.RecordInstrument(instrument=Instrument.C_SSRS_SINCE, occasion=occasion, answers=answers)
        case "medicine":
            body = c.AddMedicine(what="Invented", classes=(how,), dosage="some")
        case _:
            exclusion = next(x for x in play.journey.protocol.exclusions if x.code == how)
            stands = how in list_exclusions(play.journey, "hard")
            answer: Any = "yes" if stands or contradiction(play.journey, exclusion, "no", play.at) else "no"
            body = c.RecordScreening(exclusions={how: c.ScreeningAnswer(answer=answer)})
    play.do(body, Role.CLINICIAN)
