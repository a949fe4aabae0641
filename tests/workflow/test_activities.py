"""The activities a journey asks for, as they are declared and as they are implemented."""

from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import pytest

from activities.anchor_activities import AnchorActivities
from activities.notice_activities import NoticeActivities
from activities.record_activities import RecordActivities
from activities.signature_activities import SignatureActivities
from workflows import messages
from workflows.authenticity import Foreign

IMPLEMENTED: dict[Callable[..., Any], Callable[..., Any]] = {
    messages.append_to_record: RecordActivities.append,
    messages.catch_up_with_record: RecordActivities.catch_up,
    messages.look_at_others: RecordActivities.look,
    messages.raise_alarm: NoticeActivities.alarm,
    messages.verify_signature: SignatureActivities.verify,
    messages.anchor_record: AnchorActivities.anchor,
}


@pytest.mark.parametrize("declared", IMPLEMENTED, ids=lambda declared: declared.__name__)
def test_an_activity_takes_and_gives_what_is_declared(declared: Callable[..., Any]) -> None:
    implemented = IMPLEMENTED[declared]

    assert [*get_type_hints(implemented).values()] == [*map(_authentic, get_type_hints(declared).values())]


def _authentic(declared: Any) -> Any:
    """What an activity gives, of what its caller may meet: an answer that is not authentic is nobody's."""
    given = [each for each in get_args(declared) if each is not Foreign]
    return given[0] if Foreign in get_args(declared) else declared
