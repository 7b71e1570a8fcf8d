from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest

from deepchem_density.errors import FeaturizationError
from deepchem_density.featurizers.to_dataset import to_dataset
from deepchem_density.quiet import deepchem as dc
from deepchem_density.tables.molecule_table import MoleculeTable
from deepchem_density.tables.qm9 import load_sample


class Spread:
    """A tiny featurizer: the spread of a molecule along each axis, empty for those named in `failing`."""

    def __init__(self, failing: tuple[str, ...] = (), dtype: str = "float32") -> None:
        self.failing = failing
        self.dtype = dtype

    def featurize(self, datapoints):
        rows = [s.positions.std(axis=0).astype(self.dtype) for s in datapoints]
        if not self.failing:
            return np.stack(rows)
        out = np.empty(len(rows), dtype=object)
        for i, row in enumerate(rows):
            out[i] = np.array([]) if datapoints[i].name in self.failing else row
        return out


@pytest.fixture(scope="module")
def table() -> MoleculeTable:
    return load_sample().subset(slice(0, 30))


def test_features_labels_weights_and_ids_stand_side_by_side(table: MoleculeTable) -> None:
    dataset = to_dataset(table, Spread(), ["gap", "mu"])
    assert isinstance(dataset, dc.data.NumpyDataset)
    assert dataset.X.dtype == np.float32
    assert dataset.X.shape == (30, 3)
    np.testing.assert_array_equal(dataset.y, table.columns(["gap", "mu"]))
    assert (dataset.w == 1).all()
    assert dataset.w.shape == (30, 2)
    assert dataset.ids.tolist() == table.ids.tolist()
    assert to_dataset(table, Spread()).y.shape == (30, 19)


def test_failed_molecules_are_dropped_with_their_labels_counted_and_named(table: MoleculeTable) -> None:
    failing = tuple(table.structure(i).name for i in (0, 7))
    with pytest.warns(UserWarning, match=rf"2 of 30 molecules could not be .*: {failing[0]}, {failing[1]}$"):
        dataset = to_dataset(table, Spread(failing, "float64"), ["gap"])
    kept = [i for i in range(30) if i not in (0, 7)]
    np.testing.assert_array_equal(dataset.y, table.columns(["gap"])[kept])
    np.testing.assert_array_equal(dataset.X, Spread(dtype="float64").featurize(table.subset(kept).structures()))
    assert dataset.X.dtype == np.float64
    assert dataset.ids.tolist() == table.ids[kept].tolist()


def test_many_failures_are_not_all_listed(table: MoleculeTable) -> None:
    with pytest.warns(UserWarning, match="15 of 30 molecules .* and 5 more$"):
        to_dataset(table, Spread(tuple(table.structure(i).name for i in range(15))))


def test_an_object_array_without_failure_becomes_a_plain_one_without_warning(table: MoleculeTable) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = to_dataset(table, Spread(("nobody",)))
    assert dataset.X.dtype == np.float32
    assert dataset.X.shape == (30, 3)


def test_unknown_labels_get_weight_zero(table: MoleculeTable) -> None:
    labels = table.columns(["gap", "mu"]).copy()
    labels[4, 1] = np.nan
    holed = MoleculeTable(table.numbers, table.positions, table.offsets, labels, ("gap", "mu"), table.ids)
    dataset = to_dataset(holed, Spread())
    assert np.argwhere(dataset.w == 0).tolist() == [[4, 1]]
    assert dataset.y[4, 1] == 0
    assert dataset.w.sum() == 59


def test_errors_say_what_is_wrong(table: MoleculeTable) -> None:
    with pytest.raises(ValueError, match="no labels for gab; this table has A, B"):
        to_dataset(table, Spread(), ["gab"])
    with pytest.raises(FeaturizationError, match=f"failed for all 30 molecules; featurize 'qm9 {table.ids[0]}'"):
        to_dataset(table, Spread(tuple(s.name for s in table.structures())))

    class Short(Spread):
        def featurize(self, datapoints):
            return super().featurize(datapoints)[:-1]

    with pytest.raises(ValueError, match=r"Short\.featurize gave 29 entries for 30 molecules"):
        to_dataset(table, Short())


def test_deepchem_trains_on_it(table: MoleculeTable) -> None:
    """The dataset is one that DeepChem's own splitters, transformers and models accept."""
    from sklearn.linear_model import Ridge

    dataset = to_dataset(table, Spread(), ["u0"])
    train, test = dc.splits.RandomSplitter().train_test_split(dataset, frac_train=0.8, seed=0)
    scaler = dc.trans.NormalizationTransformer(transform_y=True, dataset=train)
    model = dc.models.SklearnModel(Ridge())
    model.fit(scaler.transform(train))
    assert model.predict(test, [scaler]).shape == (6,)


def test_tables_baselines_and_splits_never_import_deepchem() -> None:
    modules = [f"tables.{name}" for name in ("molecule_table", "qm9", "labelled_sdf", "label_check", "splits")]
    modules.append("experiments.baselines")
    code = "; ".join(f"import deepchem_density.{module}" for module in modules)
    code += "; import sys; sys.exit('deepchem' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
