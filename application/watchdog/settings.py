"""The watchdog's own settings, `CAREPATH_WATCHDOG_*`: it shares none with the processes it watches."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from application.input.numbers import WrittenWhole
from application.process.sealing import named_keys
from application.settings import (
    WATCHDOG_PREFIX,
    ExistingDirectory,
    LogLevel,
    NewFile,
    NonBlank,
    PostgresqlUrl,
    ReadableFile,
    WebhookSecret,
    WebhookUrl,
    load,
)

Seconds = Annotated[WrittenWhole, Field(ge=1, le=86400)]


class WatchdogSettings(BaseSettings):
    """All settings of the watchdog."""

    model_config = SettingsConfigDict(
        env_prefix=WATCHDOG_PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    database_url: PostgresqlUrl
    """The record in PostgreSQL, as the role `carepath_watchdog`, which reads the record and keeps what was paged."""
    keys_url: PostgresqlUrl | None = None
    """The key store in PostgreSQL, as `carepath_key_reader`: what is awaited, and until when, follows from encrypted
    events."""
    keyring_file: ReadableFile | None = None
    """The file of the master keys, which only its owner may read."""
    webhook_url: WebhookUrl | None = None
    """Where pages are sent, `https://…`. A redirection is not followed."""
    webhook_secret: WebhookSecret | None = None
    """What pages are signed with: `whsec_` and the Base64 of 24 to 64 random bytes, known to the receiver too."""
    secrets_dir: ExistingDirectory | None = None
    """A directory of files that stand for variables: each has the name of one, such as `CAREPATH_WATCHDOG_KEYS_URL`,
    and its value. Only their owner may read them."""
    log_only: bool = False
    """Pages are written to the log alone. For demonstrations: nobody is woken by a log."""
    every_seconds: Annotated[WrittenWhole, Field(ge=1, le=300)] = 30
    """How often everything is looked at, every 1 to 300 seconds."""
    late_seconds: Seconds = 120
    """How long after its time a step may show no escalation, and a recorded event no notice that left."""
    reconciliation_seconds: Seconds = 600
    """How long ago the last complete pass of reconciliation may have ended."""
    projection_seconds: Seconds = 120
    """How long something may be recorded that lists do not show."""
    database_gigabytes: Annotated[WrittenWhole, Field(ge=1, le=1_000_000)] = 50
    """How large the record's database may become, in gigabytes: less than its disk holds. Nothing is recorded once that
    is full, and any login can fill it."""
    away_seconds: Seconds = 60
    """How long the record may be away."""
    repeat_seconds: Seconds = 900
    """After how long a page is sent again while what it is about stays."""
    message_seconds: Seconds = 900
    """How long a message that is no alarm may be on its way. For an alarm `LATE_SECONDS` counts."""
    webhook_seconds: Annotated[WrittenWhole, Field(ge=1, le=60)] = 10
    """How long one attempt to send a page may take, 1 to 60 seconds."""
    build_id: NonBlank = "unversioned"
    """The build that the watchdog says it is."""
    log_level: LogLevel = "INFO"
    """`DEBUG`, `INFO`, `WARNING` or `ERROR`."""
    log_format: Literal["console", "json"] = "console"
    """`console` for people, `json` for machines. Logs go to standard error."""
    ready_file: NewFile | None = None
    """The watchdog creates this file once it has looked at everything."""

    @model_validator(mode="after")
    def _a_channel(self) -> Self:
        given = (self.webhook_url is not None, self.webhook_secret is not None)
        if given != (not self.log_only, not self.log_only):
            raise ValueError("name a webhook and its secret (WEBHOOK_URL, WEBHOOK_SECRET), or set LOG_ONLY to true")
        return self


def load_watchdog_settings() -> WatchdogSettings:
    """Read and check `CAREPATH_WATCHDOG_*`.

    Raises:
        SettingsError: names every variable that is missing, wrong or unknown.
    """
    settings = load(WatchdogSettings, secrets=f"{WATCHDOG_PREFIX}SECRETS_DIR")
    named_keys(settings)
    return settings
