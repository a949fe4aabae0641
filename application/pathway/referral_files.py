"""Files of many referrals: one as JSON on each line, or a table as spreadsheets save it (CSV).

The columns of a table are the fields of a referral, in any order. Commas, semicolons or tabs may part its cells: a
spreadsheet takes what its country does. No error says what stands in a cell.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from pydantic import BaseModel

from application.errors import NOTHING_HAPPENED, FieldProblem, InvalidInput
from application.input import forms
from application.pathway.start import Referral
from workflows.journey.vocabulary.base import canonical

MARK: Final = b"\xef\xbb\xbf"
"""The mark at the beginning by which a spreadsheet knows that a file is UTF-8."""
SEPARATORS: Final = ",;\t"
MOST_NAMED: Final = 20
"""How many wrong columns an error names: a file may have a hundred thousand of them."""
FLAGS: Final = {"yes": True, "true": True, "no": False, "false": False}
"""How a cell says yes or no, in any case of letters."""
REMEDY: Final = "Take the columns of the table to fill in, which are in its first row"
CUT: Final = re.compile(r"-?\d+([.,]\d+)?E\+\d+", re.IGNORECASE | re.ASCII)
"""How a spreadsheet writes a long number. Its last digits are gone: the numbers of many patients become one."""
UTF_8: Final = "Save it as “CSV UTF-8”, and send that"


def _fields(model: type[BaseModel], within: str = "") -> Iterator[tuple[str, bool, bool]]:
    """Yield the path of each field, whether it is needed, and whether it is a yes or no."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _fields(field.annotation, f"{within}{name}.")
        else:
            yield f"{within}{name}", field.is_required(), field.annotation is bool


_FIELDS = tuple(_fields(Referral))
COLUMNS: Final = tuple(path for path, *_ in _FIELDS)
NEEDED: Final = frozenset(path for path, needed, _ in _FIELDS if needed)
YES_OR_NO: Final = frozenset(path for path, _, flag in _FIELDS if flag)


def template() -> tuple[Sequence[str], Sequence[str]]:
    """Return the columns of a table to fill in, and a row that says what belongs into each. It is never valid."""
    columns = tuple(path for path in COLUMNS if path != "request_id")
    sample = forms.template(Referral)
    return columns, tuple(_sample(_at(sample, path)) for path in columns)


def template_file() -> bytes:
    """Return the template as a file that spreadsheets open as it is meant."""
    written = io.StringIO()
    csv.writer(written).writerows(template())
    return MARK + written.getvalue().encode()


def read_rows(raw: bytes) -> tuple[tuple[int, bytes], ...]:
    """Return each referral as JSON with the number of its row, as a spreadsheet counts them or as a line of text.

    Raises:
        InvalidInput: it is a table that cannot be read, or whose columns are not those of a referral, or in which a
            spreadsheet has cut long numbers.
    """
    text = raw.removeprefix(MARK)
    if text.lstrip()[:1] in (b"{", b"[", b""):
        return tuple((number, line) for number, line in enumerate(text.split(b"\n"), 1) if line.strip())
    return tuple(_read_table(_decoded(text)))


def _decoded(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = "\ufffd"
    if "\ufffd" in text or "\0" in text:
        raise InvalidInput("the letters of this file cannot be read: it is not UTF-8", UTF_8, state=NOTHING_HAPPENED)
    return text


def _read_table(text: str) -> Iterator[tuple[int, bytes]]:
    filled = ((number, cells) for number, cells in enumerate(_rows(text), 1) if any(map(str.strip, cells)))
    columns: list[str] | None = None
    cut: list[FieldProblem] = []
    for number, cells in filled:
        if columns is None:
            columns = _columns(cells)
        else:
            cut += _cut_numbers(number, columns, cells)
            yield number, canonical(_referral(columns, cells))
    if cut:
        raise InvalidInput(
            "a spreadsheet has written long numbers short, and their last digits are gone",
            "Have it take that column as text, enter the numbers anew, and save the table again",
            state=NOTHING_HAPPENED,
            fields=tuple(cut[:MOST_NAMED]),
        )


def _cut_numbers(number: int, columns: Sequence[str], cells: Sequence[str]) -> Iterator[FieldProblem]:
    for name, cell in zip(columns, cells, strict=False):
        if name not in ("", "reason") and CUT.fullmatch(cell.strip()):
            yield FieldProblem(field=f"{name} in row {number}", problem="is a number that was cut")


def _rows(text: str) -> list[list[str]]:
    """Return the cells of each row, parted by what parts the most known columns in the first that is not empty; none
    where all are."""
    first = next((line for line in io.StringIO(text, newline="") if line.strip(f'{SEPARATORS}" \r\n')), None)
    if first is None:
        return []
    separator = max(SEPARATORS, key=lambda each: len({*_names(first.split(each))} & {*COLUMNS}))
    rows: list[list[str]] = []
    try:
        rows.extend(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error:
        raise InvalidInput(
            f"row {len(rows) + 1} cannot be read as cells: a quotation mark is missing, or a cell is too long",
            "Save the table anew as CSV, and send that",
            state=NOTHING_HAPPENED,
        ) from None
    return rows


def _names(cells: Sequence[str]) -> list[str]:
    return [cell.strip().strip('"').strip().casefold().replace(" ", "_") for cell in cells]


def _columns(cells: Sequence[str]) -> list[str]:
    """Return the field of each column; nothing where it has no name.

    Raises:
        InvalidInput: a column is not known, there twice, or missing. What it is called is not said: where a table has
            no names of columns, that is a patient's.
    """
    names = _names(cells)
    first = {name: place for place, name in reversed([*enumerate(names)])}
    wrong = (
        FieldProblem(field=f"column {_letters(place)}", problem=problem)
        for place, name in enumerate(names)
        if (problem := _wrong_with(name, again=first[name] != place))
    )
    problems = [*islice(wrong, MOST_NAMED)]
    problems += [
        FieldProblem(field=name, problem="is missing") for name in COLUMNS if name in NEEDED and name not in names
    ]
    if problems:
        reason = "the first row does not name the columns of a referral"
        raise InvalidInput(reason, REMEDY, state=NOTHING_HAPPENED, fields=tuple(problems))
    return names


def _wrong_with(name: str, *, again: bool) -> str | None:
    if not name:
        return None
    if name not in COLUMNS:
        return "has a name that is not known"
    return "is there twice" if again else None


def _referral(columns: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    """Return the content of a row. An empty cell says nothing; what stands in no column is refused with its place."""
    content: dict[str, Any] = {path.partition(".")[0]: {} for path in COLUMNS if "." in path}
    for place, cell in enumerate(map(str.strip, cells)):
        name = columns[place] if place < len(columns) else ""
        if not cell:
            continue
        within, _, field = (name or f"column_{_letters(place)}").rpartition(".")
        value = FLAGS.get(cell.casefold(), cell) if name in YES_OR_NO else cell
        (content[within] if within else content)[field] = value
    return content


def _letters(place: int) -> str:
    """Return what a spreadsheet calls a column."""
    before, last = divmod(place, 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + last)


def _sample(value: Any) -> str:
    if value is None:
        return "<optional>"
    return "<yes | no>" if isinstance(value, bool) else f"<{value.strip('<>')}>"


def _at(content: Any, path: str) -> Any:
    for part in path.split("."):
        content = content[part]
    return content
