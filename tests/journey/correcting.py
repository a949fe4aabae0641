"""Ways to correct a fact of a journey, and to confirm or reject that."""

from typing import Any

from tests.journey.play import Play
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.vocabulary.actors import Actor, Role

SECOND = 2
"""The session after the one whose dose is corrected."""


def version_of(play: Play, kind: str, nth: int = -1) -> int:
    """The version of the n-th fact of this kind."""
    return play.version_of(kind, nth)


def mark(play: Play, kind: str, nth: int = -1, by: Role | Actor = Role.CLINICIAN) -> list[e.EventBody]:
    return play.do(c.MarkInError(version=version_of(play, kind, nth), reason="another patient's (invented)"), by)


def confirm(play: Play, by: Role | Actor = Role.MEDICAL_DIRECTOR) -> list[e.EventBody]:
    [correction] = play.journey.unconfirmed
    return play.do(c.ConfirmCorrection(correction=correction, reason="compared (invented)"), by)


def amend(play: Play, kind: str, correction: c.CommandBody, **said: Any) -> list[e.EventBody]:
    body = {"version": version_of(play, kind), "reason": "misread (invented)", "correction": correction, **said}
    return play.do(c.Amend.model_validate(body))


def redose(play: Play, number: int = 1, **changed: Any) -> c.RecordDose:
    """The dose of a session as it was recorded, with something changed."""
    dose = play.journey.doses[play.journey.sessions[number].dose or ""]
    told = {"session": number, "dose_mg": dose.dose_mg, "route": dose.route, "taken_at": dose.taken_at}
    return c.RecordDose.model_validate({**told, "doses_left": dose.doses_left, "deviation": "misread", **changed})


def reject(play: Play, correction: int, by: Role | Actor = Role.MEDICAL_DIRECTOR) -> list[e.EventBody]:
    return play.do(c.RejectCorrection(correction=correction, reason="not so (invented)"), by)
