"""Protocol files: found by name, id, pathway or path, and what keeps one from patients."""

from pathlib import Path
from typing import NamedTuple

from application.context import Context
from application.errors import FieldProblem, InvalidInput
from workflows.journey.protocol import Pathway, Protocol
from workflows.protocols import SHIPPED, ProtocolError, find, list_files, load
from workflows.protocols.demonstration import load_demonstration

DEMONSTRATION = "demonstration"
"""The name of a pathway's protocol with invented dose limits, where demonstrations are allowed."""


class Chosen(NamedTuple):
    """A protocol and the file it is from; the invented one of demonstrations is from none."""

    protocol: Protocol
    file: Path | None


def directory_of(protocols_dir: Path | None) -> Path:
    """Where protocols are looked for by name: the clinic's own directory, or the shipped one."""
    return protocols_dir or SHIPPED


def choose(name: str | None, pathway: Pathway, directory: Path, *, demonstrations: bool, files: bool = True) -> Chosen:
    """The protocol of this name or file, or the only one there is for the pathway.

    ``files``: whether the name may be that of a file anywhere; not when somebody else's referral says it.

    Raises:
        InvalidInput: none, several, or one that cannot be used.
    """
    try:
        if name == DEMONSTRATION and demonstrations:
            return Chosen(load_demonstration(pathway, directory), None)
        path = path_of(name or pathway, directory, files=files)
        return Chosen(load(path), path)
    except ProtocolError as error:
        raise unusable(error) from None


def find_protocol(context: Context, name: str) -> tuple[Protocol, Path]:
    """The protocol of this name, id, pathway or file, and its file.

    Raises:
        InvalidInput: there is none, or it cannot be used.
    """
    directory = directory_of(context.settings.protocols_dir)
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


def unusable(error: ProtocolError) -> InvalidInput:
    """The error for a protocol file, by file, line and field."""
    fields = tuple(FieldProblem(p.field, f"{p.rule} ({p.place})" if p.place else p.rule) for p in error.problems)
    return InvalidInput("the protocol cannot be used", "Correct it and run `protocol check FILE`", fields=fields)


def load_protocol(file: Path) -> Protocol:
    """The protocol in a file.

    Raises:
        InvalidInput: it cannot be used; every problem by line and field.
    """
    try:
        return load(file)
    except ProtocolError as error:
        raise unusable(error) from None


def protocol_files(context: Context) -> tuple[Path, ...]:
    """The files of this clinic's protocols, or of the shipped ones."""
    return list_files(directory_of(context.settings.protocols_dir))
