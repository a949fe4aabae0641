"""What all raw calls to Temporal share."""

from datetime import timedelta

from application.errors import Unavailable

ANSWER = timedelta(seconds=10)
"""How long one call to Temporal may take."""


def no_answer() -> Unavailable:
    """Return the error of a call that Temporal did not answer."""
    return Unavailable("Temporal did not answer", "Run it again")
