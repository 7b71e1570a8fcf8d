"""From a csv of SMILES to predictions in two commands, of numbers and of classes."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem
from rdkit.Chem import Crippen

from deepchem_density import load_sample, open_featurized
from deepchem_density.cli import main
from deepchem_density.cli.curve import how_to_predict
from deepchem_density.curves.cells import read_cell
from deepchem_density.curves.config import CurveConfig

TARGET, CLASS, SPARSE = "logp (Crippen)", "fat, or not?", "a/b"
QUICK = [
    *("--fractions", "0.5,1.0", "--steps", "6", "--voxel-width", "1.5", "--oversampling", "1", "--widths", "4,8"),
    *("--n-jobs", "1", "--workers", "1", "--no-track", "--rep", "atom", "--optimize", "false"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """60 molecules of QM9's sample without rings of three: RDKit finds their conformers."""
    out = tmp_path_factory.mktemp("csv")
    smiles = [one for one in load_sample().smiles.tolist() if "3" not in one][:61]
    logp = [Crippen.MolLogP(Chem.MolFromSmiles(one)) for one in smiles]
    frame = pd.DataFrame({"my smiles": smiles, TARGET: logp})
    frame[CLASS] = (frame[TARGET] > 0).astype(int)
    frame[SPARSE] = [str(int(value > 0.3)) if i % 3 else "" for i, value in enumerate(logp)]
    frame.loc[60] = ["not one", 1.0, 1, "1"]
    frame.to_csv(out / "my.csv", index=False)
    (out / "new.smi").write_text("CCO ethanol\nCCC propane\n")
    return out


def curve(folder, out, *more):
    return main(["curve", "--dataset", "csv", "--data-dir", str(folder / "my.csv"), "--out", str(out), *QUICK, *more])


def test_numbers_in_two_commands(folder, capsys, caplog):
    assert curve(folder, folder / "numbers", "--targets", TARGET, "--seeds", "0,1") == 0
    printed = capsys.readouterr().out
    assert "1 of 61 rows" in caplog.text
    assert "line 62: RDKit cannot read 'not one' as SMILES" in caplog.text
    assert "Tested on 12 molecules." in printed
    command = shlex.split(printed.strip().splitlines()[-1])
    assert command[:2] == ["deepchem-density", "predict"]
    assert len(command) == 6
    assert "of 22 (" in printed  # 12 molecules of the test set, and 10 that were watched
    command[3], command[5] = str(folder / "new.smi"), str(folder / "predictions.csv")
    assert main([*command[1:], "--n-jobs", "1"]) == 0
    table = pd.read_csv(folder / "predictions.csv")
    names = [TARGET, *(f"{TARGET}_{what}" for what in ("spread", "error_68", "error_95"))]
    assert list(table.columns) == ["id", "input", *names, "failure"]
    assert (table[f"{TARGET}_error_68"] > 0).all()
    assert (table[f"{TARGET}_error_95"] > table[f"{TARGET}_error_68"]).all()
    assert np.isfinite(table[TARGET]).all()


def test_classes_with_missing_labels_to_probabilities(folder, capsys):
    out = folder / "classes"
    targets = f'"{CLASS}",{SPARSE}'
    assert curve(folder, out, "--targets", targets, "--task", "classification", "--seeds", "0") == 0
    printed = capsys.readouterr().out
    for text in (f"{CLASS}: ROC-AUC on the test set", "PRC-AUC (average precision)", "| logistic in element counts |"):
        assert text in printed
    (made,) = out.glob("csv-*")
    assert {path.name for path in made.iterdir()} == {"learning_curve.png", "roc_atom.png", "table.csv", "table.md"}
    (model,) = out.glob("cells/*/atom-38-0-*/model")
    assert json.loads((model / "recipe.json").read_text())["task"] == "classification"
    cell = read_cell(model.parent)
    assert np.isnan(cell.truth).any()
    assert ((cell.predicted > 0) & (cell.predicted < 1)).all()
    assert str(model) in how_to_predict(CurveConfig(), [cell], None)
    assert "a .csv with ligand and protein" in how_to_predict(CurveConfig(dataset="pdbbind"), [cell], None)
    row = next(row for row in cell.rows if (row["model"], row["target"]) == ("constant", CLASS))
    assert row["roc_auc"] == 0.5
    assert row["prc_auc"] == pytest.approx(cell.truth[:, 0].mean())
    assert main(["predict", str(model), str(folder / "new.smi"), "--out", str(out / "p.csv"), "--n-jobs", "1"]) == 0
    columns = [f"{CLASS}_probability", f"{SPARSE}_probability"]
    assert pd.read_csv(out / "p.csv")[columns].to_numpy().shape == (2, 2)


def test_comparisons_and_searches_of_classes(folder, capsys):
    out = folder / "compared"
    about = ["--dataset", "csv", "--data-dir", str(folder / "my.csv"), "--targets", f'"{CLASS}"', "--out", str(out)]
    about += ["--task", "classification", "--split", "scaffold"]
    quick = [word if word != "0.5,1.0" else "1.0" for word in QUICK if word not in ("--rep", "atom")]
    assert main(["compare", "--reps", "atom,occupancy", "--seeds", "0", *about, *quick]) == 0
    (report,) = out.glob("compare-*/report.md")
    text = report.read_text()
    for part in ("Differences in mean log loss", "their axis is logarithmic", "## ROC", "roc.png", "ROC-AUC"):
        assert part in text
    tests = pd.read_csv(report.with_name("tests.csv"))
    assert np.isfinite(tests["difference"]).all()
    search = [word for word in QUICK if word not in ("--fractions", "0.5,1.0")]
    assert main(["tune", *about, *search, "--n-trials", "1", "--params", str(out / "best.json")]) == 0
    assert "validation error, a constant being 1" in capsys.readouterr().out
    assert json.loads((out / "best.json").read_text())["provenance"]["metric"] == "log_loss"


def test_featurize_takes_a_csv_with_or_without_labels(folder, tmp_path):
    source = str(folder / "my.csv")
    quick = ["--rep", "atom", "--workers", "1", "--box-width", "12", "--voxel-width", "1.5", "--optimize", "false"]
    assert main(["featurize", source, "--targets", f'{TARGET},"{CLASS}"', "--out", str(tmp_path / "a"), *quick]) == 0
    labelled = open_featurized(tmp_path / "a", [CLASS, TARGET])
    assert labelled.y.shape == (60, 2)
    assert labelled.y[:, 0].tolist() == (labelled.y[:, 1] > 0).tolist()
    named = ["--smiles-column", "my smiles", "--out", str(tmp_path / "b")]
    assert main(["featurize", source, *named, *quick]) == 0
    assert open_featurized(tmp_path / "b").y.shape == (60, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--targets", "gap"],
            "no column 'gap' for labels; it has the columns my smiles, logp (Crippen), fat, or not?",
        ),
        (
            ["--targets", TARGET, "--task", "classification"],
            "with task=classification 0, 1 and empty cells are accepted",
        ),
        (["--targets", TARGET, "--smiles-column", "smiles"], "no column 'smiles' for SMILES"),
        (["--targets", TARGET, "--data-dir", "nowhere.csv"], "There is no file"),
        (["--targets", TARGET, "--data-dir", "."], "arrived as a table of molecules; a .csv, .smi"),
        (["--targets", TARGET, "--n-test", "55", "--n-valid", "5"], "60 molecules cannot be split into 55 for testing"),
    ],
)
def test_what_cannot_be_learned_is_one_sentence(folder, tmp_path, arguments, message, capsys):
    assert curve(folder, tmp_path / "out", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
