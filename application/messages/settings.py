"""The settings of the channels that messages leave by, `CAREPATH_MESSAGES_*`. Workers read them, and the console:
what messages say of the service stands on the pages of links, too."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from activities.notices.contacts import is_email
from activities.notices.smtp import Security
from application.input.addresses import bare_host_problem, is_encrypted, is_loopback, web_problem
from application.input.numbers import WrittenWhole
from application.settings import MESSAGES_PREFIX, ReadableFile, WebhookSecret, WebhookUrl, load
from workflows.journey.vocabulary.texts import clean_text


def _email(address: str) -> str:
    if not is_email(address):
        raise ValueError("is no address of e-mail; for example messages@example.org")
    return address


def _host(name: str) -> str:
    if (problem := bare_host_problem(name)) is not None:
        raise ValueError(problem)
    return name


def _line(text: str) -> str:
    return clean_text(text, lines=False)


def _console(address: str) -> str:
    if (problem := web_problem(address)) is not None:
        raise ValueError(f"{problem}; for example https://care.example.org")
    if not is_encrypted(urlsplit(address)):
        raise ValueError("must start with https://: links let people in")
    return address


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), AfterValidator(_line)]
Address = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*[A-Za-z0-9])?$"),
    AfterValidator(_console),
]
Seconds = Annotated[WrittenWhole, Field(ge=1, le=30)]


class MessageSettings(BaseSettings):
    """All settings of the channels. Without any, messages are written to the workers' log."""

    model_config = SettingsConfigDict(
        env_prefix=MESSAGES_PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    smtp_host: Annotated[str, AfterValidator(_host)] | None = None
    """The server that takes e-mail. Without it none is sent."""
    smtp_port: Annotated[WrittenWhole, Field(ge=1, le=65535)] = 587
    """Its port: usually 587 with `starttls`, 465 with `tls`."""
    smtp_security: Security = "starttls"
    """`starttls`, `tls`, or `none`; the last only for a server on the same machine. Nothing falls back to `none`."""
    smtp_ca_file: ReadableFile | None = None
    """The certificates by which the server is believed, if not those of the system."""
    smtp_user: Annotated[str, StringConstraints(min_length=1)] | None = None
    """Who signs in there, if anybody."""
    smtp_password: SecretStr | None = None
    """Their password."""
    smtp_sender: Annotated[str, AfterValidator(_email)] | None = None
    """The address that messages come from."""
    smtp_seconds: Seconds = 15
    """How long one attempt to send may take, 1 to 30 seconds."""
    webhook_url: WebhookUrl | None = None
    """Where messages go that somebody else passes on, as text messages, pagers or chat: `https://…`. A redirection is
    not followed."""
    webhook_secret: WebhookSecret | None = None
    """What they are signed with: `whsec_` and the Base64 of 24 to 64 random bytes, known to the receiver too."""
    webhook_seconds: Seconds = 10
    """How long one attempt to send may take, 1 to 30 seconds."""
    bounce_secret: WebhookSecret | None = None
    """What a gateway signs with that reports messages which came back later, written as the other secret is. Without
    it the console takes no such report."""
    name: Line = "Care pathway"
    """Who sends, as messages say it. Choose a word that says nothing about health."""
    call: Line | None = None
    """Whom to call, as messages say it: a number that somebody answers day and night."""
    console_url: Address | None = None
    """The address of the console, as people's browsers have it: `https://…`. Links in messages lead there, and those
    of journeys in Temporal's interface."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.smtp_host is None) != (self.smtp_sender is None):
            raise ValueError("name both a server and a sender (SMTP_HOST, SMTP_SENDER), or neither")
        if (self.smtp_user is None) != (self.smtp_password is None):
            raise ValueError("name both a user and a password (SMTP_USER, SMTP_PASSWORD), or neither")
        if self.smtp_security == "none" and self.smtp_host is not None and not is_loopback(self.smtp_host):
            raise ValueError("SMTP_SECURITY none is only for a server on this machine; use starttls or tls")
        if (self.webhook_url is None) != (self.webhook_secret is None):
            raise ValueError("name both a webhook and its secret (WEBHOOK_URL, WEBHOOK_SECRET), or neither")
        return self


def load_message_settings() -> MessageSettings:
    """Read and check `CAREPATH_MESSAGES_*`.

    Raises:
        SettingsError: names every variable that is missing, wrong or unknown.
    """
    return load(MessageSettings)
