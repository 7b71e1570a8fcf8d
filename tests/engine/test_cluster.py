"""Workers that are killed, die and hang, on a cluster of two processes."""

from __future__ import annotations

import os
import signal
import time

import engine_work as work
import pytest

from deepchem_density.engine import Cluster, ClusterError, Task, open_engine
from deepchem_density.workers import WorkerError


@pytest.fixture(scope="module")
def two():
    with open_engine(2) as engine:
        while len(engine.workers()) < 2:
            time.sleep(0.1)
        yield engine


def with_limit(engine, seconds):
    return Cluster(engine._client, seconds, look_after=engine._look_after)


def squares(folder, numbers, seconds=0.0):
    return [Task(f"the square of {n}", work.square, (str(folder), n, seconds)) for n in numbers]


def results(engine, tasks, **settings):
    return {task.name: result for task, result in engine.run(iter(tasks), **settings)}


def test_every_task_is_done_once_in_another_process(two, tmp_path):
    found = results(two, squares(tmp_path, range(8), 0.05))
    assert found == {f"the square of {n}": n * n for n in range(8)}
    processes = [work.noted(tmp_path, str(n)) for n in range(8)]
    assert all(len(one) == 1 for one in processes)
    assert len({one[0] for one in processes} - {os.getpid()}) == 2


def test_one_that_is_killed_costs_a_second_try_of_its_task_and_no_other(two, tmp_path):
    tasks = squares(tmp_path, range(4), 0.3)
    tasks.insert(1, Task("killed", work.end_once, (str(tmp_path), 9)))
    found = results(two, tasks)
    assert found == {f"the square of {n}": n * n for n in range(4)} | {"killed": 81}
    assert [len(work.noted(tmp_path, str(n))) for n in (*range(4), 9)] == [1, 1, 1, 1, 2]


def test_a_task_that_ends_its_worker_natively_is_given_up_after_two_tries(two, tmp_path, caplog):
    tasks = [Task("native", work.end_natively, (str(tmp_path), 9)), *squares(tmp_path, range(4), 0.2)]
    found = results(two, tasks)
    assert isinstance(found.pop("native"), WorkerError)
    assert found == {f"the square of {n}": n * n for n in range(4)}
    assert [len(work.noted(tmp_path, str(n))) for n in (*range(4), 9)] == [1, 1, 1, 1, 2]
    assert "ended while it did native, which is begun again" in caplog.text


def test_one_that_hangs_is_ended_in_time_and_no_other_with_it(two, tmp_path):
    tasks = [Task("hanging", work.hang, (str(tmp_path), 9)), *squares(tmp_path, range(5), 0.5)]
    began = time.monotonic()
    found = results(with_limit(two, 2.0), tasks)
    assert time.monotonic() - began < 15
    assert "longer than it may" in str(found.pop("hanging"))
    assert found == {f"the square of {n}": n * n for n in range(5)}
    assert [len(work.noted(tmp_path, str(n))) for n in (*range(5), 9)] == [1] * 6


def test_a_task_tells_and_asks_and_goes_by_the_answers(two, tmp_path):
    told = []

    def on_message(task, message):
        told.append((task.name, message))
        return "stop" if task.name == "stopped" and message == 2 else "go on"

    tasks = [Task("stopped", work.count, (str(tmp_path), 5)), Task("whole", work.count, (str(tmp_path), 3))]
    assert results(two, tasks, on_message=on_message) == {"stopped": 2, "whole": 3}
    assert [message for name, message in told if name == "stopped"] == ["counting", 0, 1, 2]
    assert [message for name, message in told if name == "whole"] == ["counting", 0, 1, 2]


def test_tasks_may_wait_for_the_results_of_others(two, tmp_path):
    known = []

    def tasks():
        yield from squares(tmp_path, [2], 0.2)
        while not known:
            yield None
        yield from squares(tmp_path, known)

    found = {}
    for task, result in two.run(tasks()):
        found[task.name] = result
        known.append(result)
    assert found == {"the square of 2": 4, "the square of 4": 16}


def test_what_a_task_raises_is_raised_here_and_the_workers_go_on(two, tmp_path):
    with pytest.raises(OSError, match="the disk is full"):
        results(two, [Task("failing", work.fail, ("the disk is full",)), *squares(tmp_path, range(3), 0.1)])
    assert results(two, squares(tmp_path, [5])) == {"the square of 5": 25}


def test_who_is_left_alone_stops_when_it_next_tells(two, tmp_path):
    for _ in two.run([*squares(tmp_path, [1]), Task("left", work.count, (str(tmp_path), 10**6, 0.01))]):
        break  # closes the iterator
    began = time.monotonic()
    assert results(two, squares(tmp_path, [2, 3, 4, 5])) == {f"the square of {n}": n * n for n in (2, 3, 4, 5)}
    assert time.monotonic() - began < 8


def test_items_come_back_in_order_and_one_that_ends_its_worker_alone_is_lost(two):
    found = list(two.map_in_order(work.invert, list(range(40))))
    assert isinstance(found[0], ZeroDivisionError)
    assert isinstance(found[7], WorkerError)
    assert [one for i, one in enumerate(found) if i not in (0, 7)] == [1 / i for i in range(1, 40) if i != 7]


def test_what_is_not_installed_stops_the_work(two):
    with pytest.raises(ImportError, match="a_package_that_nobody_has"):
        list(two.map_in_order(work.need, [1, 2, 3]))


def test_a_worker_that_does_not_see_a_folder_is_refused(two, tmp_path):
    engine = with_limit(two, 60.0)
    refusal = r"The worker tcp://127\.0\.0\.1:\d+ does not see '.*elsewhere'; a folder"
    with engine.sharing(tmp_path, tmp_path / "elsewhere"), pytest.raises(ClusterError, match=refusal):
        results(engine, squares(tmp_path, [1, 2]))
    with engine.sharing(tmp_path):
        assert results(with_limit(two, 60.0), squares(tmp_path, [1])) == {"the square of 1": 1}


def test_a_worker_with_other_versions_is_refused(two, tmp_path):
    engine = with_limit(two, 60.0)
    engine._versions["torch"] = "1.0"
    with pytest.raises(ClusterError, match=r"has torch 2.*; 1\.0 is accepted: install it there"):
        results(engine, squares(tmp_path, [1]))


def test_a_worker_that_is_stopped_is_done_without(two, tmp_path, monkeypatch):
    """As one whose machine has frozen: it does not even end when its time is over."""
    monkeypatch.setattr("deepchem_density.engine.cluster.GRACE", 0.5)
    tasks = [Task("frozen", work.freeze, (str(tmp_path), 9)), *squares(tmp_path, range(5), 0.2)]
    found = results(with_limit(two, 1.0), tasks)
    os.kill(*work.noted(tmp_path, "9"), signal.SIGKILL)
    assert isinstance(found.pop("frozen"), WorkerError)
    assert found == {f"the square of {n}": n * n for n in range(5)}
