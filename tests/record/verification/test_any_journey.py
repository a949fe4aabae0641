"""Whatever people send, sensible or not: a journey that the rules decided and its people signed has no finding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.record.verification.journeys import verify_journey
from activities.record.verification.sign_offs import trusted_keys
from tests.examples import examples
from tests.journey.play import course, standing_at
from tests.journey.properties.journeys import draw_command, moments, pauses
from tests.signatures.recorded import EARLY, stored
from tests.signatures.room import ORGANISATION, published
from workflows.journey.protocol import Pathway
from workflows.journey.vocabulary.refusals import Refusal

STEPS = 10


@pytest.mark.long
@examples(0.5)
@given(st.data(), moments())
def test_what_the_rules_decided_is_never_found_wrong(data: st.DataObject, moment: tuple[Pathway, int]) -> None:
    play = standing_at(*moment)
    before = [event for event in course(moment[0]).events if event.version <= play.journey.version]
    for _ in range(STEPS):
        play.at += data.draw(pauses())
        command = draw_command(data, play.journey, play.at)
        decided = play.take(command)
        if isinstance(decided, Refusal):
            play.keep(command, decided)
    judged, *_ = verify_journey(stored(before + play.events), trusted_keys(published(EARLY), ORGANISATION.public_key))
    assert judged.findings == ()
    assert judged.events == len(before) + len(play.events)
