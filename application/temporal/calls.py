"""What all raw calls to Temporal share."""

from datetime import timedelta

from application.errors import Unavailable, outage

ANSWER = timedelta(seconds=10)
"""How long one call to Temporal may take."""


def no_answer() -> Unavailable:
    """Return the error of a call that Temporal did not answer."""
    return outage("Temporal did not answer")
