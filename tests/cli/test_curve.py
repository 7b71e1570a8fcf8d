from __future__ import annotations

import pytest
from openfe_systems import write_system

from deepchem_density.cli.command_line import main, parser
from deepchem_density.cli.curve import curve_config
from deepchem_density.curves.config import CurveConfig
from deepchem_density.tuning.params_file import write_params

QUICK = [
    *("--n-train", "40", "--n-valid", "5", "--n-test", "20", "--fractions", "0.5,1.0", "--seeds", "0", "--steps", "3"),
    *("--voxel-width", "1.2", "--oversampling", "1", "--widths", "4,8", "--n-jobs", "1"),
    *("--workers", "1"),
]


def test_another_representation_joins_the_figure(tmp_path, capsys):
    for rep in ("atom", "occupancy"):
        assert main(["curve", "--rep", rep, "--out", str(tmp_path), "--no-track", *QUICK]) == 0
    printed = capsys.readouterr().out
    (folder,) = tmp_path.glob("sample-gap-*")
    table = (folder / "table.md").read_text()
    assert table.strip() in printed
    baselines = (
        "xTB numbers and element counts",
        "ECFP with gradient boosting",
        "linear in element counts",
        "constant",
    )
    for model in ("atom", "occupancy", *baselines):
        assert f"\n| {model} " in table
    assert {path.name for path in folder.iterdir()} == {
        *("learning_curve.png", "parity_atom.png", "parity_occupancy.png", "table.csv", "table.md"),
        *("uncertainty_atom.png", "uncertainty_occupancy.png"),
    }


def test_openfes_systems_come_to_a_table_with_baselines(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DEEPCHEM_DENSITY_CACHE", str(tmp_path / "cache"))
    smiles = {"a": "CCO", "b": "CCCN", "c": "CCCCF"}
    for i, sequence in enumerate(("GS", "AK", "VE")):
        energies = {name: -5.0 - i - 0.5 * n for n, name in enumerate(smiles)}
        write_system(tmp_path / "systems", f"set/{i}", smiles, energies, sequence)
    settings = ["--fractions", "1", "--seeds", "0", "--steps", "2", "--voxel-width", "2", "--widths", "4,8"]
    settings += ["--split", "group", "--split-by", "system", "--n-test", "3", "--workers", "1", "--n-jobs", "1"]
    data = ["--dataset", "openfe", "--data-dir", str(tmp_path / "systems"), "--rep", "atom"]
    assert main(["curve", *data, *settings, "--out", str(tmp_path / "out"), "--no-track"]) == 0
    printed = capsys.readouterr().out
    assert "pK: root mean square error on the test set, -log10(M)" in printed
    for model in ("atom", "linear in element counts", "ligand heavy atoms", "constant"):
        assert f"\n| {model}" in printed
    assert "| 6 complexes |" in printed


def test_epochs_take_the_place_of_steps(tmp_path, capsys):
    arguments = [a for a in QUICK if a not in ("--steps", "3")]
    arguments += ["--baselines", "none"]
    assert main(["curve", "--rep", "atom", "--out", str(tmp_path), "--epochs", "1", *arguments]) == 0
    assert "40 molecules, seed 0: gap MAE" in capsys.readouterr().out


def test_tuned_settings_are_read_from_a_file(tmp_path):
    path = tmp_path / "best.json"
    write_params(path, {"learning_rate": 1e-3, "voxel_width": 1.2}, {"rep": "density"})
    options = parser().parse_args(["curve", "--params", str(path), "--voxel-width", "0.4"])
    assert (curve_config(options).learning_rate, curve_config(options).voxel_width) == (1e-3, 0.4)


def test_settings_that_were_tuned_for_another_representation_are_refused(tmp_path):
    path = tmp_path / "best.json"
    write_params(path, {"learning_rate": 1e-3}, {"rep": "density"})
    with pytest.raises(ValueError, match="tuned for rep='density'"):
        curve_config(parser().parse_args(["curve", "--params", str(path), "--rep", "atom"]))


def test_settings_tuned_for_several_representations_are_found_whatever_their_order(tmp_path):
    path = tmp_path / "best.json"
    write_params(path, {"learning_rate": 1e-3}, {"rep": CurveConfig(rep="occupancy+density").rep})
    for rep in ("occupancy+density", "density+occupancy"):
        config = curve_config(parser().parse_args(["curve", "--params", str(path), "--rep", rep]))
        assert (config.rep, config.learning_rate) == ("density+occupancy", 1e-3)


@pytest.mark.parametrize(
    ("rep", "option", "value", "message"),
    [
        ("atom", "--transform", "log", "transform='log' arrived for rep='atom', to which it means nothing"),
        ("occupancy", "--sigma", "0.6", "sigma=0.6 arrived for rep='occupancy', to which it means nothing"),
        ("gradient", "--shape", "density", "shape='density' arrived for rep='gradient', to which it means nothing"),
        ("gradient+density", "--other", "true", "other=True arrived for rep='density+gradient', to which"),
    ],
)
@pytest.mark.parametrize("command", ["curve", "tune"])
def test_a_setting_that_means_nothing_to_the_representation_is_refused_by_name(
    command, rep, option, value, message, tmp_path, capsys
):
    assert main([command, "--rep", rep, option, value, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_joint_representations_run_and_share_cells_whatever_their_order(tmp_path, capsys):
    settings = ["--source", "independent_atoms", "--out", str(tmp_path / "out"), "--no-track", *QUICK]
    found = []
    for rep in ("density+occupancy", "occupancy+density"):
        assert main(["curve", "--rep", rep, *settings]) == 0
        assert "density+occupancy (source=independent_atoms, voxel_width=1.2" in capsys.readouterr().out
        found.append({path: path.stat().st_mtime_ns for path in tmp_path.glob("out/cells/*/*/result.json")})
    assert found[0] == found[1]
    assert {path.parent.name.rpartition("-")[0] for path in found[0]} == {
        *("density+occupancy-20-0", "density+occupancy-40-0")
    }
    molecules, predictions = tmp_path / "in.smi", tmp_path / "predictions.csv"
    molecules.write_text("CCO ethanol\nC methane\n")
    (model,) = tmp_path.glob("out/cells/*/*-40-0-*/model")
    assert main(["predict", str(model), str(molecules), "--out", str(predictions), "--n-jobs", "1"]) == 0
    assert "2 of 2 predicted" in capsys.readouterr().out


def test_the_representation_stands_for_rep_in_the_name_of_tuned_settings(tmp_path):
    write_params(tmp_path / "best-atom.json", {"learning_rate": 1e-3}, {"rep": "atom"})
    pattern = str(tmp_path / "best-{rep}.json")
    assert curve_config(parser().parse_args(["curve", "--params", pattern, "--rep", "atom"])).learning_rate == 1e-3
    with pytest.raises(ValueError, match=r"name the representation that stands for \{rep\}"):
        curve_config(parser().parse_args(["curve", "--params", pattern]))
