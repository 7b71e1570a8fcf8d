from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.readers import structure_from

WATER = ["O 0.0 0.0 0.117", "H 0.0 0.757 -0.467", "H 0.0 -0.757 -0.467"]


@pytest.fixture
def read(tmp_path):
    def read(*rows: str, count: object = None, end: str = "\n"):
        path = tmp_path / "a.xyz"
        path.write_text("\n".join([str(len(rows) if count is None else count), "a comment", *rows]) + end)
        return structure_from(path)

    return read


@pytest.mark.parametrize(
    "rows",
    [
        WATER,
        ["8 0 0 .117", "1 0.0 757e-3 -4.67D-01", "1 0. -0.757 -0.467"],
        ["o\t0\t0\t0.117", "h 0 0.757 -0.467 ", "H 0 -0.757 -0.467"],
        [f"{row} -0.3 1 1.2e-05" for row in WATER],
        ["O 0 0 0.117", "D 0 0.757 -0.467", "T 0 -0.757 -0.467"],
    ],
    ids=["plain", "numbers", "letters", "more columns", "isotopes"],
)
@pytest.mark.parametrize("end", ["", "\n", "\n\n \n"])
def test_ways_to_write_water(read, rows, end):
    water = read(*rows, end=end)
    assert water.numbers.tolist() == [8, 1, 1]
    np.testing.assert_allclose(water.positions, [[0, 0, 0.117], [0, 0.757, -0.467], [0, -0.757, -0.467]], atol=1e-15)
    assert (water.charge, water.unpaired, water.implicit_hydrogens, water.name) == (0, 0, 0, "a.xyz")


def test_small_numbers_are_numbers(read):
    assert read("He 1.0e-05 -1.2e-05 0").positions.tolist() == [[1e-5, -1.2e-5, 0]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["O 0,000 1 2"], "Line 3 of 'a.xyz' has '0,000' as its x, with a decimal comma; decimal points"),
        (["O 0 1,16 2"], "Line 3 of 'a.xyz' has '1,16' as its y, with a decimal comma"),
        (["O 0 12_560 2"], "Line 3 of 'a.xyz' has '12_560' as its y; a finite number with nothing behind it"),
        (["O 0 1 nan"], "Line 3 of 'a.xyz' has 'nan' as its z"),
        (["O 0 1 1e20"], "Line 3 of 'a.xyz' has '1e20' as its z; at most 1,000,000 Å is accepted"),
        (["He 9 9 9", "O 0 1"], "Line 4 of 'a.xyz' is 'O 0 1'; symbol, x, y and z in Å are accepted"),
        (["Xx 0 1 2"], "Line 3 of 'a.xyz' has 'Xx' as its element; a symbol such as 'C' or an atomic number"),
        (["C1 0 1 2"], "Line 3 of 'a.xyz' has 'C1' as its element"),
        (["0 0 1 2"], "has atomic number 0, which is no element"),
        (["C 0 1 2 frozen"], "Line 3 of 'a.xyz' has 'frozen' behind symbol, x, y and z; numbers are accepted there"),
    ],
)
def test_what_is_no_atom_is_named(read, rows, message):
    with pytest.raises(FeaturizationError, match=message):
        read(*rows)


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (4, "'a.xyz' says 4 atoms and has 3 lines behind its comment"),
        (2, "'a.xyz' says 2 atoms and has 3 lines behind its comment.*split the file if it holds several molecules"),
        ("3 atoms", "'a.xyz' cannot be read as xyz, its first line is '3 atoms'"),
        ("3.0", "'a.xyz' cannot be read as xyz, its first line is '3.0'"),
        ("-3", "its first line is '-3'"),
        ("9" * 30, "Line 1 of 'a.xyz' has '9+' as its number of atoms; a whole number of at most 18 digits"),
    ],
)
def test_counts_are_believed(read, count, message):
    with pytest.raises(FeaturizationError, match=message):
        read(*WATER, count=count)
