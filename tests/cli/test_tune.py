from __future__ import annotations

import pytest

pytest.importorskip("optuna", reason="needs the extra [tune]")

from deepchem_density.cli import tune
from deepchem_density.cli.options import Parser
from deepchem_density.settings import settings_of
from deepchem_density.tuning.params_file import read_params, read_provenance
from deepchem_density.tuning.plan import SearchPlan, SearchSettings

QUICK = [
    *("--rep", "atom", "--n-train", "60", "--fraction", "0.5", "--steps", "6", "--n-trials", "3", "--n-jobs", "1"),
    *("--workers", "1"),
    *("--box-width", "14.4", "--voxel-width", "1.2", "--oversampling", "1", "--widths", "4,8", "--depth", "1"),
]


def command(*arguments):
    parser = Parser()
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
    (report,) = tmp_path.glob("tuning/*-report/report.md")
    assert f"Report: {report}" in again


def test_options_without_a_value_take_their_defaults():
    reader = Parser()
    tune.add_to(reader.add_subparsers(required=True))
    flags = [f"--{name.replace('_', '-')}" for name in settings_of(SearchSettings)]
    options = reader.parse_args(["tune", *(part for flag in flags for part in (flag, ""))])
    assert tune.plan_of(options) == SearchPlan() == tune.plan_of(reader.parse_args(["tune"]))


def test_what_cannot_run_is_refused_before_anything_is_computed(tmp_path):
    for arguments in (["--rep", "orbital"], ["--n-trials", "0"], ["--fraction", "0"]):
        with pytest.raises(ValueError, match=arguments[1]):
            command(*QUICK, "--out", tmp_path / "out", *arguments)
    assert not (tmp_path / "out").exists()
