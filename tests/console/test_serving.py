"""How the console is served."""

import asyncio
import gc
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from fastapi import FastAPI

from console import __main__ as program
from console import app as served_app
from console.visits import COOKIE
from tests.browser.serving import Serving
from tests.cli.clinics import Clinics
from workflows.journey.vocabulary.actors import Role


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


async def test_a_form_that_does_not_arrive_whole_in_time_is_answered_and_its_connection_closed(
    console: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_app, "ARRIVES_WITHIN", 0.05)
    serving = Serving(lambda: console)
    await serving.start()
    port = urlsplit(serving.address).port
    cookie = f"cookie: {COOKIE}={console.state.sign_ins.sign_in(Role.COORDINATOR.value).token}\r\n"

    async def send_slowly(path: str, cookie: str) -> str:
        reading, writing = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\n{cookie}content-length: 9000\r\n"
        writing.write(f"{head}content-type: application/x-www-form-urlencoded\r\n\r\nform_token=".encode())
        answer = (await asyncio.wait_for(reading.read(), 20)).decode()
        writing.close()
        assert "\r\nconnection: close\r\n" in answer
        assert ("did not arrive whole in time" in answer) == answer.startswith("HTTP/1.1 408 ")
        return answer.split()[1]

    asked = [("/sign-in", ""), ("/nowhere", ""), ("/stay", cookie), ("/nowhere", cookie)]
    answers = await asyncio.gather(*(send_slowly(*each) for each in asked))
    await serving.stop()
    assert answers == ["408", "404", "408", "408"], "where nothing is read of a form, it is not waited for"
