from __future__ import annotations

import gemmi
import pytest

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.pdb_lines import _WELL_FORMED, _unusual, checked_pdb

GOOD = "ATOM      0  CA  ALA A  12      11.104 -13.207   2.100  1.00 20.00           C  "
SECOND = GOOD.replace("      0 ", "      1 ")
COLUMNS = {"x": 30, "occupancy": 54, "b_iso": 60, "charge": 78}


def with_letters(line: str, at: int, letters: str) -> str:
    return line[:at] + letters + line[at + len(letters) :]


def with_field(column: str, text: str, line: str = GOOD) -> str:
    """The line with something else in a field."""
    return with_letters(line, COLUMNS[column], text)


@pytest.mark.parametrize(
    "line",
    [
        GOOD,
        GOOD.rstrip(),
        "HETATM    0 ZN    ZN A  12     -11.104-113.207   2.100  0.50100.00          ZN2+",
        "ATOM      0 HG11 VAL A  12A     -0.104  -3.207-102.100 -0.50 -1.00      SEG1 H  ",
        GOOD.rstrip() + " " * 30,
        "REMARK ATOM ********",
        "ANISOU    1  CA  ALA A  12     ",
    ],
)
def test_well_formed_lines_pass_as_they_are(line):
    text = f"HEADER\n{line}\nEND\n"
    assert checked_pdb(text, "a.pdb") == text


def test_what_passes_by_columns_is_well_formed():
    letters = " -.0159AZaz+*\t"
    lines = [with_letters(GOOD, at, a + b) for at in range(79) for a in letters for b in letters]
    unusual = set(_unusual(lines, list(range(len(lines)))))
    well_formed = {i for i, line in enumerate(lines) if _WELL_FORMED.fullmatch(line)}
    passed = set(range(len(lines))) - unusual
    assert passed <= well_formed
    # what has another element's second letter or a charge is left to the expression
    assert len(passed) > 0.9 * len(well_formed)
    assert 1000 < len(well_formed) < len(lines) - 1000


def test_lines_of_any_length_and_none_are_sorted_by_columns():
    assert _unusual([], []) == []
    assert _unusual(["REMARK", GOOD, GOOD[:-1], f"{GOOD} ", ""], [1, 2, 3]) == [2, 3]


def test_lines_are_numbered_in_their_order():
    text = f"{GOOD}\n" * 2 + "TER\n" + f"HETATM99999{GOOD[11:]}\nATOM 100000{GOOD[11:]}\n"
    lines = [line[:12] for line in checked_pdb(text, "a.pdb").split("\n")]
    assert lines == ["ATOM      0 ", "ATOM      1 ", "TER", "HETATM    2 ", "ATOM      3 ", ""]
    many = checked_pdb(f"{GOOD}\n" * 100_038, "a.pdb").split("\n")
    assert [many[i][6:11] for i in (99_999, 100_000, 100_035, 100_036)] == ["99999", "A0000", "A000Z", "A0010"]
    assert gemmi.read_pdb_string("\n".join(many[100_030:]))[0][0][0][7].serial == 100_037


def test_lines_one_column_too_far_left_are_moved():
    """As PDBbind writes waters: the residue number takes the place of the chain, a sign or a digit would be lost."""
    shifted = "HETATM 1239  O   HOH 2114    -102.060  47.095-167.178  1.00111.06           O  "
    right = "HETATM    1  O   HOH  2114    -102.060  47.095-167.178  1.00111.06           O  "
    assert (right[30:38], right[38:46], right[46:54]) == ("-102.060", "  47.095", "-167.178")
    assert checked_pdb(f"{GOOD}\n{shifted}\n", "a.pdb").split("\n") == [GOOD, right, ""]


@pytest.mark.parametrize(
    ("line", "occupancy", "b_iso"),
    [
        (GOOD[:54], "  1.00", "   nan"),
        (with_field("occupancy", " " * 12), "  1.00", "   nan"),
        (with_field("occupancy", " " * 6), "  1.00", " 20.00"),
        (with_field("b_iso", " " * 6), "  1.00", "   nan"),
        (with_field("b_iso", "******"), "  1.00", "   nan"),
        (with_field("occupancy", "  .500"), "  .500", " 20.00"),
        (with_field("charge", "+1"), "  1.00", " 20.00"),
    ],
)
def test_what_is_blank_is_said(line, occupancy, b_iso):
    checked, last = checked_pdb(f"{line}\n{GOOD}", "a.pdb").split("\n")
    assert last == SECOND
    assert (checked[:54], checked[54:60], checked[60:66]) == (line[:54], occupancy, b_iso)
    assert checked[66:].rstrip() == line[66:].rstrip()


def test_identification_codes_are_no_elements():
    """Columns 73-80 before 1996."""
    old = [f"{GOOD[:66]}      1GDR{serial:4d}" for serial in (9, 90, 900)]
    assert checked_pdb("\n".join(old) + "\n", "a.ent") == "".join(
        f"{GOOD[:10]}{serial}{GOOD[11:66]}{' ' * 14}\n" for serial in range(3)
    )
    with pytest.raises(FeaturizationError, match=r"Line 2 of 'a.ent' has the charge '90' in columns 79-80"):
        checked_pdb("\n".join([with_field("charge", "+2"), old[1], GOOD]), "a.ent")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            with_field("x", "********"),
            r"Line 2 of 'a.pdb' has '\*{8}' as its coordinate in columns 31-38; a finite number",
        ),
        (with_field("x", "     nan"), r"Line 2 of 'a.pdb' has '     nan' as its coordinate in columns 31-38"),
        (with_field("x", " " * 8), r"Line 2 of 'a.pdb' has '        ' as its coordinate"),
        (with_field("x", " " * 16), r"has '        ' as its coordinate in columns 31-38"),
        (GOOD[:46], r"has '        ' as its coordinate in columns 47-54"),
        (with_field("occupancy", "  1.x0"), r"has '  1.x0' as its occupancy in columns 55-60"),
        (with_field("b_iso", "   inf"), r"has '   inf' as its B factor in columns 61-66"),
        (with_field("x", "    1,16"), r"has '    1,16' as its coordinate in columns 31-38, with a decimal comma"),
        (with_field("x", "  12_560"), r"has '  12_560' as its coordinate in columns 31-38; a finite number"),
        (with_field("x", "1.25E+01"), r"has '1.25E\+01' as its coordinate"),
        (with_field("x", " 12.56-5"), r"has ' 12.56-5' as its coordinate"),
        (with_field("occupancy", "   0_5"), r"has '   0_5' as its occupancy"),
        (with_field("b_iso", " 1e200"), r"has ' 1e200' as its B factor"),
        (f"{GOOD[:22]}1_ 2{GOOD[26:]}", r"has '1_ 2' as the number of its residue in columns 23-26; a whole number"),
        (with_field("x", "    1,16").replace("ATOM", "Atom"), "with a decimal comma"),
        (f"HETAXX{with_field('x', '    1,16')[6:]}", "with a decimal comma"),
        (f"{GOOD[:27]}E+0{GOOD[30:]}", r"has 'E\+0' in columns 28-30, which are blank in a PDB file"),
        (f"{GOOD[:29]}-111{GOOD[33:]}", r"has '  -' in columns 28-30"),
        (f"{GOOD[:76]}D0", r"has 'D0' in columns 76-78; the symbol of an element"),
        (f"{GOOD[:74]}xyn   C", r"has 'yn' in columns 76-78; the symbol of an element"),
        (with_field("charge", "+-"), r"has the charge '\+-' in columns 79-80; a digit and a sign, such as '2\+'"),
        (GOOD.replace("  ", "\t"), "Line 2 of 'a.pdb' holds tabs; a PDB file has fixed columns"),
    ],
)
def test_what_is_no_atom_line_names_the_line(line, message):
    with pytest.raises(FeaturizationError, match=message):
        checked_pdb(f"{GOOD}\n{line}\n{GOOD}\n", "a.pdb")


def test_a_blank_that_is_missing_behind_the_number_of_the_residue_is_put_there():
    """As in a protein of the OpenFE benchmarks, whose residue 447 must not become 44."""
    shifted = f"{GOOD[:27]}{GOOD[28:]}"
    assert checked_pdb(f"{GOOD}\n{shifted}\n", "a.pdb") == f"{GOOD}\n{SECOND}\n"


@pytest.mark.parametrize("name", [" CL1", " BR ", " cl2"])
def test_a_halogen_that_the_format_calls_carbon_or_boron_is_refused(name):
    """Programs of simulation write all names from column 14 on."""
    line = f"HETATM    1 {name} LIG A  12      11.104 -13.207   2.100  1.00 20.00"
    with pytest.raises(
        FeaturizationError, match=r"Line 1 of 'a.pdb' has the name '\w+' from column 14 .*may be (Cl|Br) or"
    ):
        checked_pdb(f"{line}\n{line}\n", "a.pdb")
    for told in (
        f"{line}          {name[1:3].upper()}",
        line.replace(name, f"{name[1:]} "),
        line.replace("LIG", "CLA"),
    ):
        checked_pdb(f"{told}\n{told}\n", "a.pdb")


@pytest.mark.parametrize("end", [20, 40, 52, 56, 63])
def test_a_file_that_ends_within_an_atom_is_cut(end):
    with pytest.raises(FeaturizationError, match=r"'a.pdb' ends within line 2, an atom's; the file is cut"):
        checked_pdb(f"{GOOD}\n{GOOD[:end]}", "a.pdb")


def test_lines_that_are_all_short_are_not_cut():
    assert checked_pdb(f"{GOOD[:54]}\n{GOOD[:54]}", "a.pdb").count("nan") == 2
