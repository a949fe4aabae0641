"""Whatever was recorded before a rule kept it out: nothing in it hides, moves the text around it, or is obeyed by a
terminal, wherever it is shown or exported."""

import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.api.common.v1 import Payload

from activities.notices.calendar_entries import calendar_files
from activities.notices.smtp import compose
from activities.notices.webhooks import body_of
from activities.notices.wording import Service, code_words, link_code_words, words
from activities.record.export import spell
from activities.record.verification import verify_export
from application.errors import FieldProblem, InvalidInput
from application.operations.payloads import as_shown
from cli import input as asking
from cli.output import Output, add_row, facts_box, table
from console import pages
from console.sign_ins import Flash
from tests.journey.play import course
from tests.journey.vocabulary.test_texts import deceives
from tests.notices.test_channels import a_message
from workflows.journey import events as e
from workflows.journey.views.summary import details

HIDING = (
    "\x00\x07\x08\x0b\x0c\x0e\x1b\x7f\x85\x90\x9b\x9d\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u200b\u200c"
    "\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u206a"
    "\u206f\u2800\u3164\ufe0f\ufeff\uffa0\ufff9\ufffc\U000e0001\U000e0041\U000e007f\U000e0100\U0001d173"
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = "a" + "b".join(HIDING) + "c"
"""A word with everything in it, each between two letters that need none of it."""


def at_terminal(write: Callable[[Output], None], *, json_only: bool = False) -> Callable[[pytest.MonkeyPatch], str]:
    def shown(patch: pytest.MonkeyPatch) -> str:
        written = io.StringIO()
        patch.setattr(sys, "stdout", written)
        patch.setattr(sys, "stderr", written)
        write(Output(json_only=json_only))
        return written.getvalue()

    return shown


def a_table(output: Output) -> None:
    drawn = table("one", TEXT, title=TEXT)
    add_row(drawn, TEXT, TEXT)
    output.show(drawn)


ERROR = InvalidInput(TEXT, TEXT, state=TEXT, fields=(FieldProblem(TEXT, TEXT),), ids={"id": TEXT})


def a_question(patch: pytest.MonkeyPatch) -> str:
    asked = io.StringIO()
    asked.close = lambda: None  # type: ignore[method-assign]
    terminal = SimpleNamespace(open=lambda mode="r": asked if mode == "w" else io.StringIO("y\n"))
    patch.setattr(asking, "TERMINAL", terminal)
    assert asking.ask(TEXT) == "y"
    return asked.getvalue()


def on_a_page(patch: pytest.MonkeyPatch) -> str:
    template = (
        '<p title="{{ x }}">{{ x }} {{ x | words }} {{ x | capitalize_first }}</p>{{ y.z }}'
        "{% for each in [x] %}{{ each }}{% endfor %}{% macro m(w) %}{{ w }}{% endmacro %}{{ m(x) }}{{ x ~ x }}"
    )
    return pages.PAGES.from_string(template).render(x=TEXT, y={"z": TEXT})


def to_a_script(patch: pytest.MonkeyPatch) -> str:
    visit = SimpleNamespace(
        signed_in=SimpleNamespace(
            person=SimpleNamespace(id="p"), looks_only=False, form_token="t", idle_until=NOW, since=NOW
        ),
        request=None,
    )
    patch.setattr(pages, "sign_ins_of", lambda _: SimpleNamespace(now=lambda: NOW))
    told = json.loads(bytes(pages.done(Flash(TEXT, ((TEXT, TEXT),)), "/").body))
    news = json.loads(bytes(pages.news(cast("Any", visit), TEXT).body))
    return f"{told['said']} {told['more']} {news['news']}"


def in_a_message(patch: pytest.MonkeyPatch) -> str:
    service = Service(TEXT, TEXT, None)
    all_words = (
        words(service, alarm=True, until=None, zone=None, link=None),
        code_words(service, "1"),
        link_code_words(service, "1"),
    )
    shown = []
    for each in all_words:
        message = a_message(subject=each.subject, text=each.text)
        mail = compose(message, "messages@clinic.example")
        shown += [mail["Subject"], mail.get_content(), json.loads(body_of(message))["data"]["text"]]
    return " ".join(shown)


def in_a_calendar(patch: pytest.MonkeyPatch) -> str:
    event = next(event for event in course("PTSD").events if isinstance(event.body, e.SessionScheduled))
    return " ".join(file.content.decode() for file in calendar_files(event, Service(TEXT, TEXT, None)))


def in_temporals_interface(patch: pytest.MonkeyPatch) -> str:
    journey = next(play for play, _, _ in course("PTSD").moves if play.waiting)
    waiting = {name: each.model_copy(update={"what": TEXT}) for name, each in journey.waiting.items()}
    decoded = as_shown(Payload(metadata={"encoding": b"json/plain"}, data=json.dumps({TEXT: [TEXT]}).encode()))
    return details(journey.model_copy(update={"waiting": waiting})) + str(json.loads(decoded.data))


def verified(patch: pytest.MonkeyPatch) -> str:
    event = {"actor_role": TEXT, "occurred_at": TEXT, "version": TEXT}
    body = {"kind": "signoff.signed", "name": TEXT, "decision": TEXT, "meaning": TEXT}
    report = {"report": {"format": "care-pathway/report/1", "verified": False, TEXT: TEXT}, "signature": "00" * 64}
    written = io.StringIO()
    patch.setattr(sys, "stdout", written)
    verify_export.verify_report(
        json.dumps(report).encode(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
    return written.getvalue() + verify_export.told(event, body)


OUTPUTS: dict[str, Callable[[pytest.MonkeyPatch], str]] = {
    "a line": at_terminal(lambda output: output.text(TEXT)),
    "a table": at_terminal(a_table),
    "a box": at_terminal(lambda output: output.show(facts_box({TEXT: TEXT}, TEXT))),
    "a document": at_terminal(lambda output: output.document({TEXT: TEXT})),
    "a form": at_terminal(lambda output: output.form({TEXT: TEXT})),
    "a hint": at_terminal(lambda output: output.note(TEXT)),
    "how to go on": at_terminal(lambda output: output.more(TEXT)),
    "CSV": at_terminal(lambda output: output.csv(["x", TEXT], [[TEXT, [TEXT]]])),
    "JSON": at_terminal(lambda output: output.data({TEXT: TEXT}), json_only=True),
    "an error": at_terminal(lambda output: output.error(ERROR)),
    "an error in JSON": at_terminal(lambda output: output.error(ERROR), json_only=True),
    "a question": a_question,
    "a page": on_a_page,
    "an answer to a script": to_a_script,
    "a message": in_a_message,
    "a calendar": in_a_calendar,
    "Temporal's interface": in_temporals_interface,
    "the verifier": verified,
    "an export": lambda _: spell({TEXT: TEXT}).decode(),
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_nothing_that_hides_is_shown_as_it_is(output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        shown = OUTPUTS[output](patch)
    assert "a" in shown
    hidden = [letter for letter in {*shown} - {"\n", "\t", "\r"} if deceives(letter)]
    assert not hidden, [hex(ord(letter)) for letter in hidden]


def test_what_is_tried_hides() -> None:
    assert all(map(deceives, HIDING))
