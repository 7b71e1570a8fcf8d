from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from deepchem_density.cli import main
from deepchem_density.models.calibration import Calibration, Coverage
from deepchem_density.models.deepchem_model import VoxelCNNModel
from deepchem_density.models.ensemble import Ensemble
from deepchem_density.models.ensemble_file import EnsembleFile
from deepchem_density.models.prediction import Predictor
from deepchem_density.models.prediction_inputs import read_inputs
from deepchem_density.models.recipe_file import ModelRecipe
from deepchem_density.quiet import deepchem as dc
from deepchem_density.structures.conformers import embedded
from deepchem_density.voxels.recipe import Recipe

SMILES = ["CCO", "C1CC1", "CC=O", "CCN", "C", "CCC"]
RECIPE = Recipe("atom", box_width=12.0, voxel_width=1.0, dtype="float16")
OTHER = Recipe("occupancy", box_width=12.0, voxel_width=1.5, dtype="float16")


def trained(folder, seed, recipe=RECIPE, about=None, mode="regression", dropout=0.0):
    labels = np.array([[0.0], [1.0], [1.0], [0.0], [1.0], [0.0]])
    voxels = np.stack([recipe.voxels(smiles) for smiles in SMILES])
    settings = {"widths": (4, 8), "mode": mode, "dropout": dropout}
    model = VoxelCNNModel(1, recipe.n_channels, seed=seed, model_dir=folder, **settings)
    model.fit(dc.data.NumpyDataset(voxels, labels), nb_epoch=3)
    (about or ModelRecipe(recipe, ("y (x)",), task=mode)).write(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    out = tmp_path_factory.mktemp("models")
    kinds = {"a": {}, "b": {}, "other voxels": {"recipe": OTHER}, "classes": {"mode": "classification"}}
    kinds |= {"other target": {"about": ModelRecipe(RECIPE, ("z",))}}
    kinds |= {"drawn": {"recipe": Recipe("atom", box_width=12.0, voxel_width=1.0, conformer_seed=1), "dropout": 0.2}}
    return {name: trained(out / name, seed, **settings) for seed, (name, settings) in enumerate(kinds.items())}


def of(folders, *names):
    return Ensemble(tuple(Predictor.from_folder(folders[name]) for name in names))


def inputs(tmp_path, *more):
    (tmp_path / "in.csv").write_text("my smiles,id\n" + "".join(f"{s},{i}\n" for i, s in enumerate([*SMILES, *more])))
    return read_inputs(tmp_path / "in.csv", RECIPE.reading)


def test_mean_and_spread_are_those_of_the_members_predictions(folders, tmp_path):
    names = ("a", "b", "other voxels")
    given = inputs(tmp_path, "", "C1C")
    alone = [of(folders, name).predict(given)["y (x)"].to_numpy() for name in names]
    table = of(folders, *names).predict(given)
    assert list(table) == ["id", "input", "y (x)", "y (x)_spread", "failure"]
    np.testing.assert_allclose(table["y (x)"], np.mean(alone, axis=0), rtol=1e-6)
    np.testing.assert_allclose(table["y (x)_spread"], np.std(alone, axis=0, ddof=1), rtol=1e-5)
    assert [bool(one) for one in table["failure"]] == [False] * 6 + [True] * 2
    assert "has no molecule" in table["failure"][6]
    assert "cannot read 'C1C' as SMILES" in table["failure"][7]


def test_conformers_are_made_once_for_all_members(folders, tmp_path, monkeypatch):
    made = []

    def counted(*arguments):
        made.append(arguments)
        return embedded(*arguments)

    monkeypatch.setattr("deepchem_density.structures.readers.embedded", counted)
    of(folders, "a", "b", "other voxels").predict(inputs(tmp_path))
    assert len(made) == len(SMILES)


def test_one_model_predicts_as_alone_and_classes_are_probabilities(folders, tmp_path):
    table = of(folders, "classes").predict(inputs(tmp_path))
    assert list(table) == ["id", "input", "y (x)_probability", "failure"]
    voxels = np.stack([RECIPE.voxels(smiles) for smiles in SMILES])
    expected = VoxelCNNModel.from_dir(folders["classes"]).predict(dc.data.NumpyDataset(voxels))[:, 0, 1]
    np.testing.assert_allclose(table["y (x)_probability"], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("a", "other target"),
            r"targets=\('y \(x\)',\) \(the first\) and targets=\('z',\) \(number 2\) arrived; only models",
        ),
        (("a", "b", "classes"), r"task='regression' \(the first\) and task='classification' \(number 3\)"),
        (("a", "drawn"), r"conformer_seed=0 \(the first\) and conformer_seed=1"),
        ((), "No model arrived"),
    ],
)
def test_models_that_predict_something_else_are_refused(folders, names, message):
    with pytest.raises(ValueError, match=message):
        of(folders, *names)


def test_spreads_over_masks_join_those_over_members(folders, tmp_path):
    both = Ensemble((Predictor.from_folder(folders["drawn"]), Predictor.from_folder(folders["drawn"])))
    table = both.predict(inputs(tmp_path), masks=200)
    alone = both.members[0].predict(inputs(tmp_path), masks=2000)
    # the members are the same network, so that all spread is that over masks: 200 draws leave 4 %, five of them
    np.testing.assert_allclose(table["y (x)_spread"], alone["y (x)_std"], rtol=0.2)
    with pytest.raises(ValueError, match=r"trained with dropout=0\.0"):
        of(folders, "a", "b").predict(inputs(tmp_path), masks=5)


def calibrated(folders, tmp_path, names=("a", "b"), masks=0, factors=(1.5, 4.0)):
    members = tuple(folders[name] for name in names)
    about = EnsembleFile(members, ("y (x)",), (Calibration(0.3, 0.5, factors),), ((Coverage("68", 7, 10),),), masks)
    return about.write(tmp_path / "ensemble").parent


def test_a_calibrated_ensemble_says_what_errors_stay_below(folders, tmp_path):
    given = inputs(tmp_path, "C1C")
    table = Ensemble.from_folders([calibrated(folders, tmp_path)]).predict(given)
    plain = of(folders, "a", "b").predict(given)
    assert list(table)[2:] == ["y (x)", "y (x)_spread", "y (x)_error_68", "y (x)_error_95", "failure"]
    np.testing.assert_array_equal(table["y (x)"], plain["y (x)"])
    scale = np.sqrt(0.3**2 + 0.25 * plain["y (x)_spread"] ** 2)
    np.testing.assert_allclose(table["y (x)_error_68"], 1.5 * scale, rtol=1e-12)
    np.testing.assert_allclose(table["y (x)_error_95"], 4.0 * scale, rtol=1e-12)
    assert table.loc[6, ["y (x)", "y (x)_error_68", "y (x)_error_95"]].isna().all()


def test_a_single_network_has_the_same_bounds_for_all_and_none_that_is_not_known(folders, tmp_path):
    folder = calibrated(folders, tmp_path, ("a",), factors=(1.5, math.nan))
    table = Ensemble.from_folders([folder]).predict(inputs(tmp_path))
    assert list(table)[2:] == ["y (x)", "y (x)_error_68", "failure"]
    np.testing.assert_allclose(table["y (x)_error_68"], 0.45)


def test_a_calibrated_ensemble_draws_the_masks_of_its_calibration(folders, tmp_path):
    ensemble = Ensemble.from_folders([calibrated(folders, tmp_path, ("drawn",), masks=20)])
    table = ensemble.predict(inputs(tmp_path))
    assert (table["y (x)_spread"] > 0).all()
    with pytest.raises(ValueError, match="masks=5 arrived; the ensemble was calibrated with 20"):
        ensemble.predict(inputs(tmp_path), masks=5)


def test_an_ensemble_is_for_its_own_networks(folders, tmp_path):
    folder = calibrated(folders, tmp_path)
    with pytest.raises(ValueError, match="arrived with 1 more; it is calibrated for its own networks"):
        Ensemble.from_folders([folder, folders["a"]])
    with pytest.raises(ValueError, match=r"calibrated for y \(x\), and names networks of \('z',\)"):
        Ensemble.from_folders([calibrated(folders, tmp_path, ("other target",))])
    with pytest.raises(ValueError, match="1 calibrations arrived for classification"):
        Ensemble.from_folders([calibrated(folders, tmp_path, ("classes",))])


def test_a_recipe_of_another_task_is_refused(folders, tmp_path):
    folder = trained(tmp_path / "model", 0, about=ModelRecipe(RECIPE, ("y",), task="classification"))
    with pytest.raises(ValueError, match="one of regression, its recipe says classification"):
        Predictor.from_folder(folder)


def test_the_command_takes_several_models_and_columns_by_name(folders, tmp_path, capsys):
    (tmp_path / "in.csv").write_text('"a, structure",code\nCCO,x\nCC,y\n')
    out = tmp_path / "out.csv"
    models = [str(folders[name]) for name in ("a", "b")]
    named = ["--smiles-column", "a, structure", "--id-column", "code", "--n-jobs", "1", "--out", str(out)]
    assert main(["predict", *models, str(tmp_path / "in.csv"), *named]) == 0
    printed = capsys.readouterr().out
    assert "2 of 2 predicted" in printed
    assert "Without calibrated uncertainty" in printed
    assert out.read_text().splitlines()[0] == "id,input,y (x),y (x)_spread,failure"
    assert [line.partition(",")[0] for line in out.read_text().splitlines()[1:]] == ["x", "y"]
    assert main(["predict", *models, str(tmp_path / "in.csv"), "--out", str(out)]) == 2
    assert "no column with smiles in its name, among a, structure, code; name the one" in capsys.readouterr().err
    folder = str(calibrated(folders, tmp_path))
    assert main(["predict", folder, str(tmp_path / "in.csv"), *named]) == 0
    assert "Without" not in capsys.readouterr().out
    assert out.read_text().splitlines()[0] == "id,input,y (x),y (x)_spread,y (x)_error_68,y (x)_error_95,failure"


def test_molecules_from_smiles_have_bounds_of_their_own(folders, tmp_path):
    """Three times as wide here; the same conformer, given as a structure, has those of given positions."""
    members = of(folders, "a", "b").members
    calibration = Calibration(0.1, 0.5, (1.0, 2.0))
    both = Ensemble(members, (calibration,), from_smiles=(Calibration(0.1, 0.5, (3.0, 6.0)),))
    given = inputs(tmp_path)
    read = [replace(one, datapoint=RECIPE.read(one.datapoint)) for one in given]
    made, there = both.predict(given), both.predict(read)
    np.testing.assert_allclose(made["y (x)"], there["y (x)"], rtol=1e-6)
    for level in ("68", "95"):
        np.testing.assert_allclose(made[f"y (x)_error_{level}"], 3 * there[f"y (x)_error_{level}"], rtol=1e-6)
