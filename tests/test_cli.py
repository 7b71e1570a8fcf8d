from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deepchem_density.cli import _OPTIONS, _config, _parser, main
from deepchem_density.curve_config import COMPLEX_DEFAULTS, CurveConfig

ROOT = Path(__file__).parents[1]
QUICK = [
    *("--n-train", "40", "--n-valid", "5", "--n-test", "20", "--fractions", "0.5,1.0", "--seeds", "0", "--steps", "3"),
    *("--voxel-width", "1.2", "--oversampling", "1", "--widths", "4,8", "--n-jobs", "1"),
]


def config(*arguments):
    return _config(_parser().parse_args(["curve", *arguments]))


def test_defaults_are_those_of_the_configuration():
    assert config() == CurveConfig()
    shown = {flag.lstrip("-").replace("-", "_"): default for flag, _, default, _ in _OPTIONS}
    assert shown == {field.name: field.default for field in dataclasses.fields(CurveConfig)}


def test_complexes_have_defaults_of_their_own_that_yield_to_what_is_asked_for():
    asked = config("--dataset", "pdbbind", "--data-dir", "somewhere", "--box-width", "20", "--targets", "")
    expected = {**COMPLEX_DEFAULTS, "dataset": "pdbbind", "data_dir": "somewhere", "box_width": 20.0}
    assert asked == CurveConfig(**expected)
    asked.check()


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        (["--other", "True"], "other", True),
        (["--waters", "false"], "waters", False),
        (["--elements", "C,Cl"], "elements", ("C", "Cl")),
        (["--b-iso", "25"], "b_iso", 25.0),
        (["--b-iso", "none"], "b_iso", None),
        (["--n-bins", "0"], "n_bins", 0),
    ],
)
def test_options_are_read_in_their_own_types(arguments, field, value):
    assert getattr(config(*arguments), field) == value


def test_help_does_not_import_deepchem():
    code = "import sys; from deepchem_density.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "assert not {'deepchem', 'torch', 'mlflow'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rep", "orbital"], "rep='orbital' arrived; accepted: atom, density, gradient, occupancy"),
        (["--dataset", "sdf", "--data-dir", "nowhere"], "0 .sdf files"),
        (["--voxel-width", "0.7"], "whole number"),
    ],
)
def test_what_cannot_run_is_one_line_and_status_2(arguments, message, tmp_path, capsys):
    assert main(["curve", "--out", str(tmp_path), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["curve", "--fractions", "half"], ["curve", "--seeds", "1.5"], ["curve", "--other", "perhaps"], ["tune"], []],
)
def test_arguments_that_cannot_be_read_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage" in capsys.readouterr().err


def parameters_of(project):
    text = project.read_text()
    parameters = dict(re.findall(r"^ {6}(\w+): \{type: string, default: \"?([^\"}]*)\"?\}$", text, re.MULTILINE))
    assert len(parameters) > 10
    assert set(re.findall(r"\{(\w+)\}", text.split("command: >-")[1])) == set(parameters)
    return parameters


def test_mlproject_defaults_are_those_of_the_command_line():
    parameters = parameters_of(ROOT / "MLproject")
    given = [f"--{name.replace('_', '-')}={default}" for name, default in parameters.items()]
    assert config(*given) == CurveConfig()
    options, bare = (vars(_parser().parse_args(["curve", *arguments])) for arguments in (given, []))
    assert (options["n_jobs"], options["out"]) == (bare["n_jobs"], bare["out"])


@pytest.mark.parametrize("project", [path.parent.name for path in (ROOT / "mlflow_projects").glob("*/MLproject")])
def test_other_projects_have_parameters_that_the_command_line_takes(project):
    for name, default in parameters_of(ROOT / "mlflow_projects" / project / "MLproject").items():
        _parser().parse_args(["curve", f"--{name.replace('_', '-')}={default}"])
