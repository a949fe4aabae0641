"""What is read at run time is in the package that is installed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = ("-c", "from setuptools import setup; setup()", "build", "--build-lib", "installed")
"""What a wheel is made of, without the wheel."""
READ = """
import sys
sys.path.insert(0, sys.argv[1])
import activities.record.export
import activities.record.migrations
from workflows.protocols import list_shipped, load
assert activities.record.export.__file__.startswith(sys.argv[1]), activities.record.export.__file__
assert b"def verify" in activities.record.export.VERIFIER.read_bytes()
print(len(dict(activities.record.migrations.read_scripts())), len([load(path) for path in list_shipped()]))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it is installed, built from a copy of the sources."""
    sources = tmp_path_factory.mktemp("sources")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in filter(None, names):
        target = sources / name.decode()
        if (ROOT / name.decode()).is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name.decode(), target)
    subprocess.run([sys.executable, *BUILD], cwd=sources, check=True, capture_output=True)
    return sources / "installed"


@pytest.mark.program
def test_the_schema_the_protocols_and_the_verifier_are_there(installed: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-P", "-c", READ, installed], cwd=installed.parent, capture_output=True, text=True, check=False
    )
    schema = len(list((ROOT / "activities" / "record" / "schema").glob("*/*.sql")))
    protocols = len(list((ROOT / "workflows" / "protocols").glob("*.yaml")))
    assert ran.stdout.split() == [str(schema), str(protocols)], ran.stderr


@pytest.mark.program
@pytest.mark.parametrize("what", ["activities/record/FORMAT.md", "activities/record/verification/verify_export.py"])
def test_what_is_handed_on_is_there(installed: Path, what: str) -> None:
    assert (installed / what).read_bytes() == (ROOT / what).read_bytes()
