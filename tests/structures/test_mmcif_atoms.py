"""mmCIF of other programs than the PDB's: columns that are missing, long names, fractional coordinates."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.macromolecule import read_macromolecule
from deepchem_density.structures.mmcif_atoms import mmcif_atoms

NEEDED = ("type_symbol", "label_atom_id", "label_comp_id", "Cartn_x", "Cartn_y", "Cartn_z")
ROWS = ("N N ALA 0 0 0.5", "C CA ALA 1.45 0 0", "C C1 LIG 4 0 0", "O O1 LIG 5.2 0 0")
CELL = (30.0, 40.0, 50.0, 90.0, 100.0, 90.0)


def cif(tags: tuple[str, ...], rows: tuple[str, ...], before: str = "") -> str:
    return f"data_a\n{before}loop_\n" + "".join(f"_atom_site.{tag}\n" for tag in tags) + "\n".join(rows) + "\n"


def with_columns(**columns: tuple[str, ...]) -> str:
    rows = tuple(" ".join((row, *more)) for row, *more in zip(ROWS, *columns.values(), strict=True))
    return cif((*NEEDED, *columns), rows)


def cell_lines(cell: tuple[float, ...] = CELL) -> str:
    tags = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    return "".join(f"_cell.{tag} {value}\n" for tag, value in zip(tags, cell, strict=True))


@pytest.fixture
def read(tmp_path):
    def write_and_read(text: str, **settings):
        (tmp_path / "a.cif").write_text(text, encoding="utf-8")
        return read_macromolecule(tmp_path / "a.cif", **settings)

    return write_and_read


def test_only_who_and_where_are_needed(read):
    atoms = read(cif(NEEDED, ROWS))
    assert (atoms.formula, atoms.b_iso, atoms.formal_charges) == ("C2NO", None, None)
    assert atoms.site_occupancy.tolist() == [1] * 4
    assert atoms.residues.tolist() == [0, 0, 1, 1]
    np.testing.assert_array_equal(atoms.positions[:, 0], [0, 1.45, 4, 5.2])


@pytest.mark.parametrize("absent", ["label_alt_id", "occupancy", "B_iso_or_equiv", "auth_seq_id", "auth_asym_id", "id"])
def test_any_other_column_may_be_absent(absent, read):
    columns = {
        "label_alt_id": (".",) * 4,
        "occupancy": ("1", "0.5", "?", "1.00"),
        "B_iso_or_equiv": ("20.5", "?", "21(3)", "22"),
        "auth_seq_id": ("1", "1", "-2", "-2"),
        "auth_asym_id": ("A", "A", "B", "B"),
        "id": ("1", "2", "3", "4"),
    }
    del columns[absent]
    atoms = read(with_columns(**columns))
    assert atoms.formula == "C2NO"
    assert atoms.residues.tolist() == [0, 0, 1, 1]
    if absent != "occupancy":
        assert atoms.site_occupancy.tolist() == [1, 0.5, 1, 1]
    if absent != "B_iso_or_equiv":
        np.testing.assert_array_equal(atoms.b_iso, [20.5, np.nan, 21, 22])


def test_names_may_be_long(read):
    names = ("CARBON_ALPHA_ONE", "CARBON_ALPHA_TWO")
    rows = tuple(f"C {name} LIGAND{i:08d}LONG {x} 0 0" for name in names for i, x in ((1, 1.5), (2, 9.5)))
    shifted = tuple(row.replace("1.5 0", "1.5 2").replace("9.5 0", "9.5 2") if names[1] in row else row for row in rows)
    atoms = read(cif(NEEDED, shifted))
    assert len(atoms.numbers) == 4
    with pytest.raises(FeaturizationError, match="atom CARBON_ALPHA_TWO of LIGAND00000001LONG"):
        read(cif(NEEDED, (*shifted, "O CARBON_ALPHA_TWO OTHER 1.5 2 0")))


def test_names_in_other_letters_are_names(read):
    assert read(cif(NEEDED, ("C Cα 'ré s' 0 0 1", "C Cβ 'ré s' 1.5 0 1"))).residues.tolist() == [0, 0]


def test_fractional_coordinates_are_read_with_the_cell(read):
    tags = (*NEEDED[:3], "fract_x", "fract_y", "fract_z")
    fractions = np.array([[0.1, 0.2, 0.3], [0.15, -0.2, 0.9]])
    rows = tuple(f"C C{i} LIG {x} {y} {z}" for i, (x, y, z) in enumerate(fractions))
    expected = np.array([gemmi.UnitCell(*CELL).orthogonalize(gemmi.Fractional(*f)).tolist() for f in fractions])
    np.testing.assert_allclose(read(cif(tags, rows, cell_lines())).positions, expected, atol=1e-12)
    for cell in ("", cell_lines((0, 0, 0, 90, 90, 90)), cell_lines().replace("40.0", "?")):
        with pytest.raises(FeaturizationError, match=r"'a.cif' has fractional coordinates .* and no unit cell"):
            read(cif(tags, rows, cell))


def test_fractional_coordinates_are_read_with_the_matrix_of_the_file(read):
    scale, shift = np.array([[0.1, 0.02, 0], [0, 0.05, 0], [0, 0, 0.025]]), np.array([0.5, 0.25, 0])
    before = "".join(
        f"_atom_sites.fract_transf_matrix[{i + 1}][{j + 1}] {scale[i, j]}\n" for i in range(3) for j in range(3)
    ) + "".join(f"_atom_sites.fract_transf_vector[{i + 1}] {shift[i]}\n" for i in range(3))
    place = np.array([3.0, 4.0, 5.0])
    row = "C C1 LIG " + " ".join(map(repr, (scale @ place + shift).tolist()))
    text = cif((*NEEDED[:3], "fract_x", "fract_y", "fract_z"), (row,), before)
    np.testing.assert_allclose(read(text).positions, [place], atol=1e-12)


def test_cartesian_coordinates_come_first(read):
    tags = (*NEEDED, "fract_x", "fract_y", "fract_z")
    np.testing.assert_array_equal(read(cif(tags, ("C C1 LIG 1 2 3 0.5 0.5 0.5",))).positions, [[1, 2, 3]])


def test_waters_without_numbers_are_molecules_of_their_own(read):
    rows = ("O O HOH 0 0 1", "H H1 HOH 1 0 1", "O O HOH 5 0 1", "O O HOH 9 0 1", "ZN ZN ZN 13 0 1", "ZN ZN ZN 17 0 1")
    assert read(cif(NEEDED, rows)).residues.tolist() == [0, 0, 1, 2, 3, 4]
    assert read(cif(NEEDED, rows), ions=False).formula == "HO3"


def test_alternatives_of_long_labels_are_alternatives(read):
    rows = ("C CA SER 0 0 1 . 1", "O OG SER 1.4 0 1 conf1 0.3", "O OG SER 0 1.4 1 conf2 0.7")
    chosen = read(cif((*NEEDED, "label_alt_id", "occupancy"), rows))
    assert chosen.positions[:, :2].tolist() == [[0, 0], [0, 1.4]]
    assert chosen.site_occupancy.tolist() == [1, 1]


def test_charges_may_stand_behind_elements(read):
    rows = ("CA2+ CA CA 0 0 1", "Na+ NA NA 5 0 1", "Cl-1 CL CL 9 0 1", "D D1 DOD 12 0 1")
    assert read(cif(NEEDED, rows)).numbers.tolist() == [20, 11, 17, 1]


def test_models_are_counted_from_0(read):
    columns = {"pdbx_PDB_model_num": ("7", "7", "9", "9")}
    assert read(with_columns(**columns)).formula == "CN"
    assert read(with_columns(**columns), model=1).formula == "CO"
    with pytest.raises(FeaturizationError, match=r"'a.cif' has 2 models; model=2 arrived, 0 to 1 are accepted"):
        read(with_columns(**columns), model=2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            cif(NEEDED, ("C C1 LIG 1,16 0 0",)),
            r"Row 1 of _atom_site in 'a.cif' has '1,16' as its Cartn_x, with a decimal comma",
        ),
        (
            cif(NEEDED, (ROWS[0], "C C1 LIG 1 1_2 0")),
            r"Row 2 of _atom_site in 'a.cif' has '1_2' as its Cartn_y; a finite",
        ),
        (
            cif(NEEDED, ("C C1 LIG 1e200 0 0",)),
            r"atom C1 of LIG is at \[1e\+200, 0.0, 0.0\]; finite .* at most 1,000,000",
        ),
        (cif(NEEDED, ("C C1 LIG nan 0 0",)), "has 'nan' as its Cartn_x; a finite number"),
        (cif(NEEDED, ("C ? LIG 0 0 1",)), r"Row 1 of _atom_site in 'a.cif' has no label_atom_id or auth_atom_id"),
        (cif(NEEDED[:5], ("C C1 LIG 0 0",)), r"'a.cif' has not all of the columns Cartn_x, Cartn_y, Cartn_z"),
        (with_columns(occupancy=("1", "0,5", "1", "1")), "Row 2 .* has '0,5' as its occupancy, with a decimal comma"),
        (with_columns(B_iso_or_equiv=("1", "2x", "1", "1")), "Row 2 .* has '2x' as its B_iso_or_equiv"),
        (
            with_columns(B_iso_or_equiv=("1", "1e200", "1", "1")),
            r"atom CA of ALA has a B factor of 1e\+200 Å²; at most",
        ),
        (with_columns(auth_seq_id=("1", "1", "x", "2")), "Row 3 .* has 'x' as its auth_seq_id; a whole number"),
        (with_columns(pdbx_formal_charge=("0", "?", "99", "0")), "Row 3 .* has 99 as its pdbx_formal_charge; -8 to 8"),
        (with_columns(pdbx_PDB_ins_code=("?", "AB", "?", "?")), "Row 2 .* has 'AB' as its insertion code"),
        (cif(NEEDED, ("CD0 C1 LIG 0 0 1",)), "The element of atom C1 of LIG of 'a.cif' is not known"),
        (cif(NEEDED, ("Q C1 LIG 0 0 1",)), "The element of atom C1 of LIG of 'a.cif' is not known"),
        (
            "data_a\n_cell_length_a 5\nloop_\n_atom_site_label\n_atom_site_fract_x\nC1 0.5\n",
            "is a CIF of small molecules",
        ),
        ("data_a\nloop_\n_atom_site.id\n1 2\n3 'x\n", "'a.cif' cannot be read as mmCIF: "),
        ("", "'a.cif' holds no atoms"),
    ],
)
def test_what_cannot_be_read_says_why(text, message, read):
    with pytest.raises(FeaturizationError, match=message):
        read(text)


def test_entries_of_the_pdb_are_read_as_gemmi_reads_them(shared_data):
    path = shared_data / "maps" / "3nzd" / "3nzd.cif"
    ours = mmcif_atoms(path.read_text(), path.name, 0)
    entry = gemmi.read_structure(str(path))
    theirs = sorted(entry[0].all(), key=lambda site: site.atom.serial)
    assert ours.names.tolist() == [site.atom.name.encode() for site in theirs]
    assert ours.residue_names.tolist() == [site.residue.name.encode() for site in theirs]
    assert ours.chains.tolist() == [site.chain.name.encode() for site in theirs]
    assert ours.residue_numbers.tolist() == [site.residue.seqid.num for site in theirs]
    assert ours.elements.tolist() == [site.atom.element.atomic_number for site in theirs]
    assert ours.hetero.tolist() == [site.residue.het_flag == "H" for site in theirs]
    assert [chr(code).strip("\0") for code in ours.altlocs] == [site.atom.altloc.strip("\0") for site in theirs]
    np.testing.assert_allclose(ours.positions, [site.atom.pos.tolist() for site in theirs])
    np.testing.assert_allclose(ours.b_iso, [site.atom.b_iso for site in theirs], rtol=1e-6)
    np.testing.assert_allclose(ours.occupancy, [site.atom.occ for site in theirs], rtol=1e-6)
