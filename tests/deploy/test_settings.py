"""Settings errors name every variable that is wrong, and no value."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

from application.context import Context
from application.errors import SettingsError
from application.identity.openid.settings import load_openid_settings
from application.messages.settings import MessageSettings, load_message_settings
from application.settings import Settings, load_settings
from application.temporal.settings import load_temporal_config
from application.watchdog.settings import WatchdogSettings, load_watchdog_settings

pytestmark = pytest.mark.usefixtures("empty_environment")

SECRET = "pw-4711"
URL = f"postgresql://carepath_reader:{SECRET}@db.internal/carepath"


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPATH_DATABASE_URL", URL)
    settings = load_settings()
    assert settings.database_url.get_secret_value() == URL
    assert settings.owner_url is None
    assert settings.task_queue == "care-pathway"
    assert settings.demonstration is False
    assert settings.log_level == "INFO"
    assert settings.log_format == "console"


def test_no_representation_shows_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPATH_DATABASE_URL", URL)
    monkeypatch.setenv("CAREPATH_OWNER_URL", URL)
    settings = load_settings()
    for text in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert SECRET not in text


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(SettingsError, match="CAREPATH_DATABASE_URL: is missing") as caught:
        load_settings()
    assert caught.value.variables == ("CAREPATH_DATABASE_URL",)


@pytest.mark.parametrize(
    "name",
    [
        "CAREPATH_DATABASE_URL",
        "CAREPATH_OWNER_URL",
        "CAREPATH_DEMONSTRATION",
        "CAREPATH_PROTOCOLS_DIR",
        "CAREPATH_LOG_LEVEL",
        "CAREPATH_LOG_FORMAT",
    ],
)
def test_a_wrong_variable_is_named_and_its_value_is_not(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CAREPATH_DATABASE_URL", URL)
    monkeypatch.setenv(name, SECRET)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.variables == (name,)
    assert name in str(caught.value)
    assert SECRET not in str(caught.value)
    # A traceback prints what an error came from, too.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPATH_LOG_LEVEL", "loud")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert set(caught.value.variables) == {"CAREPATH_DATABASE_URL", "CAREPATH_LOG_LEVEL"}


def test_a_misspelt_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPATH_DATABASE_URL", URL)
    monkeypatch.setenv("CAREPATH_DEMONSTRATON", "true")
    with pytest.raises(SettingsError, match="is CAREPATH_DEMONSTRATION meant"):
        load_settings()


def test_temporal_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.internal:7233")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "clinic")
    config = load_temporal_config(demonstration=True)
    assert (config["target_host"], config["namespace"]) == ("temporal.internal:7233", "clinic")


def test_temporal_address_is_required() -> None:
    with pytest.raises(SettingsError, match="TEMPORAL_ADDRESS: is missing"):
        load_temporal_config(demonstration=True)


@pytest.mark.parametrize(
    "name", ["TEMPORAL_TLS", "TEMPORAL_TLS_CLIENT_CERT_PATH", "TEMPORAL_CONFIG_FILE", "TEMPORAL_PROFILE"]
)
def test_a_wrong_temporal_variable_is_named_and_its_value_is_not(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.internal:7233")
    monkeypatch.setenv(name, SECRET)
    with pytest.raises(SettingsError) as caught:
        load_temporal_config(demonstration=True)
    assert name in caught.value.variables
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None


def test_an_unknown_key_in_temporals_profile_file_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text(f'[profile.default]\naddress = "temporal.internal:7233"\napi_ky = "{SECRET}"\n')
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))
    with pytest.raises(SettingsError, match="TEMPORAL_CONFIG_FILE") as caught:
        load_temporal_config(demonstration=True)
    assert SECRET not in str(caught.value)


USER = f"postgresql://carepath_reader:{SECRET}"
DATABASES = [
    ("mysql://db/carepath", "postgresql://"),
    (f"{USER}@db.internal:0/carepath", "port"),
    (f"{USER}@db.internal:65536/carepath", "port"),
    (f"{USER}@db.internal:543x/carepath", "port"),
    (f"{USER}@db.internal:/carepath", "port"),
    (f"{USER}@db.internal:-1/carepath", "port"),
    (f"{USER}@a:1,b:99999/carepath", "port"),
    (f"{USER}@db.internal/carepath?port=99999", "port"),
    (f"{USER}@db.internal/carepath?sslmode=enforced", "sslmode"),
    (f"{USER}@db.internal/carepath?sslmode=", "sslmode"),
    (f"{USER}@db.internal/carepath?sslmode", "name=value"),
    (f"{USER}@db.internal/carepath?sslrootcert=/nowhere/ca.pem", "sslrootcert"),
    (f"{USER}@db.internal/carepath?sslrootcert=/etc", "sslrootcert"),
    (f"{USER}#1@db.internal/carepath", "%23"),
    (f"{USER}@1@db.internal/carepath", "%40"),
    (f"{USER}?1@db.internal/carepath", "%3F"),
    (f"{USER}/1@db.internal/carepath", "%2F"),
    (f"{USER}%@db.internal/carepath", "%25"),
    (f"{USER} 1@db.internal/carepath", "space"),
    (f"{USER}@db.internal/carepath\n", "space"),
    (f"{USER}@/carepath", "names no host"),
    ("postgresql://", "names no host"),
    ("postgresql:///carepath", "names no host"),
    (f"{USER}@:5432/carepath", "names no host"),
    (f"{USER}@::1:5432/carepath", "brackets"),
    (f"{USER}@[::1/carepath", "no ]"),
    (f"{USER}@[::1]x/carepath", "port"),
    (f"{USER}@db.internal\u200b/carepath", "invisible"),
    (f"{USER}@db.internal/carepath\ufeff", "invisible"),
    (f"{USER}@db.internal/carepath?sslmode=require&sslmode=disable", "twice"),
    (f"{USER}@db.internal/carepath?port=5432&port=5433", "twice"),
    (f"{USER}@db.internal/carepath?ssl=true", "after the ? that there is not"),
    (f"{USER}@db.internal/carepath?ssl_mode=require", "after the ? that there is not"),
    (f"{USER}@db.internal/carepath?sslrootcertificate=system", "after the ? that there is not"),
]


@pytest.mark.parametrize(("url", "said"), DATABASES, ids=[said for _, said in DATABASES])
def test_a_database_that_cannot_be_is_taken_apart(monkeypatch: pytest.MonkeyPatch, url: str, said: str) -> None:
    monkeypatch.setenv("CAREPATH_DATABASE_URL", url)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    text = str(caught.value)
    assert caught.value.variables == ("CAREPATH_DATABASE_URL",)
    assert said in text
    assert "for example postgresql://carepath_reader:PASSWORD@" in text
    assert SECRET not in text
    assert "db.internal" not in text


@pytest.mark.parametrize(
    "url",
    [
        URL,
        f"{USER}@db.internal",
        f"{USER}@db.internal:5432/carepath?sslmode=verify-full&sslrootcert=system",
        f"{USER}%23%40%25%3F%2F@db.internal/carepath",
        f"{USER}@[::1]:5432/carepath",
        f"{USER}@[fe80::1]/carepath",
        f"{USER}@a:5432,b:5433/carepath",
        "postgresql:///carepath?host=/var/run/postgresql",
        "postgres://carepath_reader@%2Fvar%2Frun%2Fpostgresql/carepath",
        "postgresql://carepath_reader@127.0.0.1:5432/carepath?sslmode=disable&application_name=x",
    ],
)
def test_a_database_that_can_be_is_let_through(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CAREPATH_DATABASE_URL", url)
    assert load_settings().database_url.get_secret_value() == url


ADDRESSES = [
    ("temporal.internal", "has no port"),
    ("temporal.internal\u200b:7233", "invisible"),
    ("\ufefftemporal.internal:7233", "invisible"),
    ("http://temporal.internal:7233", "without http://"),
    ("grpc://temporal.internal", "without http://"),
    ("temporal.internal:", "port"),
    ("temporal.internal:0", "port"),
    ("temporal.internal:70000", "port"),
    ("temporal.internal:seven", "port"),
    (":7233", "names no host"),
    ("::1:7233", "brackets"),
    ("[::1]", "has no port"),
    ("temporal.internal:7233/default", "nothing else"),
    (f"me:{SECRET}@temporal.internal:7233", "nothing else"),
    (" temporal.internal:7233", "space"),
    ("temporal.internal: 7233", "space"),
    ("", "is missing"),
]


@pytest.mark.parametrize(("address", "said"), ADDRESSES)
def test_an_address_of_temporal_is_taken_apart(monkeypatch: pytest.MonkeyPatch, address: str, said: str) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    with pytest.raises(SettingsError) as caught:
        load_temporal_config(demonstration=True)
    assert caught.value.variables == ("TEMPORAL_ADDRESS",)
    assert said in str(caught.value)
    assert "for example temporal.example.org:7233" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("address", ["temporal.internal:7233", "127.0.0.1:1", "[::1]:7233"])
def test_an_address_of_temporal_is_let_through(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    assert load_temporal_config(demonstration=True)["target_host"] == address


OTHERS = [
    ("CAREPATH_OWNER_URL", f"{USER}@db.internal:99999/carepath", "port"),
    ("CAREPATH_SIGNING_MINUTES", "ten", "plain digits"),
    ("CAREPATH_SIGNING_MINUTES", "61", "less than or equal to 60"),
    ("CAREPATH_ANCHOR_MINUTES", "0", "greater than or equal to 1"),
    ("CAREPATH_ANCHOR_MINUTES", "1e3", "plain digits"),
    ("CAREPATH_DEMONSTRATION", "perhaps", "for example true"),
    ("CAREPATH_ORGANISATION_KEY", "AB" * 32, "in small letters"),
    ("CAREPATH_ANCHOR_PUBLIC_KEY", "ab" * 31, "in small letters"),
    ("CAREPATH_TASK_QUEUE", "  ", "at least 1 character"),
    ("CAREPATH_BUILD_ID", "\t", "at least 1 character"),
    *(
        (f"CAREPATH_{name}", value, "invisible")
        for name in ("TASK_QUEUE", "BUILD_ID")
        for value in ("v1\u200b", "\u200b", "v\t1", "\u2800", "v\u00a01")
    ),
    *(
        (f"CAREPATH_{name}", f"https://temporal.example:{port}{path}", "port")
        for name, path in (("TEMPORAL_UI", "/namespaces/care"), ("CODEC_ORIGIN", ""))
        for port in ("0", "65536", "99999")
    ),
    ("CAREPATH_CODEC_ORIGIN", "https://temporal.example/", "for example https://"),
    ("CAREPATH_PROFILE", "/", "is a directory"),
    ("CAREPATH_REGISTER_FILE", "/etc", "is a directory"),
    ("CAREPATH_ANCHOR_KEY_FILE", "/", "is a directory"),
    ("CAREPATH_ANCHORS_DIR", "/dev/null", "is a file"),
    ("CAREPATH_PROTOCOLS_DIR", "/dev/null", "is not a directory"),
    ("CAREPATH_READY_FILE", "/nowhere/ready", "no place for a file"),
    ("CAREPATH_ZONE", "Nonsense/Zone", "America/Los_Angeles"),
    ("CAREPATH_LOG_LEVEL", "loud", "DEBUG"),
]


@pytest.mark.parametrize(("name", "value", "said"), OTHERS, ids=[f"{name}={value}" for name, value, _ in OTHERS])
def test_a_setting_that_cannot_be_is_explained(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv("CAREPATH_DATABASE_URL", URL)
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.variables == (name,)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TEMPORAL_TLS_CLIENT_CERT_PATH", "/etc"),
        ("TEMPORAL_TLS_SERVER_CA_CERT_PATH", ""),
        ("TEMPORAL_CONFIG_FILE", "/etc"),
        ("TEMPORAL_NAMESPACE", " "),
        ("TEMPORAL_NAMESPACE", "clinic "),
        ("TEMPORAL_TLS", "yes"),
    ],
)
def test_a_setting_of_temporal_that_cannot_be_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.internal:7233")
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_temporal_config(demonstration=True)
    assert name in caught.value.variables


UNPROTECTED: list[tuple[dict[str, str], set[str]]] = [
    ({}, {"TEMPORAL_TLS", "TEMPORAL_API_KEY"}),
    ({"TEMPORAL_TLS": "false"}, {"TEMPORAL_TLS", "TEMPORAL_API_KEY"}),
    ({"TEMPORAL_TLS": "true"}, {"TEMPORAL_API_KEY"}),
    ({"TEMPORAL_TLS": "true", "TEMPORAL_API_KEY": ""}, {"TEMPORAL_API_KEY"}),
    ({"TEMPORAL_TLS": "false", "TEMPORAL_API_KEY": SECRET}, {"TEMPORAL_TLS"}),
    ({"TEMPORAL_TLS_SERVER_NAME": "temporal.internal"}, {"TEMPORAL_API_KEY"}),
    ({"TEMPORAL_GRPC_META_AUTHORIZATION": "Bearer none"}, {"TEMPORAL_TLS", "TEMPORAL_API_KEY"}),
]


@pytest.mark.parametrize(("given", "named"), UNPROTECTED, ids=[str(sorted(given)) for given, _ in UNPROTECTED])
def test_where_there_are_patients_temporal_is_reached_by_tls_and_by_name(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], named: set[str]
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.internal:7233")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_temporal_config(demonstration=False)
    assert set(caught.value.variables) == named
    assert "authorizer" in str(caught.value) or named == {"TEMPORAL_TLS"}
    assert "protect-temporal.md" in str(caught.value)
    assert SECRET not in str(caught.value)
    load_temporal_config(demonstration=True)


@pytest.mark.parametrize("on", [{}, {"TEMPORAL_TLS": "true"}])
def test_an_api_key_over_tls_is_let_through(monkeypatch: pytest.MonkeyPatch, on: dict[str, str]) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.internal:7233")
    monkeypatch.setenv("TEMPORAL_API_KEY", SECRET)
    for name, value in on.items():
        monkeypatch.setenv(name, value)
    assert load_temporal_config(demonstration=False)["tls"]


def test_a_client_certificate_is_let_through(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.internal:7233")
    for name in ("CERT", "KEY"):
        (tmp_path / name).write_text("invented")
        monkeypatch.setenv(f"TEMPORAL_TLS_CLIENT_{name}_PATH", str(tmp_path / name))
    assert load_temporal_config(demonstration=False)["tls"]


Secrets: TypeAlias = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Secrets:
    """Write files that stand for variables."""

    def write(files: Mapping[str, str]) -> Path:
        for name, content in files.items():
            (tmp_path / name).write_text(content)
            (tmp_path / name).chmod(0o600)
        for prefix in ("CAREPATH", "CAREPATH_WATCHDOG"):
            monkeypatch.setenv(f"{prefix}_SECRETS_DIR", str(tmp_path))
        return tmp_path

    return write


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_file_stands_for_a_variable(secrets: Secrets, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    directory = secrets({"CAREPATH_DATABASE_URL": URL + end, "CAREPATH_WATCHDOG_DATABASE_URL": URL})
    secrets({"CAREPATH_ZONE": "", "keyring.json": ""})
    monkeypatch.setenv("CAREPATH_DATABASE_URL", "")
    settings = load_settings()
    assert settings.database_url.get_secret_value() == URL
    assert (settings.zone, settings.secrets_dir) == (None, directory)
    monkeypatch.setenv("CAREPATH_MESSAGES_SMTP_HOST", "mail.internal")
    monkeypatch.setenv("CAREPATH_MESSAGES_SMTP_SENDER", "messages@example.org")
    monkeypatch.setenv("CAREPATH_MESSAGES_SMTP_USER", "carepath")
    secrets({"CAREPATH_MESSAGES_SMTP_PASSWORD": SECRET})
    password = load_message_settings().smtp_password
    assert password is not None
    assert password.get_secret_value() == SECRET
    secrets({"CAREPATH_WATCHDOG_LOG_ONLY": "true", "CAREPATH_WATCHDOG_KEYS_URL": URL})
    secrets({"CAREPATH_WATCHDOG_KEYRING_FILE": str(directory / "keyring.json")})
    assert load_watchdog_settings().database_url.get_secret_value() == URL


def test_an_owner_needs_no_other_address(secrets: Secrets) -> None:
    secrets({"CAREPATH_OWNER_URL": URL})
    found = Context().settings.owner_url
    assert found is not None
    assert found.get_secret_value() == URL


def test_half_of_a_provider_in_files_is_refused(secrets: Secrets) -> None:
    assert load_openid_settings() is None
    secrets({"CAREPATH_CONSOLE_OIDC_CLIENT_ID": "carepath"})
    with pytest.raises(SettingsError, match="CAREPATH_CONSOLE_OIDC_ISSUER: is missing"):
        load_openid_settings()


FILES = [
    ("CAREPATH_DATABASE_ULR", URL, 0o600, "is CAREPATH_DATABASE_URL meant"),
    ("CAREPATH_OWNER_URL", URL, 0o640, "others can read it"),
    ("CAREPATH_OWNER_URL", SECRET, 0o600, "must start with postgresql://"),
    ("CAREPATH_KEYRING_FILE", SECRET, 0o644, "others can read it"),
    ("CAREPATH_TASK_QUEUE", " ", 0o600, "at least 1 character"),
    ("CAREPATH_DATABASE_URL", URL, 0o604, "others can read it"),
    ("CAREPATH_TASK_QUEUE", "q" * 4097, 0o600, "more than 4096 bytes"),
]


@pytest.mark.parametrize(("name", "content", "mode", "said"), FILES)
def test_a_file_that_cannot_be_is_named_and_its_content_is_not(
    secrets: Secrets, name: str, content: str, mode: int, said: str
) -> None:
    directory = secrets({"CAREPATH_DATABASE_URL": URL, name: content})
    (directory / name).chmod(mode)
    with pytest.raises(SettingsError, match=re.escape(said)) as caught:
        load_settings()
    assert caught.value.variables == (name,)
    assert SECRET not in str(caught.value)


def test_a_variable_and_a_file_are_one_too_many(secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets({"CAREPATH_DATABASE_URL": URL, "CAREPATH_TASK_QUEUE": "one"})
    monkeypatch.setenv("CAREPATH_TASK_QUEUE", "two")
    with pytest.raises(SettingsError, match="CAREPATH_TASK_QUEUE: is given twice"):
        load_settings()


def test_a_directory_of_files_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPATH_DATABASE_URL", URL)
    monkeypatch.setenv("CAREPATH_SECRETS_DIR", "/nowhere")
    with pytest.raises(SettingsError, match="CAREPATH_SECRETS_DIR: is not a directory"):
        load_settings()


@pytest.mark.parametrize("name", ["CAREPATH_SECRETS_DIR", "CAREPATH_READY_FILE"])
def test_a_place_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setenv("CAREPATH_DATABASE_URL", URL)
    monkeypatch.setenv(name, str(tmp_path if name.endswith("DIR") else tmp_path / "ready"))
    load_settings()

    def refuse(path: Path, *_: object) -> bool:
        raise PermissionError

    # Root may reach everything, so what others meet is put in its place.
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(Path, "is_dir", refuse)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.variables == (name,)


NUMBERS = [
    pytest.param(load, f"{model.model_config['env_prefix']}{field.upper()}", id=field)
    for load, model in (
        (load_settings, Settings),
        (load_message_settings, MessageSettings),
        (load_watchdog_settings, WatchdogSettings),
    )
    for field, its in model.model_fields.items()
    if its.annotation is int
]


@pytest.mark.parametrize(("load", "name"), NUMBERS)
def test_a_number_is_written_in_plain_digits(
    monkeypatch: pytest.MonkeyPatch, load: Callable[[], object], name: str
) -> None:
    def is_refused(value: str) -> bool:
        monkeypatch.setenv(name, value)
        try:
            load()
        except SettingsError as error:
            return name in error.variables
        return False

    assert not is_refused("30")
    for odd in ("030", "3_0", "+30", " 30", "30 ", "3e1", "30.0", "３０"):
        assert is_refused(odd), odd
