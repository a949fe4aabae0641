"""What changed in a journey is told in words, and without what the service only keeps for itself."""

from application.pathway.show import differences
from application.words.terms import terms_of_journey
from tests.record.read_models.courses import course_of
from workflows.journey.aggregate import fold


def test_what_changed_has_no_bookkeeping() -> None:
    events = course_of()
    whole = fold(events)
    for half in (5, len(events) // 2):
        changes = differences(fold(events[:half]), whole)
        assert changes
        assert not {str(change.path[0]) for change in changes} & {"acted", "looked_at", "members", "happened", "spent"}


def test_how_often_each_event_happened_is_told_in_words() -> None:
    terms = terms_of_journey(fold(course_of()))
    assert terms.spell({"check-in.completed": 6, "dose_mg": 1}) == {"check-in answered": "6", "dose (mg)": "1"}
