"""A sender with both channels, on the record and the keys of a test."""

from collections.abc import AsyncIterator

import pytest

from activities.notices.contacts import Contacts
from activities.notices.delivering import Sender
from activities.notices.smtp import by_email
from activities.notices.webhooks import by_webhook, posting
from activities.notices.wording import Service
from activities.privacy.key_store import KeyStore
from activities.record import Record
from tests.application.watchdog.pager import KEY, Pager
from tests.cli.helpers import invented
from tests.notices.mail_server import Mailbox


@pytest.fixture
def contacts(record: Record, key_store: KeyStore) -> Contacts:
    return Contacts(record, key_store)


@pytest.fixture
async def sender(record: Record, contacts: Contacts, mailbox: Mailbox, pager: Pager) -> AsyncIterator[Sender]:
    """A worker's, with both channels; nobody has any contact yet."""
    service = Service("Clinic", "+1 555 0100", "https://console.example")
    async with posting(f"http://127.0.0.1:{pager.port}/messages", KEY, 1) as post:
        channels = {"email": by_email(mailbox.server(seconds=1)), "webhook": by_webhook(post)}
        yield Sender(record, invented().register, contacts, channels, service)
