"""No byte of what a patient said is anywhere in clear."""

from pathlib import Path

import pytest

from tests.canary.scan import scan


@pytest.mark.server
@pytest.mark.timeout(300)
async def test_nothing_that_was_planted_is_found(tmp_path: Path) -> None:
    assert await scan(tmp_path) == []
