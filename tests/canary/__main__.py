"""`make canary`: planted strings travel a journey with failures; exit code 1, and where, if one of them is found."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from application.process.exit import leave
from tests.canary.scan import scan

CLEAN = (
    "Nothing that was planted is found in Temporal, the record, logs, messages, errors, arguments or variables; what "
    "was put there by hand is."
)


def main() -> int:
    argparse.ArgumentParser(prog="make canary", description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as directory:
        found = asyncio.run(scan(Path(directory)))
    print("\n".join(found) or CLEAN)
    return int(bool(found))


if __name__ == "__main__":
    leave(main())
