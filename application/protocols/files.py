"""Find protocol files by name, id, pathway or path, and load them."""

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
    """A protocol and its file. The invented one for demonstrations has none."""

    protocol: Protocol
    file: Path | None


def directory_of(protocols_dir: Path | None) -> Path:
    """Return where protocols are looked for by name: the clinic's own directory, or the shipped one."""
    return protocols_dir or SHIPPED


def choose(name: str | None, pathway: Pathway, directory: Path, *, demonstrations: bool, files: bool = True) -> Chosen:
    """Choose the protocol with this name or file, or the only one there is for the pathway.

    ``files`` says whether the name may be any file. It may not when it comes from a referral of somebody else.

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
    """Find the protocol with this name, id, pathway or file.

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
    """Return the file that somebody means. Raises ProtocolError."""
    if files and ("/" in name or name.endswith((".yaml", ".yml"))):
        return Path(name)
    return find(name, directory)


def unusable(error: ProtocolError) -> InvalidInput:
    """Return the error for a protocol file, with file, line and field."""
    fields = tuple(FieldProblem(p.field, f"{p.rule} ({p.place})" if p.place else p.rule) for p in error.problems)
    return InvalidInput("the protocol cannot be used", "Correct it and run `protocol check FILE`", fields=fields)


def load_protocol(file: Path) -> Protocol:
    """Load the protocol in a file.

    Raises:
        InvalidInput: it cannot be used. The error has every problem by line and field.
    """
    try:
        return load(file)
    except ProtocolError as error:
        raise unusable(error) from None


def protocol_files(context: Context) -> tuple[Path, ...]:
    """List the files of this clinic's protocols, or of the shipped ones."""
    return list_files(directory_of(context.settings.protocols_dir))
