"""A course in which everybody writes what would run, or break a page, if it were not shown as text."""

import json
from collections.abc import Mapping
from html.parser import HTMLParser
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from application.pathway.command_catalog import KINDS, CommandKind
from tests.cli.valid import FORMS
from tests.journey.play import Play, started
from workflows.journey import commands as c
from workflows.journey.events import Event
from workflows.journey.vocabulary.base import Short, Text
from workflows.journey.vocabulary.refusals import Refusal

ATTACK = "<xss onxss=1>\"'><img src=x onerror=alert(1)></td></textarea></title><script>alert(1)</script>{{7*7}}{% x %}"
"""What opens and closes elements, ends attributes, and is a template. It fits into what takes a few words."""
LONG = f"=cmd|' /C calc'!A0\n{ATTACK}\njavascript:alert(1) {'x' * 300} \u200f\u05d0\u05d1 &lt;b&gt; --> ]]>"
"""The same for what takes lines: with what a spreadsheet runs, a word without end, and letters from right to left."""
TEXTS: Mapping[object, str] = {Text: LONG, Short: ATTACK}
COMPARED = ("location_state", "state")
"""Texts that are compared with what is known: another one says something else."""
ENDING = ("pathway.stop", "pathway.withdraw", "pathway.transfer", "pathway.record-death")
"""What begins to end a pathway: it comes last."""


class Markup(HTMLParser):
    """What of a page is markup that no template of ours has."""

    def __init__(self) -> None:
        super().__init__()
        self.strange: list[str] = []

    @classmethod
    def strange_in(cls, page: str) -> list[str]:
        """Return the strange elements and attributes of a page."""
        reader = cls()
        reader.feed(page)
        reader.close()
        return reader.strange

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        ours = tag != "script" or (given.get("src") or "").startswith("/static/")
        leads = [urlsplit((given.get(name) or "").strip()).scheme for name in ("href", "src", "action", "formaction")]
        if tag in ("xss", "img") or not ours or {*leads} - {"", "tel", "mailto"}:
            self.strange.append(self.get_starttag_text() or tag)
        self.strange += [name for name in given if name.startswith("on") or not name.replace("-", "").isalnum()]


class Hostile(Play):
    """A play in which people write hostile texts, wherever the pathway takes them."""

    def take(self, command: c.Command) -> tuple[Event, ...] | Refusal:
        taken: tuple[Event, ...] | Refusal = ()
        for kinds in ((Text, Short), (Text,), ()):
            try:
                body = hostile(command.body, kinds)
            except ValidationError:
                continue
            taken = super().take(command.model_copy(update={"body": body}))
            if not isinstance(taken, Refusal):
                break
        return taken

    @property
    def took(self) -> set[str]:
        """The kinds of commands that it took."""
        return {command.body.kind for _, command, _ in self.moves}


def hostile_play() -> Hostile:
    """Return a journey in its first session in which all was written that could be, by every command that it takes
    then or took before."""
    begun = started()
    play = Hostile(begun.journey, begun.at, [*begun.events], receipts=dict(begun.receipts))
    play.go_on(lambda journey: any(session.running for session in journey.sessions.values()))
    for kind in sorted(KINDS, key=lambda kind: kind.name in ENDING):
        for role in kind.roles:
            body = _valid(kind)
            if body.kind not in play.took:
                play.take(play.command(body, role))
    return play


def hostile(body: Any, kinds: tuple[object, ...] = (Text, Short)) -> Any:
    """Return a body with each free text of these kinds a hostile one. It begins with where it stands.

    Raises:
        ValidationError: it says something else then.
    """
    changed = _changed(body, type(body), body.kind, kinds)
    return type(body).model_validate_json(json.dumps(to_jsonable_python(changed)))


def _changed(value: Any, hint: Any, path: str, kinds: tuple[object, ...]) -> Any:
    if isinstance(value, BaseModel):
        hints = get_type_hints(type(value), include_extras=True)
        given = {name: getattr(value, name) for name in type(value).model_fields}
        return {
            name: each if name in COMPARED else _changed(each, hints[name], f"{path}/{name}", kinds)
            for name, each in given.items()
        }
    if isinstance(value, str) and hint in kinds:
        return f"{path} {TEXTS[hint]}"
    within = [each for each in get_args(hint) if each is not ...]
    if get_origin(hint) in (Annotated, Union, UnionType):
        hint = next((each for each in within if each in kinds or get_origin(each) is not None), None)
        return _changed(value, hint, path, kinds)
    if isinstance(value, Mapping):
        return {key: _changed(each, within[-1] if within else None, path, kinds) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_changed(each, within[0] if within else None, path, kinds) for each in value]
    return value


def _valid(kind: CommandKind) -> Any:
    return kind.model.model_validate({**FORMS[kind.name], "kind": kind.model.model_fields["kind"].default})
