"""What `make` shows when it installs: what somebody has to act on, and nothing of how a machine is set up."""

import os
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest

from simulation import demonstration, up
from tests.canary import __main__ as canary

ROOT = Path(__file__).resolve().parents[2]
BEGINS = "Installing what the local stack needs into .venv (once) ...\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A place with our Makefile, an empty environment, and one package to install."""
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    # Our pip: to install one takes long.
    [installed] = Path(sys.prefix, "lib").glob("python*/site-packages/pip")
    (tmp_path / ".venv" / installed.relative_to(sys.prefix)).symlink_to(installed)
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels" / "invented-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("invented.py", "")
        wheel.writestr("invented-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: invented\nVersion: 1.0\n")
        wheel.writestr("invented-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("invented-1.0.dist-info/RECORD", "")
    return tmp_path


def install(checkout: Path, digest: str) -> "subprocess.CompletedProcess[str]":
    """Install with the settings of a machine of which pip warns: one of its places is gone."""
    (checkout / "requirements-local.txt").write_text(f"invented==1.0 --hash=sha256:{digest}\n")
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": f"{checkout}/wheels file://{checkout}/gone/"}
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PIP_"))}
    return subprocess.run(
        ["make", ".venv/.installed-local"],
        cwd=checkout,
        env={**env, **settings, "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.program
def test_what_went_wrong_is_shown_and_what_pip_warns_of_is_not(checkout: Path) -> None:
    failed = install(checkout, 64 * "0")
    assert failed.returncode != 0
    assert "DO NOT MATCH THE HASHES" in failed.stderr
    assert "is ignored" not in failed.stderr
    assert "All that pip says: .venv/bin/python -m pip install" in failed.stderr
    assert not (checkout / ".venv" / ".installed-local").exists()

    [wheel] = (checkout / "wheels").iterdir()
    installed = install(checkout, sha256(wheel.read_bytes()).hexdigest())
    assert (installed.returncode, installed.stdout, installed.stderr) == (0, "", BEGINS)


@pytest.mark.parametrize(("program", "begins"), [(up, "up"), (demonstration, "demo"), (canary, "scan")])
def test_who_asks_for_help_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], program: ModuleType, begins: str
) -> None:
    def begin(*_: object, **__: object) -> None:
        pytest.fail("it began")

    monkeypatch.setattr(program, begins, begin)
    for word, code in (("--help", 0), ("--invented", 2)):
        monkeypatch.setattr(sys, "argv", ["it", word])
        with pytest.raises(SystemExit) as ended:
            program.main()
        assert ended.value.code == code
        shown = capsys.readouterr()
        assert "usage: make" in (shown.out if code == 0 else shown.err)
