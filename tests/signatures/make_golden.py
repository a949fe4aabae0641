"""Writes golden.json: `python -m tests.signatures.make_golden`. Run it only when a new format begins.

Every key in it is invented.
"""

import json
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from activities.signatures.keys import generate, sign
from simulation.people import CLINIC, ORGANISATION, PEOPLE
from tests.signatures.room import CLIO, CLIO_KEY, KEYS, NOW, published, register, statement
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.signed_statement import ProtocolStatement, SignatureHeader, signer_of

PASSPHRASE = "invented, for the tests"

if __name__ == "__main__":
    until = NOW + timedelta(minutes=10)
    decided = statement(
        choice="at_home",
        seal=SignatureHeader(key_id=CLIO_KEY.key_id, nonce=f"{1:032x}", signed_at=NOW, expires_at=until),
    )
    director = KEYS[Role.MEDICAL_DIRECTOR]
    approved = ProtocolStatement(
        organisation=ORGANISATION,
        protocol="ptsd-at-home",
        version=3,
        digest="d" * 64,
        clinics=(CLINIC,),
        signer=signer_of(PEOPLE[Role.MEDICAL_DIRECTOR]),
        seal=SignatureHeader(
            key_id=director.key_id, nonce=f"{2:032x}", signed_at=NOW, expires_at=NOW + timedelta(days=365)
        ),
    )
    with TemporaryDirectory() as directory:
        path = Path(directory) / "key.json"
        made = generate(path, CLIO.id, PASSPHRASE, cost=10)
        key_file = json.loads(path.read_bytes())
    examples = {
        "key_file": {"content": key_file, "passphrase": PASSPHRASE, "public_key": made.public_key.hex()},
        "register": json.loads(published(register())),
        "sign_off": {
            "seed": 1,
            "statement": decided.model_dump(mode="json"),
            "signed": decided.signed_bytes().decode(),
            "value": sign(CLIO_KEY, decided).value,
        },
        "protocol": {
            "seed": 3,
            "statement": approved.model_dump(mode="json"),
            "signed": approved.signed_bytes().decode(),
            "value": sign(director, approved).value,
        },
    }
    text = json.dumps(examples, indent=2, ensure_ascii=False) + "\n"
    (Path(__file__).parent / "golden.json").write_text(text, encoding="utf-8")
