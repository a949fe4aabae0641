"""What verification finds in the sign-offs of a record, and what follows where none counts."""

from collections.abc import Iterable
from functools import cache
from typing import get_args

from activities.record import Record
from activities.record.verification.record import verify_record
from activities.record.verification.sign_offs import Reason, trusted_keys
from activities.record.verification.verify_export import SessionFault
from activities.signatures.signer_registry import Register
from simulation.people import PEOPLE
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import Play, started
from tests.signatures.recorded import EARLY, history
from tests.signatures.room import ORGANISATION, published
from workflows.journey import events as e
from workflows.journey.commands import RecordInstrument
from workflows.journey.instruments import Instrument
from workflows.journey.vocabulary.actors import Role

RELEASES = (
    e.CrisisClosed,
    e.CrisisReached,
    e.RiskLevelSigned,
    e.DeathEnteredInError,
    e.HoldReleased,
    e.SessionReleased,
)


async def found(record: Record, whole: Register = EARLY) -> set[tuple[int, str]]:
    examined = await verify_record(record, keys=trusted_keys(published(whole), ORGANISATION.public_key))
    of_decisions = {*get_args(Reason)} - {*get_args(SessionFault)}  # who else acted is tried in test_sessions
    found = [finding for finding in examined.findings if finding.reason in of_decisions]
    return {(finding.version or 0, finding.reason) for finding in found}


def went_on(*, ended: bool = True) -> set[tuple[int, str]]:
    """The stages and the end of the undisturbed course, each as one that no valid sign-off stands behind."""
    kinds = (e.StageEntered, e.PathwayEnding) if ended else e.StageEntered
    return {(each.version, "effect_unsigned") for each in history() if isinstance(each.body, kinds)}


def released(events: Iterable[e.Event] | None = None, *, whatever: bool = False) -> set[tuple[int, str]]:
    """The releases in a history, each as one that no valid sign-off stands behind. A level or a contact that has a
    signature of its own rests on nothing else: it is among them where ``whatever`` was signed does not count."""
    of = [each for each in (history() if events is None else events) if isinstance(each.body, RELEASES)]
    alone = ("risk_level:", "crisis_reached:")
    return {
        (each.version, "released_unsigned")
        for each in of
        if whatever or not getattr(each.body, "sign_off", "").startswith(alone)
    }


def by(event: e.Event, role: Role) -> e.Event:
    """The same decision, as this person's."""
    person = PEOPLE[role]
    body = event.body.model_copy(update={"name": person.name, "licence": person.licence})
    return event.model_copy(update={"actor_id": person.id, "actor_role": person.role, "body": body})


@cache
def severe_hold() -> Play:
    """A journey held because of a high risk, until two people have released it."""
    play = started("PTSD")
    answers = RecordInstrument(instrument=Instrument.C_SSRS, occasion="self", answers=c_ssrs("yyyynn-"))
    play.do(answers, Role.PATIENT)
    return play.go_on(lambda journey: bool(journey.holds) and not journey.held)
