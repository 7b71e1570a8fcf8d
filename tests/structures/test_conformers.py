from __future__ import annotations

import itertools
import logging

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem
from scipy.spatial.distance import cdist

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.conformers import embedded
from deepchem_density.structures.readers import structure_from
from deepchem_density.structures.structure import vdw_radii

SALTS = (
    "CC(=O)[O-].[Na+]", "OC(=O)C(O)C(O)C(=O)O.CN1CCCC1c1cccnc1", "C1CCNCC1.OS(=O)(=O)O", "CCN.OC(=O)C(F)(F)F", "[Na+].[Cl-]",
    "O.O.O.O", "CC(=O)[O-].CC(=O)[O-].[Ca+2]", "C[N+](C)(C)C.[O-]S(=O)(=O)C(F)(F)F", "c1ccccc1.c1ccccc1", "Cl.CCN",
    "[K+].F[B-](F)(F)c1ccccc1",
)  # fmt: skip


def between_parts(smiles: str, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances of atoms in different parts, and sums of their van der Waals radii."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    radii = vdw_radii(np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()]))
    pairs = [
        (cdist(positions[list(a)], positions[list(b)]).ravel(), (radii[list(a)][:, None] + radii[list(b)]).ravel())
        for a, b in itertools.combinations(Chem.GetMolFrags(mol), 2)
    ]
    return np.concatenate([d for d, _ in pairs]), np.concatenate([r for _, r in pairs])


@pytest.mark.parametrize("smiles", SALTS)
def test_parts_of_salts_are_side_by_side(smiles):
    """Contacts are 1.5 Å (hydrogen bonds of MMFF94) to 4 Å (benzenes, potassium)."""
    distances, _ = between_parts(smiles, structure_from(smiles).positions)
    assert 1.5 < distances.min() < 4.0


@pytest.mark.parametrize("smiles", SALTS)
def test_parts_that_are_not_relaxed_touch_as_spheres(smiles):
    mol = embedded(Chem.MolFromSmiles(smiles), smiles, 0, optimize=False)
    distances, contact = between_parts(smiles, mol.GetConformer().GetPositions())
    assert (distances / contact).min() == pytest.approx(1, abs=1e-6)


def test_opposite_charges_face_each_other():
    read = structure_from("CCCCCCCC(=O)[O-].[Na+]")
    sodium, oxygens = read.numbers == 11, read.numbers == 8
    assert cdist(read.positions[sodium], read.positions[oxygens]).max() < 2.6


def test_single_molecules_are_where_rdkit_puts_them():
    mol = Chem.AddHs(Chem.MolFromSmiles("CC(O)CN"))
    parameters = AllChem.ETKDGv3()
    parameters.randomSeed = 3
    AllChem.EmbedMolecule(mol, parameters)
    AllChem.MMFFOptimizeMolecule(mol, maxIters=1000)
    read = structure_from("CC(O)CN", conformer_seed=3)
    np.testing.assert_array_equal(read.positions, mol.GetConformer().GetPositions())


@pytest.mark.parametrize(
    ("smiles", "formula"),
    [
        ("OB(O)c1ccccc1", "C6H7BO2"),
        ("[H][H]", "H2"),
        ("CCCB", "C3H9B"),
    ],
)
def test_uff_where_mmff94_has_no_parameters(smiles, formula, caplog):
    with caplog.at_level(logging.INFO):
        assert structure_from(smiles).formula == formula
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"MMFF94 has no parameters for '{smiles}'; it is relaxed with UFF."]
    caplog.clear()
    assert structure_from(smiles, optimize=False).formula == formula
    assert not caplog.records


@pytest.mark.parametrize("smiles", ["C[Zn]C", "N.N.Cl[Pt]Cl"])
def test_no_force_field_at_all_is_told(smiles):
    """Unrelaxed, the two bonds of the zinc differ by 0.2 Å."""
    with pytest.raises(
        FeaturizationError, match=r"Neither MMFF94 nor UFF has parameters for '.*'; pass optimize=False"
    ):
        structure_from(smiles)
    assert len(structure_from(smiles, optimize=False).numbers) > 8


def test_random_coordinates_where_the_usual_start_finds_nothing(caplog, monkeypatch):
    tries = []
    usual = embedded.__globals__["rdDistGeom"].EmbedMolecule

    def reluctant(mol, parameters):
        tries.append(parameters.useRandomCoords)
        return usual(mol, parameters) if parameters.useRandomCoords else -1

    monkeypatch.setattr("deepchem_density.structures.conformers.rdDistGeom.EmbedMolecule", reluctant)
    with caplog.at_level(logging.INFO):
        assert structure_from("CCO").formula == "C2H6O"
    assert tries == [False, True]
    assert "ETKDGv3 found the conformer of 'CCO' from random coordinates only." in caplog.messages


def test_dummy_atoms_are_refused_before_anything_is_made():
    with pytest.raises(FeaturizationError, match=r"Atom 0 of '\*C' has atomic number 0"):
        embedded(Chem.MolFromSmiles("*C"), "", 0, optimize=True)


def test_parts_that_lie_in_each_other_are_refused(tmp_path):
    """As RDKit embeds them."""
    mol = Chem.AddHs(Chem.MolFromSmiles("CCN.OC(=O)C(F)(F)F"))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    path = tmp_path / "salt.sdf"
    path.write_text(Chem.MolToMolBlock(mol))
    for source in (mol, path):
        with pytest.raises(
            FeaturizationError, match=r"lie in each other, 0\.\d\d Å apart; .*: pass its SMILES|Å apart"
        ):
            structure_from(source)
    apart = embedded(Chem.MolFromSmiles("CCN.OC(=O)C(F)(F)F"), "", 0, optimize=True)
    assert structure_from(apart).formula == "C4H8F3NO2"
