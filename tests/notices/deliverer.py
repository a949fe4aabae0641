"""A worker that does nothing but deliver, as a process of its own: to be killed."""

import asyncio
import sys
from pathlib import Path

from activities.notices.contacts import Contacts
from activities.notices.delivering import Sender, delivering
from activities.notices.smtp import SmtpServer, by_email
from activities.privacy.key_store import open_key_store
from activities.privacy.master_keys import Keyring
from activities.signatures.register_file import RegisterFile
from tests.fixtures.clear import open_clear


async def main(record_url: str, keys_url: str, keyring: str, register: str, organisation: str, port: str) -> None:
    async with open_clear(record_url) as record, open_key_store(keys_url, Keyring(Path(keyring))) as keys:
        server = SmtpServer("127.0.0.1", int(port), "messages@clinic.example", security="none", seconds=30)
        known = RegisterFile(Path(register), bytes.fromhex(organisation))
        async with delivering(Sender(record, known, Contacts(record, keys), {"email": by_email(server)}), poll=0.05):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
