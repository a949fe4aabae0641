"""The settings of every process, read from the environment and checked before anything starts.

Errors name the variable and never its value: values hold passwords and internal addresses.
"""

import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "CAREPATH_"


class SettingsError(Exception):
    """The settings in the environment are not usable. Nothing has been started or changed.

    `variables` are the names of the wrong or missing variables, never their values.
    """

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        self.variables = tuple(name for name, _ in problems)
        listed = "\n".join(f"  {name}: {problem}" for name, problem in problems)
        super().__init__(
            f"The settings are not usable, so nothing was started and nothing has changed:\n{listed}\n"
            "Correct the variables named above and run the same command again. docs/reference/settings.md has them all."
        )


def _postgresql_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("must start with postgresql://")
    return url


def _existing_directory(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError("is not a directory that exists and can be read")
    return path


def _upper(level: Any) -> Any:
    return level.upper() if isinstance(level, str) else level


PostgresqlUrl = Annotated[SecretStr, AfterValidator(_postgresql_url)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]


class Settings(BaseSettings):
    """All settings from `CAREPATH_*`. The connection to Temporal has variables of its own."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    database_url: PostgresqlUrl
    """The record in PostgreSQL, `postgresql://…`, as the application role. That role can append and read, not change or
    delete."""
    owner_url: PostgresqlUrl | None = None
    """The same database as its owner. Only migrations need it: leave it out of workers and of people's own
    settings."""
    task_queue: str = Field(default="care-pathway", min_length=1)
    """The Temporal task queue that workers poll and that journeys are started on."""
    profile: Path | None = None
    """The file that says who is acting. Their signing key is beside it, with the suffix `.key`."""
    register_file: Path | None = None
    """The register of who may sign, itself signed by the organisation. Needed wherever signatures are checked."""
    organisation_key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    """The public half of the organisation's key, 64 hex digits, by which the register is believed. Take it from what
    `clinician register` printed, never from the register."""
    signing_minutes: Annotated[int, Field(ge=0, le=60)] = 10
    """How long a signing session lasts after its last signature, 0 to 60 minutes. Within it a signer is asked for the
    passphrase alone."""
    anchors_dir: Path | None = None
    """The directory where anchors of the record are written and looked for. Keep it outside the database, where
    whoever runs the database cannot change it."""
    anchor_key_file: Path | None = None
    """The key workers sign anchors with (`record anchor-key`). Without it and the directory they write none."""
    anchor_public_key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    """The public half of that key, 64 hex digits, by which `record verify` believes an anchor."""
    anchor_minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    """How often an anchor is written, every 1 to 1440 minutes. Read when the schedule is first made."""
    zone: str | None = None
    """The zone of the person who looks, such as `America/Los_Angeles`: their times, and where their day ends. Without
    it `TZ` says it, and else the machine. The zone data is always that of this build."""
    demonstration: bool = False
    """Allows illustrative and unsigned protocols. Never where there are patients."""
    protocols_dir: Annotated[Path, AfterValidator(_existing_directory)] | None = None
    """A directory of further protocol files, beside those the service brings."""
    log_level: LogLevel = "INFO"
    """`DEBUG`, `INFO`, `WARNING` or `ERROR`."""
    log_format: Literal["console", "json"] = "console"
    """`console` for people, `json` for machines. Logs go to standard error."""
    build_id: str | None = Field(default=None, min_length=1)
    """The build as which a worker takes part in worker versioning. Without it the worker is unversioned."""
    ready_file: Path | None = None
    """A worker creates this file once it is polling."""


def load_settings() -> Settings:
    """Read and check `CAREPATH_*`.

    Raises:
        SettingsError: names every variable that is missing, wrong or unknown.
    """
    problems = list(_unknown_variables())
    try:
        settings = Settings()
    except ValidationError as invalid:
        problems += _problems(invalid)
    else:
        if not problems:
            return settings
    # Raised outside the handler, so that no traceback carries the values.
    raise SettingsError(problems)


def _unknown_variables() -> Iterator[tuple[str, str]]:
    known = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            close = get_close_matches(name, known, n=1)
            yield name, f"is not a setting{f'; is {close[0]} meant?' if close else ''}"


def _problems(invalid: ValidationError) -> Iterator[tuple[str, str]]:
    for error in invalid.errors(include_input=False, include_context=False, include_url=False):
        name = f"{PREFIX}{str(error['loc'][0]).upper()}"
        problem = "is missing" if error["type"] == "missing" else error["msg"].removeprefix("Value error, ")
        yield name, problem[0].lower() + problem[1:]
