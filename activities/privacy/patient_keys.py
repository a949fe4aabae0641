"""What stands for patients, referrals and content where others read it: it names nobody, and nobody can try a guess."""

import hmac
import secrets
from uuid import UUID

from workflows.journey.views.notices import Notice
from workflows.journey.vocabulary.base import canonical


class PatientKeys:
    """Makes them under a secret of the service: without it nobody can try what gives a key."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of_ref(self, patient_ref: str) -> bytes:
        """Return the key (32 bytes) of a patient's reference."""
        return self._keyed(b"carepath/patient/2\0" + patient_ref.encode())

    def of_number(self, clinic: str, number: str) -> bytes:
        """Return the key of a clinic's own number for a patient: the same number at another clinic is another key."""
        return self._keyed(b"carepath/patient-number/2\0" + clinic.encode() + b"\0" + number.encode())

    def of_reader(self, person: str) -> bytes:
        """Return the key by which the access log names a patient or an observer who looks: their own id would say who
        is a patient."""
        return self._keyed(b"carepath/reader/1\0" + person.encode())

    def of_referral(self, content: bytes) -> bytes:
        """Return the key of a referral that has no id of its own: the same content gives the same key."""
        return self._keyed(b"carepath/referral/1\0" + content)

    def of_codes(self, journey_id: UUID) -> bytes:
        """Return the key (32 bytes) of a journey's codes (`workflows.journey.vocabulary.codes`)."""
        return self._keyed(b"carepath/codes/1\0" + journey_id.bytes)

    def of_content(self, said: bytes) -> bytes:
        """Return what stands for content (32 bytes) in an id that Temporal or a pager is shown."""
        return self._keyed(b"carepath/content/1\0" + said)

    def of_notice(self, notice: Notice) -> UUID:
        """Return the id of a notice: another one if it says anything else, and the same however often it is sent. A
        pager is shown it."""
        said = canonical(notice.model_dump(mode="json"))
        return UUID(bytes=self._keyed(b"carepath/notice/1\0" + said)[:16], version=4)

    def new_key_id(self, subject: str) -> UUID:
        """Return an id for a new data key of a subject: half of it by chance, half of it by this secret."""
        return self._key_id(subject, secrets.token_bytes(8))

    def made_key_id(self, subject: str, key_id: UUID) -> bool:
        """Whether who has the secret gave a data key of this subject its id."""
        return hmac.compare_digest(self._key_id(subject, key_id.bytes[:8]).bytes, key_id.bytes)

    def _key_id(self, subject: str, by_chance: bytes) -> UUID:
        return UUID(bytes=by_chance + self._keyed(b"carepath/data-key-id/1\0" + by_chance + subject.encode())[:8])

    @property
    def mark(self) -> bytes:
        """What only who has the secret can say (32 bytes)."""
        return self._keyed(b"carepath/identity/1")

    def _keyed(self, said: bytes) -> bytes:
        return hmac.digest(self._secret, said, "sha256")
