"""The models in the package, as a newcomer uses them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepchem_density.cli import main
from deepchem_density.models.ensemble import Ensemble
from deepchem_density.models.ensemble_file import ENSEMBLE_FILE, EnsembleFile
from deepchem_density.models.prediction import find_model
from deepchem_density.models.prediction_inputs import Input
from deepchem_density.models.recipe_file import RECIPE_FILE, ModelRecipe
from deepchem_density.models.shipped import shipped_models
from deepchem_density.tables.qm9 import load_sample

NAMES = ["qm9-atom", "qm9-density"]
REASONS = ("has Cl; the model", "12 heavy atoms", "the charge -1", "3 heavy atoms", "SMILES")
TARGETS = ("gap", "homo", "lumo", "mu", "u0_atom", "alpha")
LARGEST = 6e6
FACTORS = {"gap": 27.211386, "homo": 27.211386, "lumo": 27.211386, "mu": 1.0, "alpha": 1.0}
CARD = Path(__file__).parents[2] / "docs" / "models.md"


def measured(name):
    with (shipped_models()[name] / "errors.csv").open() as file:
        return {row["target"]: row for row in csv.DictReader(file)}


def test_there_are_two_and_they_are_small():
    assert sorted(shipped_models()) == NAMES
    for folder in shipped_models().values():
        assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < LARGEST
        assert len(EnsembleFile.read(folder / ENSEMBLE_FILE).members) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_they_predict_molecules_of_qm9_about_as_well_as_their_card_says(name):
    """200 molecules in the geometry of DFT: errors within a quarter above the stated ones; 95 % of 200 are 190 ± 3."""
    sample = load_sample()
    places = np.arange(5, 2000, 10)
    inputs = [Input(str(place), "", one) for place, one in zip(places, sample.subset(places).datapoints(), strict=True)]
    table = Ensemble.from_folders([find_model(name)]).predict(inputs)
    assert not table["failure"].any()
    for target, factor in FACTORS.items():
        errors = np.abs(table[target] - sample.column(target)[places] * factor)
        stated = measured(name)[target]
        assert errors.mean() < 1.25 * float(stated["mae"])
        assert np.mean(errors < table[f"{target}_error_95"]) > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_units_are_those_of_chemists_and_bounds_from_smiles_are_wider(name):
    folder = shipped_models()[name]
    about = ModelRecipe.read(folder / "0" / RECIPE_FILE)
    assert about.targets == TARGETS
    assert dict(about.units) == dict(zip(TARGETS, ("eV", "eV", "eV", "debye", "eV", "bohr³"), strict=True))
    ensemble = EnsembleFile.read(folder / ENSEMBLE_FILE)
    apart = np.zeros(1)
    given, made = (
        np.array([one.bounds(apart)[0, 0] for one in calibrations])
        for calibrations in (ensemble.calibrations, ensemble.from_smiles)
    )
    assert (made > given).sum() >= 5


def test_the_command_of_the_readme_predicts_and_names_what_it_cannot(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    smiles = ["c1ccccc1", "CC(=O)C=CC=O", "Clc1ccccc1", "CCCCCCCCCCCC", "CCCCC(=O)[O-]", "CCO", "C1CC"]
    pd.DataFrame({"smiles": smiles}).to_csv("molecules.csv", index=False)
    assert main(["predict", "qm9-density", "molecules.csv", "--out", "predictions.csv"]) == 0
    table = pd.read_csv("predictions.csv")
    assert table["failure"].isna().tolist() == [True] * 2 + [False] * 5
    for place, reason in zip(range(2, 7), REASONS, strict=True):
        assert reason in table["failure"][place]
    said = capsys.readouterr().out
    assert "2 of 7 predicted" in said
    assert "gap in eV" in said
    # QM9: benzene's gap 6.81 eV, dipole 0 D, U0 of atomization -56.66 eV, polarizability 57.3 bohr³
    benzene = table.iloc[0]
    assert benzene["gap"] == pytest.approx(6.81, abs=0.6)
    assert benzene["mu"] == pytest.approx(0.0, abs=0.3)
    assert benzene["u0_atom"] == pytest.approx(-56.66, abs=0.4)
    assert benzene["alpha"] == pytest.approx(57.3, abs=3.0)


def test_the_card_has_every_number_that_was_measured():
    text = CARD.read_text(encoding="utf-8")
    for name in NAMES:
        for row in measured(name).values():
            assert f"{float(row['mae']):.3g}" in text
            assert f"{float(row['mae_from_smiles']):.3g}" in text


def test_a_name_that_is_none_lists_those_that_are():
    with pytest.raises(ValueError, match=r"no folder 'qm9-dens'; .*in this package: 'qm9-atom', 'qm9-density'"):
        find_model("qm9-dens")
