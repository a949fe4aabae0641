"""The settings of an OpenID Connect provider, `CAREPATH_CONSOLE_OIDC_*`. Only the console reads them."""

import os
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

from application.errors import SettingsError
from application.input.addresses import is_encrypted, web_problem
from application.settings import (
    OPENID_PREFIX,
    NonBlank,
    ReadableFile,
    load,
    names_given,
    read_secret_file,
)


def is_safe(address: str) -> bool:
    """Whether an address is reached in a way that nobody on the network can read or change."""
    if web_problem(address) is not None:
        return False
    parts = urlsplit(address)
    return parts.username is None and not parts.fragment and is_encrypted(parts)


def _safe(address: str) -> str:
    if (problem := web_problem(address)) is not None:
        raise ValueError(f"{problem}; for example https://login.example.org")
    if not is_safe(address) or "?" in address:
        raise ValueError("must be an address that starts with https://; for example https://login.example.org")
    return address


def _origin(address: str) -> str:
    if urlsplit(_safe(address)).path:
        raise ValueError("has something after the host and the port; for example https://care.example.org")
    return address


Issuer = Annotated[str, StringConstraints(max_length=300), AfterValidator(_safe)]
ConsoleOrigin = Annotated[str, StringConstraints(max_length=300), AfterValidator(_origin)]


class OpenIdSettings(BaseSettings):
    """All settings of the provider. Without any, the console offers no such sign-in; half of them are refused."""

    model_config = SettingsConfigDict(
        env_prefix=OPENID_PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    issuer: Issuer
    """The provider, exactly as it names itself as `iss`. Its own settings are read from
    `/.well-known/openid-configuration` below this address."""
    client_id: NonBlank
    """The id under which the provider knows this console."""
    client_secret_file: ReadableFile
    """The file with the secret that the provider gave it, which only its owner may read."""
    address: ConsoleOrigin
    """The address of the console, as people's browsers have it and as the register lists it among its `origins`. The
    provider sends people back to `/sign-in/openid/callback` there; register exactly that with it."""
    claim: NonBlank = "sub"
    """What in the provider's ID token is the person's id in the register. Choose only what people cannot change
    themselves, and what the provider gives to nobody else later."""

    @property
    def callback(self) -> str:
        """Where the provider sends people back to."""
        return f"{self.address}/sign-in/openid/callback"

    @property
    def discovery(self) -> str:
        """Where the provider says what it offers."""
        return f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"


def load_openid_settings() -> OpenIdSettings | None:
    """Read and check `CAREPATH_CONSOLE_OIDC_*`. None where nothing of it is set.

    Raises:
        SettingsError: names every variable that is missing, wrong or unknown.
    """
    if not any(name.startswith(OPENID_PREFIX) and os.environ.get(name, "file") for name in names_given()):
        return None
    return load(OpenIdSettings)


def read_client_secret(settings: OpenIdSettings) -> SecretStr:
    """Read the secret that the provider gave this console.

    Raises:
        SettingsError: the file is missing, empty, too large, or not its owner's alone.
    """
    try:
        secret = read_secret_file(settings.client_secret_file).strip()
    except ValueError as unusable:
        problem = f"names {unusable}"
    else:
        if secret:
            return SecretStr(secret)
        problem = "names a file that is empty"
    raise SettingsError([(f"{OPENID_PREFIX}CLIENT_SECRET_FILE", problem)])
