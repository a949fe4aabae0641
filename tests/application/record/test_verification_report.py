"""What a verification says of itself."""

import tomllib

from application.record.verification_report import PROJECT


def test_a_checkout_knows_its_version() -> None:
    assert tomllib.loads(PROJECT.read_text())["project"]["name"] == "carepath"
