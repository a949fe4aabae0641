"""What a run shows in Temporal leads to the page of its journey in the console, where there is one."""

import pytest
from temporalio import workflow

from activities.notices.wording import NAMELESS, Service
from simulation.player import at_once
from tests.journey.play import Play
from tests.workflow.shell.run_parts import Over, Run
from workflows import messages
from workflows.journey.views.summary import details
from workflows.shell.display import Display


@pytest.mark.parametrize("service", [None, NAMELESS, Service(console="https://care.example")])
def test_it_leads_to_the_console(
    play: Play, run: Run, monkeypatch: pytest.MonkeyPatch, service: Service | None
) -> None:
    shown: list[str] = []
    offered = {} if service is None else {messages.CONSOLE_PAGE: service.page}
    monkeypatch.setattr(workflow, "set_current_details", shown.append)
    monkeypatch.setattr(workflow, "extern_functions", lambda: offered)
    with pytest.raises(Over):
        at_once(Display(run.ledger, run.inbox, run.recorder, run.limits).keep_up_to_date())
    link = f"\n\n[In the console](https://care.example/journeys/{play.journey.id})"
    has_console = service is not None and service.console is not None
    assert shown == [details(play.journey) + (link if has_console else "")]
