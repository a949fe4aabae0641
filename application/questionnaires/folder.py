"""The folder of a clinic's questionnaires: which words it has, what of it is refused, and which are shown to whom.

Files in the folder itself are for all clinics; those in a folder within it that is called as a clinic are for this one,
in place of the others for their instrument.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from application.context import Context
from application.errors import NOTHING_WRITTEN, FieldProblem, InvalidInput, SettingsError, UseCaseError
from application.identity.keyring import verified_register
from application.questionnaires.resource import Unfit, content_of
from application.questionnaires.wording import ENGLISH, Wording, read_wording
from application.settings import PREFIX, Settings
from workflows.journey.instruments import Instrument
from workflows.journey.vocabulary.texts import show_hidden

SETTING = f"{PREFIX}QUESTIONNAIRES_DIR"


class Loaded(NamedTuple):
    """Words that fit, the file that they are from, and the clinic that they are for; None where it is all of them."""

    file: str
    clinic: str | None
    wording: Wording


class RefusedFile(NamedTuple):
    """A file that is not used, and every reason."""

    file: str
    problems: tuple[FieldProblem, ...]


class Folder(NamedTuple):
    """What was found in a folder."""

    loaded: tuple[Loaded, ...] = ()
    refused: tuple[RefusedFile, ...] = ()

    def words_for(self, instrument: Instrument, clinic: str, language: str) -> Wording | None:
        """Return the words in which a patient of a clinic is asked; None where there are none.

        Of several languages the patient's is chosen, otherwise one of the same language spoken or written elsewhere,
        otherwise that of the file without a language, English, or the first.
        """
        for whose in (clinic, None):
            found = [
                each.wording for each in self.loaded if (each.clinic, each.wording.instrument) == (whose, instrument)
            ]
            if found:
                return min(found, key=lambda wording: _distance(wording.language, language))
        return None


def _distance(language: str | None, wanted: str) -> tuple[int, str]:
    """How far the language of words is from that of a patient, the less the better."""
    here, there = (language or "").casefold(), wanted.casefold()
    orders = (
        here == there,
        there.startswith(f"{here}-"),
        here.partition("-")[0] == there.partition("-")[0],
        not here,
        here.partition("-")[0] == ENGLISH,
        True,
    )
    return orders.index(True), here


def questionnaires_of(context: Context) -> Folder:
    """Return the questionnaires that the settings name; none where they name no folder.

    Raises:
        SettingsError: a file is refused. None is used then.
    """
    settings = context.settings
    if settings.questionnaires_dir is None:
        return Folder()
    folder = read_folder(settings.questionnaires_dir, clinics_of(context), demonstration=settings.demonstration)
    if folder.refused:
        told = [(SETTING, f"{field.field}: {field.problem}") for field in problems_of(folder)]
        raise SettingsError([*told, (SETTING, "correct the files, and try them with `questionnaire check`")])
    return folder


def folder_of(settings: Settings, named: Path | None) -> Path:
    """Return the folder that somebody named, or else that of the settings.

    Raises:
        InvalidInput: there is none.
    """
    found = named or settings.questionnaires_dir
    if found is None or not found.is_dir():
        problem = "no folder is named" if found is None else "this is no folder that can be read"
        raise InvalidInput(problem, f"Name one that exists, or set {SETTING}", state=NOTHING_WRITTEN)
    return found


def problems_of(folder: Folder) -> tuple[FieldProblem, ...]:
    """Return every problem, with its file and its place there."""
    return tuple(
        FieldProblem(f"{each.file}{f', {problem.field}' if problem.field else ''}", problem.problem)
        for each in folder.refused
        for problem in each.problems
    )


def clinics_of(context: Context) -> Collection[str] | None:
    """Return the clinics that the register lists; None where there is no register that can be used here."""
    settings = context.settings
    if settings.register_file is None or settings.organisation_key is None:
        return None
    try:
        return verified_register(context).clinics
    except UseCaseError:
        return None


def read_folder(directory: Path, clinics: Collection[str] | None = None, *, demonstration: bool = False) -> Folder:
    """Read all questionnaires of a folder. ``clinics`` are those there are, where that is known."""
    loaded, refused = list[Loaded](), list[RefusedFile]()
    for path in sorted([*directory.glob("*.json"), *directory.glob("*/*.json")]):
        file = show_hidden(str(path.relative_to(directory)))
        clinic = None if path.parent == directory else path.parent.name
        try:
            if clinic is not None and clinics is not None and clinic not in clinics:
                raise Unfit(FieldProblem("", "is in a folder that is called as none of the clinics"))
            loaded.append(Loaded(file, clinic, read_wording(content_of(path), demonstration=demonstration)))
        except Unfit as unfit:
            refused.append(RefusedFile(file, unfit.problems))
    doubled = dict(_doubled(loaded))
    refused += [
        RefusedFile(file, (FieldProblem("", f"is of the same instrument and language as {others}; keep one"),))
        for file, others in doubled.items()
    ]
    if not (loaded or refused):
        refused.append(RefusedFile("*.json", (FieldProblem("", "is not there: the folder has no questionnaires"),)))
    kept = (each for each in loaded if each.file not in doubled)
    return Folder(tuple(kept), tuple(sorted(refused)))


def _doubled(loaded: Sequence[Loaded]) -> Iterator[tuple[str, str]]:
    """Yield every file with the names of others for the same clinic, instrument and language."""
    for each in loaded:
        others = [
            other.file
            for other in loaded
            if other is not each
            and other.clinic == each.clinic
            and other.wording.instrument == each.wording.instrument
            and (other.wording.language or "").casefold() == (each.wording.language or "").casefold()
        ]
        if others:
            yield each.file, ", ".join(others)
