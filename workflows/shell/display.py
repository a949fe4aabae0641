"""What Temporal shows of a run: its status, the text in the UI, its search attributes. They name nobody."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

from workflows import messages as m
from workflows.journey.aggregate import Journey
from workflows.journey.views.summary import Status, details, status
from workflows.search_attributes import RECORDED, current_search_attributes, fixed_search_attributes
from workflows.shell.inbox import Inbox
from workflows.shell.ledger import Ledger
from workflows.shell.recorder import Recorder
from workflows.shell.run_limits import RunLimits

MARKED_EVERY = timedelta(minutes=1)
"""How often at most a run says in its search attributes how far it is recorded. Nothing wakes it for that alone."""
DIVERGED_HEALTH = "diverged"
NEAR_LIMIT_HEALTH = "near_limit"


class Display:
    """Keeps what Temporal shows up to date."""

    def __init__(self, ledger: Ledger, inbox: Inbox, recorder: Recorder, limits: RunLimits) -> None:
        self._ledger, self._inbox, self._recorder, self._limits = ledger, inbox, recorder, limits

    def status(self) -> Status:
        """Return where the journey stands, and how this run is."""
        now = status(self._ledger.journey, self._ledger.outbox.recorded)
        if self._ledger.diverged:
            return now.model_copy(update={"health": DIVERGED_HEALTH})
        # Only in place of the word that asks nothing of anybody.
        near = now.health == "open" and self._limits.near
        return now.model_copy(update={"health": NEAR_LIMIT_HEALTH}) if near else now

    async def keep_up_to_date(self) -> None:
        """Show what changes, and tell ops of limits. It costs one command when something changed."""
        shown: tuple[SearchAttributeUpdate[Any], ...] = ()
        told: list[str] = []
        marked, marked_at = workflow.info().typed_search_attributes.get(RECORDED, ""), None
        while True:
            journey, diverged, near = self._ledger.journey, self._ledger.diverged, self._limits.near
            for what, used in near.items():
                if what not in told:
                    told.append(what)
                    half = m.NEAR_LIMIT[what]
                    workflow.logger.warning("journey.near_limit", extra={"limit": what, "used": used, "half": half})
            workflow.set_current_details(details(journey) + "".join(map(_near_limit, near)) + _in_console(journey))
            attributes = current_search_attributes(self.status())
            changed = tuple(each for each in attributes if each not in shown)
            if self._inbox.show:
                changed = attributes + fixed_search_attributes(journey.protocol.pathway, journey.clinic)
            if self._recorder.mark and (self._inbox.show or self._mark_is_due(marked, marked_at)):
                marked, marked_at = self._recorder.mark, workflow.now()
                changed += (RECORDED.value_set(marked),)
            if changed:
                workflow.upsert_search_attributes(changed)
            shown, self._inbox.show = attributes, False
            await workflow.wait_condition(
                lambda: (  # asked in this round
                    self._differs(journey, diverged, near)  # noqa: B023
                    or self._inbox.show
                    or self._mark_is_due(marked, marked_at)  # noqa: B023
                )
            )

    def _differs(self, journey: Journey, diverged: bool, near: Mapping[str, int]) -> bool:
        ledger = self._ledger
        return ledger.journey is not journey or ledger.diverged != diverged or self._limits.near.keys() != near.keys()

    def _mark_is_due(self, marked: str, at: datetime | None) -> bool:
        mark = self._recorder.mark
        return mark not in ("", marked) and (at is None or workflow.now() - at >= MARKED_EVERY)


def _in_console(journey: Journey) -> str:
    page_of = workflow.extern_functions().get(m.CONSOLE_PAGE)
    page = None if page_of is None else page_of(journey.id)
    return "" if page is None else f"\n\n[In the console]({page})"


def _near_limit(what: str) -> str:
    return f"\n\n**Half of a limit is used: {what}.** Tell ops; see docs/how-to/when-something-is-wrong.md"
