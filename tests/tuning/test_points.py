"""Points whose errors are known at once: which are drawn, and what is kept of them."""

from __future__ import annotations

import json
import threading

import pytest

pytest.importorskip("optuna", reason="needs the extra [tune]")

import optuna
from optuna.trial import TrialState

from deepchem_density.tuning.points import N_STARTUP, Points, pruner_named

FIRST = {"x": 1.0, "kind": "b"}


def suggest(trial):
    trial.suggest_float("x", 0.1, 10, log=True)
    trial.suggest_categorical("kind", ["a", "b", "c"])


def points(path, seed=0, pruner="median", at_once=1):
    return Points(str(path), "study", seed, pruner, at_once)


def error(params):
    return params["x"] + "abc".index(params["kind"])


def finish(study, point, params=None, stopping=True):
    """Try a point, with a report on the way."""
    trial = study.draw(point, FIRST, suggest)
    stopped = False
    for step in (25, 50, 75):
        if not stopped:
            trial.report(error(trial.params) + step / 100, step)
            stopped = stopping and trial.should_prune()
    study.keep(point, trial, None if stopped else error(trial.params), {})


def search(path, n, **settings):
    study = points(path, **settings)
    for point in range(n):
        if point not in study.finished:
            assert study.ready(point)
            finish(study, point)
    return told(study, n)


def told(study, n):
    found = [study.finished[point] for point in range(n)]
    return [(t.user_attrs["point"], t.params, t.state, t.value, t.intermediate_values) for t in found]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return search(tmp_path_factory.mktemp("undisturbed") / "a.journal", 12)


def test_the_search_begins_at_the_first_point_and_meets_both_ends(undisturbed):
    assert undisturbed[0][1] == FIRST
    assert {state for _, _, state, *_ in undisturbed} == {TrialState.COMPLETE, TrialState.PRUNED}
    assert len({json.dumps(params) for _, params, *_ in undisturbed}) == 12
    assert all(value == max(reported.values()) for *_, state, value, reported in undisturbed if state.name == "PRUNED")


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_search_that_goes_on_draws_what_it_would_have_drawn(tmp_path, at_once):
    together = search(tmp_path / "a.journal", 12, at_once=at_once)
    for n in (1, 4, 9):
        search(tmp_path / "b.journal", n, at_once=at_once)
    assert search(tmp_path / "b.journal", 12, at_once=at_once) == together


@pytest.mark.parametrize("pruner", ["median", "hyperband", "none"])
def test_the_order_in_which_points_end_does_not_matter(tmp_path, pruner):
    """As many are under way as may be, and the last of them that began ends first."""
    in_order = search(tmp_path / "a.journal", 14, pruner=pruner, at_once=3)
    study, under_way, following = points(tmp_path / "b.journal", pruner=pruner, at_once=3), [], 0
    while len(study.finished) < 14:
        while following < 14 and study.ready(following):
            under_way.append(following)
            following += 1
        assert len(under_way) <= max(3, N_STARTUP)
        finish(study, under_way.pop())
    assert told(study, 14) == in_order


def test_only_so_many_are_under_way(tmp_path):
    study = points(tmp_path / "a.journal", at_once=2)
    assert [study.ready(point) for point in range(N_STARTUP + 1)] == [True] * N_STARTUP + [False]
    for point in range(N_STARTUP):
        finish(study, point)
    assert [study.ready(N_STARTUP + i) for i in range(3)] == [True, True, False]
    finish(study, N_STARTUP + 1)
    assert not study.ready(N_STARTUP + 2)
    finish(study, N_STARTUP)
    assert study.ready(N_STARTUP + 2)


def test_another_seed_draws_other_points(tmp_path, undisturbed):
    other = search(tmp_path / "a.journal", 4, seed=1)
    assert other[0][1] == FIRST
    assert all(a[1] != b[1] for a, b in zip(other[1:], undisturbed[1:4], strict=True))


def test_the_first_points_are_random_and_pruning_waits_for_as_many(tmp_path):
    study = points(tmp_path / "a.journal")
    states = []
    for point in range(N_STARTUP + 2):
        trial = study.draw(point, FIRST, suggest)
        trial.report(float(point), 25)
        states.append(trial.should_prune())
        study.keep(point, trial, None if states[-1] else 1.0, {})
    assert states == [False] * N_STARTUP + [True] * 2


def test_what_is_said_of_a_point_is_kept(tmp_path):
    study = points(tmp_path / "a.journal")
    study.keep(0, study.draw(0, FIRST, suggest), 1.5, {"errors": {"gap": 0.1}})
    study.keep(1, study.draw(1, FIRST, suggest), None, {"diverged": "The loss is nan."})
    again = points(tmp_path / "a.journal").finished
    assert again[0].user_attrs == {"point": 0, "errors": {"gap": 0.1}}
    assert (again[0].value, again[1].value, again[1].state) == (1.5, None, TrialState.PRUNED)
    assert again[1].user_attrs["diverged"] == "The loss is nan."


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_database_keeps_them_as_well(tmp_path, undisturbed):
    url = f"sqlite:///{tmp_path}/study.db"

    def found(n):
        study = Points(url, "study", 0)
        for point in range(len(study.finished), n):
            finish(study, point)
        return told(study, n)

    found(3)
    assert found(8) == undisturbed[:8]


def test_trials_of_an_earlier_release_count_and_those_it_left_unfinished_do_not(tmp_path, undisturbed):
    path = tmp_path / "a.journal"
    search(path, 3)
    study = points(path)._study
    study.enqueue_trial(FIRST, user_attrs={"point": 3})
    study.ask()  # and killed
    assert search(path, 12) == undisturbed


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_database_that_cannot_be_opened_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"cannot be opened.*unable to open database file"):
        Points(f"sqlite:///{tmp_path}/no folder/study.db", "study", 0)


def test_half_a_line_at_the_end_of_a_journal_is_cut_off(tmp_path):
    path = tmp_path / "a.journal"
    before = search(path, 2)
    with path.open("ab") as file:
        file.write(b'{"op_code": 5, "wor')
    assert search(path, 3)[:2] == before
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
    thread = threading.Thread(target=lambda: opened.append(points("runs/a.journal")), daemon=True)
    thread.start()
    thread.join(timeout=30)
    assert opened
    assert taken == [str(tmp_path / "runs" / "a.journal")]


def test_an_unknown_pruner_is_refused():
    with pytest.raises(ValueError, match="pruner='best'"):
        pruner_named("best")
