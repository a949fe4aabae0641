"""Opens the channels that the settings name."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from activities.notices.channels import Channel, Channels
from activities.notices.contacts import EMAIL, WEBHOOK
from activities.notices.smtp import SmtpServer, by_email
from activities.notices.webhooks import by_webhook, posting
from activities.notices.wording import Service
from application.messages.settings import MessageSettings
from application.settings import key_of


@asynccontextmanager
async def open_channels(settings: MessageSettings) -> AsyncIterator[Channels]:
    """Return the channels by their names while the context is open."""
    channels: dict[str, Channel] = {}
    async with AsyncExitStack() as exits:
        if settings.smtp_host is not None and settings.smtp_sender is not None:
            password = settings.smtp_password
            server = SmtpServer(
                host=settings.smtp_host,
                port=settings.smtp_port,
                sender=settings.smtp_sender,
                security=settings.smtp_security,
                user=settings.smtp_user,
                password=None if password is None else password.get_secret_value(),
                ca_file=settings.smtp_ca_file,
                seconds=settings.smtp_seconds,
            )
            channels[EMAIL] = by_email(server)
        if settings.webhook_url is not None and settings.webhook_secret is not None:
            url, key = settings.webhook_url.get_secret_value(), key_of(settings.webhook_secret)
            channels[WEBHOOK] = by_webhook(await exits.enter_async_context(posting(url, key, settings.webhook_seconds)))
        yield channels


def service_of(settings: MessageSettings) -> Service:
    """Return what every message says."""
    return Service(settings.name, settings.call, settings.console_url)
