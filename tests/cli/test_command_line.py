from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deepchem_density.cli.command_line import COMMANDS, _parser, main
from deepchem_density.cli.compare import _configs
from deepchem_density.cli.curve import _config
from deepchem_density.cli.options import asked_for, config_from
from deepchem_density.cli.tune import _plan
from deepchem_density.curves.config import CurveConfig

ROOT = Path(__file__).parents[2]
PROJECTS = sorted((ROOT / "mlflow_projects").glob("*/MLproject"))


def test_help_does_not_import_deepchem():
    code = "import sys; from deepchem_density.cli.command_line import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "assert not {'deepchem', 'torch', 'mlflow', 'optuna', 'pandas', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


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
    [["curve", "--fractions", "half"], ["curve", "--seeds", "1.5"], ["curve", "--other", "perhaps"], ["orbit"], []],
)
def test_arguments_that_cannot_be_read_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_every_command_has_help(capsys):
    for command in COMMANDS:
        name = command.__name__.rpartition(".")[2].removesuffix("_command")
        with pytest.raises(SystemExit) as stopped:
            main([name, "--help"])
        assert stopped.value.code == 0
        assert f"deepchem-density {name}" in capsys.readouterr().out


def entry_points(project):
    """Return the command and the parameters with their defaults of each entry point of an MLproject."""
    text = project.read_text().partition("entry_points:")[2]
    found = {}
    for name, part in re.findall(r"^  (\w+):\n((?:    .*\n?)+)", text, re.MULTILINE):
        line = r"^ {6}(\w+): \{type: string(?:, default: \"?([^\"}]*)\"?)?\}$"
        parameters = dict(re.findall(line, part, re.MULTILINE))
        command = part.partition("command: >-")[2].split()
        assert len(parameters) > 2
        assert set(re.findall(r"\{(\w+)\}", " ".join(command))) == set(parameters)
        found[name] = command, parameters
    return found


def arguments_of(project, name, **values):
    """Return the arguments of the command as MLflow fills them in."""
    command, parameters = entry_points(project)[name]
    assert command[:3] == ["python", "-m", "deepchem_density.cli.command_line"]
    return [word.format(**(parameters | values)) for word in command[3:]]


def run_options(options):
    names = ("params", "n_jobs", "threads", "out", "track", "command")
    return {name: getattr(options, name) for name in names}


def test_the_main_entry_point_has_the_defaults_of_the_command_line():
    arguments = arguments_of(ROOT / "MLproject", "main")
    given, bare = (_parser().parse_args(one) for one in (arguments, ["curve"]))
    assert _config(given) == CurveConfig() == _config(bare)
    assert run_options(given) == run_options(bare)


def test_the_compare_entry_point_has_the_defaults_of_the_command_line():
    arguments = arguments_of(ROOT / "MLproject", "compare")
    given, bare = (_parser().parse_args(one) for one in (arguments, ["compare"]))
    assert [config.rep for config in _configs(given)] == ["atom", "density", "gradient", "occupancy"]
    assert _configs(given) == _configs(bare)
    assert run_options(given) == run_options(bare)


def test_the_tune_entry_point_has_the_defaults_of_the_command_line():
    arguments = arguments_of(ROOT / "MLproject", "tune")
    given, bare = (_parser().parse_args(one) for one in (arguments, ["tune"]))
    assert config_from(asked_for(given)) == config_from(asked_for(bare)) == CurveConfig()
    assert _plan(given) == dataclasses.replace(_plan(bare), fixed=("dataset", "rep"))
    assert run_options(given) == run_options(bare)


def test_the_predict_entry_point_has_the_defaults_of_the_command_line():
    arguments = arguments_of(ROOT / "MLproject", "predict", model="a model", input="in.smi")
    given, bare = (_parser().parse_args(one) for one in (arguments, ["predict", "a model", "in.smi"]))
    assert vars(given) == vars(bare)


@pytest.mark.parametrize("name", ["main", "compare"])
def test_values_of_parameters_arrive(name):
    arguments = arguments_of(ROOT / "MLproject", name, targets="mu,gap", seeds="3", voxel_width="1.2", out="elsewhere")
    options = _parser().parse_args(arguments)
    assert (options.targets, options.seeds, options.voxel_width) == (("mu", "gap"), (3,), 1.2)
    assert options.out == "elsewhere"


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.parent.name)
def test_other_projects_run_what_the_command_line_takes(project):
    for name in entry_points(project):
        _parser().parse_args(arguments_of(project, name))
