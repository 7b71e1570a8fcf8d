"""Workers that are killed, halted and doubled, on points whose errors are known at once."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

pytest.importorskip("optuna", reason="needs the extra [tune]")

import optuna
from optuna.trial import TrialState
from sqlalchemy.exc import IntegrityError

from deepchem_density.tuning.trial_queue import N_STARTUP, Queue, Workers, finished_points, open_study

N_POINTS = 10
WORKER = """
import functools, sys, time
from pathlib import Path
import optuna
from deepchem_density.tuning import trial_queue
from deepchem_density.tuning.trial_queue import Queue, Workers, open_study

# a process killed while it writes leaves a lock, which others break after half a minute
trial_queue.JournalFileSymlinkLock = functools.partial(trial_queue.JournalFileSymlinkLock, grace_period=3)

storage, n_points, pause, heartbeat = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
optuna.logging.set_verbosity(optuna.logging.ERROR)

def objective(trial):
    x = trial.suggest_float("x", 0.1, 10, log=True)
    kind = trial.suggest_categorical("kind", ["a", "b", "c"])
    for step in (25, 50, 75):
        trial.report(x + step / 100, step)
        time.sleep(pause)
        if trial.should_prune():
            raise optuna.TrialPruned
    return x + "abc".index(kind)

study = open_study(storage, "study", seed=3, heartbeat=heartbeat, grace=3 * heartbeat)
workers = Workers(None if "://" in storage else Path(storage + ".workers"))
print("ready", flush=True)
sys.stdin.readline()
Queue(study, {"x": 1.0, "kind": "b"}, objective, workers).work(n_points)
"""


def start(storage, pause=0.03, n_points=N_POINTS, heartbeat=1, go=True):
    arguments = [sys.executable, "-c", WORKER, str(storage), str(n_points), str(pause), str(heartbeat)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    if go:
        release(process)
    return process


def start_pair(storage, pause):
    """Two workers that begin at the same moment, however long each takes to start."""
    pair = [start(storage, pause, go=False) for _ in range(2)]
    for process in pair:
        release(process)
    return pair


def release(process):
    process.stdin.write("\n")
    process.stdin.flush()


def finish(process):
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


def results(storage, n_points=N_POINTS):
    study = open_study(str(storage), "study", seed=3)
    counted = Counter(
        t.user_attrs["point"] for t in study.trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)
    )
    assert counted == dict.fromkeys(range(n_points), 1)
    assert not [t for t in study.trials if t.state in (TrialState.RUNNING, TrialState.WAITING)]
    return [(t.params, t.state, t.value, t.intermediate_values) for t in finished_points(study, n_points)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    storage = tmp_path_factory.mktemp("undisturbed") / "study.journal"
    finish(start(storage, pause=0))
    found = results(storage)
    assert found[0][0] == {"x": 1.0, "kind": "b"}
    assert {state for _, state, *_ in found} == {TrialState.COMPLETE, TrialState.PRUNED}  # both ends are met
    return found


@pytest.mark.parametrize("seed", range(4))
def test_killed_and_resumed_every_point_is_finished_once_as_if_undisturbed(tmp_path, undisturbed, seed):
    storage, rng = tmp_path / "study.journal", random.Random(seed)
    for _ in range(2):
        process = start(storage)
        time.sleep(rng.uniform(0, 1.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finish(start(storage, pause=0))
    assert results(storage) == undisturbed


def test_two_workers_share_the_points_and_none_is_done_twice(tmp_path):
    storage = tmp_path / "study.journal"
    for process in start_pair(storage, pause=0.1):
        finish(process)
    results(storage)
    study = open_study(str(storage), "study", seed=3)
    workers = Counter(trial.user_attrs["worker"] for trial in finished_points(study, N_POINTS))
    assert len(workers) == 2


def test_a_worker_takes_over_from_one_that_is_killed_beside_it(tmp_path):
    storage = tmp_path / "study.journal"
    first, second = start_pair(storage, pause=0.1)
    time.sleep(0.5)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    finish(second)
    results(storage)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_database_is_resumed_by_its_heartbeat(tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    first = start(storage, pause=0.5)
    time.sleep(1)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    finish(start(storage, pause=0))
    results(storage)
    (failed,) = [trial for trial in open_study(storage, "study", 3).trials if trial.state == TrialState.FAIL]
    assert "point" in failed.user_attrs


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_of_two_workers_that_meet_an_empty_database_none_fails(tmp_path, monkeypatch):
    made, original = [], optuna.storages.RDBStorage.__init__

    def raced(self, *arguments, **settings):
        made.append(arguments)
        if len(made) == 1:  # what the slower one of two meets on PostgreSQL
            raise IntegrityError("CREATE TABLE studies", {}, Exception("type studies exists already"))
        original(self, *arguments, **settings)

    monkeypatch.setattr(optuna.storages.RDBStorage, "__init__", raced)
    assert open_study(f"sqlite:///{tmp_path}/study.db", "study", 0).trials == []
    assert len(made) == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_database_that_cannot_be_opened_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"cannot be opened.*unable to open database file"):
        open_study(f"sqlite:///{tmp_path}/no folder/study.db", "study", 0)


def queue(storage, objective, seed=0, **settings):
    study = open_study(str(storage), "study", seed)
    return Queue(study, {"x": 1.0}, objective, Workers(storage.with_suffix(".workers")), **settings)


def draw(trial):
    return trial.suggest_float("x", 0.1, 10, log=True)


def test_more_trials_later_continue_the_same_search(tmp_path):
    together = queue(tmp_path / "a.journal", draw).work(9)
    queue(tmp_path / "b.journal", draw).work(4)
    continued = queue(tmp_path / "b.journal", draw).work(9)
    assert [trial.params for trial in continued] == [trial.params for trial in together]
    assert len({trial.params["x"] for trial in together}) == 9


def test_another_seed_draws_other_points(tmp_path):
    one = queue(tmp_path / "a.journal", draw, seed=0).work(3)
    other = queue(tmp_path / "b.journal", draw, seed=1).work(3)
    assert one[0].params == other[0].params
    assert all(a.params != b.params for a, b in zip(one[1:], other[1:], strict=True))


def test_a_trial_that_raises_ends_the_work_and_its_point_is_tried_again(tmp_path):
    seen = []

    def fragile(trial):
        seen.append(draw(trial))
        if len(seen) == 3:
            raise KeyError("a full disk")
        return seen[-1]

    with pytest.raises(KeyError, match="a full disk"):
        queue(tmp_path / "a.journal", fragile).work(5)
    finished = queue(tmp_path / "a.journal", fragile).work(5)
    assert [trial.params["x"] for trial in finished] == [*seen[:2], *seen[3:]]
    assert seen[2] == seen[3]


def test_a_trial_given_up_while_its_worker_was_halted_counts_once(tmp_path):
    path = tmp_path / "a.journal"
    runs = []

    def halted(trial):
        runs.append(trial.number)
        if len(runs) == 2:  # what another worker does after a long silence
            open_study(str(path), "study", 0).tell(trial.number, state=TrialState.FAIL)
        trial.report(1.0, 25)
        return draw(trial)

    finished = queue(path, halted).work(3)
    assert [trial.user_attrs["point"] for trial in finished] == [0, 1, 2]
    assert runs == [0, 1, 2, 3]
    assert [trial.number for trial in finished] == [0, 2, 3]


def test_a_trial_that_nobody_signed_is_given_up_after_a_while(tmp_path):
    path = tmp_path / "a.journal"
    study = open_study(str(path), "study", 0)
    study.enqueue_trial({"x": 1.0}, user_attrs={"point": 0})
    study.ask()
    begun = time.monotonic()
    finished = queue(path, draw, unowned_after=0.5).work(2)
    assert time.monotonic() - begun >= 0.5
    assert [trial.number for trial in finished] == [1, 2]


def test_a_trial_that_ended_between_two_parameters_draws_both_again(tmp_path):
    def two(trial):
        x = draw(trial)
        if broken and trial.user_attrs["point"] == 1:
            raise KeyError("killed here")
        return x + trial.suggest_float("y", 0.1, 10, log=True)

    def both(path):
        study = open_study(str(path), "study", 0)
        return Queue(study, {"x": 1.0, "y": 1.0}, two, Workers(path.with_suffix(".workers")))

    broken = False
    undisturbed = both(tmp_path / "a.journal").work(4)
    broken = True
    with pytest.raises(KeyError, match="killed here"):
        both(tmp_path / "b.journal").work(4)
    broken = False
    assert [t.params for t in both(tmp_path / "b.journal").work(4)] == [t.params for t in undisturbed]


def test_a_point_put_in_twice_is_worked_on_once(tmp_path):
    path = tmp_path / "a.journal"
    study = open_study(str(path), "study", 0)
    for _ in range(2):
        study.enqueue_trial({"x": 1.0}, user_attrs={"point": 0})
    runs = []
    finished = queue(path, lambda trial: runs.append(trial.number) or draw(trial)).work(2)
    assert runs == [0, 2]
    assert [trial.number for trial in finished] == [0, 2]


def test_half_a_line_at_the_end_of_a_journal_is_cut_off(tmp_path):
    path = tmp_path / "a.journal"
    before = queue(path, draw).work(2)
    with path.open("ab") as file:
        file.write(b'{"op_code": 5, "wor')
    after = queue(path, draw).work(3)
    assert [trial.params for trial in after[:2]] == [trial.params for trial in before]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_lock_left_by_a_killed_process_is_broken_from_any_folder(tmp_path, monkeypatch):
    # with a relative path Optuna 5.0 waits for ever, since the link that is its lock leads nowhere
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    taken = []
    original = optuna.storages.journal.JournalFileSymlinkLock.__init__

    def impatient(self, filepath, grace_period=30):
        taken.append(filepath)
        original(self, filepath, grace_period=3)

    monkeypatch.setattr(optuna.storages.journal.JournalFileSymlinkLock, "__init__", impatient)
    (tmp_path / "runs" / "a.journal.lock").symlink_to(tmp_path / "runs" / "a.journal")
    (tmp_path / "runs" / "a.journal").touch()
    opened = []
    thread = threading.Thread(target=lambda: opened.append(open_study("runs/a.journal", "study", 0)), daemon=True)
    thread.start()
    thread.join(timeout=30)
    assert opened
    assert taken == [str(tmp_path / "runs" / "a.journal")]


def test_the_first_points_are_random_and_pruning_waits_for_as_many(tmp_path):
    def rising(trial):
        x = draw(trial)
        trial.report(trial.number, 25)
        if trial.should_prune():
            raise optuna.TrialPruned
        return x

    finished = queue(tmp_path / "a.journal", rising).work(N_STARTUP + 2)
    states = [trial.state for trial in finished]
    assert states == [TrialState.COMPLETE] * N_STARTUP + [TrialState.PRUNED] * 2


@pytest.mark.parametrize("pruner", ["hyperband", "none"])
def test_other_pruners_finish_every_point(tmp_path, pruner):
    study = open_study(str(tmp_path / "a.journal"), "study", 0, pruner)

    def objective(trial):
        x = draw(trial)
        for step in (25, 50, 75):
            trial.report(x, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x

    finished = Queue(study, {"x": 1.0}, objective, Workers(tmp_path / "w")).work(8)
    assert len(finished) == 8
    assert {trial.state for trial in finished} >= ({TrialState.COMPLETE} if pruner == "none" else set())


def test_an_unknown_pruner_is_refused(tmp_path):
    with pytest.raises(ValueError, match="pruner='best'"):
        open_study(str(tmp_path / "a.journal"), "study", 0, "best")
