"""Protocol files at the door: which one a referral takes, and `protocol check`, `list` and `show`."""

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from door import shell
from door.outcomes import ExitCode, FieldProblem, Problem
from door.protocols.approvals import Standing, standing
from door.screen import Screen, facts, row, table
from door.services import Services
from workflows.journey.protocol import Pathway, Protocol
from workflows.protocols import ProtocolError, find, load, protocol_files, shipped
from workflows.protocols.demonstration import demonstration

DEMONSTRATION = "demonstration"
"""The name of the shipped protocol with invented dose limits, where demonstrations are allowed."""

Name = Annotated[str, typer.Argument(metavar="NAME|FILE", help="A protocol by name, id, pathway, or its file.")]


class Chosen(NamedTuple):
    """A protocol and the file it is from; the invented one of demonstrations is from none."""

    protocol: Protocol
    file: Path | None


def add_commands(group: typer.Typer) -> None:
    """Give the commands that read protocol files to their group."""
    group.command("check")(check_command)
    group.command("list")(list_command)
    group.command("show")(show_command)


def directory_of(protocols_dir: Path | None) -> Path:
    """Where protocols are looked for by name: the clinic's own directory, or the shipped one."""
    return protocols_dir or shipped()[0].parent


def choose(name: str | None, pathway: Pathway, directory: Path, *, demonstrations: bool, files: bool = True) -> Chosen:
    """The protocol of this name or file, or the only one there is for the pathway.

    ``files``: whether the name may be that of a file anywhere; not when somebody else's referral says it.

    Raises:
        Problem: none, several, or one that cannot be used.
    """
    if name == DEMONSTRATION and demonstrations:
        return Chosen(demonstration(pathway), None)
    try:
        path = path_of(name or pathway, directory, files=files)
        return Chosen(load(path), path)
    except ProtocolError as error:
        raise unusable(error) from None


def named(services: Services, name: str) -> tuple[Protocol, Path]:
    """The protocol of this name, id, pathway or file, and its file.

    Raises:
        Problem: there is none, or it cannot be used.
    """
    directory = directory_of(services.settings_without_servers().protocols_dir)
    try:
        path = path_of(name, directory)
        return load(path), path
    except ProtocolError as error:
        raise unusable(error) from None


def path_of(name: str, directory: Path, *, files: bool = True) -> Path:
    """The file somebody means. Raises ProtocolError."""
    if files and ("/" in name or name.endswith((".yaml", ".yml"))):
        return Path(name)
    return find(name, directory)


def unusable(error: ProtocolError) -> Problem:
    """The error for a protocol file, by line and field."""
    fields = tuple(
        FieldProblem(field=p.field, problem=f"{p.rule} ({p.place})" if p.place else p.rule) for p in error.problems
    )
    return Problem(
        ExitCode.USAGE, "the protocol cannot be used", "Correct it and run `protocol check FILE`", fields=fields
    )


def _standing(services: Services, protocol: Protocol, path: Path) -> Standing:
    return standing(protocol, path, services.settings_without_servers(), services.now())


def summary(protocol: Protocol, approval: Standing) -> dict[str, object]:
    """What a protocol is, and what keeps it from patients."""
    return {
        "id": protocol.id,
        "version": protocol.version,
        "title": protocol.title,
        "pathway": protocol.pathway,
        "status": protocol.status,
        "illustrative": protocol.illustrative,
        "digest": protocol.digest,
        "obstacles": list(protocol.obstacles()),
        "approval": {"state": approval.state, "text": approval.text},
    }


def show_summary(screen: Screen, protocol: Protocol, approval: Standing, title: str) -> None:
    """The same for people."""
    screen.illustrative(protocol.illustrative)
    words = {"obstacles": "; ".join(protocol.obstacles()), "approval": approval.text}
    words["for patients"] = _fit(protocol, approval)
    screen.show(facts(summary(protocol, approval) | words, title))


def _fit(protocol: Protocol, approval: Standing) -> str:
    return "no" if protocol.obstacles() or approval.approval is None else "yes"


def check_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The protocol file.", show_default=False)],
    json: shell.Json = False,
) -> None:
    """Check a protocol file: every problem with its line and field, and what keeps it from patients.

    Exit code 0 when the file is valid, also while something keeps it from patients; 2 when it is not.
    """
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        try:
            protocol = load(file)
        except ProtocolError as error:
            raise unusable(error) from None
        approval = _standing(services, protocol, file)
        if screen.json_only:
            screen.data({"valid": True, **summary(protocol, approval)})
        else:
            show_summary(screen, protocol, approval, "valid")

    shell.run(act, json_only=json)


def list_command(context: typer.Context, json: shell.Json = False) -> None:
    """List the protocols of this clinic, or the shipped ones."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        directory = directory_of(services.settings_without_servers().protocols_dir)
        listed = table("name", "id", "version", "pathway", "status", "for patients", title="Protocols")
        found: list[dict[str, object]] = []
        illustrative = False
        for path in protocol_files(directory):
            try:
                protocol = load(path)
            except ProtocolError:
                found.append({"name": path.stem, "valid": False})
                row(listed, path.stem, "", "", "", "not valid", f"no: run `protocol check {path.name}`")
                continue
            illustrative |= protocol.illustrative
            approval = _standing(services, protocol, path)
            found.append({"name": path.stem, "valid": True, **summary(protocol, approval)})
            row(
                listed,
                path.stem,
                protocol.id,
                protocol.version,
                protocol.pathway,
                protocol.status,
                f"{_fit(protocol, approval)}: {'; '.join((*protocol.obstacles(), approval.text))}",
            )
        if screen.json_only:
            screen.data(found)
        else:
            screen.illustrative(illustrative)
            screen.show(listed)

    shell.run(act, json_only=json)


def show_command(context: typer.Context, name: Name, json: shell.Json = False) -> None:
    """Show a protocol: what it asks for, who signs, and how long each wait may last."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        protocol, path = named(services, name)
        approval = _standing(services, protocol, path)
        if screen.json_only:
            screen.data({**summary(protocol, approval), "protocol": protocol.model_dump(mode="json")})
            return
        show_summary(screen, protocol, approval, protocol.title)
        signing = table("sign-off", "by", "second person", "meaning", "choices", "rationale", title="Who signs")
        for kind, rule in protocol.sign_offs.items():
            reason = "always" if rule.rationale else "unless approved"
            by = f"{', '.join(rule.roles)}{', not its author' if rule.not_author else ''}"
            row(signing, kind.value, by, ", ".join(rule.cosigned_by), rule.meaning, ", ".join(rule.choices), reason)
        waits = table("escalation policy", "due after minutes", "steps", title="How long each wait may last")
        for name_, policy in protocol.escalation_policies.items():
            steps = "; ".join(
                f"{'+' if r.percent is None else ''}{r.minutes if r.percent is None else r.percent}"
                f"{' min' if r.percent is None else ' %'} {r.action.value} {r.to.value}{' (hold)' if r.hold else ''}"
                for r in policy.steps
            )
            row(waits, name_, policy.due_minutes, steps)
        rules = protocol.sessions
        screen.show(
            facts(
                {
                    "sessions": f"{rules.planned}, at least {rules.min_interval_hours} hours apart",
                    "observed at minutes": ", ".join(map(str, rules.observe_minutes)),
                    "dose limits not set": ", ".join(protocol.dose.unset) or "none",
                    "exclusions": f"{len(protocol.exclusions)}",
                    "instruments": ", ".join(protocol.instruments.baseline),
                    "follow-up weeks": ", ".join(map(str, protocol.follow_up.weeks)),
                },
                "What it asks for",
            ),
            signing,
            waits,
        )

    shell.run(act, json_only=json)
