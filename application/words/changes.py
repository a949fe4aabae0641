"""Differences between two JSON values, place by place."""

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]


class Change(NamedTuple):
    """A difference. A side that has nothing at this place is None."""

    path: Path
    then: Any
    now: Any

    @property
    def place(self) -> str:
        """Return where it is: ``plan.dose_mg``, ``baseline[2].score.total``. Positions count from one."""
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).lstrip(".")


def compare(then: Any, now: Any) -> tuple[Change, ...]:
    """Return every difference between two JSON values."""
    return tuple(_compare((), then, now))


def _compare(path: Path, then: Any, now: Any) -> Iterator[Change]:
    if then == now:
        return
    if isinstance(then, dict) and isinstance(now, dict):
        for name in dict.fromkeys((*then, *now)):
            # The plan within the evidence of the plan is the plan.
            place = path if path[-1:] == (name,) else (*path, name)
            yield from _compare(place, then.get(name), now.get(name))
    elif isinstance(then, list) and isinstance(now, list) and all(isinstance(item, dict) for item in (*then, *now)):
        for n in range(max(len(then), len(now))):
            old, new = then[n : n + 1] or [None], now[n : n + 1] or [None]
            yield from _compare((*path, n + 1), old[0], new[0])
    else:
        yield Change(path, then, now)
