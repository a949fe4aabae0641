"""`make browser-deps`: the Chromium or Chrome of this machine, which the tests of the console drive.

Playwright's own builds are never fetched: what people have installed is what is tested, and what their system mends.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ON_A_MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
OS_RELEASE = Path("/etc/os-release")
INSTALL = (("apt-get", "update", "-qq"), ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"))
HOW = """\
No Chromium or Chrome was found, and the tests of the console drive one. Nothing was tested. Install one, and run make
again:

  Debian              apt-get install chromium        (as root; make does this by itself where it runs as root)
  Ubuntu              snap install chromium           (or Google's package, https://www.google.com/chrome/)
  Fedora              dnf install chromium
  Alpine              apk add chromium
  macOS               brew install --cask google-chrome

It is looked for on the PATH under the names {names}."""

Run = Callable[[Sequence[str]], int]


def find_browser() -> str | None:
    """Return the program of an installed Chromium or Chrome; None where there is none."""
    on_path = (shutil.which(name) for name in NAMES)
    on_a_mac = (path for path in ON_A_MAC if Path(path).exists())
    return next((found for found in (*on_path, *on_a_mac) if found is not None), None)


def may_install(release: str, path: str | None, *, root: bool) -> bool:
    """Whether Debian's package can be installed here: on Debian itself, by root. Others name it otherwise, or ship
    under its name what needs a service of the host."""
    return root and path is not None and "ID=debian" in release.splitlines()


def prepare(find: Callable[[], str | None], run: Run, *, allowed: bool) -> str | None:
    """Return the browser of this machine; where there is none and it is ``allowed``, after it was installed."""
    found = find()
    if found is None and allowed and all(run(command) == 0 for command in INSTALL):
        found = find()
    return found


def _run(command: Sequence[str]) -> int:
    environment: Mapping[str, str] = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environment, stdout=sys.stderr).returncode


def main() -> int:
    """Exit code 0 where there is a browser, 1 where none could be had."""
    release = OS_RELEASE.read_text() if platform.system() == "Linux" and OS_RELEASE.exists() else ""
    allowed = may_install(release, shutil.which("apt-get"), root=os.geteuid() == 0)
    if prepare(find_browser, _run, allowed=allowed) is None:
        print(HOW.format(names=", ".join(NAMES)), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
