from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from complex_files import write_complex

import deepchem_density.curves.cell_tasks as cell_tasks
from deepchem_density.cli.command_line import main, parser
from deepchem_density.cli.compare import configs_of
from deepchem_density.curves.cells import read_cell
from deepchem_density.tuning.params_file import write_params

QUICK = [
    *(
        "--n-train",
        "40",
        "--n-valid",
        "5",
        "--n-test",
        "30",
        "--fractions",
        "0.5,1.0",
        "--seeds",
        "0,1",
        "--steps",
        "4",
    ),
    *("--voxel-width", "1.2", "--oversampling", "1", "--widths", "4,8", "--n-jobs", "1", "--no-track"),
    *("--workers", "1", "--baselines", "none"),
    *("--reps", "atom,density:source=independent_atoms"),
]
N_CELLS = 8
RESULTS = ("errors.csv", "tests.csv", "power_laws.csv", "efficiency.csv", "sizes.csv")


def compare(out):
    return ["compare", *QUICK, "--out", str(out)]


def start(out, workers):
    return subprocess.Popen(
        [sys.executable, "-m", "deepchem_density.cli", *compare(out), "--workers", str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(out):
    return {path.parent.name for path in out.glob("cells/*/*/result.json")}


def tables(out):
    (folder,) = out.glob("compare-*")
    return {name: (folder / name).read_text() for name in RESULTS}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    assert main(compare(out)) == 0
    return out


def test_every_cell_is_in_the_report(undisturbed):
    assert len(finished(undisturbed)) == N_CELLS
    (folder,) = undisturbed.glob("compare-*")
    errors = pd.read_csv(folder / "errors.csv")
    models = ["atom", "density (source=independent_atoms)", "linear in element counts", "constant"]
    assert list(dict.fromkeys(errors.model)) == models
    assert (errors.seeds == 2).all()
    assert len(pd.read_csv(folder / "tests.csv")) == 2
    assert pd.read_csv(folder / "costs.csv").voxel_ms.gt(0).all()
    assert "<h2>Tests</h2>" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_cell_of_a_comparison_is_that_of_a_curve(undisturbed, monkeypatch, capsys):
    def fail(*arguments, **settings):
        raise AssertionError("a finished cell was trained again")

    monkeypatch.setattr(cell_tasks, "run_cell", fail)
    arguments = QUICK[: QUICK.index("--reps")]
    assert main(["curve", "--rep", "atom", *arguments, "--out", str(undisturbed)]) == 0
    assert "40 molecules, seed 1" in capsys.readouterr().out


def test_training_and_test_molecules_are_the_same_for_all_though_some_fail_in_one(tmp_path, monkeypatch):
    # large molecules do not fit into the box of the first one
    arguments = [*compare(tmp_path), "--box-width", "8.4"]
    own = arguments.index("--reps") + 1
    arguments[own] = "atom,atom:sigma=0.4:box_width=14.4"
    used = {}
    train = cell_tasks.run_cell

    def run_cell(config, data, places, seed, *others, **settings):
        key = (len(places), seed)
        molecules = tuple(data.table.ids[places]), tuple(data.table.ids[data.test])
        used.setdefault(key, []).append(molecules)
        return train(config, data, places, seed, *others, **settings)

    monkeypatch.setattr(cell_tasks, "run_cell", run_cell)
    assert main(arguments) == 0
    assert len(used) == 4
    for first, second in used.values():
        assert first == second
        assert len(first[1]) < 30  # some did fail
    labels = {read_cell(path).rows[0]["label"] for path in tmp_path.glob("cells/*/*")}
    assert len(labels) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "workers"), [(0, 1), (1, 1), (2, 2)])
def test_a_killed_comparison_goes_on_and_ends_like_an_undisturbed_one(
    undisturbed, tmp_path, monkeypatch, moment, workers
):
    rng = random.Random(moment)
    out = tmp_path / "out"
    with start(out, workers) as process:
        for _ in range(rng.randrange(N_CELLS) if moment else 0):
            assert "MAE" in process.stdout.readline()
        while not out.exists():
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = {path: path.stat().st_mtime_ns for path in out.glob("cells/*/*/result.json")}
    assert len(done) < N_CELLS or not list(out.glob("compare-*/report.html"))
    again, train = [], cell_tasks.run_cell

    def run_cell(config, data, places, seed, folder, *others, **settings):
        again.append(folder.parent.name)
        return train(config, data, places, seed, folder, *others, **settings)

    monkeypatch.setattr(cell_tasks, "run_cell", run_cell)
    assert main(compare(out)) == 0
    assert sorted(again) == sorted(finished(undisturbed) - {path.parent.name for path in done})
    assert finished(out) == finished(undisturbed)
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert tables(out) == tables(undisturbed)


@pytest.mark.slow
def test_two_workers_end_with_the_same_tables_as_none(undisturbed, tmp_path, capsys):
    assert main([*compare(tmp_path), "--workers", "2"]) == 0
    assert capsys.readouterr().out.count(" MAE ") == N_CELLS
    assert finished(tmp_path) == finished(undisturbed)
    assert tables(tmp_path) == tables(undisturbed)
    assert not list(tmp_path.glob("cells/*/*/training"))


def test_complexes_are_compared_by_rmse(tmp_path):
    smiles = ["CCO", "CCC", "CC=O", "CCN", "CO", "C", "CCCC", "CCF", "N", "O"]
    rows = [(f"{i}abc", *write_complex(tmp_path, f"{i}abc", one), 4 + 0.5 * i) for i, one in enumerate(smiles)]
    csv = tmp_path / "complexes.csv"
    pd.DataFrame(rows, columns=["id", "ligand", "protein", "pK"]).to_csv(csv, index=False)
    arguments = ["--dataset", "complexes", "--data-dir", str(csv), "--split", "random", "--n-test", "4", "--steps", "2"]
    arguments += ["--voxel-width", "2", "--widths", "4,8", "--seeds", "0,1", "--fractions", "0.5,1", "--n-jobs", "1"]
    reps = "atom,density:source=independent_atoms,occupancy"
    assert main(["compare", *arguments, "--reps", reps, "--no-track", "--out", str(tmp_path / "out")]) == 0
    (folder,) = (tmp_path / "out").glob("compare-complexes-pK-*")
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "pK, root mean square error (-log10(M))" in text
    assert "| ligand heavy atoms |" in text
    assert "| ECFP with gradient boosting |" in text
    assert "The baseline 'xtb' is left out: complexes are not solved" in text
    assert len(pd.read_csv(folder / "tests.csv")) == 3 * 2
    assert pd.read_csv(folder / "costs.csv").voxel_ms.gt(0).all()


def configs(*arguments):
    return configs_of(parser().parse_args(["compare", *arguments]))


def test_settings_of_one_representation_stand_behind_its_name():
    found = configs("--reps", "atom:elements=C N O:sigma=0.7,density:transform=sqrt", "--steps", "9")
    assert [(config.rep, config.steps) for config in found] == [("atom", 9), ("density", 9)]
    assert (found[0].elements, found[0].sigma, found[1].transform) == (("C", "N", "O"), 0.7, "sqrt")


def test_each_representation_has_its_own_tuned_settings(tmp_path):
    for rep, rate in (("atom", 1e-3), ("density", 2e-3)):
        write_params(tmp_path / f"best-{rep}.json", {"learning_rate": rate, "n_bins": 4}, {"rep": rep})
    found = configs("--reps", "atom,density:n_bins=0", "--params", str(tmp_path / "best-{rep}.json"))
    assert [(one.learning_rate, one.n_bins) for one in found] == [(1e-3, 4), (2e-3, 0)]


@pytest.mark.parametrize(
    ("reps", "message"),
    [
        ("atom,orbital", "rep='orbital' arrived"),
        ("atom,atom", "more than once; each may stand once"),
        ("density+occupancy,occupancy+density", "with density+occupancy (voxel_width=1.2"),
        (",", "reps=',' arrived; one representation or more"),
        ("density:sqrt", "'sqrt' arrived in reps; name=value, as in"),
        ("density:transfrom=sqrt", "'transfrom' arrived as a setting of one representation"),
        ("density:oversampling=fine", "oversampling: 'fine' arrived; n is accepted"),
        ("atom:transform=log", "transform='log' arrived for rep='atom', to which it means nothing"),
        ("atom,density:n_test=7", "Curves with n_test=30 and 7 arrived"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_status_2(reps, message, tmp_path, capsys):
    arguments = compare(tmp_path)
    arguments[arguments.index("--reps") + 1] = reps
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(Path(tmp_path).iterdir())


def test_means_in_the_report_are_those_of_the_cells(undisturbed):
    (folder,) = undisturbed.glob("compare-*")
    errors = pd.read_csv(folder / "errors.csv")
    cells = [read_cell(path) for path in undisturbed.glob("cells/*/*")]
    for model, rep in (("atom", "atom"), ("density (source=independent_atoms)", "density")):
        own = [c for c in cells if (c.rows[0]["rep"], c.rows[0]["n_train"]) == (rep, 40)]
        assert len(own) == 2
        expected = np.mean([np.abs(c.predicted - c.truth).mean() for c in own])
        line = errors[(errors.model == model) & (errors.n_train == 40)].iloc[0]
        assert line.mae == pytest.approx(expected, rel=1e-12)


def test_a_setting_reaches_the_representations_that_it_means_something_to():
    atom, density = configs("--reps", "atom,density", "--d-min", "2")
    assert (atom.d_min, density.d_min) == (None, 2.0)
    with pytest.raises(
        ValueError, match=r"sigma=0\.7 arrived for reps='density,gradient', to none of which it means anything"
    ):
        configs("--reps", "density,gradient", "--sigma", "0.7")


def test_the_solver_of_a_line_in_its_numbers_is_a_setting_of_atom_types_too():
    plain, solved = configs("--reps", "atom,atom:baseline=xtb", "--method", "GFN1-xTB")
    assert (plain.method, solved.method) == ("GFN2-xTB", "GFN1-xTB")
    assert "method=GFN1-xTB" in solved.label
    with pytest.raises(ValueError, match="engine='xtb' arrived for reps='atom', to none of which it means anything"):
        configs("--reps", "atom", "--engine", "xtb", "--baseline", "composition")


def test_joint_representations_have_one_name_whatever_their_order():
    first, second = configs("--reps", "occupancy+density,gradient")[0], configs("--reps", "density+occupancy")[0]
    assert first == second
    assert (first.label, first.recipe.n_channels) == ("density+occupancy", 2)
    assert first.network["binned_channels"] == (0, 1)
