from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

import deepchem_density.curves.sharing as claims
from deepchem_density.curves.sharing import claimed, share

HOLDER = """
import sys, time
from pathlib import Path
from deepchem_density.curves.sharing import claimed
with claimed(Path(sys.argv[1])) as claim:
    print("held" if claim else "busy", flush=True)
    time.sleep(60)
"""
SHARER = """
import sys, time, os
from pathlib import Path
import deepchem_density.curves.sharing as claims
claims.POLL = 0.01
folder = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for piece, claim in claims.share(range(int(sys.argv[2])), lambda piece: folder / str(piece)):
    result = folder / str(piece) / "result"
    if not result.exists():
        with (folder / "log").open("a") as log:
            log.write(f"{piece}\\n")
        time.sleep(0.01)
        result.write_text(str(os.getpid()))
"""


def start(program, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def age(path, seconds):
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_a_claim_is_held_by_one_and_free_again_after_the_block(tmp_path):
    with claimed(tmp_path / "piece") as first:
        assert first is not None
        assert first.held
        with claimed(tmp_path / "piece") as second:
            assert second is None
    assert list((tmp_path / "piece").iterdir()) == []
    with claimed(tmp_path / "piece") as third:
        assert third is not None


def test_a_claim_ends_with_an_exception(tmp_path):
    with pytest.raises(RuntimeError, match="broken"), claimed(tmp_path):
        raise RuntimeError("broken")
    with claimed(tmp_path) as again:
        assert again is not None


def test_a_living_process_keeps_its_claim_and_a_killed_one_loses_it_at_once(tmp_path):
    with start(HOLDER, tmp_path) as holder:
        assert holder.stdout.readline() == "held\n"
        age(tmp_path / "claim.0", 1e6)  # on the same machine only the process counts
        with claimed(tmp_path) as claim:
            assert claim is None
        holder.send_signal(signal.SIGKILL)
        while holder.poll() is None:
            time.sleep(0.01)
        with claimed(tmp_path) as claim:
            assert claim.path.name == "claim.1"
    assert [path.name for path in tmp_path.iterdir()] == ["claim.0"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_process_that_nobody_has_waited_for_is_dead(tmp_path):
    with start(HOLDER, tmp_path) as holder:
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the table of processes
        assert Path(f"/proc/{holder.pid}").exists()
        with claimed(tmp_path) as claim:
            assert claim is not None


def write_claim(folder, name="claim.0", **owner):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(json.dumps({"host": "elsewhere", "pid": os.getpid(), "started": "1"} | owner))
    return path


def test_a_number_that_another_process_has_now_is_no_sign_of_life(tmp_path):
    write_claim(tmp_path, host=claims._host(), started="another moment")
    with claimed(tmp_path) as claim:
        assert claim is not None


@pytest.mark.parametrize("content", [None, "", '{"host": "els', "[1]"])
def test_a_claim_from_elsewhere_is_dead_when_it_was_not_refreshed_for_long(tmp_path, content):
    path = write_claim(tmp_path)
    if content is not None:
        path.write_text(content)
    with claimed(tmp_path, stale_after=100) as claim:
        assert claim is None
    age(path, 90)
    with claimed(tmp_path, stale_after=100) as claim:
        assert claim is None
    age(path, 20)
    with claimed(tmp_path, stale_after=100) as claim:
        assert claim is not None
    assert [one.name for one in tmp_path.iterdir()] == ["claim.0"]


def test_a_claim_is_refreshed_while_it_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "LONGEST_REFRESH", 0.02)
    with claimed(tmp_path) as claim:
        age(claim.path, 1000)
        old = claim.path.stat().st_mtime
        deadline = time.monotonic() + 10
        while claim.path.stat().st_mtime < old + 500 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert claim.path.stat().st_mtime > old + 500


def test_who_was_taken_over_knows_it_and_leaves_the_others_claim(tmp_path):
    with claimed(tmp_path) as claim:
        write_claim(tmp_path, "claim.1")
        assert not claim.held
    assert sorted(path.name for path in tmp_path.iterdir()) == ["claim.0", "claim.1"]


def test_who_decided_on_a_number_before_a_later_one_came_withdraws(tmp_path, monkeypatch):
    write_claim(tmp_path, "claim.2")
    seen = iter([[0], [1, 2]])  # claim.1 had ended in between, claim.2 is held
    monkeypatch.setattr(claims, "_numbers", lambda folder: next(seen))
    monkeypatch.setattr(claims, "_abandoned", lambda path, stale_after: True)
    assert claims._take(tmp_path, 100) is None
    assert [path.name for path in tmp_path.iterdir()] == ["claim.2"]


def test_of_many_who_find_a_dead_owner_one_takes_over(tmp_path):
    for repeat in range(20):
        folder = tmp_path / str(repeat)
        write_claim(folder, host=claims._host(), started="another moment")
        barrier, won = threading.Barrier(8), []

        def race(folder=folder, barrier=barrier, won=won):
            with ExitStack() as stack:
                barrier.wait()
                claim = stack.enter_context(claimed(folder))
                won.append(claim is not None)
                barrier.wait()  # nobody lets go before all have tried

        threads = [threading.Thread(target=race) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(won) == 1


def test_processes_share_all_pieces_and_do_none_twice(tmp_path):
    with ExitStack() as stack:
        workers = [stack.enter_context(start(SHARER, tmp_path, 60)) for _ in range(3)]
        for worker in workers:
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        assert [worker.wait(timeout=60) for worker in workers] == [0, 0, 0]
    assert sorted(map(int, (tmp_path / "log").read_text().split())) == list(range(60))
    assert len({(tmp_path / str(piece) / "result").read_text() for piece in range(60)}) > 1


def test_pieces_that_others_have_come_last(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "POLL", 0.001)
    path = write_claim(tmp_path / "0")
    seen = []
    for piece, claim in share([0, 1, 2], lambda piece: tmp_path / str(piece)):
        assert claim.held
        seen.append(piece)
        if piece == 2:
            path.unlink()
    assert seen == [1, 2, 0]
