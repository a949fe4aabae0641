"""The settings of every process, read from the environment and checked before anything starts.

Errors name the variable and never its value: values hold passwords and internal addresses.
"""

import base64
import binascii
import os
import re
from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from activities.private_files import NotPrivate, read_private
from application.errors import SettingsError
from application.input.addresses import database_problem, has_gap, is_encrypted, web_problem
from application.input.numbers import WrittenWhole
from workflows.journey.vocabulary.calendars import zone_info

PREFIX = "CAREPATH_"
WATCHDOG_PREFIX = f"{PREFIX}WATCHDOG_"
MESSAGES_PREFIX = f"{PREFIX}MESSAGES_"
OPENID_PREFIX = f"{PREFIX}CONSOLE_OIDC_"
SECRETS_DIR = f"{PREFIX}SECRETS_DIR"
LONGEST_SECRET = 4096
"""How long a file that stands for a variable may be (bytes)."""
ZONE_EXAMPLE = "write a place, for example America/Los_Angeles"
OWN_RIGHTS = "check its owner and its rights"
EXAMPLES = {
    "string_pattern_mismatch": "0123456789abcdef four times, in small letters",
    "greater_than_equal": "10",
    "less_than_equal": "10",
    "bool_parsing": "true",
}
"""What a right value looks like, by the kind of mistake."""
_WEBHOOK_EXAMPLE = "write whsec_ and the Base64 of 24 to 64 random bytes"


def _postgresql_url(url: SecretStr) -> SecretStr:
    if (problem := database_problem(url.get_secret_value())) is not None:
        raise ValueError(problem)
    return url


def _existing_directory(path: Path) -> Path:
    if not os.access(path, os.R_OK | os.X_OK) or not path.is_dir():
        raise ValueError("is not a directory that exists and can be read")
    return path


def _readable_file(path: Path) -> Path:
    """What is not there yet may be made; a directory, or a file of somebody else, is a mistake."""
    there = os.access(path, os.F_OK)
    if there and path.is_dir():
        raise ValueError("is a directory; name a file")
    if there and not os.access(path, os.R_OK):
        raise ValueError(f"is a file that cannot be read; {OWN_RIGHTS}")
    return path


def _directory(path: Path) -> Path:
    if os.access(path, os.F_OK) and not path.is_dir():
        raise ValueError("is a file; name a directory")
    return path


def _new_file(path: Path) -> Path:
    if not os.access(path.parent, os.X_OK) or path.is_dir() or not path.parent.is_dir():
        raise ValueError("is no place for a file; name one in a directory that exists")
    return path


def _known_zone(name: str) -> str:
    zone_named(name)
    return name


def zone_named(given: str) -> ZoneInfo:
    """Return the zone that a value of `TZ` or of a setting names: by name or by a file, either after a colon.

    Raises:
        ValueError: there is no such zone.
    """
    name = given.strip().removeprefix(":")
    if name.startswith("/"):
        name = zone_in_path(name) or name
    try:
        return zone_info(name)
    except ZoneInfoNotFoundError:
        raise ValueError(f"is no time zone that is known here; {ZONE_EXAMPLE}") from None


def zone_in_path(path: str | Path) -> str | None:
    """Return the zone that the path of a file of zone data, or the one it links to, ends with; it need not be there."""
    _, found, name = os.path.realpath(path).partition("/zoneinfo/")
    return name.removeprefix("posix/").removeprefix("right/") if found else None


def _namespace_in_ui(address: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~-]+)*/namespaces/[A-Za-z0-9._-]+", address):
        raise ValueError("is no address of a namespace; for example https://temporal.example.org/namespaces/care")
    return _with_port(address)


def _origin(address: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d+)?", address):
        raise ValueError("is no origin; for example https://temporal.example.org")
    return _with_port(address)


def _with_port(address: str) -> str:
    if (problem := web_problem(address)) is not None:
        raise ValueError(problem)
    return address


def _visible(text: str) -> str:
    if has_gap(text, but=" "):
        raise ValueError("has a line end or something invisible in it")
    return text


def _webhook_url(url: SecretStr) -> SecretStr:
    if (problem := web_problem(url.get_secret_value())) is not None:
        raise ValueError(f"{problem}; for example https://pages.example.org/carepath")
    if not is_encrypted(urlsplit(url.get_secret_value())):
        raise ValueError("must start with https://")
    return url


def _webhook_secret(secret: SecretStr) -> SecretStr:
    if not 24 <= len(key_of(secret)) <= 64:
        raise ValueError(f"is no secret; {_WEBHOOK_EXAMPLE}")
    return secret


def key_of(secret: SecretStr) -> bytes:
    """Return the bytes that webhooks are signed with; none where this is no secret."""
    try:
        return base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return b""


def _upper(level: Any) -> Any:
    return level.upper() if isinstance(level, str) else level


PostgresqlUrl = Annotated[SecretStr, AfterValidator(_postgresql_url)]
ReadableFile = Annotated[Path, AfterValidator(_readable_file)]
ExistingDirectory = Annotated[Path, AfterValidator(_existing_directory)]
NonBlank = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_visible)]
NewFile = Annotated[Path, AfterValidator(_new_file)]
WebhookUrl = Annotated[SecretStr, AfterValidator(_webhook_url)]
WebhookSecret = Annotated[SecretStr, AfterValidator(_webhook_secret)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]


class Settings(BaseSettings):
    """All settings from `CAREPATH_*`. The connection to Temporal has variables of its own."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    database_url: PostgresqlUrl
    """The record in PostgreSQL, `postgresql://…`, as the role of this process: `carepath_reader` for people at the
    command line, `carepath_console` for the console, `carepath_recorder` for workers. Only the recorder may append, and
    none may change or delete."""
    projector_url: PostgresqlUrl | None = None
    """The same database as `carepath_projector`, which writes the lists: for workers, and whoever rebuilds lists."""
    owner_url: PostgresqlUrl | None = None
    """The same database as its owner. Only `record migrate` needs it: leave it out of everything else."""
    keys_owner_url: PostgresqlUrl | None = None
    """The key store as the owner of its database, likewise."""
    secrets_dir: ExistingDirectory | None = None
    """A directory of files that stand for variables: each has the name of one, such as `CAREPATH_DATABASE_URL`, and its
    value. Only their owner may read them. So passwords are in no environment, where others may see them."""
    keys_url: PostgresqlUrl | None = None
    """The key store in PostgreSQL, as its own role `carepath_keys`: a database apart from the record, with backups of
    its own. Nothing that reads the record or uses Temporal runs without it."""
    keyring_file: ReadableFile | None = None
    """The file of the master keys (`keys make`), which only its owner may read. Keep it outside every database."""
    task_queue: NonBlank = "care-pathway"
    """The Temporal task queue that workers poll and that journeys are started on."""
    profile: ReadableFile | None = None
    """The file that says who is acting. Their signing key is beside it, with the suffix `.key`."""
    register_file: ReadableFile | None = None
    """The register of who may sign, itself signed by the organisation. Needed wherever signatures are checked."""
    organisation_key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    """The public half of the organisation's key, 64 hex digits, by which the register is believed. Take it from what
    `clinician register` printed, never from the register."""
    service_key_file: ReadableFile | None = None
    """The key with which this service says whom it let in who has no key of their own, patients and observers
    (`clinician let-in`). Only where such people act."""
    signing_minutes: Annotated[WrittenWhole, Field(ge=0, le=60)] = 10
    """How long a signing session lasts after its last signature, 0 to 60 minutes. Within it a signer is asked for the
    passphrase alone."""
    builds_file: ReadableFile | None = None
    """A file with a command line on each line, each of a build that ran before and derives what it decided. Only its
    owner may read it, and the next look finds what was added. Where there are patients, nothing moves care on after
    what no build derives, and no release after it is shown as proven."""
    anchors_dir: Annotated[Path, AfterValidator(_directory)] | None = None
    """The directory where anchors of the record are written and looked for. Keep it outside the database, where
    whoever runs the database cannot change it."""
    anchor_key_file: ReadableFile | None = None
    """The key workers sign anchors with (`record anchor-key`). Without it and the directory they write none."""
    anchor_public_key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    """The public half of that key, 64 hex digits, by which `record verify` believes an anchor. A process that has both
    refuses a key that does not belong to it."""
    anchor_minutes: Annotated[WrittenWhole, Field(ge=1, le=1440)] = 60
    """How often an anchor is written, every 1 to 1440 minutes."""
    zone: Annotated[str, AfterValidator(_known_zone)] | None = None
    """The zone of the person who looks, such as `America/Los_Angeles`: their times, and where their day ends. Without
    it `TZ` says it, and else the machine. The zone data is always that of this build."""
    reconcile_seconds: Annotated[WrittenWhole, Field(ge=5, le=270)] = 120
    """How often workers compare all open journeys with what Temporal runs, and mend what is lost, every 5 to 270
    seconds. One of them does it at a time."""
    console_port: Annotated[WrittenWhole, Field(ge=1, le=65535)] = 8740
    """The port of the console, on this machine alone."""
    temporal_ui: Annotated[str, AfterValidator(_namespace_in_ui)] | None = None
    """The address of the namespace in Temporal's interface, as a browser has it, such as
    `https://temporal.example.org/namespaces/care`. The console links journeys there for ops."""
    demonstration: bool = False
    """Allows illustrative and unsigned protocols. Never where there are patients."""
    protocols_dir: ExistingDirectory | None = None
    """A directory of further protocol files, beside those the service brings."""
    questionnaires_dir: ExistingDirectory | None = None
    """A directory with the words of questionnaires, as FHIR `Questionnaire` files (`questionnaire check`). The console
    starts with all of them or not at all."""
    log_level: LogLevel = "INFO"
    """`DEBUG`, `INFO`, `WARNING` or `ERROR`."""
    log_format: Literal["console", "json"] = "console"
    """`console` for people, `json` for machines. Logs go to standard error."""
    codec_origin: Annotated[str, AfterValidator(_origin)] | None = None
    """The one origin from which the codec server is asked: that of Temporal's interface, as a browser has it."""
    codec_port: Annotated[WrittenWhole, Field(ge=1, le=65535)] = 8741
    """The port of 127.0.0.1 on which the codec server answers. Elsewhere put a proxy with TLS before it."""
    build_id: NonBlank | None = None
    """The build as which a worker takes part in worker versioning. Without it the worker is unversioned."""
    ready_file: NewFile | None = None
    """A worker creates this file once it is polling."""

    @property
    def anchor_public(self) -> bytes | None:
        """The bytes of the public half of the anchors' key, if it is known."""
        return None if self.anchor_public_key is None else bytes.fromhex(self.anchor_public_key)


S = TypeVar("S", bound=BaseSettings)


def projector_url(settings: Settings) -> str:
    """Return the address of the record as the role that writes the lists.

    Raises:
        SettingsError: it is not named.
    """
    if settings.projector_url is None:
        problem = "is missing: without it no lists can be written. Workers have it, and whoever rebuilds lists"
        raise SettingsError([(f"{PREFIX}PROJECTOR_URL", problem)])
    return settings.projector_url.get_secret_value()


def load_settings(**values: Any) -> Settings:
    """Read and check `CAREPATH_*`, but for the settings that the watchdog, channels of messages and the provider of
    OpenID Connect have of their own. ``values`` are fields that nothing else gives.

    Raises:
        SettingsError: names every variable that is missing, wrong or unknown.
    """
    return load(Settings, but=(WATCHDOG_PREFIX, MESSAGES_PREFIX, OPENID_PREFIX), **values)


def load(model: type[S], *, but: tuple[str, ...] = (), secrets: str = SECRETS_DIR, **values: Any) -> S:
    """Read and check the variables that begin with a model's prefix, but for those that begin in another way, from the
    environment and from the files of the directory that ``secrets`` names there.

    Raises:
        SettingsError: names every variable that is missing, wrong or unknown.
    """
    prefix = model.model_config.get("env_prefix", PREFIX)
    known = {f"{prefix}{field.upper()}": field for field in model.model_fields}
    ours = sorted(name for name in names_given(secrets) if name.startswith(prefix) and not name.startswith(but))
    problems = list(_unknown_variables(ours, known))
    for file in _secret_files(secrets):
        try:
            if file.name in known and (value := _read_secret(file)):
                values[known[file.name]] = value
        except ValueError as wrong:
            problems.append((file.name, str(wrong)))
    try:
        settings = model(**values)
    except ValidationError as invalid:
        said = {name for name, _ in problems}
        problems += [each for each in _problems(invalid, prefix) if each[0] not in said]
    else:
        if not problems:
            return settings
    # Raised outside the handler, so that no traceback carries the values.
    raise SettingsError(problems)


def names_given(secrets: str = SECRETS_DIR) -> frozenset[str]:
    """Return the names of all variables that are set, in the environment or by a file."""
    return frozenset(os.environ) | {file.name for file in _secret_files(secrets)}


def _secret_files(secrets: str) -> tuple[Path, ...]:
    """The files that stand for variables. That there is no such directory is said by the setting that names it."""
    directory = os.environ.get(secrets)
    if not directory or not os.access(directory, os.R_OK | os.X_OK):
        return ()
    return tuple(sorted(Path(directory).glob(f"{PREFIX}*")))


def _read_secret(file: Path) -> str:
    """Read the file that stands for a variable. A line end at its end does not count.

    Raises:
        ValueError: it cannot be used.
    """
    if os.environ.get(file.name):
        raise ValueError("is given twice, by the environment and by a file")
    try:
        return read_secret_file(file).removesuffix("\n")
    except ValueError as problem:
        raise ValueError(f"is {problem}") from None


def read_secret_file(file: Path) -> str:
    """Return the text of a file that holds one secret, and is private to whoever runs this.

    Raises:
        ValueError: it cannot be used; says what kind of file it is.
    """
    try:
        content = read_private(file, LONGEST_SECRET + 1)
        if len(content) <= LONGEST_SECRET:
            return content.decode()
        problem = f"a file of more than {LONGEST_SECRET} bytes"
    except NotPrivate as shared:
        problem = f"a file that cannot be used: {shared.reason}. {shared.remedy}"
    except OSError:
        problem = f"a file that cannot be read; {OWN_RIGHTS}"
    except UnicodeDecodeError:
        problem = "a file that is no text"
    raise ValueError(problem)


def _unknown_variables(given: Sequence[str], known: Collection[str]) -> Iterator[tuple[str, str]]:
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            yield name, f"is not a setting{f'; is {close[0]} meant?' if close else ''}"


def _problems(invalid: ValidationError, prefix: str) -> Iterator[tuple[str, str]]:
    for error in invalid.errors(include_input=False, include_context=False, include_url=False):
        name = f"{prefix}{str(error['loc'][0]).upper()}" if error["loc"] else f"{prefix}*"
        problem = "is missing" if error["type"] == "missing" else error["msg"].removeprefix("Value error, ")
        example = EXAMPLES.get(error["type"])
        yield name, problem[0].lower() + problem[1:] + (f"; for example {example}" if example else "")
