"""Work on many items, in this process or in several, in order and without losing any.

Workers are fresh processes that never import the caller's script, so a script needs no ``if __name__ == "__main__"``. A
worker that dies or hangs costs the item it was working on and no other: each has a pipe of its own, with no lock that it
could take with it. Workers end with this process, however it ends.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import pickle
import queue
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar

from loky.backend.context import get_context

__all__ = ["WorkerError", "attempt", "end_with_parent", "map_in_order", "n_workers", "stop_workers"]

Item = TypeVar("Item")
CHUNKS_PER_WORKER = 8
LARGEST_CHUNK = 32
CHUNKS_AHEAD = 4

TRIES = 2
"""How often an item is begun whose worker dies: another process may have killed it."""
STARTS = 5
"""How often a worker is started that ends before it has begun anything."""
SECONDS_BETWEEN_LOOKS = 0.1
SECONDS_TO_END = 2.0

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

PROCESS_NAME = "pebble_pool_worker"
"""As in lists of processes since the first release; scripts that watch workers look for it."""

PR_SET_PDEATHSIG = 1


class WorkerError(RuntimeError):
    """A worker process that ended or hung while it was working on an item."""


def n_workers(n_jobs: int) -> int:
    """Return the number of processes that ``n_jobs`` asks for; -1 is one for each core this process may use.

    Raises
    ------
    ValueError
        Zero, or below -1.
    """
    if n_jobs == -1:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if n_jobs != int(n_jobs) or n_jobs < 1:
        raise ValueError(f"n_jobs={n_jobs} arrived; 1, 2, ... processes or -1 for one a core are accepted.")
    return int(n_jobs)


def map_in_order(
    function: Callable[[Item], Any],
    items: Sequence[Item],
    n_jobs: int = 1,
    timeout: float | None = None,
) -> Iterator[Any]:
    """Yield function(item) for each item, in order; where it raised, the exception instead. An ImportError stops the work.

    Parameters
    ----------
    function : callable
        Importable by name where workers are used.
    items : sequence
        Picklable where workers are used.
    n_jobs : int
        Processes. One process is this one, where nothing protects from a crash, unless there is a timeout; so it is for a
        single item, and for -1 where there is one core.
    timeout : float, optional
        Seconds that one item may take; it is worked on by another process, since nothing else can be stopped.

    Raises
    ------
    WorkerError
        Workers end before they begin, again and again. Those that end later give a WorkerError for their item alone, after
        a second try.

    Notes
    -----
    Only a few chunks are under way at a time: memory does not grow with the number of items. The processes stay for the next
    call; ``stop_workers`` ends them.
    """
    workers = min(n_workers(n_jobs), len(items))
    # of single items, as DeepChem's InMemoryLoader sends them, a process for each would crawl
    if not len(items) or (workers == 1 and timeout is None):
        yield from (attempt(function, item) for item in items)
        return
    size = max(1, min(LARGEST_CHUNK, len(items) // (CHUNKS_PER_WORKER * workers)))
    upcoming = (items[first : first + size] for first in range(0, len(items), size))
    pool = _pool(workers)
    waiting: deque[_Chunk] = deque()
    try:
        while True:
            while len(waiting) < CHUNKS_AHEAD * workers and (part := next(upcoming, None)) is not None:
                waiting.append(pool.submit(_Chunk(function, list(part), timeout)))
            if not waiting:
                return
            yield from waiting.popleft().results.result()
    finally:
        for chunk in waiting:
            chunk.abandoned.set()


class _TooLongError(Exception):
    """An item took longer than it may."""


class _StopError(Exception):
    """What ends all work: a module that is missing, or items that a worker cannot read."""


class _Chunk:
    """Items that are sent to a worker together.

    Parameters
    ----------
    function : callable
        What is done with each.
    items : list
        The items.
    timeout : float, optional
        Seconds for each.
    """

    def __init__(self, function: Callable[[Any], Any], items: list[Any], timeout: float | None) -> None:
        self.function, self.items, self.timeout = function, items, timeout
        self.results: Future[list[Any]] = Future()
        self.abandoned = threading.Event()


class _Worker:
    """A process that works on chunks, and the thread of this process that waits for it.

    Parameters
    ----------
    chunks : queue.SimpleQueue
        Where chunks come from; None ends the worker.
    """

    def __init__(self, chunks: queue.SimpleQueue[_Chunk | None]) -> None:
        self._chunks = chunks
        self._process: Any = None
        self._pipe: Connection | None = None
        self.stopped = False
        self.thread = threading.Thread(target=self._serve_chunks, daemon=True)
        self.thread.start()

    def _serve_chunks(self) -> None:
        while (chunk := self._chunks.get()) is not None:
            if chunk.abandoned.is_set():
                continue
            try:
                chunk.results.set_result(self._work_through(chunk))
            except _StopError as stop:
                chunk.results.set_exception(stop.args[0])
            except Exception as error:
                chunk.results.set_exception(error)
        self.end()

    def _work_through(self, chunk: _Chunk) -> list[Any]:
        """Return the result of each item; a worker that is lost is replaced, and goes on where it was lost."""
        results: list[Any] = []
        losses: Counter[int | None] = Counter()
        while len(results) < len(chunk.items) and not chunk.abandoned.is_set():
            try:
                self._go_on(chunk, results, losses)
            except _TooLongError:
                self.end(kill=True)
                results.append(WorkerError(f"it took longer than timeout={chunk.timeout:g} s"))
            except (EOFError, OSError):
                code = self.end()
                if losses[None] == STARTS:
                    raise WorkerError(f"worker processes end before they begin (exit code {code})") from None
                if losses[len(results)] == TRIES:
                    results.append(WorkerError(f"it ended the worker process (exit code {code})"))
        return results

    def _go_on(self, chunk: _Chunk, results: list[Any], losses: Counter[int | None]) -> None:
        """Add the results of the items that are left, and count how often each was begun without an end; None is none."""
        losses[None] += 1
        pipe = self._pipe or self._start()
        pipe.send((chunk.function, chunk.items[len(results) :]))
        for begun, told in self._messages(pipe, chunk):
            if begun:
                losses[len(results)] += 1
                losses[None] = 0
            else:
                results.append(told)

    def _messages(self, pipe: Connection, chunk: _Chunk) -> Iterator[tuple[bool, Any]]:
        """Yield (True, None) where an item is begun and (False, result) where it is done, until the chunk is.

        Raises
        ------
        EOFError, OSError
            The process ended.
        _TooLongError
            The item that was begun last takes too long.
        _StopError
            Nothing can be done with these items.
        """
        end = None
        while True:
            while not pipe.poll(SECONDS_BETWEEN_LOOKS):
                if chunk.abandoned.is_set():
                    self.end(kill=True)
                    return
                if end is not None and time.monotonic() > end:
                    raise _TooLongError
            kind, told = _unpacked(pipe.recv_bytes())
            if kind == "finished":
                return
            if kind == "stop":
                raise _StopError(told)
            end = time.monotonic() + chunk.timeout if kind == "begun" and chunk.timeout is not None else None
            yield kind == "begun", told

    def _start(self) -> Connection:
        if self.stopped:
            raise WorkerError("the workers were stopped while they had work to do")
        context = get_context("loky")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, os.getpid()), name=PROCESS_NAME, daemon=True, env=ONE_THREAD
        )
        self._process.start()
        theirs.close()  # the pipe ends with the process that has the other end
        return self._pipe

    def end(self, kill: bool = False) -> int | None:
        """End the process and return its exit code; one that waits for work ends by itself when its pipe does."""
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None
        if pipe is not None:
            pipe.close()
        if process is None:
            return None
        if not kill:
            process.join(SECONDS_TO_END)
        if process.exitcode is None:
            if hasattr(signal, "SIGKILL"):
                with suppress(ProcessLookupError):  # it has ended, and nobody has told yet
                    os.kill(process.pid, signal.SIGKILL)
            else:
                process.terminate()
            process.join()
        return process.exitcode


class _Pool:
    """Workers that share a queue of chunks.

    Parameters
    ----------
    workers : int
        How many.
    """

    def __init__(self, workers: int) -> None:
        self._chunks: queue.SimpleQueue[_Chunk | None] = queue.SimpleQueue()
        self._workers = [_Worker(self._chunks) for _ in range(workers)]

    def submit(self, chunk: _Chunk) -> _Chunk:
        """Have a chunk worked on, and return it."""
        self._chunks.put(chunk)
        return chunk

    def stop(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.stopped = True
            self._chunks.put(None)
        for worker in self._workers:
            worker.thread.join(SECONDS_TO_END)
            worker.end(kill=True)


_pools: dict[tuple[int, int], _Pool] = {}


def _pool(workers: int) -> _Pool:
    """Return a pool of so many processes: that of the last call, since new ones take seconds; a fork has none."""
    key = os.getpid(), workers
    if key not in _pools:
        _pools[key] = _Pool(workers)
    return _pools[key]


@atexit.register
def stop_workers() -> None:
    """End the processes that wait for the next call; the program's end does it too."""
    while _pools:
        (pid, _), pool = _pools.popitem()
        if pid == os.getpid():
            pool.stop()


def end_with_parent(parent: int) -> None:
    """Have this process end within a second or two when its parent does, killed or not.

    Parameters
    ----------
    parent : int
        Its process id, as the parent knows it: the parent may have ended before this is called.

    Notes
    -----
    On Linux the kernel does it, also in the middle of a call that never returns to Python. Elsewhere a thread looks; on
    Windows, where a process keeps the id of a parent that has ended, a worker ends when it looks for its next item.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _serve(pipe: Connection, parent: int) -> None:
    """Work on what comes through a pipe, until it ends; the program of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(parent)
    with suppress(EOFError, OSError):
        while True:
            raw = pipe.recv_bytes()
            try:
                function, items = pickle.loads(raw)
                for item in items:
                    _send(pipe, "begun", None)
                    _send(pipe, "done", attempt(function, item))
                _send(pipe, "finished", None)
            except OSError:
                raise
            except Exception as error:
                _send(pipe, "stop", error)


def _send(pipe: Connection, kind: str, told: Any) -> None:
    try:
        packed = ForkingPickler.dumps((kind, told))
    except Exception as error:
        packed = ForkingPickler.dumps((kind, WorkerError(f"its result cannot be sent back ({error})")))
    pipe.send_bytes(packed)


def _unpacked(raw: bytes) -> tuple[str, Any]:
    try:
        return pickle.loads(raw)
    except Exception as error:
        return "done", WorkerError(f"its result cannot be read ({error})")


def attempt(function: Callable[[Item], Any], item: Item) -> Any:
    """Return function(item), or the exception where it raised; an ImportError goes on."""
    try:
        return function(item)
    except ImportError:
        raise  # what is not installed is missing for every item
    except Exception as error:
        return error
