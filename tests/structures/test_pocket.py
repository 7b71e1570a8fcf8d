from __future__ import annotations

from dataclasses import replace

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import AllChem

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.xtb import xtb_density
from deepchem_density.structures.bonds import BONDING
from deepchem_density.structures.macromolecule import read_macromolecule
from deepchem_density.structures.pocket import cut_pocket
from deepchem_density.structures.pocket_charges import VALENCES, unpaired_atoms
from deepchem_density.structures.readers import structure_from
from deepchem_density.structures.structure import Structure, joined

WHOLE = 100.0
"""Å; a radius that keeps all there is."""

IONS = {  # residue, atom and charge that make the ion of what RDKit builds neutral
    "D-": ("ASP", "OD2", -1),
    "E-": ("GLU", "OE2", -1),
    "K+": ("LYS", "NZ", 1),
    "R+": ("ARG", "NH1", 1),
    "H+": ("HIS", "ND1", 1),
    "Y-": ("TYR", "OH", -1),
    "C-": ("CYS", "SG", -1),
    "start+": ("GLY", "N", 1),
    "end-": ("GLY", "OXT", -1),
}


def embedded(mol: Chem.Mol, residues: list[int] | None = None, name: str = "molecule") -> Structure:
    """Return a conformer with the residues given for the heavy atoms, or those of a sequence."""
    mol = Chem.AddHs(mol, addResidueInfo=mol.GetAtomWithIdx(0).GetPDBResidueInfo() is not None)
    assert AllChem.EmbedMolecule(mol, randomSeed=7) == 0
    if AllChem.MMFFHasAllMoleculeParams(mol):
        AllChem.MMFFOptimizeMolecule(mol)
    if residues is None:
        residues = [atom.GetPDBResidueInfo().GetResidueNumber() for atom in mol.GetAtoms()]
    else:
        residues += [residues[a.GetNeighbors()[0].GetIdx()] for a in list(mol.GetAtoms())[len(residues) :]]
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    return Structure(numbers, mol.GetConformer().GetPositions(), name=name, residues=np.array(residues))


def molecule(smiles: str) -> Structure:
    mol = Chem.MolFromSmiles(smiles)
    return embedded(mol, [0] * mol.GetNumAtoms(), smiles)


def peptide(sequence: str, *ions: str) -> Structure:
    mol = Chem.MolFromSequence(sequence)
    for ion in ions:
        residue, name, charge = IONS[ion]
        for atom in mol.GetAtoms():
            info = atom.GetPDBResidueInfo()
            inside = name == "N" and atom.GetDegree() == 2  # of the chain
            if (info.GetResidueName(), info.GetName().strip()) == (residue, name) and not inside:
                atom.SetFormalCharge(charge)
    Chem.SanitizeMol(mol)
    assert Chem.GetFormalCharge(mol) == sum(IONS[ion][2] for ion in ions)
    return embedded(mol, name=sequence)


def helium(*position: float) -> Structure:
    return Structure(np.array([2]), np.array([position]), name="probe")


def beside(protein: Structure, atom: int = 0) -> Structure:
    """Return a ligand 3 Å from an atom, away from the middle of the protein."""
    outward = protein.positions[atom] - protein.positions.mean(axis=0)
    return helium(*(protein.positions[atom] + 3 * outward / np.linalg.norm(outward)))


def electrons(structure: Structure) -> int:
    return int(structure.numbers.sum()) - structure.charge


@pytest.fixture(scope="module")
def chain() -> Structure:
    """Five residues, the middle one a lysine."""
    return peptide("GAKAG", "K+")


@pytest.mark.parametrize(
    ("sequence", "ions"),
    [
        ("GDKRHG", []),
        ("GDKRHG", ["K+", "R+"]),
        ("GDKRHG", ["D-", "K+", "R+", "start+", "end-"]),
        ("GDKRHG", ["D-", "K+", "R+", "H+"]),
        ("GEHYCG", ["H+"]),
        ("GEHYCG", ["E-"]),
        ("GEHYCG", ["E-", "Y-", "C-"]),
        ("GWPMFNQSTVG", ["end-"]),
    ],
)
def test_a_peptide_has_the_charge_of_its_ions(sequence, ions):
    protein = peptide(sequence, *ions)
    pocket = cut_pocket(protein, beside(protein), WHOLE)
    assert pocket.charge == sum(IONS[ion][2] for ion in ions)
    np.testing.assert_array_equal(pocket.positions, protein.positions)
    assert electrons(pocket) % 2 == 0
    assert pocket.name == f"pocket of {sequence}"


@pytest.mark.parametrize(
    ("smiles", "charge"),
    [
        ("CCOP(=O)([O-])[O-]", -2),
        ("COP(=O)([O-])OC", -1),
        ("CCOP(=O)(O)O", 0),
        ("CS(=O)(=O)[O-]", -1),
        ("COS(=O)(=O)[O-]", -1),
        ("CS(=O)(=O)NC", 0),
        ("CS(=O)(=O)[N-]C", -1),
        ("CS(=O)C", 0),
        ("CS(=O)[O-]", -1),
        ("C[S+](C)CC", 1),
        ("C[P+](C)(C)C", 1),
        ("C[Se]CC", 0),
        ("CC[Se-]", -1),
        ("CC(=S)[S-]", -1),
        ("C[N+](=O)[O-]", 0),
        ("C[n+]1ccccc1", 1),
        ("C[n+]1cccc(C(N)=O)c1", 1),
        ("C[n+]1ccc(C(=O)[O-])cc1", 0),
        ("[O-][n+]1ccc(C)cc1", 0),
        ("Cc1c[n-]cn1", -1),
        ("Cc1c[nH]c[nH+]1", 1),
        ("NC(=[NH2+])c1ccccc1", 1),
        ("NC(=N)c1ccccc1", 0),
        ("CNC(=N)N", 0),
        ("CN1C=NC2=C1C(=O)NC(N)=N2", 0),
        ("C[n+]1cn(C)c2c1c(=O)nc([nH]2)N", 1),
        ("Cn1ccc(N)nc1=O", 0),
        ("Cn1ccc(=O)[n-]c1=O", -1),
        ("C[B-](O)(O)O", -1),
        ("CB(O)O", 0),
        ("CC#N", 0),
        ("C[Si](C)(C)O", 0),
        ("CCN=Cc1c([O-])c(C)ncc1COP(=O)([O-])[O-]", -3),
        ("Cc1cc2nc3c(=O)[nH]c(=O)nc-3n(C)c2cc1C", 0),
        ("CC(=O)C=C([O-])C", -1),
        ("C1=CC=CC2=CC=CC=C12", 0),
        ("C[As](C)(=O)[O-]", -1),
        ("FC(F)(Cl)CBr", 0),
    ],
)
def test_other_groups_have_the_charge_that_rdkit_counts(smiles, charge):
    assert Chem.GetFormalCharge(Chem.MolFromSmiles(smiles)) == charge
    protein = molecule(smiles)
    pocket = cut_pocket(protein, beside(protein), WHOLE)
    assert pocket.charge == charge
    assert len(pocket.numbers) == len(protein.numbers)


@pytest.mark.parametrize(("smiles", "owner", "within"), [("CC(=O)NC", 3, 0.3), ("CC=O", 1, 0.3), ("CCNCC", 2, 1.0)])
def test_a_missing_neighbour_at_a_chains_end_becomes_a_hydrogen(smiles, owner, within):
    """At the distance in Å from where it was that a flat atom gives; that of the amine is a pyramid."""
    whole = molecule(smiles)
    hydrogens = np.flatnonzero(whole.numbers == 1)
    missing = hydrogens[np.argmin(np.linalg.norm(whole.positions[hydrogens] - whole.positions[owner], axis=1))]
    protein = whole.subset(np.arange(len(whole.numbers)) != missing)
    pocket = cut_pocket(protein, beside(protein), WHOLE)
    assert pocket.formula == whole.formula
    assert pocket.charge == 0
    assert np.linalg.norm(pocket.positions[-1] - whole.positions[missing]) < within


@pytest.mark.parametrize("smiles", ["CN=[N+]=[N-]", "C[CH2]", "C[N+]#[C-]", "C[CH]C"])
def test_what_is_of_no_known_kind_is_refused(smiles):
    protein = molecule(smiles)
    with pytest.raises(FeaturizationError, match="which makes no chemical sense"):
        cut_pocket(protein, beside(protein), WHOLE)


@given(st.integers(2, 9), st.data())
def test_as_many_valences_pair_up_as_a_matching_program_finds(n, data):
    bonded = np.zeros((n, n), dtype=bool)
    for i in range(n):
        for j in range(i):
            bonded[i, j] = bonded[j, i] = data.draw(st.booleans())
    spare = np.array(data.draw(st.lists(st.integers(1, 2), min_size=n, max_size=n)))
    order = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    left_over = unpaired_atoms(bonded, spare, order)

    place = np.repeat(np.arange(n), spare)
    graph = networkx.from_numpy_array(bonded[np.ix_(place, place)].astype(int))
    # of all largest matchings, the one that covers the atoms of high order: each covered one weighs more than all below it
    for i, j, bond in graph.edges(data=True):
        bond["weight"] = 20 ** order[place[i]] + 20 ** order[place[j]]
    matching = networkx.max_weight_matching(graph, maxcardinality=True)
    assert len(left_over) == len(place) - 2 * len(matching)
    uncovered = sorted(set(range(len(place))) - {v for pair in matching for v in pair})
    assert sorted(order[i] for i in left_over) == sorted(order[place[v]] for v in uncovered)


def test_cut_bonds_are_capped_along_the_bond(chain):
    middle = chain.residues == 3
    tip = int(np.flatnonzero(middle & (chain.numbers == 7))[-1])
    ligand = beside(chain, tip)
    pocket = cut_pocket(chain, ligand, 4.0)
    n = int(middle.sum())
    np.testing.assert_array_equal(pocket.positions[:n], chain.positions[middle])
    assert pocket.charge == 1
    assert pocket.numbers[n:].tolist() == [1, 1]
    outside = chain.positions[~middle & (chain.numbers != 1)]
    found = []
    for cap in pocket.positions[n:]:
        owner = int(np.argmin(np.linalg.norm(pocket.positions[:n] - cap, axis=1)))
        left_out = outside[np.argmin(np.linalg.norm(outside - pocket.positions[owner], axis=1))]
        bond, capped = left_out - pocket.positions[owner], cap - pocket.positions[owner]
        found.append((int(pocket.numbers[owner]), round(float(np.linalg.norm(capped)), 6)))
        assert bond @ capped == pytest.approx(np.linalg.norm(bond) * np.linalg.norm(capped), rel=1e-9)
        assert 1.3 < np.linalg.norm(bond) < 1.4
    assert sorted(found) == [(6, 1.09), (7, 1.01)]


def test_a_chain_that_ends_in_the_file_is_capped_where_the_next_residue_would_be(chain):
    """Within 0.35 Å of the cap along the bond: idealized angles against those of the force field."""
    middle = chain.residues == 3
    tip = int(np.flatnonzero(middle & (chain.numbers == 7))[-1])
    ligand = beside(chain, tip)
    along, guessed = cut_pocket(chain, ligand, 4.0), cut_pocket(chain.subset(middle), ligand, WHOLE)
    assert guessed.charge == along.charge
    assert guessed.numbers.tolist() == along.numbers.tolist()
    order = [np.argmin(np.linalg.norm(guessed.positions - p, axis=1)) for p in along.positions]
    assert sorted(order) == list(range(len(order)))
    assert np.linalg.norm(guessed.positions[order] - along.positions, axis=1).max() < 0.35


def test_what_is_known_of_each_atom_is_kept_and_caps_take_it_from_theirs(chain):
    rng = np.random.default_rng(1)
    n = len(chain.numbers)
    b_iso, occupancy = rng.uniform(5, 50, n).round(2), rng.uniform(0.5, 1, n).round(2)
    charges = np.zeros(n, dtype=int)
    middle = chain.residues == 3
    tip = int(np.flatnonzero(middle & (chain.numbers == 7))[-1])
    charges[tip] = 1
    known = replace(chain, b_iso=b_iso, site_occupancy=occupancy, formal_charges=charges, charge=5, unpaired=1)
    pocket = cut_pocket(known, beside(chain, tip), 4.0)
    kept = int(middle.sum())
    for field in ("b_iso", "site_occupancy", "formal_charges", "residues"):
        np.testing.assert_array_equal(getattr(pocket, field)[:kept], getattr(known, field)[middle])
    for cap in range(kept, len(pocket.numbers)):
        owner = int(np.argmin(np.linalg.norm(pocket.positions[:kept] - pocket.positions[cap], axis=1)))
        assert (pocket.b_iso[cap], pocket.site_occupancy[cap]) == (pocket.b_iso[owner], pocket.site_occupancy[owner])
        assert (pocket.formal_charges[cap], pocket.residues[cap]) == (0, 3)
    assert (pocket.charge, pocket.unpaired) == (1, 0)


def test_a_disulfide_is_capped():
    mol = Chem.MolFromSmiles("CSSC")
    protein = embedded(mol, [0, 0, 1, 1], "disulfide")
    ligand = helium(*(protein.positions[0] + 2 * (protein.positions[0] - protein.positions[1])))
    pocket = cut_pocket(protein, ligand, 4.0)
    assert pocket.formula == "CH4S"
    assert pocket.charge == 0
    assert np.linalg.norm(pocket.positions[-1] - protein.positions[1]) == pytest.approx(1.34)


def test_a_bond_to_the_ligand_counts_and_is_not_capped():
    whole = embedded(Chem.MolFromSmiles("CSCC"), [0, 0, 1, 1], "thioether")
    protein, ligand = whole.subset(whole.residues == 0), whole.subset(whole.residues == 1)
    pocket = cut_pocket(protein, ligand, 4.0)
    assert (pocket.formula, pocket.charge) == ("CH3S", 0)
    assert cut_pocket(protein, helium(*(protein.positions[0] + [0, 0, 3])), 4.0).charge == -1


@pytest.mark.parametrize(("number", "charge"), [(11, 1), (30, 2), (12, 2), (17, -1), (54, 0)])
def test_single_ions_have_charges(chain, number, charge):
    assert cut_pocket(with_ion(chain, number), beside(chain), WHOLE).charge == 1 + charge


def test_the_charge_in_the_file_goes_before_the_usual_one(chain):
    iron = with_ion(chain, 26)
    assert cut_pocket(iron, beside(chain), WHOLE).charge == 3
    given = np.where(iron.numbers == 26, 3, 0)
    assert cut_pocket(replace(iron, formal_charges=given), beside(chain), WHOLE).charge == 4


def test_water_is_neutral_and_hydroxide_is_not(chain):
    atoms = np.array([[0, 0, 0], [0.76, 0, 0.59], [-0.76, 0, 0.59]]) + chain.positions.max(axis=0) + 5
    water = Structure(np.array([8, 1, 1]), atoms)
    assert cut_pocket(joined(chain, water), beside(chain), WHOLE).charge == 1
    assert cut_pocket(joined(chain, water.subset(np.arange(2))), beside(chain), WHOLE).charge == 0
    alone = cut_pocket(joined(chain, water), helium(*(atoms[0] + 3)), 3.5 * 3**0.5)
    assert (alone.formula, alone.charge) == ("H2O", 0)


def with_ion(protein: Structure, number: int, own_residue: bool = True) -> Structure:
    position = protein.positions.max(axis=0) + 3
    residue = protein.residues.max() + own_residue
    return Structure(
        np.append(protein.numbers, number),
        np.vstack([protein.positions, position]),
        name=protein.name,
        residues=np.append(protein.residues, residue),
    )


def on_carbon(protein: Structure) -> np.ndarray:
    """Return a mask of the hydrogens on carbon."""
    heavy = np.flatnonzero(protein.numbers != 1)
    distances = np.linalg.norm(protein.positions[:, None] - protein.positions[None, heavy], axis=2)
    return (protein.numbers == 1) & (protein.numbers[heavy[distances.argmin(axis=1)]] == 6)


REFUSED = {
    "no residues": (lambda p: replace(p, residues=None), "has no residues, and a pocket is made of whole ones"),
    "no hydrogens": (lambda p: p.subset(p.numbers != 1), "'GAKAG' has no hydrogens.*reduce or PDBFixer"),
    "dropped": (lambda p: p.without_hydrogens(), "'GAKAG' has no hydrogens.*reduce or PDBFixer"),
    "polar hydrogens": (lambda p: p.subset(~on_carbon(p)), "No carbon of the pocket of GAKAG has a hydrogen"),
    "lone oxygen": (lambda p: with_ion(p, 8), "1 water oxygens of the pocket of GAKAG .* waters=False"),
    "haem": (lambda p: with_ion(p, 26, own_residue=False), r"Fe at \(.*\) in the pocket of GAKAG shares its residue"),
    "lanthanide": (lambda p: with_ion(p, 64), "Gd at .* is given no charge.*columns 79-80"),
    "hydrogen alone": (lambda p: with_ion(p, 1), "H at .* has the neighbours none, which makes no chemical sense"),
    "carbon alone": (lambda p: with_ion(p, 6), "C at .* has the neighbours none"),
    "one hydrogen too few": (
        lambda p: p.subset(np.arange(len(p.numbers)) != np.flatnonzero(on_carbon(p))[-1]),
        "C at .* has the neighbours .*, which makes no chemical sense; complete or repair",
    ),
    "five neighbours": (
        lambda p: replace(with_ion(p, 6), positions=np.vstack([p.positions, p.positions[1] + [-0.8, -0.8, -0.8]])),
        "which makes no chemical sense",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_cut_is_refused(chain, case):
    change, message = REFUSED[case]
    with pytest.raises(FeaturizationError, match=message):
        cut_pocket(change(chain), beside(chain), WHOLE)


def test_nothing_within_the_radius_is_refused(chain):
    with pytest.raises(
        FeaturizationError, match=r"No residue of 'GAKAG' is within 4 Å of 'probe', the nearest atom is \d+\.\d Å"
    ):
        cut_pocket(chain, helium(0, 0, 500), 4.0)


def test_a_ligand_within_the_protein_is_refused(chain):
    with pytest.raises(FeaturizationError, match=r"Atom 4 of 'GAKAG' lies on atom 0 of 'probe'.*take the ligand out"):
        cut_pocket(chain, helium(*chain.positions[4]), 4.0)


@pytest.mark.parametrize("radius", [0, -1.0, np.nan, np.inf])
def test_a_radius_that_is_none_is_refused(chain, radius):
    with pytest.raises(ValueError, match=r"radius=.* arrived"):
        cut_pocket(chain, beside(chain), radius)


def test_a_pocket_and_its_ligand_can_be_solved(chain):
    pytest.importorskip("tblite.interface", reason="the engine tblite is not installed")
    tip = int(np.flatnonzero((chain.residues == 3) & (chain.numbers == 7))[-1])
    pocket = cut_pocket(chain, beside(chain, tip), 4.0)
    ligand = replace(structure_from("O"), name="water")
    moved = replace(ligand, positions=ligand.positions + beside(chain, tip).positions[0])
    whole = joined(moved, pocket)
    valence = {1: 1, 6: 4, 7: 5, 8: 6}
    expected = sum(valence[n] for n in whole.numbers.tolist()) - 1
    assert xtb_density(whole, "tblite").n_electrons == pytest.approx(expected, abs=1e-6)


def test_real_pockets_have_the_charges_of_their_files(shared_data):
    """PDBbind's pockets state formal charges, which are not used here but for metals; 1 in 50 may be no sensible structure."""
    folders = sorted((shared_data / "pdbbind_core").glob("????"))[::4]
    refused = []
    for folder in folders:
        protein = read_macromolecule(folder / f"{folder.name}_pocket.pdb", waters=False)
        ligand = structure_from(folder / f"{folder.name}_ligand.mol2")
        try:
            pocket = cut_pocket(protein, ligand, 5.0)
        except FeaturizationError as error:
            refused.append(str(error))
            continue
        assert pocket.charge == pocket.formal_charges.sum(), folder.name
        assert electrons(pocket) % 2 == 0, folder.name
    assert len(refused) <= len(folders) / 50, refused


def test_elements_that_bond_are_those_with_valences():
    assert set(BONDING) == set(VALENCES)
