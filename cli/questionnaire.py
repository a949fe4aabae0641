"""`questionnaire`: the words of questionnaires, checked before the console starts with them."""

from pathlib import Path
from typing import Annotated

import typer

from application.errors import InvalidInput
from application.questionnaires.folder import Folder, clinics_of, folder_of, problems_of, read_folder
from cli.output import add_row, table
from cli.runtime import Call, command
from workflows.journey.vocabulary.base import short_code


def add_commands(group: typer.Typer) -> None:
    """Give the group its command."""
    group.command("check")(command(check))


async def check(
    call: Call,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="Otherwise CAREPATH_QUESTIONNAIRES_DIR.", show_default=False),
    ] = None,
) -> None:
    """Check a folder of FHIR Questionnaire files (R4 or R5): what of it is loaded, and what is refused, and why.

    The console starts with all files of its folder, or not at all. Exit code 0 when none is refused, 2 when one is.
    """
    settings, output = call.context.settings, call.output
    found = read_folder(folder_of(settings, folder), clinics_of(call.context), demonstration=settings.demonstration)
    if output.json_only:
        output.data(_as_json(found))
    elif found.loaded:
        shown = table("file", "instrument", "language", "clinic", "version", "digest", title="Loaded")
        for file, clinic, words in found.loaded:
            whose, digest = output.named(clinic) if clinic else "all", short_code(words.sha256)
            add_row(shown, file, words.instrument, words.language or "not said", whose, words.version, digest)
        output.show(shown)
        if any(each.wording.experimental for each in found.loaded):
            output.note("Some are experimental: examples for demonstrations, and not the instrument.")
    if found.refused:
        raise InvalidInput(
            f"{len(found.refused)} of {len(found.loaded) + len(found.refused)} files cannot be used",
            "Correct them. docs/how-to/load-questionnaires.md says what a file has to hold",
            state="Nothing was changed. The console does not start while one of its files is refused.",
            fields=problems_of(found),
        )


def _as_json(found: Folder) -> dict[str, object]:
    return {
        "loaded": [
            {
                "file": file,
                "clinic": clinic,
                "instrument": words.instrument.value,
                "language": words.language,
                "url": words.url,
                "version": words.version,
                "sha256": words.sha256,
                "experimental": words.experimental,
            }
            for file, clinic, words in found.loaded
        ],
        "refused": [
            {"file": each.file, "problems": [problem._asdict() for problem in each.problems]} for each in found.refused
        ],
    }
