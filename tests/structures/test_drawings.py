from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.readers import structure_from


def embedded(smiles: str) -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=1) == 0
    AllChem.MMFFOptimizeMolecule(mol)
    return mol


def drawn(smiles: str, hydrogens: bool, bond: float = 1.5, tagged_3d: bool = True) -> Chem.Mol:
    mol = Chem.MolFromSmiles(smiles)
    mol = Chem.AddHs(mol) if hydrogens else mol
    AllChem.Compute2DCoords(mol)
    conformer = mol.GetConformer()
    for i, position in enumerate(conformer.GetPositions() * bond / 1.5):
        conformer.SetAtomPosition(i, position)
    conformer.Set3D(tagged_3d)
    return mol


def flattened(mol: Chem.Mol, tagged_3d: bool) -> Chem.Mol:
    """Turn a planar molecule into the plane z = 0, exactly."""
    positions = mol.GetConformer().GetPositions()
    axes = np.linalg.svd(positions - positions.mean(axis=0))[2]
    flat = (positions - positions.mean(axis=0)) @ axes.T
    assert np.abs(flat[:, 2]).max() < 0.15
    for i, (x, y, _) in enumerate(flat):
        mol.GetConformer().SetAtomPosition(i, (x, y, 0.0))
    mol.GetConformer().Set3D(tagged_3d)
    return mol


@pytest.mark.parametrize("tagged_3d", [False, True])
@pytest.mark.parametrize("hydrogens", [False, True])
@pytest.mark.parametrize("smiles", ["c1ccccc1", "O=C(O)c1ccccc1", "c1ccc2ccccc2c1", "Cc1ccccc1", "C=CC=C"])
def test_planar_molecules_are_no_drawings_and_their_drawings_are(smiles, hydrogens, tagged_3d):
    mol = embedded(smiles)
    mol = mol if hydrogens and smiles != "Cc1ccccc1" else Chem.RemoveHs(mol)
    assert len(structure_from(flattened(mol, tagged_3d)).numbers) == mol.GetNumAtoms()
    with pytest.raises(
        FeaturizationError, match=r"is a flat drawing .* generate a conformer with rdkit.*EmbedMolecule"
    ):
        structure_from(drawn(smiles, hydrogens, tagged_3d=tagged_3d))


@pytest.mark.parametrize("bond", [0.7, 1.5])
@pytest.mark.parametrize(
    ("smiles", "hydrogens"),
    [
        ("CC(C)(C)Cl", False),
        ("CCO", True),
        ("C", True),
        ("O", True),
        ("CC(C)=O", True),
        ("CC(C)CN", False),
        ("N", True),
    ],
)
def test_a_drawing_is_none_the_less_one_if_its_header_says_3d(smiles, hydrogens, bond, tmp_path):
    path = tmp_path / "drawing.sdf"
    path.write_text(Chem.MolToMolBlock(drawn(smiles, hydrogens, bond)))
    assert "3D" in path.read_text().split("\n")[1]
    with pytest.raises(FeaturizationError, match=r"'drawing.sdf' is a flat drawing"):
        structure_from(path)


def test_a_drawing_stood_on_its_edge_is_one():
    mol = drawn("CCO", hydrogens=True)
    for i, (x, y, _) in enumerate(mol.GetConformer().GetPositions()):
        mol.GetConformer().SetAtomPosition(i, (x, 4.0, y))
    with pytest.raises(FeaturizationError, match="is a flat drawing"):
        structure_from(mol)


@pytest.mark.parametrize(
    ("smiles", "positions"),
    [
        ("O=C=O", [[0, 0, 1.16], [0, 0, 0], [0, 0, -1.16]]),
        ("N#N", [[0, 0, 0], [1.1, 0, 0]]),
        ("II", [[0, 0, 0], [2.67, 0, 0]]),
        ("[H]O[H]", [[0.76, 0.59, 0], [0, 0, 0], [-0.76, 0.59, 0]]),
        ("F[Xe](F)(F)F", [[1.95, 0, 0], [0, 0, 0], [-1.95, 0, 0], [0, 1.95, 0], [0, -1.95, 0]]),
        ("Cl[Pt-2](Cl)(Cl)Cl", [[2.31, 0, 0], [0, 0, 0], [-2.31, 0, 0], [0, 2.31, 0], [0, -2.31, 0]]),
    ],
)
def test_molecules_that_are_flat_or_linear_in_nature(smiles, positions):
    mol = Chem.MolFromSmiles(smiles, sanitize=False)
    conformer = Chem.Conformer(len(positions))
    for i, position in enumerate(positions):
        conformer.SetAtomPosition(i, position)
    mol.AddConformer(conformer)
    assert structure_from(mol).positions.tolist() == positions


@pytest.mark.parametrize(("angle", "is_drawing"), [(109.5, False), (113.0, False), (120.0, True)])
def test_chains_without_hydrogens_may_lie_in_a_plane(angle, is_drawing):
    """Butane in its best conformer; drawn, its angles are 120°."""
    half = np.radians(angle / 2)
    zigzag = [[1.53 * i * np.sin(half), 1.53 * (i % 2) * np.cos(half), 0] for i in range(4)]
    mol = Chem.MolFromSmiles("CCCC")
    conformer = Chem.Conformer(4)
    for i, position in enumerate(zigzag):
        conformer.SetAtomPosition(i, position)
    mol.AddConformer(conformer)
    if is_drawing:
        with pytest.raises(FeaturizationError, match="is a flat drawing"):
            structure_from(mol)
    else:
        assert structure_from(mol).implicit_hydrogens == 10


@pytest.mark.parametrize(("smiles", "is_drawing"), [("C1CC1", False), ("C1CCC1", False), ("C1CCCC1", True)])
def test_small_rings_are_flat_and_larger_ones_are_not(smiles, is_drawing):
    mol = Chem.MolFromSmiles(smiles)
    n = mol.GetNumAtoms()
    conformer, radius = Chem.Conformer(n), 1.52 / (2 * np.sin(np.pi / n))
    for i in range(n):
        conformer.SetAtomPosition(i, [radius * np.cos(2 * np.pi * i / n), radius * np.sin(2 * np.pi * i / n), 0.0])
    mol.AddConformer(conformer)
    if is_drawing:
        with pytest.raises(FeaturizationError, match="is a flat drawing"):
            structure_from(mol)
    else:
        assert structure_from(mol).implicit_hydrogens == 2 * n


def test_a_thousand_molecules_are_no_drawings(shared_data):
    """QM9's own records, which state no charge."""
    for mol in Chem.SDMolSupplier(str(shared_data / "deepchem_gdb1k" / "gdb1k.sdf"), removeHs=False, sanitize=False):
        assert structure_from(mol).charge == 0
