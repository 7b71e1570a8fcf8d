"""What release 0.1 stored is found, loaded and means the same: made by scripts/make_stored_reference.py at commit 490ff6a."""

from __future__ import annotations

import dataclasses
import inspect
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import deepchem_density
from deepchem_density import load_sample
from deepchem_density.curves import CurveConfig, cell_folder, run_curve
from deepchem_density.curves.config import COMPLEX_DEFAULTS
from deepchem_density.models import Input, Predictor, read_inputs
from deepchem_density.tuning import describe, search_space
from deepchem_density.voxels.settings import ORGANIC

STORED = Path(__file__).parent / "data" / "stored"
VOXELS = json.loads((STORED / "voxels.json").read_text())
CELLS = json.loads((STORED / "cells.json").read_text())
NAMES = json.loads((STORED / "names.json").read_text())
DEFAULTS = json.loads((STORED / "defaults.json").read_text())

# Other processors round otherwise: the absolute part is of single precision, the relative one of half precision.
TOLERANCE = {"float16": {"rtol": 2e-3, "atol": 2e-4}, "float32": {"rtol": 1e-5, "atol": 2e-5}}
TOLERANCE |= {"float64": {"rtol": 1e-6, "atol": 1e-6}, "uint8": {"rtol": 0, "atol": 0}}
FORMER = {"AtomVoxel": {"elements": ("H", "C", "N", "O", "F"), "other": False}}
"""Arguments whose defaults were other ones."""


def tuples(settings):
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}


def config_of(settings):
    return CurveConfig(**tuples(settings))


@pytest.fixture(scope="module")
def datapoints():
    sample = load_sample()
    of_files = {
        kind: [tuple(str(STORED / "complexes" / name) for name in row) for row in VOXELS[kind]]
        for kind in ("complexes", "maps")
    }
    return {"molecules": [sample.structure(i) for i in VOXELS["molecules"]], **of_files}


@pytest.mark.parametrize("name", VOXELS["voxels"])
def test_voxels_are_the_same(name, datapoints):
    about = VOXELS["voxels"][name]
    former = FORMER.get(about["class"], {})
    featurizer = getattr(deepchem_density, about["class"])(**{**former, **tuples(about["settings"])})
    with np.load(STORED / "voxels.npz") as stored:
        expected = stored[name]
    found = featurizer.featurize(datapoints[about["datapoints"]])
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, **TOLERANCE[expected.dtype.name])
    # the digest behind the readable name tells apart what features of another version may be
    if not former:
        assert str(featurizer).rpartition("_")[0] == about["file_name"].rpartition("_")[0]
    assert list(featurizer.recipe.channels) == about["channels"]


@pytest.mark.parametrize("name", DEFAULTS["featurizers"])
def test_arguments_and_defaults_are_the_same(name):
    parameters = inspect.signature(getattr(deepchem_density, name)).parameters
    found = [(argument, about.default) for argument, about in parameters.items()]
    stored = tuples(DEFAULTS["featurizers"][name])
    since = {"charge": None, "unpaired": None, "elements": ORGANIC, "other": True}  # defaults that have changed
    assert found[: len(stored)] == [(argument, since.get(argument, default)) for argument, default in stored.items()]
    assert {argument: stored[argument] for argument in FORMER.get(name, {})} == FORMER.get(name, {})


def test_defaults_for_complexes_are_the_same():
    stored = tuples(DEFAULTS["complexes"])
    assert {name: COMPLEX_DEFAULTS[name] for name in stored} == stored


@pytest.mark.parametrize("cell", CELLS["cells"], ids=lambda cell: cell["rep"])
def test_a_finished_cell_is_found_and_not_trained_again(cell, tmp_path):
    shutil.copytree(STORED / "cells", tmp_path / "cells")
    config = config_of({**CELLS["quick"], **cell})

    def trained(*arguments):
        raise AssertionError("a finished cell was trained again")

    (found,) = run_curve(config, tmp_path, on_epoch=trained)
    stored = json.loads((found.model_dir.parent / "result.json").read_text())
    assert found.rows == stored["rows"]
    assert found.predicted.tolist() == stored["predicted"]


def inputs(tmp_path, recipe):
    (tmp_path / "in.smi").write_text("\n".join(CELLS["smiles"]) + "\n")
    return read_inputs(tmp_path / "in.smi", recipe.reading)


@pytest.mark.parametrize("cell", CELLS["cells"], ids=lambda cell: cell["rep"])
def test_its_network_predicts_the_same(cell, tmp_path):
    (folder,) = STORED.glob(f"cells/*/{cell['rep']}-*/model")
    predictor = Predictor.from_folder(folder)
    table = predictor.predict(inputs(tmp_path, predictor.about.recipe))
    for target, expected in CELLS["predictions"][cell["rep"]].items():
        np.testing.assert_allclose(table[target], expected, rtol=1e-3)


@pytest.mark.parametrize("cell", CELLS["cells"], ids=lambda cell: cell["rep"])
def test_its_network_predicts_molecules_with_positions_the_same(cell):
    (folder,) = STORED.glob(f"cells/*/{cell['rep']}-*")
    stored, sample = json.loads((folder / "result.json").read_text()), load_sample()
    places = [sample.ids.tolist().index(one) for one in stored["ids"][:5]]
    table = Predictor.from_folder(folder).predict([Input(str(i), "", sample.structure(i)) for i in places])
    np.testing.assert_allclose(table[cell["targets"]], stored["predicted"][:5], rtol=1e-4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_a_logged_model_predicts_the_same():
    pyfunc = pytest.importorskip("mlflow.pyfunc", reason="needs the extra [mlflow]")
    model = pyfunc.load_model(str(STORED / "logged_model"))
    found = model.predict(pd.DataFrame({"molecule": CELLS["smiles"]}))
    rep = CELLS["cells"][-1]["rep"]
    for target, expected in CELLS["predictions"][rep].items():
        np.testing.assert_allclose(found[target], expected, rtol=1e-3)


@pytest.mark.parametrize("about", NAMES, ids=lambda about: about["label"])
def test_settings_and_names_are_the_same(about):
    config = config_of(about["settings"])
    found = json.loads(json.dumps(dataclasses.asdict(config)))
    since = {"engine": "auto"} | ({} if config.of_complexes else {"charge": None})  # defaults that have changed
    assert {name: found[name] for name in about["all"]} == about["all"] | since
    assert (config.study, config.label) == (about["study"], about["label"])
    assert list(config.recipe.channels) == about["channels"]
    folder = cell_folder(config, Path("out"), 40, 1, ["a", "b"], "content")
    if not config.of_complexes:  # whose files are read in another way since
        assert folder.as_posix() == about["cell"]
    if about["space"] is not None:
        assert json.loads(json.dumps(describe(search_space(config)))) == about["space"]
