"""Whole searches, with networks so small that a trial takes a fraction of a second."""

from __future__ import annotations

import dataclasses
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("optuna", reason="needs the extra [tune]")

import optuna
from engine_work import end_once_in_a_worker as end_once
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from deepchem_density.curves.config import CurveConfig
from deepchem_density.engine import open_engine
from deepchem_density.tables.choose_split import split
from deepchem_density.tables.load import load_table
from deepchem_density.tuning import search
from deepchem_density.tuning.params_file import read_params, read_provenance
from deepchem_density.tuning.plan import SAMPLER, SearchPlan
from deepchem_density.tuning.points import N_STARTUP
from deepchem_density.tuning.search import TrialLog, tune
from deepchem_density.tuning.space import search_space
from deepchem_density.tuning.task import DivergedError, Outcome, TuningTask
from deepchem_density.voxels.representations import REPRESENTATIONS

QUICK = CurveConfig(rep="atom", n_train=60, steps=8, voxel_width=1.2, oversampling=1, widths=(4, 8))
FIXED = ("box_width", "voxel_width", "oversampling", "widths")
PLAN = SearchPlan(n_trials=4, fraction=0.5, fixed=FIXED)
SCRIPT = """
import sys, torch
torch.set_num_threads(1)
from deepchem_density.curves.config import CurveConfig
from deepchem_density.tuning.plan import SearchPlan
from deepchem_density.tuning.search import TrialLog, tune
class Log(TrialLog):
    def started(self, trial, settings):
        print("started", flush=True)
fixed = ("box_width", "voxel_width", "oversampling", "widths")
config = CurveConfig(rep="atom", n_train=60, steps=8, voxel_width=1.2, oversampling=1, widths=(4, 8))
tune(config, SearchPlan(n_trials=int(sys.argv[2]), fraction=0.5, fixed=fixed), sys.argv[1], log=Log())
"""


class Told(TrialLog):
    def __init__(self):
        self.events = []

    def started(self, trial, settings):
        self.events.append(("started", trial, settings))

    def reported(self, trial, step, error):
        self.events.append(("reported", trial, step))

    def ended(self, trial, state, results):
        self.events.append((state, trial, results))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    out, told = tmp_path_factory.mktemp("tune"), Told()
    return out, tune(QUICK, PLAN, out, log=told), told.events


def outcomes(best):
    return [(trial["point"], trial["state"], trial["error"], trial["settings"]) for trial in best.trials]


def test_the_first_trial_is_the_defaults_and_the_best_is_the_lowest(found):
    _, best, _ = found
    assert [trial["point"] for trial in best.trials] == [0, 1, 2, 3]
    first = best.trials[0]["settings"]
    assert first == {name: getattr(QUICK, name) for name in first}
    assert best.error == min(trial["error"] for trial in best.trials)
    assert best.first_error == best.trials[0]["error"]
    assert len({json.dumps(trial["settings"]) for trial in best.trials}) == 4


def test_the_best_parameters_are_written_for_curve_with_what_was_fixed(found):
    out, best, _ = found
    params = read_params(best.path, rep="atom")
    assert params == best.params
    assert params["rep"] == "atom"
    assert {name: params[name] for name in FIXED} == {name: getattr(QUICK, name) for name in FIXED}
    dataclasses.replace(QUICK, **params).check()
    about = read_provenance(best.path)
    assert (about["rep"], about["fraction"], about["n_trials"], about["steps"]) == ("atom", 0.5, 4, 8)
    assert about["error"] == best.error
    assert about["states"] == {"complete": 4, "pruned": 0, "diverged": 0, "lost": 0}
    assert about["versions"]["optuna"]
    assert about["sampler"] == {"name": "TPE", **SAMPLER}
    assert sum(best.importances.values()) == pytest.approx(1.0)
    assert set(best.importances) == set(best.trials[0]["settings"])
    assert list((out / "tuning").glob("*.journal"))


def test_every_trial_is_told_from_beginning_to_end(found):
    _, best, events = found
    kinds = Counter(kind for kind, *_ in events)
    assert kinds == {"started": 4, "reported": 12, "complete": 4}
    results = [result for kind, _, result in events if kind == "complete"]
    assert min(result["error"] for result in results) == best.error
    assert all(result["gap.valid"] > 0 for result in results)


def test_a_finished_search_is_read_and_not_run_again(found, monkeypatch):
    out, best, _ = found
    monkeypatch.setattr(TuningTask, "error", None)
    assert outcomes(tune(QUICK, PLAN, out)) == outcomes(best)


def test_the_best_parameters_may_be_written_elsewhere(found):
    out, best, _ = found
    again = tune(QUICK, PLAN, out, path=out / "new" / "atom.json")
    assert again.path == out / "new" / "atom.json"
    assert again.path.read_text() == best.path.read_text()


@pytest.mark.parametrize(
    ("config", "plan"),
    [
        ({"steps": 9}, {}),
        ({"targets": ("mu",)}, {}),
        ({"split_seed": 1}, {}),
        ({"rep": "occupancy"}, {}),
        ({}, {"fraction": 1.0}),
        ({}, {"seed": 1}),
        ({}, {"inner_seeds": (1,)}),
        ({}, {"valid_share": 0.3}),
        ({}, {"pruner": "none"}),
        ({}, {"at_once": 1}),
        ({}, {"fixed": (*FIXED, "depth")}),
    ],
)
def test_searches_that_cannot_be_compared_have_studies_of_their_own(config, plan):
    other, other_plan = dataclasses.replace(QUICK, **config), dataclasses.replace(PLAN, **plan)
    name = search.study_name(QUICK, PLAN, search_space(QUICK, PLAN.fixed))
    assert search.study_name(other, other_plan, search_space(other, other_plan.fixed)) != name
    assert (
        search.study_name(QUICK, dataclasses.replace(PLAN, n_trials=9, storage="x"), search_space(QUICK, FIXED)) == name
    )


def start(out, n_trials=4):
    arguments = [sys.executable, "-c", SCRIPT, str(out), str(n_trials)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


def counted(out, n_trials=4):
    """Every point has been finished once."""
    (journal,) = (out / "tuning").glob("*.journal")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    (name,) = {line["study_name"] for line in lines if "study_name" in line}
    storage = JournalStorage(JournalFileBackend(str(journal)))
    trials = optuna.load_study(study_name=name, storage=storage).trials
    assert sorted(trial.user_attrs["point"] for trial in trials) == list(range(n_trials))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_killed_and_resumed_a_search_finds_what_it_finds_undisturbed(tmp_path, found, seed):
    rng = random.Random(seed)
    process = start(tmp_path)
    for _ in range(rng.randint(1, 3)):
        assert process.stdout.readline() == "started\n"
    time.sleep(rng.uniform(0, 0.3))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    best = tune(QUICK, PLAN, tmp_path)
    counted(tmp_path)
    assert outcomes(best) == outcomes(found[1])
    assert best.path.read_text() == found[1].path.read_text()


@pytest.mark.slow
def test_two_workers_find_what_one_finds_also_where_a_trial_ends_one_of_them(tmp_path):
    config, plan = dataclasses.replace(QUICK, steps=4), dataclasses.replace(PLAN, n_trials=8)
    told = Told()
    with open_engine(2) as engine:
        engine.before(end_once, str(tmp_path))
        best = tune(config, plan, tmp_path / "two", log=told, engine=engine)
    assert (tmp_path / "ended").exists()
    counted(tmp_path / "two", 8)
    assert sorted(trial for kind, trial, _ in told.events if kind == "started") == list(range(8))
    alone = tune(config, plan, tmp_path / "one")
    assert outcomes(best) == outcomes(alone)
    assert best.path.read_text() == alone.path.read_text()


def test_every_representation_gets_the_same_chance(tmp_path, monkeypatch):
    """The same number of trials, the same points apart from a knob of its own, the same molecules and steps."""
    seen = {}

    def error(self, settings, report=None):
        config = dataclasses.replace(self.config, **settings)
        molecules = (self.table.ids.tolist(), self.cuts[0][1].tolist())
        seen.setdefault(config.rep, []).append((settings, config.steps, config.batch_size, molecules))
        return Outcome(1.0 + len(seen[config.rep]) / 100, {"gap": 1.0}, 0)

    monkeypatch.setattr(TuningTask, "error", error)
    plan = SearchPlan(n_trials=N_STARTUP, fraction=0.5)
    own = {"sigma", "transform", "shape", "threshold"}
    for rep in REPRESENTATIONS:
        tune(CurveConfig(rep=rep, n_train=60), plan, tmp_path)
    shared = {
        rep: [({k: v for k, v in settings.items() if k not in own}, *rest) for settings, *rest in trials]
        for rep, trials in seen.items()
    }
    assert len(shared) == 4
    assert len(shared["atom"]) == N_STARTUP
    assert shared["atom"] == shared["density"] == shared["gradient"] == shared["occupancy"]
    places = {
        "atom": [(0.35, 0.5, 0.7).index(settings["sigma"]) for settings, *_ in seen["atom"][1:]],
        "density": [("none", "sqrt", "log").index(settings["transform"]) for settings, *_ in seen["density"][1:]],
    }
    assert places["atom"] == places["density"]


def test_test_molecules_are_never_shown(tmp_path, featurized_names):
    tune(QUICK, dataclasses.replace(PLAN, n_trials=2), tmp_path)
    table = load_table(QUICK)
    pool, valid, test = split(QUICK, table)
    names = np.array([structure.name for structure in table.structures()])
    assert len(set(featurized_names)) == 30
    assert set(featurized_names) <= set(names[pool])
    assert not set(featurized_names) & set(names[np.concatenate([valid, test])])


def test_diverged_and_poor_trials_count_and_are_never_the_best(tmp_path, monkeypatch):
    calls = []

    def error(self, settings, report=None):
        calls.append(settings)
        if len(calls) == 2:
            raise DivergedError("The loss is nan.")
        if len(calls) > N_STARTUP + 1:
            report(25, 5.0)
        report(25, 1.0)
        return Outcome(2.0 - len(calls) / 100, {"gap": 1.0}, 0)

    monkeypatch.setattr(TuningTask, "error", error)
    told = Told()
    best = tune(QUICK, dataclasses.replace(PLAN, n_trials=N_STARTUP + 3, at_once=1), tmp_path, log=told)
    states = [trial["state"] for trial in best.trials]
    assert states == ["complete", "diverged", *["complete"] * (N_STARTUP - 1), "pruned", "pruned"]
    assert best.error == pytest.approx(2.0 - (N_STARTUP + 1) / 100)
    assert [kind for kind, *_ in told.events if kind not in ("started", "reported")] == states


def test_nothing_but_diverged_trials_is_an_error(tmp_path, monkeypatch):
    def error(self, settings, report=None):
        raise DivergedError("The loss is nan.")

    monkeypatch.setattr(TuningTask, "error", error)
    with pytest.raises(ValueError, match="None of 4 trials came to its end"):
        tune(QUICK, PLAN, tmp_path)


def test_a_trial_that_fails_is_told_and_ends_the_search(tmp_path, monkeypatch):
    def error(self, settings, report=None):
        raise OSError("no space left")

    monkeypatch.setattr(TuningTask, "error", error)
    told = Told()
    with pytest.raises(OSError, match="no space left"):
        tune(QUICK, PLAN, tmp_path, log=told)
    assert told.events[-1][0] == "failed"


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ({"n_trials": 0}, "n_trials=0"),
        ({"fraction": 0}, "fraction=0"),
        ({"fraction": 1.5}, "fraction"),
        ({"valid_share": 1.0}, "valid_share"),
        ({"inner_seeds": ()}, "inner_seeds"),
        ({"inner_seeds": (1, 1)}, "inner_seeds"),
        ({"pruner": "best"}, "'median', 'hyperband', 'none'"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_plans_that_cannot_run_are_refused(tmp_path, plan, reason):
    with pytest.raises(ValueError, match=reason):
        tune(QUICK, dataclasses.replace(PLAN, **plan), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_space_that_does_not_fit_what_is_fixed_is_refused_at_once(tmp_path):
    config = dataclasses.replace(QUICK, box_width=10.8, voxel_width=0.6)
    with pytest.raises(ValueError, match="voxel_width cannot be searched with these settings"):
        tune(config, dataclasses.replace(PLAN, fixed=("box_width", "widths", "oversampling")), tmp_path)
    assert not list(tmp_path.iterdir())
