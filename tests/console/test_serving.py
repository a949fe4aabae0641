"""How the console is served."""

import gc
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from console import __main__ as program
from tests.cli.clinics import Clinics


async def test_a_stop_waits_for_no_page_that_stays_open(
    console: FastAPI, clinics: Clinics, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: dict[str, Any] = {}

    def run(app: FastAPI, **given: Any) -> None:
        served.update(given, app=app)

    monkeypatch.setattr(uvicorn, "run", run)
    monkeypatch.setattr(gc, "freeze", lambda: served.update(frozen=True))
    monkeypatch.setattr(gc, "set_threshold", lambda *often: served.update(often=often))
    monkeypatch.setattr(program, "load_settings", lambda: clinics.world.settings)
    monkeypatch.setattr(program, "load_openid_settings", lambda: None)
    monkeypatch.setattr(program, "create_app", lambda *_, **__: console)
    for prepared in ("begin", "configure_logging"):
        monkeypatch.setattr(program, prepared, lambda *_: None)
    assert program.main() == 0
    assert (served["app"], served["timeout_graceful_shutdown"]) == (console, program.STOP_WITHIN)
    assert served["frozen"], "what is loaded is looked through for garbage again and again"
    assert served["often"][2] >= 100, "all that is kept in memory is searched while people wait for their pages"
