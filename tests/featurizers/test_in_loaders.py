"""The featurizers in DeepChem's own loaders: labels stay with their molecules, whatever fails."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem
from rdkit.Chem import rdDetermineBonds
from sklearn.ensemble import RandomForestRegressor

from deepchem_density import load_sample
from deepchem_density.errors import FeaturizationError
from deepchem_density.featurizers import AtomVoxel, DensityVoxel, OccupancyVoxel, VoxelFeaturizer
from deepchem_density.quiet import deepchem as dc
from deepchem_density.structures.structure import symbol
from deepchem_density.tables.molecule_table import MoleculeTable
from deepchem_density.voxels.settings import OF_QM9

BOX = {"box_width": 18.0, "voxel_width": 1.0}
FAILING = {
    "none": [],
    "some": [1, 4],
    "the first": [0],
    "the first two": [0, 1],
    "the last": [5],
    "all but one": [0, 1, 2, 4, 5],
}
SMILES = ["CCO", "C", "CC=O", "CCC", "N#CC", "OO"]


def refusing_chlorine() -> AtomVoxel:
    """Chlorine is in no channel; the sum of all voxels is the number of atoms."""
    return AtomVoxel(**BOX, sigma=1.0, elements=OF_QM9, other=False)


def with_failures(failing: list[int]) -> list[str]:
    return [f"{'C' * i}CCl" if i in failing else smiles for i, smiles in enumerate(SMILES)]


def n_atoms(smiles: str) -> int:
    return Chem.AddHs(Chem.MolFromSmiles(smiles)).GetNumAtoms()


def labelled(smiles: list[str]) -> pd.DataFrame:
    """Two labels that can be read off the voxels again: atoms, and ten times as many."""
    atoms = [n_atoms(s) for s in smiles]
    return pd.DataFrame({"smiles": smiles, "atoms": atoms, "tenfold": [10 * n for n in atoms]})


def check(dataset: dc.data.Dataset, kept: list[str]) -> None:
    """The dataset holds these molecules in this order, each with its own labels."""
    atoms = np.array([n_atoms(smiles) for smiles in kept])
    assert dataset.X.shape == (len(kept), 18, 18, 18, 5)
    assert dataset.X.dtype == np.float32
    np.testing.assert_array_equal(dataset.y, np.stack([atoms, 10 * atoms], axis=1))
    np.testing.assert_allclose(dataset.X.sum(axis=(1, 2, 3, 4)), atoms, rtol=1e-3)
    assert len(dataset.w) == len(dataset.ids) == len(kept)


def kept_from(failing: list[int]) -> list[str]:
    return [smiles for i, smiles in enumerate(SMILES) if i not in failing]


# ---- CSV, JSON, SDF


@pytest.mark.parametrize("shard_size", [8192, 6])
@pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)
def test_csv_loader_drops_rows_with_their_labels(failing, shard_size, tmp_path):
    path = tmp_path / "molecules.csv"
    labelled(with_failures(failing)).to_csv(path, index=False)
    loader = dc.data.CSVLoader(["atoms", "tenfold"], feature_field="smiles", featurizer=refusing_chlorine())
    dataset = loader.create_dataset(str(path), shard_size=shard_size)
    check(dataset, kept_from(failing))
    assert list(dataset.ids) == kept_from(failing)


@pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)
def test_json_loader_drops_rows_with_their_labels(failing, tmp_path):
    path = tmp_path / "molecules.json"
    labelled(with_failures(failing)).to_json(path, orient="records", lines=True)
    loader = dc.data.JsonLoader(["atoms", "tenfold"], "smiles", refusing_chlorine(), id_field="smiles")
    dataset = loader.create_dataset(str(path))
    check(dataset, kept_from(failing))
    assert list(dataset.ids) == kept_from(failing)


@pytest.mark.parametrize("labels", ["in the records", "in a csv beside"])
@pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)
def test_sdf_loader_drops_rows_with_their_labels(failing, labels, tmp_path):
    path = tmp_path / "molecules.sdf"
    table = labelled(with_failures(failing))
    with Chem.SDWriter(str(path)) as writer:
        for smiles, atoms, tenfold in table.itertuples(index=False):
            mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
            assert Chem.AllChem.EmbedMolecule(mol, randomSeed=1) == 0
            if labels == "in the records":
                mol.SetProp("atoms", str(atoms))
                mol.SetProp("tenfold", str(tenfold))
            writer.write(mol)
    if labels == "in a csv beside":
        table[["atoms", "tenfold"]].to_csv(f"{path}.csv", index=False)
    loader = dc.data.SDFLoader(["atoms", "tenfold"], featurizer=refusing_chlorine(), sanitize=True)
    check(loader.create_dataset(str(path)), kept_from(failing))


def test_shards_that_keep_some_of_their_rows(tmp_path):
    path = tmp_path / "molecules.csv"
    labelled(with_failures([1, 2])).to_csv(path, index=False)
    loader = dc.data.CSVLoader(["atoms", "tenfold"], feature_field="smiles", featurizer=refusing_chlorine())
    dataset = loader.create_dataset(str(path), shard_size=2)
    assert [len(shard[1]) for shard in dataset.itershards()] == [1, 1, 2]
    check(dataset, kept_from([1, 2]))


@pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("failing", [[0, 1], [2, 3], [4, 5], [0, 1, 2, 3, 4, 5]])
def test_a_shard_without_a_single_molecule_raises(failing, tmp_path):
    """An empty shard would be a (0,) array of float64 among (n, x, y, z, channel) ones, at which DiskDataset breaks."""
    path = tmp_path / "molecules.csv"
    labelled(with_failures(failing)).to_csv(path, index=False)
    loader = dc.data.CSVLoader(["atoms", "tenfold"], feature_field="smiles", featurizer=refusing_chlorine())
    with pytest.raises(
        FeaturizationError, match=r"could not featurize any of 2 datapoints. The first, 0 \(C*Cl\).* holds Cl"
    ):
        loader.create_dataset(str(path), shard_size=2)
    gc.collect()  # DeepChem's reader leaves the file open, which is only a warning of this test


def test_deepchem_still_cannot_hold_an_empty_shard(tmp_path):
    """Why such a shard raises; when this fails, it could be dropped instead."""
    voxels, nothing = np.ones((2, 4, 4, 4, 1), np.float32), np.array([])
    shards = [
        (voxels, np.ones((2, 1)), np.ones((2, 1)), np.arange(2)),
        (nothing, np.ones((0, 1)), np.ones((0, 1)), nothing),
    ]
    dataset = dc.data.DiskDataset.create_dataset(iter(shards), str(tmp_path), ["label"])
    assert len(dataset) == 2
    with pytest.raises(ValueError, match="same number of dimensions"):
        _ = dataset.X


def test_loader_without_labels(tmp_path):
    path = tmp_path / "molecules.csv"
    labelled(with_failures([2])).to_csv(path, index=False)
    dataset = dc.data.CSVLoader([], feature_field="smiles", featurizer=refusing_chlorine()).create_dataset(str(path))
    assert dataset.X.shape == (5, 18, 18, 18, 5)
    assert list(dataset.ids) == kept_from([2])


# ---- in memory


def test_in_memory_loader():
    table = labelled(SMILES)
    inputs = [(smiles, np.array([atoms, tenfold])) for smiles, atoms, tenfold in table.itertuples(index=False)]
    dataset = dc.data.InMemoryLoader(["atoms", "tenfold"], refusing_chlorine()).create_dataset(inputs, shard_size=4)
    check(dataset, SMILES)
    alone = dc.data.InMemoryLoader(["atoms"], refusing_chlorine()).create_dataset(SMILES)
    np.testing.assert_array_equal(alone.X, dataset.X)


@pytest.mark.parametrize("failing", [[0], [3], [0, 1, 2, 3, 4, 5]])
def test_in_memory_loader_cannot_drop_and_says_which_failed(failing):
    inputs = [(smiles, float(i)) for i, smiles in enumerate(with_failures(failing))]
    with pytest.raises(FeaturizationError, match=r"any of 1 datapoints. The first, 0 \(C*Cl\): .* holds Cl"):
        dc.data.InMemoryLoader(["y"], refusing_chlorine()).create_dataset(inputs)


def test_models_of_scikit_learn_take_voxels_in_two_axes_as_the_readme_says():
    dataset = dc.data.InMemoryLoader(["atoms"], AtomVoxel(box_width=8.0, voxel_width=2.0)).create_dataset(
        [(smiles, float(n_atoms(smiles))) for smiles in SMILES]
    )
    flat = dc.data.NumpyDataset(dataset.X.reshape(len(dataset), -1), dataset.y, dataset.w, dataset.ids)
    forest = dc.models.SklearnModel(RandomForestRegressor(n_estimators=20, random_state=0))
    forest.fit(flat)
    assert np.corrcoef(forest.predict(flat).ravel(), flat.y.ravel())[0, 1] > 0.9


# ---- MolNet


@pytest.fixture(scope="module")
def qm9_files(tmp_path_factory) -> Path:
    """A folder with the files of QM7, QM8 and QM9 as DeepChem unpacks them, of eight molecules of QM9."""
    folder = tmp_path_factory.mktemp("molnet")
    table = load_sample()
    mols, rows = [], []
    for i in _small_molecules(table, ["CHN", "CHO", "CHNO", "CHO", "CHN", "CHNO", "CHO", "CHN"]):
        structure = table.structure(i)
        block = f"{len(structure.numbers)}\n\n" + "\n".join(
            f"{symbol(number)} {x:.6f} {y:.6f} {z:.6f}"
            for number, (x, y, z) in zip(structure.numbers, structure.positions, strict=True)
        )
        mol = Chem.MolFromXYZBlock(block)
        rdDetermineBonds.DetermineBonds(mol, charge=0)
        mols.append(mol)
        rows.append({"mol_id": f"gdb_{table.ids[i]}", **dict(zip(table.tasks, table.labels[i], strict=True))})
    frame = pd.DataFrame(rows)
    for name, tasks in (("gdb9", None), ("qm8", QM8), ("gdb7", ("u0_atom",))):
        with Chem.SDWriter(str(folder / f"{name}.sdf")) as writer:
            for mol in mols:
                writer.write(mol)
        labels = frame if tasks is None else pd.DataFrame({task: frame["u0"] + k for k, task in enumerate(tasks)})
        labels.to_csv(folder / f"{name}.sdf.csv", index=False)
    return folder


def _small_molecules(table: MoleculeTable, elements: list[str]) -> list[int]:
    """Return one of the smallest molecules of each set of elements, no molecule twice."""
    waiting = {kind: [] for kind in elements}
    for i in np.argsort(table.n_atoms, kind="stable"):
        kind = "".join(sorted({symbol(number) for number in table.structure(int(i)).numbers}))
        waiting.get(kind, []).append(int(i))
    return [waiting[kind].pop(0) for kind in elements]


QM8 = (
    "E1-CC2",
    "E2-CC2",
    "f1-CC2",
    "f2-CC2",
    "E1-PBE0",
    "E2-PBE0",
    "f1-PBE0",
    "f2-PBE0",
    "E1-CAM",
    "E2-CAM",
    "f1-CAM",
    "f2-CAM",
)
OFFLINE = {"splitter": None, "transformers": [], "reload": False}


def written(folder: Path, name: str) -> tuple[list[Chem.Mol], pd.DataFrame]:
    mols = list(Chem.SDMolSupplier(str(folder / f"{name}.sdf"), removeHs=False))
    return mols, pd.read_csv(folder / f"{name}.sdf.csv")


@pytest.mark.parametrize(("load", "name"), [("load_qm7", "gdb7"), ("load_qm8", "qm8"), ("load_qm9", "gdb9")])
def test_molnet(load, name, qm9_files):
    mols, labels = written(qm9_files, name)
    featurizer = DensityVoxel(**BOX)
    tasks, (dataset,), _ = getattr(dc.molnet, load)(featurizer=featurizer, data_dir=str(qm9_files), **OFFLINE)
    np.testing.assert_array_equal(dataset.X, featurizer.featurize(mols))
    np.testing.assert_allclose(dataset.y, labels[list(tasks)].to_numpy())


@pytest.mark.parametrize("elements", [("H", "C", "N", "O", "F"), ("H", "C", "O"), ("H", "C", "N"), ("H", "N", "O")])
def test_molnet_drops_molecules_with_their_labels(elements, qm9_files):
    mols, labels = written(qm9_files, "gdb9")
    kept = [i for i, mol in enumerate(mols) if {atom.GetSymbol() for atom in mol.GetAtoms()} <= set(elements)]
    featurizer = AtomVoxel(**BOX, sigma=1.0, elements=elements, other=False)
    load = {"featurizer": featurizer, "data_dir": str(qm9_files), **OFFLINE}
    if not kept:
        with pytest.raises(FeaturizationError, match=f"could not featurize any of {len(mols)} datapoints"):
            dc.molnet.load_qm9(**load)
        return
    tasks, (dataset,), _ = dc.molnet.load_qm9(**load)
    np.testing.assert_allclose(dataset.y, labels[list(tasks)].to_numpy()[kept])
    atoms = [mols[i].GetNumAtoms() for i in kept]
    np.testing.assert_allclose(dataset.X.sum(axis=(1, 2, 3, 4)), atoms, rtol=1e-3)


def test_the_molnet_cases_fail_for_none_some_the_first_and_all(qm9_files):
    mols, _ = written(qm9_files, "gdb9")
    fails = {
        elements: [not {atom.GetSymbol() for atom in mol.GetAtoms()} <= set(elements) for mol in mols]
        for elements in ("HCNOF", "HCO", "HCN", "HNO")
    }
    assert not any(fails["HCNOF"])
    assert 0 < sum(fails["HCO"]) < len(mols)
    assert 0 < sum(fails["HCN"]) < len(mols)
    assert fails["HCO"][0]
    assert all(fails["HNO"])


def test_molnet_splits_normalizes_and_caches_by_name(qm9_files, tmp_path):
    def load(featurizer: VoxelFeaturizer):
        return dc.molnet.load_qm9(
            featurizer=featurizer,
            splitter="random",
            transformers=["normalization"],
            data_dir=str(qm9_files),
            save_dir=str(tmp_path),
        )

    _, first, (transformer,) = load(OccupancyVoxel(**BOX))
    assert sum(len(part) for part in first) == 8
    assert float(first[0].y[:, 0].mean()) == pytest.approx(0, abs=1e-6)
    assert transformer.untransform(first[0].y).shape == first[0].y.shape
    _, again, _ = load(OccupancyVoxel(**BOX, n_jobs=2))  # read, not made: how the work is done is no part of the name
    _, finer, _ = load(OccupancyVoxel(box_width=18.0, voxel_width=1.5))
    for one, other, third in zip(first, again, finer, strict=True):
        np.testing.assert_array_equal(one.X, other.X)
        np.testing.assert_array_equal(one.ids, other.ids)
        assert third.X.shape[1:] == (12, 12, 12, 1)
    names = {path.name for path in (tmp_path / "qm9-featurized").iterdir()}
    assert names == {str(OccupancyVoxel(**BOX)), str(OccupancyVoxel(box_width=18.0, voxel_width=1.5))}


def test_molnet_by_name(qm9_files, monkeypatch):
    monkeypatch.setitem(dc.molnet.featurizers, "densityvoxel", DensityVoxel(**BOX))
    _, (dataset,), _ = dc.molnet.load_qm9(featurizer="DensityVoxel", data_dir=str(qm9_files), **OFFLINE)
    assert dataset.X.shape == (8, 18, 18, 18, 1)


# ---- a stock script


def test_a_stock_script_changes_by_one_line(tmp_path):
    path = tmp_path / "molecules.csv"
    labelled(SMILES).to_csv(path, index=False)

    def script(featurizer: dc.feat.Featurizer) -> tuple[dc.data.Dataset, ...]:
        loader = dc.data.CSVLoader(tasks=["atoms"], feature_field="smiles", featurizer=featurizer)
        train, test = dc.splits.RandomSplitter().train_test_split(
            loader.create_dataset(str(path)), frac_train=0.5, seed=0
        )
        normalizer = dc.trans.NormalizationTransformer(transform_y=True, dataset=train)
        return normalizer.transform(train), normalizer.transform(test)

    for stock, ours in zip(script(dc.feat.CircularFingerprint()), script(DensityVoxel(**BOX)), strict=True):
        np.testing.assert_array_equal(stock.y, ours.y)
        np.testing.assert_array_equal(stock.ids, ours.ids)
        assert stock.X.shape == (3, 2048)
        assert ours.X.shape == (3, 18, 18, 18, 1)
        batches = list(ours.iterbatches(2, deterministic=True))
        assert [batch[0].shape[0] for batch in batches] == [2, 1]
