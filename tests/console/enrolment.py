"""What tests of passkeys in the console share: a register to enrol them in, and a decision to sign."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from activities.signatures.keys import unlock
from activities.signatures.signer_registry import SignerEntry, enrol, enter, publish, read, revoke
from simulation.keys import PASSPHRASE
from simulation.people import referral
from tests.cli.clinics import Clinics
from tests.cli.helpers import append, invented
from tests.journey.play import PROTOCOLS, START, Play
from tests.record.read_models.courses import catch_up
from workflows.journey.aggregate import fold
from workflows.journey.decide import decide
from workflows.journey.obligations import obligations
from workflows.journey.receipts import receipts_of
from workflows.journey.refusals import Refusal


class Register:
    """The register of the invented people in a file of its own, in which passkeys are enrolled."""

    def __init__(self, clinics: Clinics, path: Path, origin: str) -> None:
        self.clinics, self.path = clinics, path
        self.organisation = unlock(invented().register_path.parent / "organisation.key", PASSPHRASE)
        known = read(invented().register_path, self.organisation.public_key)
        self.now = enter(known, known.issued_at, origins=[origin])
        self.put()
        clinics.world.set(register_file=path)

    def put(self) -> None:
        self.path.write_bytes(publish(self.now, self.organisation))

    def enrol(self, entry: SignerEntry) -> None:
        self.now = enrol(self.now, entry.model_copy(update={"enrolled_at": self.now.issued_at}))
        self.put()

    def revoke(self, key_id: str) -> None:
        at = self.clinics.world.at
        self.now = revoke(self.now, key_id, at=at, because="phone lost", by="demo-security")
        self.put()


async def to_sign(clinics: Clinics) -> tuple[UUID, str]:
    """A journey that waits for Clio's evaluation to be signed, and the request; it is a minute later."""
    opening = referral(PROTOCOLS["PTSD"], uuid4())
    decided = decide(None, opening, START)
    assert not isinstance(decided, Refusal)
    play = Play(fold(decided), START, list(decided), receipts=receipts_of(decided))
    play.go_on(lambda journey: any(each.sign_off == "evaluation" for each in obligations(journey)))
    await append(clinics.record, play.journey.id, play.events)
    await catch_up(clinics.record)
    clinics.world.at = play.at + timedelta(minutes=1)
    return play.journey.id, next(each.id for each in obligations(play.journey) if each.sign_off == "evaluation")
