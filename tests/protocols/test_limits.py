"""What may be loaded may be started: each limit follows from those it has to hold."""

from pathlib import Path
from uuid import uuid4

import pytest

from simulation.people import referral
from tests.protocols.largest import file_of_size
from workflows.journey.vocabulary.limits import COMMAND_LIMIT, EVENT_LIMIT, PROTOCOL_LIMIT, START_LIMIT
from workflows.messages import PAYLOAD_BYTES
from workflows.protocols import ProtocolError, load


def test_the_largest_protocol_fits_into_a_start(tmp_path: Path) -> None:
    command = referral(load(file_of_size(tmp_path)), uuid4())
    assert PROTOCOL_LIMIT < len(command.model_dump_json().encode()) <= START_LIMIT
    assert not command.too_large


def test_a_larger_protocol_is_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=f"at most {PROTOCOL_LIMIT} bytes"):
        load(file_of_size(tmp_path, PROTOCOL_LIMIT + 1))


def test_what_is_larger_holds_what_is_smaller() -> None:
    assert COMMAND_LIMIT < PROTOCOL_LIMIT < START_LIMIT < EVENT_LIMIT < PAYLOAD_BYTES
