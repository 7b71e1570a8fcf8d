from __future__ import annotations

import pytest

pytest.importorskip("optuna", reason="needs the extra [tune]")

from deepchem_density.curves.config import CurveConfig
from deepchem_density.engine import Engine, Post
from deepchem_density.tuning.plan import SearchPlan
from deepchem_density.tuning.search import tune
from deepchem_density.tuning.task import DivergedError, Outcome, TuningTask
from deepchem_density.tuning.trials import try_settings
from deepchem_density.workers import WorkerError

QUICK = CurveConfig(rep="atom", n_train=30, steps=2, voxel_width=1.2, oversampling=1, widths=(4, 8))
PLAN = SearchPlan(n_trials=3, fixed=("box_width", "voxel_width", "oversampling", "widths"))


def tried(monkeypatch, tmp_path, error, answer=False):
    monkeypatch.setattr(TuningTask, "error", error)
    return try_settings(Post(lambda message: answer), QUICK, PLAN, tmp_path, {})


def test_a_trial_asks_at_each_step_whether_to_stop(monkeypatch, tmp_path):
    def error(self, settings, report):
        report(25, 0.9)
        return Outcome(0.5, {"gap": 0.1}, 0)

    assert tried(monkeypatch, tmp_path, error) == Outcome(0.5, {"gap": 0.1}, 0)
    assert tried(monkeypatch, tmp_path, error, answer=True) is None


def test_a_trial_that_diverges_says_why(monkeypatch, tmp_path):
    def error(self, settings, report):
        raise DivergedError("The loss is nan.")

    assert tried(monkeypatch, tmp_path, error) == "The loss is nan."


def test_a_trial_that_ends_its_workers_counts_as_lost_and_the_search_goes_on(tmp_path):
    class Losing(Engine):
        """The worker of trial 1 dies after its first report, and the next one again."""

        def run(self, tasks, on_message=None):
            for task in tasks:
                if task.name != "trial 1":
                    yield from super().run([task], on_message)
                    continue
                for _ in range(2):
                    on_message(task, (25, 0.9))
                yield task, WorkerError("it ended its worker process")

    best = tune(QUICK, PLAN, tmp_path, engine=Losing())
    assert [trial["state"] for trial in best.trials] == ["complete", "lost", "complete"]
    assert best.trials[1]["error"] == 0.9
    again = tune(QUICK, PLAN, tmp_path)
    assert again.trials == best.trials
