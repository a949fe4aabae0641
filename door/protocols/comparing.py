"""`protocol diff`: what changed from one protocol to another, in words, for who is to sign the newer one."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, NamedTuple

import typer

from door import shell
from door.protocols.files import named
from door.screen import Screen
from door.signatures.signing import short_code
from workflows.journey.protocol import EscalationStep, Protocol

Path = tuple[str | int, ...]
Content = dict[str, Any]

Old = Annotated[str, typer.Argument(metavar="OLD", help="A protocol by name, id, pathway, or its file.")]
New = Annotated[str, typer.Argument(metavar="NEW", help="Another one.")]


class Change(NamedTuple):
    """One difference. A side that has nothing at this place is None, as one that is not set is."""

    path: Path
    old: Any
    new: Any

    @property
    def place(self) -> str:
        """Where it is, as people write it: ``escalation_policies.consent.steps[3]``; positions count from one."""
        shown = ""
        for part in self.path:
            if isinstance(part, int):
                shown += f"[{part}]"
            else:
                shown += f".{part}" if shown else part
        return shown


def add_commands(group: typer.Typer) -> None:
    """Give the command to its group."""
    group.command("diff")(diff_command)


def diff_command(context: typer.Context, old: Old, new: New, json: shell.Json = False) -> None:
    """Show what changed from one protocol to another."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        (older, _), (newer, _) = named(services, old), named(services, new)
        found = changes(older, newer)
        if screen.json_only:
            screen.data([{"path": change.place, "old": change.old, "new": change.new} for change in found])
            return
        screen.illustrative(older.illustrative or newer.illustrative)
        screen.text(f"{_title(older)} → {_title(newer)}")
        for line in in_words(found, older, newer) or ["nothing changed"]:
            screen.text(line)
        if found and (older.id, older.version) == (newer.id, newer.version):
            screen.note("Both have the same id and version: give the newer one the next version.")

    shell.run(act, json_only=json)


def changes(old: Protocol, new: Protocol) -> tuple[Change, ...]:
    """Every difference between two protocols, in the order of the file."""
    return tuple(_changes((), old.model_dump(mode="json"), new.model_dump(mode="json")))


def in_words(found: Sequence[Change], old: Protocol, new: Protocol) -> list[str]:
    """The differences as sentences. Those that tell of one thing together are told once."""
    return list(dict.fromkeys(_sentence(change, old, new) for change in found))


def _title(protocol: Protocol) -> str:
    return f"{protocol.id} version {protocol.version} ({short_code(protocol.digest)})"


def _changes(path: Path, old: Any, new: Any) -> Iterator[Change]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _by_name(path, old, new)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _in_list(path, old, new)
    else:
        yield Change(path, old, new)


def _by_name(path: Path, old: Content, new: Content) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        yield from _changes((*path, name), old.get(name), new.get(name))


def _in_list(path: Path, old: list[Any], new: list[Any]) -> Iterator[Change]:
    items = [*old, *new]
    if all(isinstance(item, dict) and "code" in item for item in items):
        before, after = ({item["code"]: item for item in side} for side in (old, new))
        yield from _by_name(path, before, after)
        if not _same_order([*before], [*after]):
            yield Change((*path, "order"), [*before], [*after])
    elif all(isinstance(item, dict) for item in items):
        for n in range(max(len(old), len(new))):
            yield from _changes((*path, n + 1), old[n] if n < len(old) else None, new[n] if n < len(new) else None)
    elif all(isinstance(item, str) for item in items) and set(old) != set(new) and _same_order(old, new):
        yield from (Change((*path, word), word, None) for word in old if word not in new)
        yield from (Change((*path, word), None, word) for word in new if word not in old)
    else:
        yield Change(path, old, new)


def _same_order(old: list[str], new: list[str]) -> bool:
    """Whether what both name comes in the same order."""
    return [word for word in old if word in new] == [word for word in new if word in old]


def _sentence(change: Change, old: Protocol, new: Protocol) -> str:
    added = change.old is None
    match change.path:
        case ("escalation_policies", str(name), "steps", int(n), *_):
            step = f"escalation policy {name}: step {n}"
            before, after = _step_at(old, name, n), _step_at(new, name, n)
            if before is None or after is None:
                return f"{step} {'added' if added else 'removed'}: {_described(after or before)}"
            return f"{step} {_step_changed(str(change.path[-1]), before, after)}"
        case ("escalation_policies", name):
            return f"escalation policy {name} {'added' if added else 'removed'}"
        case ("escalation_policies", name, "due_minutes"):
            return f"escalation policy {name}: due after {change.new} min (was {change.old} min)"
        case ("sign_offs", kind, "roles", role):
            return f"sign-off {kind}: {role} {'may now sign too' if added else 'may no longer sign'}"
        case ("sign_offs", kind, "cosigned_by", role):
            return f"sign-off {kind}: {role} {'may now sign' if added else 'may no longer sign'} as the second person"
        case ("exclusions", code) if code != "order":
            item = change.new or change.old
            return f"exclusion `{code}` {'added' if added else 'removed'}: {item['text']} ({item['rule']})"
        case ("exclusions", code, field):
            return f"exclusion `{code}`: {field} {_becomes(change)}"
        case (*_, word) if word in (change.old, change.new) and None in (change.old, change.new):
            place = Change(change.path[:-1], None, None).place
            return f"{place}: `{word}` {'added' if added else 'removed'}"
        case _:
            return f"{change.place}: {_becomes(change)}"


def _becomes(change: Change) -> str:
    return f"{_value(change.old)} becomes {_value(change.new)}"


def _value(value: Any) -> str:
    match value:
        case None:
            return "not set"
        case float() if value.is_integer():
            return str(int(value))
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return f"{{{', '.join(f'{name}: {_value(inner)}' for name, inner in value.items())}}}"
        case bool():
            return str(value).lower()
    return str(value)


def _step_at(protocol: Protocol, policy: str, n: int) -> EscalationStep | None:
    steps = protocol.escalation_policies[policy].steps if policy in protocol.escalation_policies else ()
    return steps[n - 1] if n <= len(steps) else None


def _when(step: EscalationStep) -> str:
    return f"after {step.minutes} min" if step.percent is None else f"at {step.percent} % of the time"


def _described(step: EscalationStep | None) -> str:
    assert step is not None
    return f"{_when(step)} {_deed(step)}{' (hold)' if step.hold else ''}{' (alarm)' if step.alarm else ''}"


def _deed(step: EscalationStep) -> str:
    return f"{step.action.value} {step.to.value}"


def _step_changed(field: str, before: EscalationStep, after: EscalationStep) -> str:
    match field:
        case "minutes" | "percent":
            return f"now {_when(after)} (was {_when(before)})"
        case "action" | "to":
            return f"now is to {_deed(after)} (was {_deed(before)})"
        case "hold":
            return "now places a hold" if after.hold else "no longer places a hold"
    return "now is an alarm" if after.alarm else "no longer is an alarm"
