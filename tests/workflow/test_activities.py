"""The activities a journey asks for, as they are declared and as they are implemented."""

from collections.abc import Callable
from typing import Any, get_type_hints

import pytest

from activities.anchor_activities import AnchorActivities
from activities.notice_activities import NoticeActivities
from activities.record_activities import RecordActivities
from activities.signature_activities import SignatureActivities
from workflows import messages

IMPLEMENTED: dict[Callable[..., Any], Callable[..., Any]] = {
    messages.append_to_record: RecordActivities.append,
    messages.catch_up_with_record: RecordActivities.catch_up,
    messages.raise_alarm: NoticeActivities.alarm,
    messages.verify_signature: SignatureActivities.verify,
    messages.anchor_record: AnchorActivities.anchor,
}


@pytest.mark.parametrize("declared", IMPLEMENTED, ids=lambda declared: declared.__name__)
def test_an_activity_takes_and_gives_what_is_declared(declared: Callable[..., Any]) -> None:
    implemented = IMPLEMENTED[declared]

    assert [*get_type_hints(implemented).values()] == [*get_type_hints(declared).values()]
