from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from deepchem_density.errors import FeaturizationError
from deepchem_density.featurizers import AtomVoxel, DensityVoxel, GradientVoxel, OccupancyVoxel, voxel_featurizer
from deepchem_density.featurizers.voxel_featurizer import VoxelFeaturizer
from deepchem_density.quiet import deepchem as dc
from deepchem_density.structures.readers import structure_from
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.settings import OF_QM9
from deepchem_density.workers import WorkerError

SMALL = {"box_width": 8.0, "voxel_width": 1.0}
CLASSES = [AtomVoxel, DensityVoxel, GradientVoxel, OccupancyVoxel]
BAD = "C(C"


def embedded(smiles: str) -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=1) == 0
    return mol


# ---- what comes back


@pytest.mark.parametrize("featurizer_class", CLASSES)
def test_voxels_of_each_datapoint_are_those_of_its_recipe(featurizer_class):
    featurizer = featurizer_class(**SMALL, oversampling=2)
    voxels = featurizer.featurize(["C", "O", "CO"])
    assert voxels.shape == (3, 8, 8, 8, featurizer.n_channels)
    assert voxels.shape[1:] == featurizer.voxel_shape
    assert voxels.dtype == np.float32
    for row, smiles in zip(voxels, ["C", "O", "CO"], strict=True):
        np.testing.assert_array_equal(row, featurizer.recipe.voxels(smiles))
        assert row.any()
    assert featurizer.failures_ == []
    np.testing.assert_array_equal(featurizer(["C", "O", "CO"]), voxels)
    np.testing.assert_array_equal(featurizer._featurize("CO"), voxels[2])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("featurizer_class", CLASSES)
def test_type_of_numbers(featurizer_class, dtype):
    assert featurizer_class(**SMALL, dtype=dtype).featurize(["C", "O"]).dtype == dtype
    some = featurizer_class(**SMALL, dtype=dtype).featurize(["C", BAD])
    assert [row.dtype for row in some] == [dtype, dtype]


def test_occupancy_in_one_byte():
    assert OccupancyVoxel(**SMALL, dtype="uint8").featurize(["C"]).dtype == np.uint8


def test_every_argument_reaches_the_recipe():
    common = {
        "box_width": 12.0, "voxel_width": 0.75, "oversampling": 3, "center": (0.0, 1.0, 2.0), "rotation_seed": 4,
        "charge": "formal", "unpaired": 2, "conformer_seed": 7, "optimize": False, "dtype": "float16",
    }  # fmt: skip
    own = {
        AtomVoxel: {"elements": ("C", "S"), "other": True, "sigma": 0.7},
        DensityVoxel: {"transform": "log", "engine": "tblite", "method": "GFN1-xTB"},
        GradientVoxel: {"transform": "sqrt", "engine": "tblite", "method": "GFN1-xTB"},
        OccupancyVoxel: {"shape": "density", "threshold": 0.2, "engine": "tblite", "method": "GFN1-xTB"},
    }
    for featurizer_class, settings in own.items():
        featurizer = featurizer_class(**common, **settings, n_jobs=3, timeout=9.0)
        assert featurizer.recipe == Recipe(featurizer_class.representation, **common, **settings)
        assert (featurizer.n_jobs, featurizer.timeout) == (3, 9.0)


def test_lists_from_json_are_as_good_as_tuples():
    assert (
        AtomVoxel(elements=["C", "N"], center=[0, 0, 1]).recipe
        == AtomVoxel(elements=("C", "N"), center=(0, 0, 1)).recipe
    )


# ---- what may be sent


def test_a_single_datapoint_of_any_kind(tmp_path, molecules):
    mol = embedded("CO")
    path = tmp_path / "methanol.mol"
    path.write_text(Chem.MolToMolBlock(mol))
    featurizer = OccupancyVoxel(**SMALL)
    expected = featurizer.featurize([mol])
    for single in (mol, path, str(path), structure_from(mol)):
        np.testing.assert_allclose(featurizer.featurize(single), expected, atol=0)
    assert featurizer.featurize("CO").shape == (1, 8, 8, 8, 1)
    assert featurizer.featurize(molecules["water"]).shape == (1, 8, 8, 8, 1)


def test_any_iterable_of_datapoints():
    featurizer, smiles = AtomVoxel(**SMALL), ["C", "O", "N"]
    expected = featurizer.featurize(smiles)
    series = pd.Series(smiles, index=[5, 3, 9])
    for datapoints in (
        tuple(smiles),
        iter(smiles),
        (s for s in smiles),
        np.array(smiles),
        np.array(smiles, object),
        series,
    ):
        np.testing.assert_array_equal(featurizer.featurize(datapoints), expected)


@pytest.mark.parametrize("datapoints", [None, 3, 1.5])
def test_what_is_no_datapoint_is_refused(datapoints):
    with pytest.raises(
        TypeError, match=f"datapoints of type {type(datapoints).__name__} arrived; a datapoint or an iterable"
    ):
        AtomVoxel(**SMALL).featurize(datapoints)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("datapoints", [[], (), pd.Series([], dtype=object)])
def test_nothing_gives_an_empty_array(datapoints, n_jobs):
    voxels = AtomVoxel(**SMALL, n_jobs=n_jobs).featurize(datapoints)
    assert voxels.shape == (0, 8, 8, 8, 11)
    assert voxels.dtype == np.float32


def test_positions_that_the_sdf_loader_sends_again_are_ignored():
    mol = embedded("CO")
    expected = AtomVoxel(**SMALL).featurize([mol])
    strings = pd.Series(["(0.0, 1.0)"])
    np.testing.assert_array_equal(
        AtomVoxel(**SMALL).featurize([mol], pos_x=strings, pos_y=strings, pos_z=strings), expected
    )
    np.testing.assert_array_equal(
        AtomVoxel(**SMALL)(pd.Series([mol]), pos_x=strings, pos_y=strings, pos_z=strings), expected
    )


# ---- failures


@pytest.mark.parametrize(
    ("failing", "n_jobs"), [([0], 1), ([1], 1), ([3], 1), ([0, 1, 2], 1), ([1, 3], 1), ([0, 2], 2)]
)
def test_failures_are_empty_rows_of_an_object_array(failing, n_jobs, caplog):
    smiles = ["C", "O", "N", "CO"]
    whole = AtomVoxel(**SMALL).featurize(smiles)
    sent = [f"{BAD}{i}" if i in failing else s for i, s in enumerate(smiles)]
    featurizer = AtomVoxel(**SMALL, n_jobs=n_jobs)
    with caplog.at_level(logging.WARNING):
        rows = featurizer.featurize(sent)
    assert rows.dtype == object
    assert rows.shape == (4,)
    for i, row in enumerate(rows):
        assert row.dtype == np.float32
        if i in failing:
            assert row.size == 0
        else:
            np.testing.assert_array_equal(row, whole[i])
    assert [(failure.index, failure.id) for failure in featurizer.failures_] == [(i, sent[i]) for i in failing]
    assert all("as SMILES; correct it" in failure.reason for failure in featurizer.failures_)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert (
        f"could not featurize {len(failing)} of 4 datapoints; see failures_. The first, {failing[0]} (" in caplog.text
    )
    featurizer.featurize(["C"])
    assert featurizer.failures_ == []


def test_all_failing_raises_with_the_first_reason():
    message = (
        rf"DensityVoxel could not featurize any of 2 datapoints. The first, 0 \({re.escape(BAD)}\): RDKit cannot read"
    )
    featurizer = DensityVoxel(**SMALL)
    with pytest.raises(FeaturizationError, match=message):
        featurizer.featurize([BAD, "C(N"])
    assert [failure.index for failure in featurizer.failures_] == [0, 1]


def test_failures_are_named_as_the_user_would(tmp_path, molecules):
    named = embedded("C[Si](C)(C)C")
    named.SetProp("_Name", "tetramethylsilane")
    path = tmp_path / "missing.sdf"
    featurizer = AtomVoxel(**SMALL, elements=OF_QM9, other=False)
    featurizer.featurize(["C", named, embedded("CBr"), path, molecules["gold chloride"], None])
    assert [failure.id for failure in featurizer.failures_] == [
        "tetramethylsilane", "[H]C([H])([H])Br", str(path), "gold chloride", "None",
    ]  # fmt: skip
    reasons = [failure.reason for failure in featurizer.failures_]
    assert "'tetramethylsilane' holds Si, for which there is no channel" in reasons[0]
    assert "holds Br, for which there is no channel" in reasons[1]
    assert "There is no file" in reasons[2]


def test_an_unforeseen_error_is_one_failure_with_its_type(monkeypatch):
    def voxels(self, datapoint, out=None):
        if datapoint == "O":
            raise ZeroDivisionError("by zero")
        return np.ones(self.voxel_shape, np.float32)

    monkeypatch.setattr(Recipe, "voxels", voxels)
    featurizer = AtomVoxel(**SMALL)
    assert [row.size for row in featurizer.featurize(["C", "O"])] == [8**3 * 11, 0]
    assert featurizer.failures_[0].reason == "ZeroDivisionError: by zero"


def test_stopping_by_hand_is_no_failure(monkeypatch):
    def voxels(self, datapoint, out=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(Recipe, "voxels", voxels)
    with pytest.raises(KeyboardInterrupt):
        AtomVoxel(**SMALL).featurize(["C", "O"])


def test_wrong_settings_raise_before_any_work(monkeypatch):
    monkeypatch.setattr(Recipe, "voxels", lambda self, datapoint: pytest.fail("work was done"))
    for settings, message in (
        ({"box_width": 8.3}, "box_width=8.3 is 16.6 voxels"),
        ({"oversampling": 0}, "oversampling=0"),
        ({"conformer_seed": -1}, "conformer_seed=-1"),
        ({"engine": "mopac"}, "engine='mopac'"),
    ):
        with pytest.raises(ValueError, match=message) as info:
            DensityVoxel(**settings).featurize(["C"])
        assert not isinstance(info.value, FeaturizationError)
    with pytest.raises(ValueError, match="n_jobs=0 arrived"):
        DensityVoxel(n_jobs=0).featurize(["C"])


# ---- processes


@pytest.mark.parametrize("featurizer_class", [AtomVoxel, DensityVoxel])
def test_two_processes_give_what_one_gives(featurizer_class, tmp_path, capfd):
    """A Mol keeps its positions to the last bit, although a pickled one would not; eigenvectors are not that exact."""
    path = tmp_path / "methanol.mol"
    path.write_text(Chem.MolToMolBlock(embedded("CO")))
    datapoints = [embedded("CN"), "C", path, structure_from("O"), BAD, Chem.MolFromSmiles("N"), embedded("CC")]
    one = featurizer_class(**SMALL, rotation_seed=1, dtype="float64")
    two = featurizer_class(**SMALL, rotation_seed=1, dtype="float64", n_jobs=2)
    for alone, together in zip(one.featurize(datapoints), two.featurize(datapoints), strict=True):
        np.testing.assert_allclose(alone, together, rtol=0, atol=1e-11)
    assert capfd.readouterr() == ("", "")
    assert one.failures_ == two.failures_
    assert str(one) == str(two)


def test_a_lost_worker_is_one_failure(monkeypatch):
    def map_in_order(function, items, n_jobs, timeout):
        assert (n_jobs, timeout) == (2, 20.0)
        yield function(items[0])
        yield WorkerError("it took longer than timeout=20 s")

    monkeypatch.setattr(voxel_featurizer, "map_in_order", map_in_order)
    featurizer = AtomVoxel(**SMALL, n_jobs=2, timeout=20.0)
    assert [row.size for row in featurizer.featurize(["C", "O"])] == [8**3 * 11, 0]
    assert featurizer.failures_ == [(1, "O", "WorkerError: it took longer than timeout=20 s")]


# ---- names, which MolNet takes for folders


def test_names_are_short_safe_and_readable():
    longest = OccupancyVoxel(
        box_width=1234.5,
        voxel_width=123.45,
        oversampling=4,
        center=(1.234567, -2.345678, 1e-7),
        rotation_seed=123456,
        charge="formal",
        unpaired=3,
        conformer_seed=999,
        optimize=False,
        dtype="float16",
        n_jobs=8,
        timeout=60.0,
        shape="density",
        threshold=1e-9,
        engine="tblite",
        method="GFN1-xTB",
    )
    for featurizer in (
        longest,
        DensityVoxel(),
        AtomVoxel(elements=("C", "N"), sigma=0.25),
        GradientVoxel(transform="log"),
    ):
        name = str(featurizer)
        assert len(name) <= 120
        assert re.fullmatch(r"[A-Za-z0-9_-]+", name)
        assert name.startswith(type(featurizer).__name__)
    assert re.fullmatch(r"DensityVoxel_[0-9a-f]{8}", str(DensityVoxel()))
    assert re.fullmatch(
        r"AtomVoxel_elements_C-N_sigma_0p25_[0-9a-f]{8}", str(AtomVoxel(elements=("C", "N"), sigma=0.25))
    )
    assert re.fullmatch(
        r"GradientVoxel_box_width_8_transform_log_[0-9a-f]{8}", str(GradientVoxel(8.0, transform="log"))
    )


def test_different_settings_have_different_names():
    changed = {
        "box_width": 8.0, "voxel_width": 1.0, "oversampling": 2, "center": "charge", "rotation_seed": 0, "charge": 1,
        "unpaired": 1, "conformer_seed": 1, "optimize": False, "dtype": "float16",
    }  # fmt: skip
    own = {
        AtomVoxel: {"elements": ("C",), "other": False, "sigma": 0.4},
        DensityVoxel: {"transform": "log", "engine": "tblite", "method": "GFN1-xTB"},
        GradientVoxel: {"transform": "log", "engine": "tblite", "method": "GFN1-xTB"},
        OccupancyVoxel: {"shape": "density", "threshold": 0.1, "engine": "tblite", "method": "GFN1-xTB"},
    }
    made = [cls() for cls in CLASSES]
    made += [cls(**{name: value}) for cls in CLASSES for name, value in {**changed, **own[cls]}.items()]
    made += [DensityVoxel(center=(0, 0, 1)), DensityVoxel(center=(0, 1, 0)), DensityVoxel(rotation_seed=1)]
    made += [AtomVoxel(elements=elements) for elements in (("C", "N"), ("N", "C"), ("Cl",), ("C", "Cl"))]
    made += [AtomVoxel(**SMALL, elements=tuple("HCNOFPSBI"), center=(0.0, 0.0, z), optimize=False) for z in (0.1, 0.2)]
    assert len({str(featurizer) for featurizer in made}) == len(made)


def test_names_leave_out_how_the_work_is_done():
    assert str(DensityVoxel(n_jobs=4, timeout=10.0)) == str(DensityVoxel())


def test_a_new_version_of_the_numbers_has_new_names(monkeypatch):
    before = str(DensityVoxel())
    monkeypatch.setattr(voxel_featurizer, "FEATURE_VERSION", voxel_featurizer.FEATURE_VERSION + 1)
    assert str(DensityVoxel()) != before


@pytest.mark.parametrize("featurizer_class", CLASSES)
def test_repr_shows_every_argument(featurizer_class):
    featurizer = featurizer_class(box_width=8.0, n_jobs=2)
    assert repr(featurizer).startswith(f"{featurizer_class.__name__}[box_width=8.0, voxel_width=0.5, oversampling=1, ")
    assert "n_jobs=2" in repr(featurizer)
    assert repr(featurizer).count("=") == len(featurizer._settings())


# ---- DeepChem's own rules


def test_they_are_deepchem_featurizers_with_one_signature():
    common = list(AtomVoxel()._settings())[: -len(("elements", "other", "sigma"))]
    assert (common[0], common[-1]) == ("box_width", "timeout")
    for featurizer_class in CLASSES:
        featurizer = featurizer_class()
        assert isinstance(featurizer, dc.feat.MolecularFeaturizer)
        assert isinstance(featurizer, dc.feat.ComplexFeaturizer)
        assert isinstance(featurizer, VoxelFeaturizer)
        assert list(featurizer._settings())[: len(common)] == common


def test_progress_is_logged(caplog):
    with caplog.at_level(logging.INFO, logger="deepchem_density"):
        AtomVoxel(**SMALL).featurize(["C", "O", "N"], log_every_n=2)
    assert [record.getMessage() for record in caplog.records] == ["Featurizing datapoint 0", "Featurizing datapoint 2"]


def test_nothing_is_printed(capfd):
    DensityVoxel(**SMALL).featurize(["C", "O"])
    assert capfd.readouterr() == ("", "")


def test_paths_are_strings_or_paths(tmp_path):
    path = tmp_path / "water.xyz"
    path.write_text("3\n\nO 0 0 0\nH 0 0 0.96\nH 0.93 0 -0.24\n")
    rows = DensityVoxel(**SMALL).featurize([path, str(path), Path(path)])
    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[0], rows[2])


def test_a_missing_engine_stops_the_run_at_once(monkeypatch):
    tried = []

    def missing(self, datapoint, out=None):
        tried.append(datapoint)
        raise ImportError("The engine 'tblite' cannot be imported")

    monkeypatch.setattr("deepchem_density.voxels.recipe.Recipe.voxels", missing)
    with pytest.raises(ImportError, match="tblite"):
        DensityVoxel(engine="tblite").featurize(["C", "CC"])
    assert tried == ["C"]
