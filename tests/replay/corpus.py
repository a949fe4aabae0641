"""The recorded histories: one file per course, with the history of every run of its journey."""

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from temporalio.client import WorkflowHistory

HERE = Path(__file__).parent / "histories"


def names() -> list[str]:
    """The recorded courses."""
    return sorted(path.name.removesuffix(".json.gz") for path in HERE.glob("*.json.gz"))


def save(name: str, runs: Sequence[WorkflowHistory]) -> Path:
    """Write a course. The same runs give the same bytes."""
    content = {"workflow_id": runs[0].workflow_id, "runs": [run.to_json_dict() for run in runs]}
    path = HERE / f"{name}.json.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(content, sort_keys=True, separators=(",", ":")).encode(), mtime=0))
    return path


def read(name: str) -> str:
    """A course as it is written."""
    return gzip.decompress((HERE / f"{name}.json.gz").read_bytes()).decode()


def load(name: str) -> Iterator[WorkflowHistory]:
    """The runs of a course, first to last."""
    content = json.loads(read(name))
    for run in content["runs"]:
        yield WorkflowHistory.from_json(content["workflow_id"], run)
