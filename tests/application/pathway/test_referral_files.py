"""Coordinators have spreadsheets: whatever a spreadsheet saves as a table says the same as JSON on each line."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.errors import InvalidInput
from application.input import forms
from application.pathway.referral_files import (
    COLUMNS,
    MARK,
    MOST_NAMED,
    NEEDED,
    read_rows,
    template,
    template_file,
)
from application.pathway.start import Referral
from tests.cli.helpers import referral

EVERY = dict.fromkeys(COLUMNS, "x")


def flat(content: dict[str, Any], within: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            found |= flat(value, f"{within}{name}.")
        elif value is not None:
            found[f"{within}{name}"] = {True: "yes", False: "no"}.get(value, value)
    return found


def table(
    rows: list[dict[str, str]], *, separator: str = ",", ends: str = "\r\n", quoting: int = csv.QUOTE_MINIMAL
) -> str:
    columns = [*dict.fromkeys(name for row in rows for name in row)]
    written = io.StringIO()
    writer = csv.DictWriter(
        written,
        columns,
        delimiter=separator,
        lineterminator=ends,
        quoting=quoting,  # type: ignore[arg-type]
    )
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def read(raw: bytes) -> list[tuple[int, Referral]]:
    return [(number, forms.check(Referral, forms.read_object(row))) for number, row in read_rows(raw)]


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.sampled_from(" \",;\n\t'"), min_size=1)


@pytest.mark.long
@given(
    reasons=st.lists(
        TEXTS.filter(lambda text: text.strip() == text != "" and not text.startswith("<")), min_size=1, max_size=4
    ),
    separator=st.sampled_from(",;\t"),
    ends=st.sampled_from(["\r\n", "\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    mark=st.sampled_from([b"", MARK]),
)
def test_a_table_says_the_same_as_json(
    reasons: list[str], separator: str, ends: str, quoting: int, mark: bytes
) -> None:
    meant = [referral(reason=reason) for reason in reasons]
    meant[0]["patient"]["interpreter"] = True
    rows = [flat(each) for each in meant]
    raw = mark + table(rows, separator=separator, ends=ends, quoting=quoting).encode()
    assert [json.loads(row) for _, row in read_rows(raw)] == meant
    assert [number for number, _ in read_rows(raw)] == [*range(2, len(meant) + 2)]
    lines = mark + "\n".join(map(json.dumps, meant)).encode()
    assert [json.loads(row) for _, row in read_rows(lines)] == meant


def test_rows_are_numbered_as_a_spreadsheet_numbers_them() -> None:
    row = flat(referral(reason="Invented:\r\ntwo lines in one cell."))
    empty = "," * (len(row) - 1)
    names, first, second = table([row]).split("\r\n", 1)[0], *[table([row]).split("\r\n", 1)[1]] * 2
    raw = f"\r\n{names}\r\n{first}\r\n{empty}\r\n{second}".encode()
    assert [number for number, _ in read(raw)] == [3, 6]


@pytest.mark.parametrize(
    "spelled",
    ["Patient.Ref", " patient.ref ", "PATIENT.REF", "patient.ref"],
)
def test_names_of_columns_are_read_however_they_are_written(spelled: str) -> None:
    row = flat(referral())
    row = {spelled if name == "patient.ref" else name: value for name, value in row.items()}
    assert read(table([row]).encode()) == [(2, forms.check(Referral, referral()))]


def test_columns_without_a_name_and_a_value_are_left_out() -> None:
    [names, cells, _] = table([flat(referral())]).split("\r\n")
    assert len(read(f"{names},,\r\n{cells},,\r\n".encode())) == 1
    [(_, row)] = read_rows(f"{names},,\r\n{cells},,Jane Doe\r\n".encode())
    with pytest.raises(InvalidInput) as told:
        forms.check(Referral, forms.read_object(row))
    assert "Jane" not in str(told.value.fields)
    assert told.value.fields[0].field.startswith("column_")


@pytest.mark.parametrize(
    ("field", "cell", "said"),
    [
        ("patient.born", "4/2/1986", "must be a date, as 2026-11-23"),
        ("patient.born", "02.04.1986", "must be a date, as 2026-11-23"),
        ("patient.born", "1986-13-02", "date"),
        ("patient.zone", "Nowhere/City", "zone"),
        ("patient.state", "California", ""),
        ("patient.interpreter", "maybe", "boolean"),
        ("patient.ref", "Jane Doe", "letters, digits"),
        ("patient.number", "12 34", "letters, digits"),
        ("patient.emergency_contact_ref", "", "is missing"),
        ("pathway", "Major depression", "letters, digits"),
        ("clinic", "", "is missing"),
        ("reason", "<text>", "placeholder"),
        ("request_id", "1", ""),
    ],
)
def test_what_is_wrong_in_a_row_names_its_column_and_never_its_cell(field: str, cell: str, said: str) -> None:
    rows = read_rows(table([flat(referral()), flat(referral()) | {field: cell}]).encode())
    assert forms.check(Referral, forms.read_object(rows[0][1])).clinic
    with pytest.raises(InvalidInput) as told:
        forms.check(Referral, forms.read_object(rows[1][1]))
    [problem] = told.value.fields
    assert problem.field == field
    assert said in problem.problem
    assert not cell or cell.startswith("<") or cell == "1" or cell not in str(told.value.fields) + str(told.value)


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (b"Jane Doe,1986-04-02,CA\n", {"column A", "column B", "column C", *NEEDED}),
        (table([EVERY | {"name": "Jane Doe"}]).encode(), {"column Q"}),
        (table([{**EVERY, "Patient.Ref": "y"}]).encode(), {"column Q"}),
        (table([{name: "x" for name in COLUMNS if name != "patient.born"}]).encode(), {"patient.born"}),
        (b"clinic:demo\n", {"column A", *NEEDED}),
    ],
    ids=["no names of columns", "one too many", "one twice", "one missing", "something else"],
)
def test_a_table_of_other_columns_is_refused_whole(raw: bytes, fields: set[str]) -> None:
    with pytest.raises(InvalidInput) as told:
        read_rows(raw)
    assert {each.field for each in told.value.fields} == fields
    assert "Jane" not in str(told.value.fields) + str(told.value)
    assert "table to fill in" in told.value.remedy


@pytest.mark.parametrize("field", ["patient.ref", "patient.number", "patient.emergency_contact_ref"])
@pytest.mark.parametrize("cell", ["1.23457E+12", "1E+15", "1,2E+11", "-1.0e+9", " 4.10E+07 "])
def test_a_long_number_that_a_spreadsheet_has_cut_is_none(field: str, cell: str) -> None:
    """Many patients' numbers become the same one: they would be taken for one person."""
    row = flat(referral())
    raw = table([row | {"patient.number": "7"}, row | {"patient.number": "8", field: cell}], separator="\t").encode()
    with pytest.raises(InvalidInput, match="short") as told:
        read_rows(raw)
    assert [each.field for each in told.value.fields] == [f"{field} in row 3"]
    assert cell.strip() not in str(told.value.fields)
    assert "as text" in told.value.remedy


@pytest.mark.parametrize("cell", ["12E5", "E+12", "A1.2E+12", "1E+", "2E-3"])
def test_what_only_looks_like_one_is_taken(cell: str) -> None:
    [(_, row)] = read_rows(table([flat(referral()) | {"patient.number": cell, "reason": "1.2E+12"}]).encode())
    assert json.loads(row)["patient"]["number"] == cell


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_rows_of_nothing_say_nothing_also_before_the_names(separator: str) -> None:
    nothing = f"{separator * 3}\r\n" * 2
    for empty in (separator, nothing, f'{separator}""{separator} \r\n', "\u00a0\r\n"):
        assert read_rows(empty.encode()) == ()
    raw = f"{nothing}{table([flat(referral())], separator=separator)}{nothing}".encode()
    assert read(raw) == [(4, forms.check(Referral, referral()))]


@pytest.mark.long
def test_of_very_many_wrong_columns_the_first_are_named() -> None:
    for first_row in ("," * 300_000, "x," * 150_000):
        with pytest.raises(InvalidInput) as told:
            read_rows(f"x{first_row}\n".encode())
        assert len(told.value.fields) <= MOST_NAMED + len(NEEDED)


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "latin-1"])
def test_letters_that_cannot_be_read_are_said(encoding: str) -> None:
    with pytest.raises(InvalidInput, match="not UTF-8") as told:
        read_rows(table([flat(referral(reason="Invented: Müller"))]).encode(encoding))
    assert "CSV UTF-8" in told.value.remedy


@pytest.mark.parametrize("cell", ['"Invented', '"Invented" x', "x" * 200_000], ids=["open", "after", "too long"])
def test_a_row_that_is_no_row_is_named(cell: str) -> None:
    whole = table([flat(referral()), flat(referral(reason="LAST"))])
    with pytest.raises(InvalidInput, match="row 3 cannot be read"):
        read_rows(whole.replace("LAST", cell).encode())


def test_the_template_has_every_column_and_is_never_sent_by_mistake() -> None:
    columns, sample = template()
    assert {*columns} == {*COLUMNS} - {"request_id"}
    assert len(sample) == len(columns)
    raw = template_file()
    assert raw.startswith(MARK)
    [(number, row)] = read_rows(raw)
    assert number == 2
    with pytest.raises(InvalidInput) as told:
        forms.check(Referral, forms.read_object(row))
    assert {each.field for each in told.value.fields} == {*columns}


@given(st.binary(max_size=300))
def test_whatever_is_sent_is_read_or_refused(raw: bytes) -> None:
    try:
        rows = read_rows(raw)
    except InvalidInput:
        return
    assert all(row.strip() for _, row in rows)
