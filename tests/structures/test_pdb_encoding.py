"""One letter outside of ASCII moves nothing, whoever counted the columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.macromolecule import read_macromolecule
from deepchem_density.structures.pdb_encoding import ascii_lines
from deepchem_density.structures.text_files import decoded

FIRST = "ATOM      1  N   ALA A   1      11.104  22.205  33.306  1.00 18.03           N  "
SECOND = "ATOM      2  CA  ALA A   1      12.560  22.205 -33.306  0.50 17.03           C  "


def spoiled(column: int, letter: str, encoding: str, counted: str) -> bytes:
    """The second line with a letter in a column, the others where they are in characters or in bytes."""
    raw = letter.encode(encoding)
    taken = len(raw) if counted == "bytes" else 1
    line = SECOND[: column - 1].encode() + raw + SECOND[column - 1 + taken :].encode()
    return f"{FIRST}\n".encode() + line + b"\nEND\n"


@given(
    st.integers(1, 80),
    st.sampled_from("éÅ°µ€\u00a0\u2009"),
    st.sampled_from(["utf-8", "cp1252"]),
    st.sampled_from(["characters", "bytes"]),
)
def test_positions_are_right_or_the_line_is_refused(tmp_path_factory, column, letter, encoding, counted):
    try:
        raw = spoiled(column, letter, encoding, counted)
    except UnicodeEncodeError:
        return
    path = tmp_path_factory.mktemp("pdb") / "a.pdb"
    path.write_bytes(raw)
    try:
        read = read_macromolecule(path)
    except FeaturizationError as error:
        refused = str(error)
        read = None
    if read is None:
        assert "'a.pdb'" in refused
        return
    if len(read.numbers) == 1:
        assert column <= 6, "a line that is none"
        return
    np.testing.assert_array_equal(read.positions, [[11.104, 22.205, 33.306], [12.56, 22.205, -33.306]])
    np.testing.assert_array_equal(read.numbers, [7, 6])
    np.testing.assert_array_equal(read.b_iso, [18.03, 17.03])
    np.testing.assert_array_equal(read.site_occupancy, [1, 0.5])


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.parametrize("counted", ["characters", "bytes"])
@pytest.mark.parametrize("column", [8, 68, 73])
def test_where_nothing_is_read_a_letter_does_not_matter(column, encoding, counted):
    text = decoded(spoiled(column, "é", encoding, counted))
    read = ascii_lines(text, "a.pdb").split("\n")[1]
    assert read[12:27] == SECOND[12:27]
    assert (read[30:66], read[76:80]) == (SECOND[30:66], SECOND[76:80])


@pytest.mark.parametrize("column", [13, 15, 17, 18, 22, 26, 27, 28, 35, 66, 77])
@pytest.mark.parametrize("counted", ["characters", "bytes"])
def test_what_is_read_is_refused_by_line(column, counted):
    with pytest.raises(FeaturizationError, match=r"Line 2 of 'a.pdb' holds 'é'( in columns 13-66 or 77-80|, and)"):
        ascii_lines(decoded(spoiled(column, "é", "utf-8", counted)), "a.pdb")


@pytest.mark.parametrize("line", [f"ATOM  \u00e9\u00e9{SECOND[6:]}", SECOND[:30] + "\u00e9" + SECOND[33:]])
def test_columns_that_cannot_be_told_are_refused(line):
    with pytest.raises(FeaturizationError, match=r"Line 1 of 'a.pdb' holds '.', and its coordinates are not"):
        ascii_lines(line, "a.pdb")


def test_other_lines_keep_their_length():
    assert ascii_lines("REMARK 1 Å\nTITLE  é\u00a0é", "a.pdb") == "REMARK 1 ?\nTITLE  ???"
