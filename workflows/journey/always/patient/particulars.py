"""What the patient's journeys say of their particulars, compared: their state, whom to call, how to speak with them.

What was told last counts. The journey that was told otherwise before asks again, and gives no dose until the two agree.
Of birth dates none counts more than another one: each journey asks, until somebody has said there which is right.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime

from workflows.journey.aggregate import Journey
from workflows.journey.always.patient.model import ToldParticular
from workflows.journey.obligation_types import PARTICULARS
from workflows.journey.requirements import Requirement, require
from workflows.journey.vocabulary.actors import Role

OF_PATIENT = {"state": None, "language": "en", "interpreter": "no"}
"""The particulars that mean the same at every clinic, with what is taken for so where nothing was told."""
OF_CLINIC = {"emergency_contact_ref": None, "dispatch_address_ref": None}
"""Those that are references of a clinic."""

DIFFERING = {
    "state": "ask in which state the patient lives, and record it (`pathway move`)",
    "emergency_contact_ref": "ask whom to call in an emergency, and record it (`patient update`)",
    "dispatch_address_ref": "ask where emergency services are to be sent, and record it (`patient update`)",
    "language": "ask which language the patient speaks, and record it (`patient update`)",
    "interpreter": "ask whether the patient needs an interpreter, and record it (`patient update`)",
    "born": "ask when the patient was born; say what is right (`patient correct-birth-date`, `patient unmerge`)",
}
"""What is to be done where another journey of the patient says otherwise."""


def tell_particulars(journeys: Iterable[Journey], clinic: str | None) -> dict[str, ToldParticular]:
    """Return what was told last in these journeys, of those that are open; of references only at this clinic."""
    found: dict[str, ToldParticular] = {}
    for each in journeys:
        for name in (*OF_PATIENT, *(OF_CLINIC if each.clinic == clinic else ())):
            value, told_at = said(each, name), _told_at(each, name)
            if each.closed or value is None or told_at is None:
                continue
            known = found.get(name)
            if known is None or (known.told_at, known.value) < (told_at, value):
                found[name] = ToldParticular(value=value, told_at=told_at)
    return found


def find_differing(journey: Journey) -> tuple[str, ...]:
    """Return the particulars that were told otherwise, and later, in another journey of the patient."""
    return tuple(name for name, told in journey.elsewhere.particulars.items() if _is_newer(journey, name, told))


def _is_newer(journey: Journey, name: str, told: ToldParticular) -> bool:
    """Whether another journey says otherwise, and was told so since."""
    own = _told_at(journey, name)
    return told.value != said(journey, name) and (own is None or told.told_at >= own)


def tell_births(journeys: Iterable[Journey]) -> dict[str, datetime]:
    """Return every birth date in these journeys (ISO 8601), with when somebody told it last (UTC)."""
    told = sorted((each.told_at.get("born", each.started_at), each.patient.born) for each in journeys)
    return {born.isoformat(): told_at for told_at, born in told}


def find_other_births(journey: Journey) -> tuple[date, ...]:
    """Return the birth dates that other journeys of the patient have, unless somebody has said since which is right."""
    since, own = journey.told_at.get("born"), journey.patient.born.isoformat()
    others = journey.elsewhere.born.items()
    return tuple(date.fromisoformat(born) for born, told in others if born != own and (since is None or told >= since))


def said(journey: Journey, name: str) -> str | None:
    """Return what a journey says of one particular; None where it says nothing."""
    if name == "interpreter":
        return "yes" if journey.patient.interpreter else "no"
    value: str | None = getattr(journey.patient, name)
    return value


def _told_at(journey: Journey, name: str) -> datetime | None:
    """When it was told last (UTC); None where it never was, and is what is taken for so."""
    untold = said(journey, name) == (OF_PATIENT | OF_CLINIC)[name]
    return journey.told_at.get(name, None if untold else journey.started_at)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask what is right where another journey of the patient says otherwise."""
    for name in (*find_differing(journey), *(["born"] if find_other_births(journey) else [])):
        yield require(
            PARTICULARS,
            subject=name,
            owner=Role.COORDINATOR,
            person=journey.coordinator,
            what=f"another journey of this patient says otherwise: {DIFFERING[name]}",
            care=False,
        )
