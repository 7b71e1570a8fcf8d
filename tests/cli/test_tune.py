from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys

import pytest

pytest.importorskip("optuna", reason="needs the extra [tune]")

from deepchem_density.cli import tune
from deepchem_density.tuning.search import SearchPlan, read_params, read_provenance

QUICK = [
    *("--rep", "atom", "--n-train", "60", "--fraction", "0.5", "--steps", "6", "--n-trials", "3", "--n-jobs", "1"),
    *("--box-width", "14.4", "--voxel-width", "1.2", "--oversampling", "1", "--widths", "4,8", "--depth", "1"),
]


def command(*arguments):
    parser = argparse.ArgumentParser()
    tune.add_to(parser.add_subparsers(required=True))
    options = parser.parse_args(["tune", *map(str, arguments)])
    return options.command(options)


def test_a_search_prints_its_trials_and_writes_the_best_settings(tmp_path, capsys):
    assert command(*QUICK, "--out", tmp_path / "runs", "--params", tmp_path / "best-{rep}.json") == 0
    printed = capsys.readouterr().out
    assert [line.split(":")[0] for line in printed.splitlines() if line.startswith("trial")] == [
        "trial 0",
        "trial 1",
        "trial 2",
    ]
    assert "3 trials (3 complete)" in printed
    path = tmp_path / "best-atom.json"
    assert str(path) in printed
    params = read_params(path, rep="atom")
    # what was given stays
    assert (params["voxel_width"], params["oversampling"], params["widths"], params["depth"]) == (1.2, 1, (4, 8), 1)
    assert set(read_provenance(path)["space"]) == {
        *("learning_rate", "n_bins", "stem_widths", "dropout", "pooling", "sigma")
    }
    assert f"learning_rate = {params['learning_rate']}" in printed


def test_the_same_command_again_runs_nothing(tmp_path, capsys):
    arguments = (*QUICK, "--out", tmp_path)
    command(*arguments)
    first = capsys.readouterr().out
    command(*arguments)
    again = capsys.readouterr().out
    assert "trial 0:" not in again
    assert again.strip() == first[first.index("\n3 trials") :].strip()


def test_defaults_are_those_of_the_plan():
    plan = {field.name: field.default for field in dataclasses.fields(SearchPlan)}
    names = {flag.lstrip("-").replace("-", "_"): default for flag, _, default, _ in tune.OPTIONS}
    assert names == {name: value for name, value in plan.items() if name != "fixed"}


def test_options_without_a_value_take_their_defaults():
    parser = argparse.ArgumentParser()
    tune.add_to(parser.add_subparsers(required=True))
    flags = [flag for flag, *_ in tune.OPTIONS]
    options = parser.parse_args(["tune", *(part for flag in flags for part in (flag, ""))])
    assert tune._plan(options) == SearchPlan()


def test_what_cannot_run_is_refused_before_anything_is_computed(tmp_path):
    for arguments in (["--rep", "orbital"], ["--n-trials", "0"], ["--pruner", "best"]):
        with pytest.raises(ValueError, match=arguments[1]):
            command(*QUICK, "--out", tmp_path / "out", *arguments)
    assert not (tmp_path / "out").exists()


def test_help_needs_no_heavy_import():
    code = (
        "import argparse, sys; from deepchem_density.cli import predict, tune\n"
        "commands = argparse.ArgumentParser().add_subparsers()\n"
        "tune.add_to(commands); predict.add_to(commands)\n"
        "print({'torch', 'deepchem', 'optuna', 'mlflow', 'rdkit', 'numpy'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "set()\n"
