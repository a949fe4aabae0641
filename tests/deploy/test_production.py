"""The container, the composition of production and its settings say what is true of the code."""

import importlib.util
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

import console.__main__
import worker
from application.errors import SettingsError
from application.identity.openid.settings import OpenIdSettings, load_openid_settings
from application.messages.settings import MessageSettings, load_message_settings
from application.profiles import own_configuration, read_profile
from application.reading.access_log import LOOK_AFTER_IT
from application.settings import PREFIX, Settings, load_settings
from application.temporal.settings import load_temporal_config
from application.watchdog.settings import WatchdogSettings, load_watchdog_settings

pytestmark = pytest.mark.usefixtures("empty_environment")

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
IMAGE = (DEPLOY / "Containerfile").read_text()
SERVICES: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("${IMAGE:?")}
KNOWN = {
    f"{model.model_config.get('env_prefix', PREFIX)}{field.upper()}"
    for model in (Settings, MessageSettings, OpenIdSettings, WatchdogSettings)
    for field in model.model_fields
}
ASSIGNED = re.compile(r"^(#?)((?:CAREPATH|TEMPORAL)_[A-Z_]+)=(.*)$", re.MULTILINE)
SECRET = re.compile(r"^#   (CAREPATH_[A-Z_]+)(?: +(.*))?$", re.MULTILINE)
OWNERS = ("CAREPATH_OWNER_URL", "CAREPATH_KEYS_OWNER_URL")
LayOut: TypeAlias = Callable[[str, Mapping[str, str]], None]
VALUES = {
    "CAREPATH_ORGANISATION_KEY": "ab" * 32,
    "CAREPATH_ANCHOR_PUBLIC_KEY": "cd" * 32,
    "CAREPATH_MESSAGES_CALL": "+1 555 0100",
}
"""What fills in what is left empty."""


def settings_of(name: str) -> str:
    return Path(DEPLOY, OURS[name]["env_file"]).read_text()


def secrets_of(name: str) -> dict[str, str]:
    """The variables that are files, each with what is said of it."""
    return dict(SECRET.findall(settings_of(name)))


def load_temporal() -> object:
    return load_temporal_config(demonstration=load_settings().demonstration)


STARTS: Mapping[str, Sequence[Callable[[], object]]] = {
    "worker": (load_settings, load_message_settings, load_temporal),
    "console": (load_settings, load_message_settings, load_openid_settings, load_temporal),
    "watchdog": (load_watchdog_settings,),
    "migrate": (lambda: load_settings(database_url="postgresql://not.needed"),),
    "command": (load_settings, load_temporal),
}
"""What each process reads of its settings when it starts."""


@pytest.fixture
def laid_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LayOut:
    """Lay out a service as its files say, with placeholders for what they leave to others."""

    def lay_out(name: str, values: Mapping[str, str]) -> None:
        for volume in OURS[name]["volumes"]:
            (tmp_path / volume.split(":")[1].strip("/")).mkdir(parents=True, exist_ok=True)
        (tmp_path / "tmp").mkdir()
        for commented, variable, value in ASSIGNED.findall(settings_of(name)):
            if variable == "TEMPORAL_CONFIG_FILE":
                continue
            given = value or values.get(variable, "")
            if given.startswith("/"):
                path = tmp_path / given.strip("/")
                if not path.is_dir() and not variable.endswith(("_DIR", "READY_FILE")):
                    path.write_text("placeholder")
                    path.chmod(0o600)
                given = "" if commented and not path.exists() else str(path)
            monkeypatch.setenv(variable, given)
        for variable, told in secrets_of(name).items():
            role = re.search(r"carepath_[a-z_]+", told)
            url = f"postgresql://{role.group() if role else 'owner'}:secret@db.example.org/carepath?sslmode=verify-full"
            file = tmp_path / "run" / "secrets" / variable
            file.write_text((url if variable.endswith("_URL") else "whsec_" + "A" * 32) + "\n")
            file.chmod(0o600)

    return lay_out


def test_each_process_has_a_service() -> None:
    assert set(OURS) == set(STARTS)
    assert set(SERVICES) - set(OURS) == {"tls"}


@pytest.mark.parametrize("name", STARTS)
def test_every_setting_named_is_one_that_there_is(name: str) -> None:
    assigned = {variable for _, variable, _ in ASSIGNED.findall(settings_of(name)) if variable.startswith(PREFIX)}
    assert assigned | set(secrets_of(name)) <= KNOWN
    assert not assigned & set(secrets_of(name)), "a secret is a file, and in no environment"
    secret = {
        variable for variable in assigned if re.search("PASSWORD|_SECRET$|(DATABASE|KEYS|PROJECTOR)_URL", variable)
    }
    assert not secret


@pytest.mark.parametrize("name", STARTS)
def test_each_process_takes_its_settings(name: str, laid_out: LayOut) -> None:
    laid_out(name, VALUES)
    for load in STARTS[name]:
        load()


def test_the_nightly_job_looks_by_a_profile_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/carepath")
    mounted = {there: here for here, there, _ in (each.split(":") for each in OURS["command"]["volumes"])}
    [nightly] = (ROOT / "deploy" / mounted[str(own_configuration() / "profiles")]).glob("*.json")
    assert nightly.stem in (ROOT / "docs" / "how-to" / "verify-the-record.md").read_text()
    assert read_profile(nightly).role in LOOK_AFTER_IT


def test_whose_register_it_is_has_to_be_said(laid_out: LayOut) -> None:
    laid_out("worker", {})
    with pytest.raises(SettingsError) as told:
        worker.open_register(load_settings())
    assert told.value.variables == ("CAREPATH_ORGANISATION_KEY",)


@pytest.mark.parametrize("name", ["worker", "console", "command"])
@pytest.mark.parametrize(
    ("lacking", "named"),
    [
        (("TLS",), {"TEMPORAL_TLS", "TEMPORAL_API_KEY"}),
        (("TLS_CLIENT_CERT_PATH", "TLS_CLIENT_KEY_PATH"), {"TEMPORAL_API_KEY"}),
    ],
)
def test_a_process_without_its_protection_is_refused(
    name: str,
    lacking: tuple[str, ...],
    named: set[str],
    laid_out: LayOut,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    laid_out(name, VALUES)
    for each in lacking:
        monkeypatch.setenv(f"TEMPORAL_{each}", "false") if each == "TLS" else monkeypatch.delenv(f"TEMPORAL_{each}")
    with pytest.raises(SettingsError) as told:
        load_temporal()
    assert set(told.value.variables) == named


def test_each_process_has_only_its_own_role_and_secrets() -> None:
    roles = {
        name: {role for told in secrets_of(name).values() for role in re.findall("carepath_[a-z_]+", told)}
        for name in OURS
    }
    assert roles == {
        "worker": {"carepath_recorder", "carepath_projector", "carepath_keys"},
        "console": {"carepath_console", "carepath_keys"},
        "watchdog": {"carepath_watchdog", "carepath_key_reader"},
        "command": {"carepath_reader", "carepath_projector", "carepath_keys"},
        "migrate": set(),
    }
    sql = "".join(
        path.read_text()
        for path in (
            *(ROOT / "activities/record/schema/roles").glob("*.sql"),
            ROOT / "activities/privacy/key_store.sql",
        )
    )
    assert all(re.search(rf"CREATE ROLE {role}|'{role}'", sql) for role in set().union(*roles.values()))
    assert [name for name in OURS if set(secrets_of(name)) & set(OWNERS)] == ["migrate"]
    mounted = [volume.split(":")[0] for each in SERVICES.values() for volume in each["volumes"] if "secrets" in volume]
    assert len(mounted) == len(set(mounted)) == len(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_change_nothing_but_what_it_has_to(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "/" not in service["image"].partition(":")[0]
    assert service["restart"] == ("no" if "profiles" in service else "unless-stopped")
    assert bool(service.get("ports")) == (name == "console")
    writable = {volume.split(":")[1] for volume in service["volumes"] if not volume.endswith(":ro")}
    anchors, protocols = "/var/lib/carepath/anchors", "/var/lib/carepath/protocols"
    assert writable == {"worker": {anchors}, "console": {protocols}}.get(name, set())


@pytest.mark.parametrize("name", OURS)
def test_what_a_service_runs_is_in_the_image(name: str) -> None:
    service = OURS[name]
    entry = service.get("entrypoint") or re.findall(
        r'"([^"]+)"', IMAGE.partition("\nENTRYPOINT ")[2].partition("\n")[0]
    )
    module = [*entry, *service["command"]][2]
    assert entry[:2] == ["python", "-m"]
    found = importlib.util.find_spec(module)
    assert found is not None
    assert found.submodule_search_locations is None or importlib.util.find_spec(f"{module}.__main__")
    copied = {
        Path(source).stem
        for line in re.findall(r"^COPY (?!--)(.*) \S+$", IMAGE, re.MULTILINE)
        for source in line.split()
    }
    assert module in copied


def test_the_image_has_the_whole_package_and_no_more() -> None:
    copied = {source for line in re.findall(r"^COPY (?!--)(.*) \S+$", IMAGE, re.MULTILINE) for source in line.split()}
    assert all((ROOT / source).exists() for source in copied)
    allowed = {line[1:] for line in (DEPLOY / "Containerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert copied == allowed
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    rooms = {each.removesuffix("*") for each in package["packages"]["find"]["include"]}
    modules = {f"{each}.py" for each in package["py-modules"]}
    assert copied - {"requirements.txt", "pyproject.toml", "README.md", "LICENSE"} == rooms | modules
    assert set(re.findall(r"(CAREPATH_[A-Z_]+)=", IMAGE)) <= KNOWN
    assert re.search(r"^USER [1-9][0-9]*:[1-9][0-9]*$", IMAGE, re.MULTILINE)
    assert "--require-hashes" in IMAGE
    assert len(set(re.findall(r"^FROM (\S+)", IMAGE, re.MULTILINE))) == 1


def test_a_worker_is_given_the_time_it_drains() -> None:
    given = timedelta(seconds=int(OURS["worker"]["stop_grace_period"].removesuffix("s")))
    assert given > timedelta(seconds=worker.HARD_STOP) > worker.DRAIN


def test_a_console_is_given_the_time_it_stops() -> None:
    given = int(OURS["console"]["stop_grace_period"].removesuffix("s"))
    assert given > 2 * console.__main__.STOP_WITHIN


@pytest.mark.parametrize("name", ["worker", "watchdog", "console"])
def test_health_is_asked_where_it_is_told(name: str) -> None:
    asked = OURS[name]["healthcheck"]["test"]
    if name == "console":
        assert f"http://localhost:{Settings.model_fields['console_port'].default}/" in asked[-1]
    else:
        assert re.search(rf"^CAREPATH_[A-Z_]*READY_FILE={asked[-1]}$", settings_of(name), re.MULTILINE)
