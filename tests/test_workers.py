from __future__ import annotations

import math
import operator
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deepchem_density import workers
from deepchem_density.workers import WorkerError, map_in_order, n_workers

# Workers import no test file: only functions of installed modules are used here.
CRASH = "__import__('os').abort()"
HANG = "__import__('time').sleep(60)"


@pytest.fixture
def submitted(monkeypatch) -> Iterator[list[int]]:
    """Length of each chunk when it is submitted."""
    lengths = []

    submit = workers._Pool.submit

    def counted(pool, chunk):
        lengths.append(len(chunk.items))
        return submit(pool, chunk)

    workers.stop_workers()
    monkeypatch.setattr(workers._Pool, "submit", counted)
    yield lengths
    workers.stop_workers()


# ---- how many


def test_number_of_processes():
    assert n_workers(1) == 1
    assert n_workers(7) == 7
    assert n_workers(-1) == (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())


@pytest.mark.parametrize("n_jobs", [0, -2, 1.5])
def test_number_of_processes_is_checked(n_jobs):
    with pytest.raises(
        ValueError, match=rf"n_jobs={n_jobs} arrived; 1, 2, ... processes or -1 for one a core are accepted"
    ):
        next(map_in_order(abs, [1], n_jobs))


# ---- results


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_order_is_kept_and_exceptions_are_results(n_jobs):
    items = [1.0, 4.0, -1.0, "nine", *map(float, range(100))]
    results = list(map_in_order(math.sqrt, items, n_jobs))
    assert results[:2] == [1.0, 2.0]
    assert isinstance(results[2], ValueError)
    assert isinstance(results[3], TypeError)
    assert results[4:] == [math.sqrt(number) for number in range(100)]


@pytest.mark.parametrize("n_jobs", [1, 2, -1])
def test_nothing_gives_nothing(n_jobs):
    assert list(map_in_order(abs, [], n_jobs)) == []


def test_a_single_item_starts_no_processes():
    assert list(map_in_order(eval, ["__import__('os').getpid()"], 2)) == [os.getpid()]
    assert list(map_in_order(eval, ["__import__('os').getpid()"], 2, timeout=30.0)) != [os.getpid()]


def test_slow_items_do_not_lose_their_place():
    """The first is done last."""
    waits = [0.4, 0.0, 0.1, 0.0]
    results = list(map_in_order(eval, [f"__import__('time').sleep({wait}) or {i}" for i, wait in enumerate(waits)], 2))
    assert results == [0, 1, 2, 3]


def test_work_is_done_elsewhere_with_one_thread_each():
    code = "(__import__('os').getpid(), __import__('os').environ['OMP_NUM_THREADS'], __import__('time').sleep(0.05))"
    results = list(map_in_order(eval, [code] * 8, 2))
    assert os.getpid() not in {pid for pid, _, _ in results}
    assert len({pid for pid, _, _ in results}) == 2
    assert {threads for _, threads, _ in results} == {"1"}


def test_workers_are_fresh_processes(monkeypatch):
    """Nothing of this process is in them: neither its script nor libraries with threads that a fork would break."""
    monkeypatch.setitem(sys.modules, "only_here", sys)
    code = "('only_here' in __import__('sys').modules, 'pytest' in __import__('sys').modules)"
    assert eval(code) == (True, True)
    assert list(map_in_order(eval, [code, code], 2)) == [(False, False)] * 2


# ---- what goes wrong


@pytest.mark.parametrize(("n_items", "timeout"), [(1, 30.0), (2, None), (5, None), (40, 30.0)])
def test_a_crash_costs_one_item(n_items, timeout):
    items = [str(i) for i in range(n_items)]
    items[n_items // 2] = CRASH
    results = list(map_in_order(eval, items, 2, timeout))
    assert isinstance(results[n_items // 2], WorkerError)
    assert "it ended the worker process (exit code -6)" in str(results[n_items // 2])
    assert [r for i, r in enumerate(results) if i != n_items // 2] == [i for i in range(n_items) if i != n_items // 2]


def test_several_crashes_in_one_chunk(monkeypatch):
    monkeypatch.setattr(workers, "CHUNKS_PER_WORKER", 1)
    results = list(map_in_order(eval, ["1", CRASH, "3", CRASH, CRASH, "6"], 2))
    assert [type(result) for result in results] == [int, WorkerError, int, WorkerError, WorkerError, int]


@pytest.mark.parametrize("items", [[HANG], ["1", HANG, "3"]])
def test_a_hanging_item_is_stopped(items):
    start = time.monotonic()
    results = list(map_in_order(eval, items, 2, timeout=1.0))
    assert time.monotonic() - start < 30
    place = items.index(HANG)
    assert isinstance(results[place], WorkerError)
    assert str(results[place]) == "it took longer than timeout=1 s"
    assert [result for i, result in enumerate(results) if i != place] == [1, 3][: len(items) - 1]


def test_a_hanging_item_does_not_spoil_its_chunk(monkeypatch):
    monkeypatch.setattr(workers, "CHUNKS_PER_WORKER", 1)
    results = list(map_in_order(eval, ["1", HANG, "3", "4"], 2, timeout=0.5))
    assert [type(result) for result in results] == [int, WorkerError, int, int]


def test_an_item_that_cannot_be_sent_is_an_error_not_a_wait():
    with pytest.raises(Exception, match=r"pickle|lambda|local object"):
        list(map_in_order(str, [lambda: 1, lambda: 2], 2))


# ---- memory


def test_only_a_few_chunks_are_under_way(submitted):
    items = list(range(2000))
    results = map_in_order(operator.neg, items, 2)
    assert next(results) == 0
    ahead = sum(submitted)
    assert ahead <= 2 * workers.CHUNKS_AHEAD * workers.LARGEST_CHUNK < len(items)
    assert list(results) == [-item for item in items[1:]]
    assert sum(submitted) == len(items)
    assert max(submitted) <= workers.LARGEST_CHUNK


def test_stopping_early_ends_the_work(submitted):
    results = map_in_order(time.sleep, [0.01] * 2000, 2)
    next(results)
    results.close()
    assert sum(submitted) < 2000
    assert list(map_in_order(abs, [-1, -2, -3], 2)) == [1, 2, 3]


def test_the_processes_stay_for_the_next_call():
    code = "(__import__('time').sleep(0.05), __import__('os').getpid())[1]"
    first, second = (set(map_in_order(eval, [code] * 8, 2)) for _ in range(2))
    assert first == second
    workers.stop_workers()
    assert not first & set(map_in_order(eval, [code] * 8, 2))


# ---- one process


def test_one_process_can_be_timed_out():
    own = os.getpid()
    results = list(map_in_order(eval, ["__import__('os').getpid()", HANG, "3"], 1, timeout=1.0))
    assert results[0] != own
    assert str(results[1]) == "it took longer than timeout=1 s"
    assert results[2] == 3


def test_time_counts_for_each_item_and_not_for_its_chunk(monkeypatch):
    monkeypatch.setattr(workers, "CHUNKS_PER_WORKER", 1)
    naps = ["__import__('time').sleep(0.6)"] * 4
    assert list(map_in_order(eval, naps, 1, timeout=1.5)) == [None] * 4


def test_one_core_starts_no_processes(monkeypatch):
    monkeypatch.setattr(workers, "n_workers", lambda n_jobs: 1)
    code = "__import__('os').getpid()"
    assert list(map_in_order(eval, [code, code], -1)) == [os.getpid()] * 2
    assert os.getpid() not in list(map_in_order(eval, [code, code], -1, timeout=30.0))


# ---- killed from outside

PID = "__import__('os').getpid()"
KILL = f"__import__('os').kill({PID}, 9)"


def once(path, code: str) -> str:
    """Return a program that does something the first time that it is run, and is 7 later."""
    return f"7 if __import__('os').path.exists({str(path)!r}) else (open({str(path)!r}, 'w').close(), {code})"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no signals")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_item_whose_worker_was_killed_is_tried_again_once(tmp_path, n_jobs):
    items = [*map(str, range(20)), once(tmp_path / "first", KILL), *map(str, range(20))]
    assert list(map_in_order(eval, items, n_jobs, timeout=60.0)) == [*range(20), 7, *range(20)]
    tried = tmp_path / "tries"
    again = f"(open({str(tried)!r}, 'a').write('x'), {KILL})"
    results = list(map_in_order(eval, ["1", again, "3"], n_jobs, timeout=60.0))
    assert results[::2] == [1, 3]
    assert str(results[1]) == "it ended the worker process (exit code -9)"
    assert tried.read_text() == "xx"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no signals")
def test_workers_killed_while_they_wait_are_replaced():
    code = "(__import__('time').sleep(0.05), __import__('os').getpid())[1]"
    first = set(map_in_order(eval, [code] * 8, 2))
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    second = list(map_in_order(eval, [code] * 8, 2))
    assert all(isinstance(pid, int) for pid in second)
    assert not first & set(second)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no signals")
def test_workers_killed_while_they_start_are_replaced(monkeypatch):
    """The first three of them, before they have read anything."""
    workers.stop_workers()
    start, killed = workers._Worker._start, []

    def start_and_kill(worker):
        pipe = start(worker)
        if len(killed) < 3:
            killed.append(worker._process.pid)
            os.kill(worker._process.pid, signal.SIGKILL)
        return pipe

    monkeypatch.setattr(workers._Worker, "_start", start_and_kill)
    assert list(map_in_order(abs, list(range(-40, 0)), 2)) == list(range(40, 0, -1))
    assert len(killed) == 3


def test_workers_that_never_begin_are_given_up(monkeypatch):
    workers.stop_workers()
    monkeypatch.setattr(workers, "_serve", os._exit)
    with pytest.raises(WorkerError, match=r"worker processes end before they begin \(exit code 1\)"):
        list(map_in_order(abs, [1, 2, 3], 2))
    workers.stop_workers()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("item", ["__import__('time').sleep(300)", "sum(range(10**12))", "1"])
def test_no_worker_survives_this_process(item):
    """Be it asleep, in a call that never looks at other threads, or waiting for work."""
    program = (
        "import os, sys, time\n"
        "from deepchem_density.workers import map_in_order\n"
        "list(map_in_order(eval, ['1', '2'], 2))\n"
        "import deepchem_density.workers as w\n"
        "print(*[v._process.pid for p in w._pools.values() for v in p._workers if v._process], flush=True)\n"
        f"list(map_in_order(eval, [{item!r}] * 2, 2))\n"
        "time.sleep(300)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert pids
        time.sleep(1.0)
        assert all(is_running(pid) for pid in pids)
        parent.kill()
    gone = time.monotonic() + 20
    while any(is_running(pid) for pid in pids) and time.monotonic() < gone:
        time.sleep(0.1)
    assert not any(is_running(pid) for pid in pids)


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


# ---- what cannot be sent


def test_results_and_items_that_cannot_be_sent_are_told():
    results = list(map_in_order(eval, ["1", "lambda: 1", "3"], 2))
    assert results[::2] == [1, 3]
    assert isinstance(results[1], WorkerError)
    assert "its result cannot be sent back" in str(results[1])


def test_what_is_missing_stops_the_work():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        list(map_in_order(eval, ["1", "__import__('no_such_module')", "3"], 2))
    assert list(map_in_order(abs, [-1, -2], 2)) == [1, 2]


# ---- scripts


def test_a_script_needs_no_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "print('started')\n"
        "from deepchem_density import OccupancyVoxel\n"
        "voxels = OccupancyVoxel(box_width=8.0, voxel_width=1.0, n_jobs=2).featurize(['C', 'O', 'N'])\n"
        "print(voxels.shape)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["started", "(3, 8, 8, 8, 1)"]
