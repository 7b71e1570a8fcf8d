from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from companion_work import fail, note_and_end, work_forever

from deepchem_density.cli.processes import companions

# A process with one companion that says where it lives and works until somebody ends it.
PARENT = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from deepchem_density.cli.processes import companions
from companion_work import work_forever

if __name__ == "__main__":
    with companions(2, work_forever, sys.argv[2]):
        while True:
            time.sleep(0.01)
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def waited_for(happened) -> bool:
    end = time.monotonic() + 60
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_each_companion_is_another_process_and_does_the_work(tmp_path):
    with companions(3, note_and_end, str(tmp_path)):
        assert waited_for(lambda: len(list(tmp_path.glob("*.txt"))) == 2)
    assert str(os.getpid()) not in {path.stem for path in tmp_path.iterdir()}


def test_one_worker_is_this_process_alone(tmp_path):
    with companions(1, note_and_end, str(tmp_path)):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("workers", [0, -1])
def test_fewer_than_one_is_refused(workers):
    with pytest.raises(ValueError, match=f"workers={workers} arrived"), companions(workers, fail, ""):
        pass


def test_one_that_fails_says_why_and_stops_nobody(capfd):
    with companions(2, fail, "the disk is full"):
        assert waited_for(lambda: "ValueError: the disk is full" in capfd.readouterr().err)


def test_they_end_when_the_block_fails(tmp_path):
    with pytest.raises(KeyError), companions(2, work_forever, str(tmp_path)):  # noqa: PT012
        assert waited_for((tmp_path / "companion").exists)
        raise KeyError
    assert not is_running(int((tmp_path / "companion").read_text()))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
def test_they_end_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    process = subprocess.Popen([sys.executable, script, Path(__file__).parents[1], tmp_path])
    try:
        assert waited_for((tmp_path / "companion").exists)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    companion = int((tmp_path / "companion").read_text())
    assert waited_for(lambda: not is_running(companion))
