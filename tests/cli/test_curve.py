from __future__ import annotations

import pytest

from deepchem_density.cli.command_line import main, parser
from deepchem_density.cli.curve import curve_config
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
    for model in ("atom", "occupancy", "linear in element counts", "constant"):
        assert f"\n| {model} " in table
    assert {path.name for path in folder.iterdir()} == {
        *("learning_curve.png", "parity_atom.png", "parity_occupancy.png", "table.csv", "table.md")
    }


def test_epochs_take_the_place_of_steps(tmp_path, capsys):
    arguments = [a for a in QUICK if a not in ("--steps", "3")]
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
