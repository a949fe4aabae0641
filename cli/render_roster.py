"""Shows who is on call for a clinic, and the gaps in its rota."""

from collections.abc import Iterator
from typing import Any

from application.sign_offs.staff import Roster
from cli.output import local_time


def roster_as_json(roster: Roster) -> dict[str, Any]:
    """Return a roster for scripts. Gaps are in UTC."""
    return {
        "clinic": roster.clinic,
        "people": [*roster.now.people],
        "gap_now": roster.now.gap,
        "gaps": [[begins.isoformat(), ends.isoformat()] for begins, ends in roster.gaps],
    }


def roster_lines(roster: Roster) -> Iterator[str]:
    """Yield a roster in words."""
    people = roster.now.people
    stands_in = f"; {', '.join(people[1:])} stands in" if len(people) > 1 else ""
    who = f"{people[0]}{stands_in}" if people else "nobody: the clinic has no clinician"
    yield f"On call for {roster.clinic}: {who}{' (the rota has nobody)' if roster.now.gap else ''}."
    for begins, ends in roster.gaps:
        yield f"DUE: nobody is on call for {roster.clinic} from {local_time(begins)} to {local_time(ends)}."
