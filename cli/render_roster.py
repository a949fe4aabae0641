"""Shows who is on call for a clinic, and the gaps in its rota."""

from typing import Any

from application.identity.staff import Roster


def roster_as_json(roster: Roster) -> dict[str, Any]:
    """Return a roster for scripts. Gaps are in UTC."""
    return {
        "clinic": roster.clinic,
        "people": [*roster.now.people],
        "gap_now": roster.now.gap,
        "gaps": [[begins.isoformat(), ends.isoformat()] for begins, ends in roster.gaps],
    }
