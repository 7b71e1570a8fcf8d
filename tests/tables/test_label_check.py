from __future__ import annotations

import warnings

import numpy as np
import pytest
from rdkit import Chem

from deepchem_density.quiet import deepchem as dc
from deepchem_density.tables.label_check import LEAST_R2, LabelWarning, can_check_labels, check_labels
from deepchem_density.tables.molecule_table import MoleculeTable
from deepchem_density.tables.qm9 import load_sample


@pytest.fixture(scope="module")
def sample() -> MoleculeTable:
    return load_sample()


def scrambled(table: MoleculeTable, order: np.ndarray) -> MoleculeTable:
    return MoleculeTable(
        table.numbers, table.positions, table.offsets, table.labels[order], table.tasks, table.ids, source="scrambled"
    )


def test_the_labels_of_the_sample_are_aligned_by_every_extensive_label(sample: MoleculeTable) -> None:
    for task, least in LEAST_R2.items():
        check = check_labels(sample, task=task)
        assert check.aligned, task
        assert check.r2 > least
        assert (check.task, check.n_molecules) == (task, 2000)
    assert check_labels(sample).task == "u0"
    assert check_labels(sample).r2 > 0.999


@pytest.mark.parametrize("task", LEAST_R2)
def test_scrambled_labels_warn_with_the_issue_and_the_remedy(sample: MoleculeTable, task: str) -> None:
    order = np.random.default_rng(0).permutation(len(sample))
    with pytest.warns(LabelWarning, match=r"deepchem issue #4485.*load_sdf_csv"):
        check = check_labels(scrambled(sample, order), task=task)
    assert not check.aligned
    assert check.r2 < 0.05


@pytest.mark.parametrize("task", LEAST_R2)
def test_labels_one_row_off_in_the_order_of_qm9_warn(sample: MoleculeTable, task: str) -> None:
    with pytest.warns(LabelWarning, match=task):
        check_labels(scrambled(sample, np.roll(np.arange(len(sample)), 1)), task=task)


def test_one_label_in_ten_at_the_wrong_molecule_warns(sample: MoleculeTable) -> None:
    order = np.arange(len(sample))
    order[:200] = np.random.default_rng(0).permutation(200)
    with pytest.warns(LabelWarning):
        assert check_labels(scrambled(sample, order)).r2 > 0.5


def test_every_way_to_give_the_molecules_finds_the_same_line(sample: MoleculeTable) -> None:
    part = sample.subset(slice(0, 300))
    y = part.column("zpve")
    reference = check_labels(part, task="zpve").r2
    smiles = part.smiles.tolist()
    mols = [Chem.MolFromSmiles(text) for text in smiles]
    for molecules in (part.element_counts(part.elements), part.structures(), smiles, mols):
        assert check_labels(molecules, y, "zpve").r2 == pytest.approx(reference, abs=1e-9)
        assert check_labels(molecules, y[:, None], "zpve").n_molecules == 300


def test_molecules_with_coordinates_are_taken_as_they_are() -> None:
    """Sanitization never ran on them, so hydrogens must not be added."""
    from deepchem_density.tables.label_check import _atomic_numbers

    mol = Chem.MolFromMolBlock(
        "\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n" + "    0.0       0.0       0.0    C\nM  END\n"
    )
    assert mol is None or _atomic_numbers(mol).tolist() == [6]
    bare = Chem.RWMol()
    bare.AddAtom(Chem.Atom(6))
    bare.AddConformer(Chem.Conformer(1))
    assert _atomic_numbers(bare.GetMol()).tolist() == [6]


def dataset_of(table: MoleculeTable, ids: object, x: np.ndarray, tmp_path) -> dc.data.DiskDataset:
    y = table.columns(["gap", "u0"])
    return dc.data.DiskDataset.from_numpy(x, y, np.ones_like(y), ids, tasks=["gap", "u0"], data_dir=str(tmp_path))


def test_a_deepchem_dataset_is_checked_by_its_smiles(sample: MoleculeTable, tmp_path) -> None:
    part = sample.subset(slice(0, 200))
    grids = np.zeros((200, 2, 2, 2, 1), dtype=np.float32)
    dataset = dataset_of(part, part.smiles, grids, tmp_path)
    normalized = dc.trans.NormalizationTransformer(transform_y=True, dataset=dataset).transform(dataset)
    for some in (dataset, normalized):
        check = check_labels(some)
        assert check.aligned
        assert (check.task, check.n_molecules) == ("u0", 200)
    shuffled = dataset_of(part, np.random.default_rng(0).permutation(part.smiles), grids, tmp_path / "shuffled")
    with pytest.warns(LabelWarning):
        check_labels(shuffled)


def test_a_dataset_of_rdkit_molecules_needs_no_smiles(sample: MoleculeTable, tmp_path) -> None:
    part = sample.subset(slice(0, 100))
    mols = np.array([Chem.AddHs(Chem.MolFromSmiles(text)) for text in part.smiles], dtype=object)
    assert check_labels(dataset_of(part, part.ids, mols, tmp_path)).aligned


def test_a_dataset_with_neither_says_what_is_missing(sample: MoleculeTable, tmp_path) -> None:
    part = sample.subset(slice(0, 100))
    dataset = dataset_of(part, part.ids, np.zeros((100, 3)), tmp_path)
    with pytest.raises(ValueError, match="are not SMILES and its X are not RDKit molecules"):
        check_labels(dataset)


def test_an_in_memory_dataset_with_one_label_needs_its_name(sample: MoleculeTable) -> None:
    part = sample.subset(slice(0, 100))
    dataset = dc.data.NumpyDataset(np.zeros((100, 1)), part.columns(["u0"]), ids=part.smiles)
    assert check_labels(dataset, task="u0").aligned
    with pytest.raises(ValueError, match="needs an extensive label"):
        check_labels(dataset)
    two = dc.data.NumpyDataset(np.zeros((100, 1)), part.columns(["gap", "u0"]), ids=part.smiles)
    with pytest.raises(ValueError, match="needs an extensive label"):
        check_labels(two, task="u0")
    assert check_labels(two, y=two.y[:, 1], task="u0").aligned


def test_unknown_labels_and_unreadable_smiles_are_left_out(sample: MoleculeTable) -> None:
    part = sample.subset(slice(0, 100))
    y = part.column("u0").copy()
    y[3] = np.nan
    smiles = part.smiles.tolist()
    smiles[5] = "this is no SMILES"
    assert check_labels(smiles, y, "u0").n_molecules == 98
    weights = np.ones((100, 1))
    weights[:10] = 0
    y = part.columns(["u0"]).copy()
    y[:10] = 0
    dataset = dc.data.NumpyDataset(np.zeros((100, 1)), y, weights, part.smiles)
    check = check_labels(dataset, task="u0")
    assert (check.aligned, check.n_molecules) == (True, 90)


def test_many_molecules_are_thinned_out_evenly() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 9, (20_000, 4))
    y = counts @ np.array([0.5, 38.0, 54.0, 75.0])
    assert check_labels(counts, y, "u0").n_molecules == 3000
    y[10_000:] = rng.permutation(y[10_000:])  # only the second half is wrong
    with pytest.warns(LabelWarning):
        check_labels(counts, y, "u0")


def test_what_cannot_be_checked_raises(sample: MoleculeTable) -> None:
    counts, y = sample.element_counts(sample.elements), sample.column("u0")
    with pytest.raises(ValueError, match="needs an extensive label"):
        check_labels(sample, task="gap")
    with pytest.raises(ValueError, match="need the name of their task"):
        check_labels(counts, y)
    with pytest.raises(ValueError, match="pass y and task"):
        check_labels(counts, task="u0")
    with pytest.raises(ValueError, match=r"y of shape \(10,\) arrived; \(2000,\) or"):
        check_labels(counts, y[:10], "u0")
    with pytest.raises(ValueError, match="needs 50 molecules with a known label, 49 arrived"):
        check_labels(counts[:49], y[:49], "u0")
    with pytest.raises(ValueError, match="same formula"):
        check_labels(np.tile([4, 1], (60, 1)), y[:60], "u0")
    with pytest.raises(TypeError, match="not float"):
        check_labels([1.0] * 60, y[:60], "u0")


def test_whether_a_table_can_be_checked(sample: MoleculeTable) -> None:
    assert can_check_labels(sample)
    assert not can_check_labels(sample.subset(slice(0, 49)))
    part = sample.subset([0] * 60)
    assert not can_check_labels(part)
    unknown = sample.labels.copy()
    unknown[40:] = np.nan
    table = MoleculeTable(sample.numbers, sample.positions, sample.offsets, unknown, sample.tasks, sample.ids)
    assert not can_check_labels(table)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_labels(sample)
