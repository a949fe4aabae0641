"""How much of its limits one run has used, and whether a new run is due."""

from temporalio import workflow

from workflows import messages as m

LONG_RUN = 500
"""From this many history events on, the next stage boundary starts a new run, so that a wake-up replays little."""


class RunLimits:
    """What one run has taken so far, and the size of the state it began with (bytes)."""

    def __init__(self, state_bytes: int) -> None:
        self.updates = self.signals = 0
        self.draining = False
        """Whether nothing is let in for a moment, so that the run can end."""
        self._state_bytes = state_bytes
        self._asked = False

    def ask_for_new_run(self) -> None:
        """Let a new run begin, however short this one is."""
        self._asked = True

    def enter_stage(self) -> None:
        """A stage ends here: of a long run, a good place to end as well."""
        if workflow.info().get_current_history_length() >= LONG_RUN:
            self.ask_for_new_run()

    @property
    def new_run_due(self) -> bool:
        """Whether this run has a reason to end: a stage, a newer build, or that it has become long in any way."""
        info = workflow.info()
        return (
            self._asked
            or info.is_continue_as_new_suggested()
            or info.is_target_worker_deployment_version_changed()
            or self.updates >= m.UPDATES_IN_RUN
            or self.signals >= m.SIGNALS_IN_RUN
            or info.get_current_history_length() >= m.EVENTS_IN_RUN
            or info.get_current_history_size() >= m.BYTES_IN_RUN
        )

    @property
    def near(self) -> dict[str, int]:
        """The limits of which this run has used half, and how much."""
        info = workflow.info()
        used = {
            "updates": self.updates,
            "events": info.get_current_history_length(),
            "bytes": info.get_current_history_size(),
            "state": self._state_bytes,
        }
        return {what: count for what, count in used.items() if count >= m.NEAR_LIMIT[what]}
