"""Clusters that start, go away, and end with who uses them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import engine_work as work
import pytest

from deepchem_density.cli.command_line import main
from deepchem_density.engine import ClusterError, Engine, Task, open_engine

# Runs a task that counts for ever on two workers, until somebody ends it.
PARENT = """
import sys
sys.path.insert(0, sys.argv[1])
import engine_work as work
from deepchem_density.engine import Task, open_engine
with open_engine(2) as engine:
    for _ in engine.run([Task(f"{n}", work.hang, (sys.argv[2], n)) for n in (1, 2)]):
        pass
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def waited_for(happened, seconds=60) -> bool:
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def scheduler(tmp_path):
    """A scheduler and a worker, started by hand."""
    address = tmp_path / "address.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    paths = os.pathsep.join(path for path in sys.path if path)
    settings = quiet | {"env": os.environ | {"PYTHONPATH": paths}, "cwd": tmp_path}
    dask = [sys.executable, "-m", "dask"]
    where = ["--scheduler-file", str(address)]
    begin = [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0", *where]
    with subprocess.Popen(begin, **settings) as process:
        assert waited_for(address.exists)
        worker = [*dask, "worker", *where, "--nthreads", "1", "--no-dashboard", "--death-timeout", "10"]
        with subprocess.Popen(worker, **settings) as second:
            yield json.loads(address.read_text())["address"], process
            for one in (second, process):
                one.send_signal(signal.SIGTERM)


def test_one_worker_is_this_process():
    with open_engine(1) as engine:
        assert type(engine) is Engine
        assert [result for _, result in engine.run([None, Task("here", pid)])] == [os.getpid()]


def pid(post):
    return os.getpid()


@pytest.mark.parametrize("workers", [0, -1])
def test_fewer_than_one_is_refused(workers):
    with pytest.raises(ValueError, match=f"workers={workers} arrived"), open_engine(workers):
        pass


@pytest.mark.parametrize("address", ["localhost", "tcp://localhost", "http://localhost:8786"])
def test_what_is_no_address_is_refused(address):
    refusal = r"arrived; an address such as tcp://host:8786 is accepted"
    with pytest.raises(ClusterError, match=refusal), open_engine(1, address):
        pass


def test_where_nobody_answers_is_told_in_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("deepchem_density.engine.connect.SECONDS_TO_CONNECT", 1)
    arguments = ["featurize", "sample", "--out", str(tmp_path / "out"), "--scheduler", "tcp://127.0.0.1:9"]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "No scheduler answers at tcp://127.0.0.1:9" in error
    assert error.count("\n") == 1


def test_dask_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    refusal = r'dask.distributed cannot be imported .*; pip install "distributed'
    with pytest.raises(ImportError, match=refusal), open_engine(2):
        pass


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
def test_workers_end_when_who_started_them_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)  # without a guard: workers never import it
    process = subprocess.Popen([sys.executable, script, Path(__file__).parents[1], tmp_path])
    try:
        assert waited_for(lambda: work.noted(tmp_path, "1") and work.noted(tmp_path, "2"))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    workers = [*work.noted(tmp_path, "1"), *work.noted(tmp_path, "2")]
    assert len(set(workers)) == 2
    assert waited_for(lambda: not any(map(is_running, workers)), seconds=10)


def test_a_cluster_by_its_address_works_until_it_goes_away(scheduler, tmp_path):
    address, process = scheduler
    with open_engine(1, address) as engine, engine.sharing(tmp_path):
        tasks = [Task(f"{n}", work.square, (str(tmp_path), n)) for n in range(3)]
        tasks.append(Task("for ever", work.count, (str(tmp_path), 10**6, 0.05)))
        found = []

        def collect():
            for _, result in engine.run(tasks, lambda task, message: None):
                found.append(result)
                if len(found) == 3:
                    process.kill()

        with pytest.raises(ClusterError, match=rf"The cluster at {address} went away; what was finished is kept"):
            collect()
        assert found == [0, 1, 4]
    assert not list(tmp_path.glob(".*.shared"))
