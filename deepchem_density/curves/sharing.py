"""Claims on pieces of work in a shared folder: several processes or machines share the work, and none is done twice.

Whoever creates the next file ``claim.0``, ``claim.1``, ... in the folder of a piece, exclusively, has the claim; it ends
when that file is removed. A claim whose owner died is never removed but followed by the next number, which again only one
process can create: nothing is renamed or deleted that somebody else might just have made, so that no two of those who find
a dead owner can both take its place.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

__all__ = ["STALE_AFTER", "Claim", "claimed", "share"]

Piece = TypeVar("Piece")
STALE_AFTER = 600.0
"""Seconds without a sign of life after which the owner of a claim on another machine is taken for dead."""

LONGEST_REFRESH = 20.0
POLL = 1.0
STATE, START_TIME = 0, 19  # fields of /proc/<pid>/stat after the name of the program, see proc(5)


@dataclass(frozen=True)
class Claim:
    """The right to work on a piece."""

    path: Path

    @property
    def held(self) -> bool:
        """Whether nobody has taken over, as after this process was halted for longer than others wait."""
        return _numbers(self.path.parent)[-1:] == [_number(self.path)]


@contextlib.contextmanager
def claimed(folder: Path, stale_after: float = STALE_AFTER) -> Iterator[Claim | None]:
    """Hold the claim on a piece of work for the duration of a block; None where somebody else has it.

    Parameters
    ----------
    folder : path
        Of the piece; made where it is not there. All who share the work must see it under some path.
    stale_after : float
        Seconds; the same for all who share the work. An owner on the same machine is dead when its process is gone, one
        elsewhere (or of whom nothing can be read) when its claim was not refreshed for so long, by the clock of the file
        system.

    Notes
    -----
    What was claimed may have been finished by somebody else a moment before: look for the result once more inside the block.
    """
    claim = _take(folder, stale_after)
    if claim is None:
        yield None
        return
    stop = threading.Event()
    interval = min(LONGEST_REFRESH, stale_after / 10)
    thread = threading.Thread(target=_refresh, args=(claim.path, stop, interval), daemon=True)
    thread.start()
    try:
        yield claim
    finally:
        stop.set()
        thread.join()
        if claim.held:
            claim.path.unlink(missing_ok=True)


def share(
    pieces: Iterable[Piece], folder: Callable[[Piece], Path], stale_after: float = STALE_AFTER
) -> Generator[tuple[Piece, Claim], None, None]:
    """Yield every piece of work once, with its claim held until the next is asked for; wait for those that others have.

    Parameters
    ----------
    pieces : iterable
        In the order to begin with; those that somebody else works on come later.
    folder : callable
        Where the claims on a piece are.
    stale_after : float
        As in `claimed`.

    Notes
    -----
    Everybody gets every piece: most of them finished. Close the iterator when leaving early, as ``contextlib.closing`` does.
    """
    pending = list(pieces)
    while pending:
        busy = []
        for piece in pending:
            with claimed(folder(piece), stale_after) as claim:
                if claim is None:
                    busy.append(piece)
                else:
                    yield piece, claim
        if len(busy) == len(pending):
            time.sleep(POLL)
        pending = busy


def _take(folder: Path, stale_after: float) -> Claim | None:
    folder.mkdir(parents=True, exist_ok=True)
    numbers = _numbers(folder)
    if numbers and not _abandoned(folder / f"claim.{numbers[-1]}", stale_after):
        return None
    path = folder / f"claim.{numbers[-1] + 1 if numbers else 0}"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps({"host": _host(), "pid": os.getpid(), "started": _started(os.getpid())}))
    except FileExistsError:
        return None
    claim = Claim(path)
    if not claim.held:  # a later number: this one was decided on before somebody else came and went
        path.unlink(missing_ok=True)
        return None
    return claim


def _numbers(folder: Path) -> list[int]:
    return sorted(_number(path) for path in folder.glob("claim.*"))


def _number(path: Path) -> int:
    return int(path.suffix[1:])


def _refresh(path: Path, stop: threading.Event, interval: float) -> None:
    while not stop.wait(interval):
        with contextlib.suppress(OSError):  # a file system that fails for a moment; who waits is patient
            os.utime(path)


def _abandoned(path: Path, stale_after: float) -> bool:
    """Return whether the owner of a claim is dead."""
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        same_host, pid, started = owner["host"] == _host(), int(owner["pid"]), owner["started"]
    except FileNotFoundError:
        return False  # ended just now; the next look will find it free
    except (OSError, ValueError, KeyError, TypeError):
        same_host = False  # being written, or cut short by a full disk
    try:
        return _started(pid) != started if same_host else _age(path) > stale_after
    except FileNotFoundError:
        return False


def _age(path: Path) -> float:
    """Return the seconds since a file was touched, by the clock that stamps the files of its folder."""
    probe = path.with_name(f".{uuid.uuid4().hex}.now")
    try:
        probe.touch(exist_ok=False)
        return probe.stat().st_mtime - path.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


@cache
def _host() -> str:
    """Return what tells apart machines, and containers that share a name but not their process numbers."""
    if os.name == "nt":
        return f"{socket.gethostname()} {uuid.uuid4().hex}"  # there, asking for a process would end it: go by age
    with contextlib.suppress(OSError):
        return f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - it leads to no path
    return socket.gethostname()


def _started(pid: int) -> str | None:
    """Return what tells a running process from a later one with the same number, None where it does not run any more."""
    if not Path("/proc/self/stat").exists():
        return _is_there(pid)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[STATE] in "ZX" else fields[START_TIME]


def _is_there(pid: int) -> str | None:
    if os.name == "nt":
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""
