from __future__ import annotations

import csv
import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchem_density.tables.csv_tables import MISSING, names_in, numbers_in, read_csv_table


def written(folder: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z", "Cf"], exclude_characters=";"), min_size=1)
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\x1c\x1d\x1e\x1f"))


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    header = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    return header, draw(st.lists(st.lists(CELLS, min_size=len(header), max_size=len(header)), max_size=5))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@given(table=tables(), ends=st.sampled_from(["\n", "\r\n", "\r"]), packed=st.booleans(), mark=st.booleans())
def test_what_csv_writes_is_read_back(folder: Path, table, ends: str, packed: bool, mark: bool) -> None:
    header, rows = table
    path = folder / "table.csv"
    with path.open("w", newline="", encoding="utf-8-sig" if mark else "utf-8") as file:
        csv.writer(file, lineterminator=ends).writerows([header, *rows])
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    frame = read_csv_table(path, blank_rows=True)
    assert frame.columns.tolist() == header
    assert frame.to_numpy().tolist() == rows


@st.composite
def edits(draw: st.DrawFn) -> str:
    """A table whose cells say where they belong, and the same text with one character put in, taken out or replaced."""
    width = draw(st.integers(1, 4))
    lines = [[f"c{j}" for j in range(width)], *([f"r{i}c{j}" for j in range(width)] for i in range(4))]
    text = "".join(",".join(line) + "\n" for line in lines)
    place = draw(st.integers(0, len(text) - 1))
    new = draw(st.sampled_from([*',;\t"\n\r #x', "", ",,", '","', "\n\n"]))
    return text[:place] + new + text[place + draw(st.integers(0, 1)) :]


@given(edits())
def test_one_slip_never_puts_a_cell_under_another_name(folder: Path, text: str) -> None:
    try:
        frame = read_csv_table(written(folder, text))
    except ValueError:
        return
    for row in frame.to_numpy():
        for place, cell in enumerate(row):
            known = re.fullmatch(r"r\dc(\d)", cell)
            assert known is None or int(known[1]) == place


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,smiles\na,CCO,CCN\nb,C,N\n", "Line 2 of '.*' has 3 fields and the header 2"),
        ("gap,homo\n1.5,2.5,\n", "Line 2 of '.*' has 3 fields and the header 2"),
        ("gap,homo\n1,2\n3\n", "Line 3 of '.*' has 1 fields and the header 2"),
        ('a,b\n"x\ny",1\n2\n', "Line 4 of '.*' has 1 fields"),
        ("a,b\n1,2\n\n3,4\n", "Line 3 of '.*' is blank and rows follow it"),
        ('a,b\n1,"2\n3,4\n', r"The row from line 2 of '.*' cannot be read as csv \(unexpected end of data"),
        ("id,id,y\n", "several columns 'id'"),
        ("id, id ,y\n", "several columns 'id'"),
        ("", "first line is empty"),
        ("\n\na,b\n", "first line is empty"),
        (" , \n1,2\n", "first line is empty"),
        ("a,b\n1,x\0y\n", "Line 2 of '.*' holds a NUL byte"),
        ("a,b;c\n1,2;3\n", "may be parted by commas or semicolons"),
        ("a,b\n" + "x" * 200_000 + ",1\n", r"The row from line 2 .* \(field larger than field limit"),
        (gzip.compress(b"a,b\n1,2\n" * 9, mtime=0)[:-5], "is a damaged gzip archive"),
        ("a,b\n1,2\n".encode("utf-16-le"), "Line 1 of '.*' holds a NUL byte"),
    ],
)
def test_other_tables_are_refused_with_their_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        read_csv_table(written(tmp_path, text))
    assert "table.csv" in str(error.value)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_the_delimiter_that_fits_every_row_is_taken(tmp_path: Path, mark: str) -> None:
    rows = [["id", "measured, in mol; or not"], ["a", "1,16"], ["b", "x;y"]]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=mark).writerows(rows)
    frame = read_csv_table(tmp_path / "t.csv")
    assert [frame.columns.tolist(), *frame.to_numpy().tolist()] == rows


def test_columns_without_a_name_are_called_after_their_place(tmp_path: Path) -> None:
    frame = read_csv_table(written(tmp_path, ",a,\n0,x,\n1,y,\n"))
    assert frame.columns.tolist() == ["(column 1)", "a", "(column 3)"]
    assert frame["a"].tolist() == ["x", "y"]


def test_rows_know_their_lines_and_blank_ends_are_no_rows(tmp_path: Path) -> None:
    frame = read_csv_table(written(tmp_path, 'a,b\r\n"x\r\ny",1\r\nz,2\r\n\r\n  \r\n'))
    assert frame.index.tolist() == [2, 4]
    assert frame["a"].tolist() == ["x\r\ny", "z"]


def test_a_blank_line_of_one_column_is_a_cell_and_at_the_end_only_if_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, "a\n1\n\n2\n\n")
    assert read_csv_table(path)["a"].tolist() == ["1", "", "2"]
    assert read_csv_table(path, blank_rows=True)["a"].tolist() == ["1", "", "2", ""]


def test_text_that_pandas_takes_for_missing_or_a_number_stays(tmp_path: Path) -> None:
    frame = read_csv_table(written(tmp_path, "id,code\nNA,1e66\nnull,007\n"))
    assert frame.to_numpy().tolist() == [["NA", "1e66"], ["null", "007"]]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "id,remark\na,0.1 µM ±0.5 Å\n".encode(encoding))
    if encoding == "cp1252":
        with pytest.warns(
            UserWarning, match=r"'.*table\.csv' is not UTF-8 \(byte 0xb5 in line 2\) and is read as cp1252"
        ):
            frame = read_csv_table(path)
    else:
        frame = read_csv_table(path)
    assert frame["remark"].tolist() == ["0.1 µM ±0.5 Å"]


def test_numbers_are_read_to_the_last_bit_and_missing_ones_are_nan(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=300) * 10.0 ** np.arange(-150, 150)
    path = written(tmp_path, "y\n" + "\n".join([*map(repr, values.tolist()), *MISSING, " NaN ", "1.5D-3"]) + "\n")
    numbers = numbers_in(read_csv_table(path, blank_rows=True), "y", path)
    np.testing.assert_array_equal(numbers, [*values, *[np.nan] * (len(MISSING) + 1), 1.5e-3])


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("1,16", "has '1,16' as its log S, with a decimal comma"),
        ("12_560", "has '12_560' as its log S; a finite number"),
        ("\u0661\u0662", "has '\u0661\u0662' as its log S; a finite number"),
        ("inf", "has 'inf' as its log S"),
        ("1e400", "has '1e400' as its log S"),
        ("<5", "has '<5' as its log S"),
        ("5 nM", "has '5 nM' as its log S"),
    ],
)
def test_other_cells_are_refused_with_line_and_column(tmp_path: Path, cell: str, message: str) -> None:
    path = written(tmp_path, f'id;log S\na;1.5\nb;"{cell}"\n')
    with pytest.raises(ValueError, match=rf"Line 3 of '.*table\.csv' {message}"):
        numbers_in(read_csv_table(path), "log S", path)


def test_names_stand_in_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, 'id,y\n a ,1\n,2\n"b\nc",3\n')
    frame = read_csv_table(path)
    assert names_in(frame[:2], "id", path) == ["a", ""]
    with pytest.raises(ValueError, match=r"Line 4 of '.*table\.csv' has 'b\\nc' as its id; a name in one line"):
        names_in(frame, "id", path)
