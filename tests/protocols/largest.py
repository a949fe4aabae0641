"""A protocol file of any size, with invented exclusions to fill it."""

import json
import shutil
from pathlib import Path

from workflows.journey.vocabulary.base import canonical
from workflows.journey.vocabulary.limits import PROTOCOL_LIMIT
from workflows.protocols import SHIPPED, load, resolve

NAME = "ptsd-at-home.yaml"
LONGEST = 200
"""Characters that the text of an exclusion may have."""


def file_of_size(directory: Path, size: int = PROTOCOL_LIMIT) -> Path:
    """A valid protocol file of so many bytes as JSON, except that it may be too large."""
    shutil.copytree(SHIPPED, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py*", "__pycache__"))
    path = directory / NAME
    values = resolve(path).value["protocol"]
    entry = len(',{"code":"P0000","known_from":null,"rests_on":[],"rule":"hard","text":""}')
    left = size - len(canonical(load(path).model_dump(mode="json")))
    more: list[dict[str, str]] = []
    while left:
        length = min(LONGEST, left - entry)
        if 0 < left - entry - length <= entry:
            length -= entry + 1  # what is left over has to be enough for one more
        more.append({"code": f"P{len(more):04}", "rule": "hard", "text": "x" * length})
        left -= entry + length
    path.write_text(json.dumps({"protocol": {**values, "exclusions": [*more, *values["exclusions"]]}}))
    return path
