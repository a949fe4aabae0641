"""Resolve `extends`: a file takes from the one it extends what it does not say itself.

    extends: at-home            # a file of `shared/`, or one beside this file: ours.yaml
    protocol:
      sessions: {planned: 8}    # fields go field by field; a list, a number or a text stands in place of the other

What can be extended has `shared` at its top in place of `protocol`. It may extend another, and is never a pathway by
itself. Nothing is taken away and nothing is appended: what comes out is what one long file would have said, and only
that is checked, hashed and signed.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from workflows.protocols.reading import Document, FieldPath, Problem, ProtocolError, read

SHARED = Path(__file__).parent / "shared"
"""The files that come with the service to be extended by name."""

ITS_OWN = ("id", "version", "status", "illustrative", "pathway", "title")
"""What every pathway says of itself. Two files that shared it could be taken for one another."""

_PATHWAY, _SHARED, _EXTENDS = "protocol", "shared", "extends"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(\.yaml)?")


def resolve(path: Path) -> Document:
    """Read a protocol file with all it extends: the values under the field ``protocol``, and where each stands.

    Raises:
        ProtocolError: a file cannot be read, does not exist, or they extend each other in a circle.
    """
    files = list(_read_chain(path))
    resolved = files[-1]
    for nearer in reversed(files[:-1]):
        resolved = _lay_over(nearer, resolved)
    return resolved


def is_shared(path: Path) -> bool:
    """Tell whether a file is there to be extended, and is no pathway. One that cannot be read is not."""
    try:
        value = read(path).value
    except ProtocolError:
        return False
    return isinstance(value, dict) and _SHARED in value


def _read_chain(path: Path) -> Iterator[Document]:
    """Read the file and those it extends, each under the field ``protocol``, the nearest first."""
    top, seen, inherited = _PATHWAY, [path.resolve()], None
    while True:
        try:
            document = read(path)
            _require_top(document, top)
            extended = _find_extended(document, path)
            if extended is not None and extended.resolve() in seen:
                raise ProtocolError((document.problem((_EXTENDS,), "the files extend each other in a circle"),))
        except ProtocolError as error:
            raise ProtocolError(tuple(replace(problem, file=inherited) for problem in error.problems)) from None
        yield _move_under_protocol(document, top, inherited)
        if extended is None:
            return
        path, top, inherited = extended, _SHARED, extended.name
        seen.append(path.resolve())


def _require_top(document: Document, top: str) -> None:
    """Require the one field a file must have at its top, with fields below it, and only ``extends`` beside it."""
    value = document.value
    if not isinstance(value, dict) or not isinstance(value.get(top), dict):
        rule = f"a file has one field at the top, `{top}`, with the rest in it, and may have `extends` beside it"
        if isinstance(value, dict) and _SHARED in value:
            rule = "this file is shared by pathways and is none by itself: name one that extends it"
        elif top == _SHARED:
            rule = "only a file with `shared` at its top can be extended"
        raise ProtocolError((Problem(1, top, rule),))
    problems = [
        document.problem((name,), f"unknown field beside `{top}`") for name in value if name not in (top, _EXTENDS)
    ]
    if top == _SHARED:
        problems += [
            document.problem((top, name), "every pathway says this itself") for name in value[top] if name in ITS_OWN
        ]
    if problems:
        raise ProtocolError(tuple(problems))


def _find_extended(document: Document, path: Path) -> Path | None:
    """Find the file that this one extends, if it extends any."""
    if _EXTENDS not in document.value:
        return None
    name = document.value[_EXTENDS]
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        rule = "must be the name of a shared file of the service, or of a file beside this one, like ours.yaml"
        raise ProtocolError((document.problem((_EXTENDS,), rule),))
    extended = path.with_name(name) if name.endswith(".yaml") else SHARED / f"{name}.yaml"
    if not extended.exists():
        there = ", ".join(file.stem for file in sorted(SHARED.glob("*.yaml")))
        rule = f"no such file; name a shared one of the service ({there}), or a file beside this one, like ours.yaml"
        raise ProtocolError((document.problem((_EXTENDS,), rule),))
    return extended


def _move_under_protocol(document: Document, top: str, file: str | None) -> Document:
    lines = {(_PATHWAY, *at[1:]) if at else at: line for at, line in document.lines.items() if at[:1] in ((), (top,))}
    files = {} if file is None else dict.fromkeys(lines, file)
    return Document({_PATHWAY: document.value[top]}, lines, files)


def _lay_over(own: Document, extended: Document) -> Document:
    """Lay a file over what it extends."""
    kept = [at for at in extended.lines if at not in own.lines and not _is_replaced(own.value, at)]
    return Document(
        overlay(extended.value, own.value),
        own.lines | {at: extended.lines[at] for at in kept},
        own.files | {at: extended.files[at] for at in kept},
    )


def overlay(below: Any, above: Any) -> Any:
    """Lay values over others: fields one by one and at every depth, all else in place of what was there."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    both = {name: overlay(below[name], value) if name in below else value for name, value in above.items()}
    return {**below, **both}


def _is_replaced(own: Any, at: FieldPath) -> bool:
    """Tell whether a file says itself what stands at this place of the one it extends."""
    for part in at:
        if not isinstance(own, dict) or isinstance(part, int):
            return True
        if part not in own:
            return False
        own = own[part]
    return True
