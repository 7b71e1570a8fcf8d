from __future__ import annotations

import warnings
from contextlib import suppress

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.slater_basis import valence_electrons
from deepchem_density.fields.xtb import xtb_density
from deepchem_density.structures.readers import structure_from
from deepchem_density.structures.sdf import sdf_records
from deepchem_density.structures.structure import NOT_TOLD, Structure, symbol

IONS = {
    "[O-]C(=O)C(=O)[O-]": (-2, 34),
    "[O-]S(=O)(=O)[O-]": (-2, 32),
    "CC(=O)[O-]": (-1, 24),
    "C[NH3+]": (1, 14),
    "C[N+](C)(C)CC(=O)[O-]": (0, 48),
    "CCO": (0, 20),
    "CC(=O)[O-].[Na+]": (0, 24),
}
"""Total charge, and valence electrons by counting."""

RADICALS = {
    **{
        "[CH3]": 1,
        "[CH2]": 2,
        "[O][O]": 2,
        "[N]=O": 1,
        "[H]": 1,
        "C[CH]C": 1,
        "CCO": 0,
        "[CH2]C[CH2]": 2,
        "[CH2]C=C": 1,
    },
    **{"[CH2][CH2]": 0, "[CH2]C=C[CH2]": 0, "[CH]=[CH]": 0},
}
"""The last three are ethene, butadiene and acetylene, written without their double bonds."""


def conformer(smiles: str) -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=1) == 0
    return mol


def electrons(structure: Structure) -> int:
    return sum(valence_electrons(symbol(number), "GFN2-xTB") for number in structure.numbers) - structure.charge


@pytest.mark.parametrize("kind", ["smiles", "mol", "v2000", "v3000", "old charge column"])
@pytest.mark.parametrize("smiles", [smiles for smiles in IONS if "." not in smiles])
def test_the_charge_is_the_one_that_the_source_states(smiles, kind, tmp_path):
    mol = conformer(smiles)
    path = tmp_path / "ion.sdf"
    if kind == "old charge column":
        codes = {0: 0, 1: 3, -1: 5}
        lines = [line for line in Chem.MolToMolBlock(mol).split("\n") if not line.startswith("M  CHG")]
        for atom in mol.GetAtoms():
            line = lines[4 + atom.GetIdx()]
            lines[4 + atom.GetIdx()] = f"{line[:36]}{codes[atom.GetFormalCharge()]:3d}{line[39:]}"
        path.write_text("\n".join(lines))
    else:
        path.write_text(Chem.MolToMolBlock(mol, forceV3000=kind == "v3000"))
    read = structure_from({"smiles": smiles, "mol": mol}.get(kind, path))
    assert (read.charge, electrons(read)) == IONS[smiles]
    assert structure_from(smiles, charge="formal").charge == read.charge


@pytest.mark.parametrize("smiles", ["[O-]C(=O)C(=O)[O-]", "CC(=O)[O-].[Na+]", "[CH2]", "[CH3]"])
def test_what_is_stated_reaches_the_density(smiles):
    """Oxalate had 32 electrons instead of 34, methylene a closed shell."""
    structure = structure_from(smiles)
    expected = {"[CH2]": 6, "[CH3]": 7}.get(smiles) or IONS[smiles][1]
    assert xtb_density(structure).n_electrons == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("smiles", RADICALS)
def test_radical_electrons_are_unpaired(smiles, tmp_path):
    assert structure_from(smiles).unpaired == RADICALS[smiles]
    path = tmp_path / "radical.sdf"
    path.write_text(Chem.MolToMolBlock(conformer(smiles)))
    assert structure_from(path).unpaired == RADICALS[smiles]


def test_radicals_of_guessed_bonds_are_double_bonds_that_were_not_found(shared_data):
    """One record of eleven of QM9's SDF has them; all of QM9 is closed shells."""
    records = sdf_records((shared_data / "deepchem_gdb1k" / "gdb1k.sdf").read_text())
    assert sum("M  RAD" in record.text for record in records) > 80
    for record in records:
        read = structure_from(record.mol("gdb1k.sdf"))
        assert (read.charge, read.unpaired, read.implicit_hydrogens) == (0, 0, 0)
        with suppress(FeaturizationError):  # of bonds that make no sense
            assert len(structure_from(record.mol("gdb1k.sdf"), hydrogens="add").numbers) == len(read.numbers)


def test_a_radical_that_becomes_an_ion_is_closed():
    with pytest.warns(UserWarning, match="charge=1 arrived"):
        cation = structure_from("[CH3]", charge=1)
    assert (cation.charge, cation.unpaired) == (1, 0)
    assert xtb_density(cation).n_electrons == pytest.approx(6, abs=1e-6)


def test_a_number_is_taken_with_a_warning_where_it_differs():
    with pytest.warns(UserWarning, match=r"charge=0 arrived for 'CC\(=O\)\[O-\]', whose source states -1; 0 is taken"):
        assert structure_from("CC(=O)[O-]", charge=0).charge == 0
    with pytest.warns(UserWarning, match="charge=1 arrived for 'CCO', whose source states 0"):
        assert structure_from("CCO", charge=np.int64(1)).charge == 1
    with pytest.warns(UserWarning, match=r"unpaired=0 arrived for '\[CH2\]', whose source states 2; 0 is taken"):
        assert structure_from("[CH2]", unpaired=0).unpaired == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert structure_from("CC(=O)[O-]", charge=-1).charge == -1
        assert structure_from("O=O", unpaired=2).unpaired == 2
        assert structure_from(conformer("CO"), charge=1).charge == 1, "a file without any charge states none"


@pytest.mark.parametrize("value", [0.5, "1", "neutral", True, float("nan"), [1]])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match=r"charge=.* arrived; a whole number, or None for what the source states"):
        structure_from("CO", charge=value)
    with pytest.raises(ValueError, match=r"unpaired=.* arrived; a whole number"):
        structure_from("CO", unpaired=value)


def test_where_nothing_is_stated_the_charge_is_zero(tmp_path):
    path = tmp_path / "acetate.xyz"
    path.write_text(Chem.MolToXYZBlock(conformer("CC(=O)[O-]")))
    assert (structure_from(path).charge, structure_from(path).unpaired) == (0, 0)
    assert structure_from(path, charge=-1).charge == -1


def test_a_structure_keeps_its_own():
    ion = Structure([8, 1], [[0, 0, 0], [0, 0, 0.97]], charge=-1)
    assert structure_from(ion, charge=None, unpaired=None) is structure_from(ion) is ion


# ---- metals


@pytest.mark.parametrize("smiles", ["[Fe]", "[Fe+2]", "Cl[Cu]Cl", "[Ni+2].[Cl-].[Cl-]"])
def test_metals_need_their_unpaired_electrons_where_a_density_is_solved(smiles, tmp_path):
    structure = structure_from(smiles, optimize=False)
    assert structure.unpaired == NOT_TOLD
    metal = next(symbol(number) for number in structure.numbers if 20 < number < 30)
    path = tmp_path / "metal.xyz"
    path.write_text(f"{len(structure.numbers)}\n\n")
    with path.open("a") as file:
        for number, position in zip(structure.numbers, structure.positions, strict=True):
            file.write(f"{symbol(number)} {' '.join(f'{x:.6f}' for x in position)}\n")
    for source in (structure, structure_from(path)):
        with pytest.raises(
            FeaturizationError, match=rf"holds {metal}, whose unpaired electrons .*; pass unpaired= with"
        ):
            xtb_density(source)


def test_metals_with_unpaired_electrons_are_solved():
    density = xtb_density(structure_from("[Fe+2]", unpaired=4))
    assert density.n_electrons == pytest.approx(6, abs=1e-6)
    assert structure_from("[Zn+2]").unpaired == 0, "a closed shell"


# ---- mol2


def mol2(kind: str, charges: str) -> str:
    """Acetate without hydrogens on its carbon's charge column."""
    rows = [
        ("C1", "0.0 0.0 0.0", "C.3"),
        ("C2", "1.52 0.0 0.0", "C.2"),
        ("O1", "2.13 1.08 0.0", "O.co2"),
        ("O2", "2.13 -1.08 0.0", "O.co2"),
        ("H1", "-0.38 1.02 0.0", "H"),
        ("H2", "-0.38 -0.51 0.89", "H"),
        ("H3", "-0.38 -0.51 -0.89", "H"),
    ]
    atoms = [
        f"{i} {name} {place} {kind_} 1 LIG {charge}"
        for i, ((name, place, kind_), charge) in enumerate(zip(rows, charges.split(), strict=True), start=1)
    ]
    bonds = ["1 1 2 1", "2 2 3 ar", "3 2 4 ar", "4 1 5 1", "5 1 6 1", "6 1 7 1"]
    head = ["@<TRIPOS>MOLECULE", "acetate", "7 6 1 0 0", "SMALL", kind, "", "@<TRIPOS>ATOM"]
    return "\n".join([*head, *atoms, "@<TRIPOS>BOND", *bonds]) + "\n"


@pytest.mark.parametrize(
    ("kind", "charges", "expected", "formal"),
    [
        ("FORMAL_CHARGES", "0 0 -1 0 0 0 0", -1, [0, 0, -1, 0, 0, 0, 0]),
        ("FORMAL_CHARGES", "0 0 -0.5 -0.5 0 0 0", -1, None),
        ("FORMAL_CHARGES", "0 0 0 0 0 0 0", 0, None),
        ("FORMAL_CHARGES", "0 0 -1 -1 0 0 0", -2, [0, 0, -1, -1, 0, 0, 0]),
        ("GASTEIGER", "0.3 0.3 0.2 0.2 0.0 0.0 0.0", -1, None),
        ("USER_CHARGES", "1 1 1 1 1 1 1", -1, None),
        ("NO_CHARGES", "0 0 0 0 0 0 0", -1, None),
    ],
)
def test_mol2_has_formal_charges_or_bonds(kind, charges, expected, formal, tmp_path):
    path = tmp_path / "acetate.mol2"
    path.write_text(mol2(kind, charges))
    read = structure_from(path)
    assert read.charge == structure_from(path, charge="formal").charge == expected
    if formal is not None:
        assert read.formal_charges.tolist() == formal


@pytest.mark.parametrize(
    ("charges", "message"),
    [
        ("0 0 -0.7 0 0 0 0", "The FORMAL_CHARGES of 'acetate.mol2' add up to -0.7; a whole number is accepted"),
        ("0 0 -1,0 0 0 0 0", "Line 10 of 'acetate.mol2' has '-1,0' as its formal charge, with a decimal comma"),
        ("99 0 0 0 0 0 0", "Line 8 of 'acetate.mol2' has the formal charge 99; charges from -9 to 9 are accepted"),
    ],
)
def test_formal_charges_that_cannot_be(charges, message, tmp_path):
    path = tmp_path / "acetate.mol2"
    path.write_text(mol2("FORMAL_CHARGES", charges))
    with pytest.raises(FeaturizationError, match=message):
        structure_from(path)


def test_a_mol2_file_that_leaves_electrons_over_is_not_solved(tmp_path):
    """A methyl group that lacks a hydrogen: radical, anion or cation. Atom types do not care."""
    path = tmp_path / "a.mol2"
    head = "@<TRIPOS>MOLECULE\na\n5 4\nSMALL\nNO_CHARGES\n\n@<TRIPOS>ATOM\n"
    atoms = "1 C 0 0 0 C.3\n2 F 1.3 0 0.3 F\n3 H -0.5 0.9 0.3 H\n4 C -0.5 -1.2 0.8 C.1\n5 N -0.8 -2.1 1.4 N.1\n"
    path.write_text(head + atoms + "@<TRIPOS>BOND\n1 1 2 1\n2 1 3 1\n3 1 4 1\n4 4 5 3\n")
    read = structure_from(path)
    assert (read.formula, read.unpaired) == ("C2HFN", NOT_TOLD)
    with pytest.raises(FeaturizationError, match=r"'a.mol2' leave electrons over, .*; pass charge= and unpaired= as"):
        xtb_density(read)
    anion = structure_from(path, charge=-1)
    assert (anion.charge, anion.unpaired) == (-1, 0)
    with pytest.raises(FeaturizationError, match=r"cannot be added to 'a.mol2' \(a carbon is an ion or a radical, or"):
        structure_from(path, hydrogens="add")
